"""Ask word vectors: neighbours, analogies, and the word that does not match the others."""

from ...errors import SettingError
from ..console import console, print_figures, print_json
from ..options import Json, UnicodeErrors
from ..signatures import command_options
from ._shared import File, Format, as_trained, load, near


@command_options(words={"metavar": "WORD"}, topn={"min": 1})
def neighbors(
    file: File,
    words: list[str],
    *,
    topn: int = 10,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Show the words nearest to each word, by cosine.

    Where the vectors have subwords, a word need not be among theirs.

    Example:  wordladder vectors neighbors words.safetensors king queen

    Args:
        words: Words to look up.
        topn: Answers to show.
    """
    vectors = load(file, format_, unicode_errors)
    found = {word: vectors.most_similar(as_trained(word, vectors), topn=topn) for word in words}
    if json:
        print_json({word: near(answers) for word, answers in found.items()})
    else:
        composed = {word: as_trained(word, vectors) not in vectors for word in words}
        titles = {word: f"{word} (from its subwords)" if composed[word] else word for word in words}
        _print_answers({titles[word]: answers for word, answers in found.items()})


@command_options(topn={"min": 1}, method={"metavar": "add|mul"})
def analogy(
    file: File,
    a: str,
    b: str,
    c: str,
    *,
    topn: int = 10,
    method: str = "add",
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Show what is to C as B is to A.

    Example:  wordladder vectors analogy words.safetensors man king woman

    Args:
        topn: Answers to show.
        method: add: nearest to B - A + C (3CosAdd). mul: cosines multiplied (3CosMul).
    """
    vectors = load(file, format_, unicode_errors)
    answers = vectors.analogy(*(as_trained(word, vectors) for word in (a, b, c)), topn=topn, method=method)
    if json:
        print_json({"a": a, "b": b, "c": c, "method": method, "answers": near(answers)})
    else:
        _print_answers({f"{a} : {b} = {c} : ?": answers}, "cosine" if method == "add" else "3CosMul")


@command_options(words={"metavar": "WORD"})
def doesnt_match(
    file: File,
    words: list[str],
    *,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Show which word does not match the others: its vector is farthest from their mean.

    Example:  wordladder vectors doesnt-match words.safetensors breakfast cereal dinner lunch

    Args:
        words: Words, one of which does not match.
    """
    if len(words) < 3:
        raise SettingError("doesnt-match needs at least three words to compare.")
    vectors = load(file, format_, unicode_errors)
    forms = [as_trained(word, vectors) for word in words]
    odd = words[forms.index(vectors.doesnt_match(forms))]
    print_json({"words": words, "doesnt_match": odd}) if json else console.print(odd, markup=False)


def _print_answers(found: dict[str, list[tuple[str, float]]], figure: str = "cosine") -> None:
    for question, answers in found.items():
        print_figures([question, figure], ((word, f"{score:.3f}") for word, score in answers))
