"""Terms weighted by tf-idf, or by naive Bayes, and a linear model on them: the baseline. The words are those
of wordladder, so Chinese works as it is.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ..errors import DataError, ModelError, SettingError, check_at_least
from ..files.json_files import read_validated, write_json
from ..text.words import TextSettings, Tokens
from ._linear import Linear, fit_linear
from ._term_bags import Terms
from ._text_classifier import Candidate, TextClassifier, Training

if TYPE_CHECKING:
    from ..kernels.terms import Bags

__all__ = ["Tfidf"]

_CHARACTERS = 5  # of the longest n-gram
_SHORT, _LONG = 5_000_000, 10_000_000  # characters of all texts: n-grams of them are the default, are tried
_FEW_CALLS, _FEW_CHARACTERS = 5, 10_000  # that a loaded model answers without Numba


class Choice(NamedTuple):
    """The settings that the dev set decides where the recipe leaves them out."""

    ngrams: int
    characters: int
    weighting: Literal["tfidf", "bayes"]
    regularisation: float


class _Saved(NamedTuple):
    """The content of `chosen.json`: a choice, and how many terms are words."""

    ngrams: int
    characters: int
    weighting: Literal["tfidf", "bayes"]
    regularisation: float
    words: int


@dataclass(eq=False, repr=False)
class Tfidf(TextClassifier):
    """Words, word n-grams and character n-grams, weighted, and a linear model on them.

    Settings that are left out are decided on the dev set: the default, unless another value has a loss that
    is lower by more than its standard error.

    Args:
        ngrams: Longest word n-gram that is a feature; left out, 2 or 3.
        characters: Longest character n-gram inside a word that is a feature, 0 for none; left out, 5 or
            none, and none where the texts have more than ten million characters.
        weighting: `"tfidf"`, or `"bayes"` for the log-count ratios of naive Bayes (Wang and Manning 2012).
        min_documents: Features that occur in fewer texts are left out.
        max_features: Features at most, the most frequent first; left out, all.
        lowercase: Whether words are lower-cased.
        sublinear: Whether tf-idf replaces a word's count by 1 + log(count).
        regularisation: Inverse strength of the L2 penalty, scikit-learn's `C`; left out, 1, 10 or 100, and a
            hundredth of it for `"bayes"`.
        class_weights: `"balanced"` weighs each class by the inverse of its frequency.
    """

    text: TextSettings
    _: KW_ONLY
    ngrams: int | None = None
    characters: int | None = None
    weighting: Literal["tfidf", "bayes"] | None = None
    min_documents: int = 2
    max_features: int | None = None
    lowercase: bool = True
    sublinear: bool = True
    regularisation: float | None = None
    class_weights: Literal["balanced"] | None = None

    stage = "fitting the linear model"
    strengths: ClassVar[dict[str, tuple[float, ...]]] = {
        "tfidf": (10.0, 1.0, 100.0),
        "bayes": (0.1, 0.01, 1.0),
    }

    def __post_init__(self) -> None:
        check_at_least(1, ngrams=self.ngrams)
        check_at_least(0, characters=self.characters)
        if self.regularisation is not None and self.regularisation <= 0:
            raise SettingError(f"regularisation is {self.regularisation}; it must be above 0.")
        self._calls_left = 0  # that are answered without Numba

    def _choices(self, texts: list[str]) -> tuple[Choice, list[list[dict[str, Any]]]]:
        given = {name: value for name in Choice._fields if (value := getattr(self, name)) is not None}
        first, *others = (
            {"weighting": weighting, "regularisation": strength}
            for weighting in ([self.weighting] if self.weighting else self.strengths)
            for strength in ([self.regularisation] if self.regularisation else self.strengths[weighting])
        )
        size = sum(map(len, texts))
        characters = _CHARACTERS if size <= _SHORT else 0
        rounds: list[list[dict[str, Any]]] = [others]
        if self.characters is None and size <= _LONG:
            rounds.append([{"characters": 0 if characters else _CHARACTERS}])
        if self.ngrams is None:
            rounds.append([{"ngrams": 3}])
        return Choice(**{"ngrams": 2, "characters": characters, **first, **given}), rounds

    def _fit_choices(self, choices: list[Choice], training: Training) -> list[Candidate]:
        """As many at once as there are threads."""
        if choices:
            self._bags(choices[0], training)  # cached, before several threads ask for them
        with ThreadPoolExecutor(training.threads) as pool:
            return list(pool.map(lambda choice: self._fit_choice(choice, training), choices))

    def _fit_choice(self, choice: Choice, training: Training) -> Candidate:
        from ..kernels.terms import linear_scores

        terms, train, dev = self._bags(choice, training)
        linear = self.fit_linear(
            self.features(terms, train, choice.weighting), len(terms.hashes), choice, training
        )
        losses = np.zeros(1)
        if training.dev is not None:
            scores = linear_scores(*self.features(terms, dev, choice.weighting), *linear)
            losses = training.dev.losses(scores)
        return Candidate(choice, {"choice": choice, "terms": terms, "linear": linear}, losses)

    def fit_linear(self, bags: "Bags", terms: int, choice: Choice, training: Training) -> Linear:
        """Logistic regression on the bags, of which each has some of so many terms."""
        return fit_linear(
            bags,
            terms,
            training.targets,
            bayes=choice.weighting == "bayes",
            regularisation=choice.regularisation,
            class_weights=self.class_weights,
            weights=training.weights,
            seed=training.seed,
        )

    def _bags(self, choice: Choice, training: Training) -> "tuple[Terms, Bags, Bags]":
        """The terms of a choice, and the bags of the training and dev texts; cached for choices that share
        the terms.
        """
        key, texts = (choice.ngrams, choice.characters), training.texts
        if key not in training.cache:
            terms = self.new_terms(choice)
            bags = terms.learn(texts, self.min_documents, self.max_features)
            if not len(terms.hashes):
                raise DataError(
                    f"tf-idf found no features in {len(texts)} texts: nothing occurs in {self.min_documents} "
                    "of them"
                )
            dev_texts = [] if training.dev is None else training.dev.texts
            training.cache.clear()
            training.cache[key] = terms, bags, terms.bags(dev_texts)
        return training.cache[key]

    def features(self, terms: Terms, bags: "Bags", weighting: str) -> "Bags":
        """Weigh the counts of terms."""
        if weighting == "bayes":
            return bags._replace(values=np.ones_like(bags.values))
        weighted = bags._replace(values=bags.values.copy())
        terms.apply_tfidf(weighted, self.sublinear)
        return weighted

    def scores(self, texts: list[str]) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        if self._calls_left and texts and sum(map(len, texts)) <= _FEW_CHARACTERS:
            self._calls_left -= 1
            return np.stack([self._scores_alone(text) for text in texts])
        from ..kernels.terms import linear_scores

        bags = self.features(self.terms, self.terms.bags(texts), self.choice.weighting)
        return linear_scores(*bags, *self.linear)

    def contributions(self, text: str) -> tuple[Tokens, NDArray[np.float64], NDArray[np.float64]]:
        """What each word adds to each score, an n-gram in equal parts to its words.

        Returns:
            The words; what they add, `(words, columns)`; and the scores of a text without any, `(columns,)`.
        """
        tokens, ids, spans = self.terms.places(text)
        terms, counts = self.terms.bag(text)
        each = dict(zip(terms.tolist(), (self._values(terms, counts) / counts).tolist()))
        weights = np.zeros((len(tokens.starts), self.linear.coefficients.shape[1]))
        for term, (first, last) in zip(ids.tolist(), spans.tolist()):
            if term >= 0:
                part = each[term] * self.linear.coefficients[term].astype(np.float64)
                weights[first : last + 1] += part / (last - first + 1)
        return tokens, weights, self.linear.intercepts.astype(np.float64)

    def _values(self, ids: NDArray[np.int64], counts: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the terms of a text weigh."""
        if self.choice.weighting == "bayes":
            return np.ones_like(counts)
        return self.terms.weights(ids, counts, self.sublinear)

    def _scores_alone(self, text: str) -> NDArray[np.float32]:
        """The same scores of one text, without Numba."""
        ids, counts = self.terms.bag(text)
        values = self._values(ids, counts)
        parts = values[:, None] * self.linear.coefficients[ids]
        return np.cumsum(np.vstack([self.linear.intercepts, parts]), axis=0)[-1]  # in their order

    def new_terms(self, choice: Choice) -> Terms:
        """Terms of this choice, still empty."""
        return Terms(self.text, choice.ngrams, choice.characters, self.lowercase)

    def facts(self) -> dict[str, Any]:
        """What the dev set decided, and how many features there are."""
        return {"chosen": self.choice._asdict() | {"features": len(self.terms.hashes)}}

    def keep(self, folder: Path) -> None:
        """Write the terms and the weights."""
        write_json(folder / "chosen.json", self.choice._asdict() | {"words": self.terms.words})
        arrays: dict[str, Any] = {"hashes": self.terms.hashes, "idf": self.terms.idf}
        save_file(arrays | self.linear._asdict(), folder / "linear.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        if not (folder / "chosen.json").is_file():
            raise ModelError(
                f"{folder}: the tf-idf model is incomplete or of an earlier version; train it again"
            )
        saved = read_validated(folder / "chosen.json", _Saved)
        arrays = load_file(folder / "linear.safetensors")
        self.choice = Choice(saved.ngrams, saved.characters, saved.weighting, saved.regularisation)
        self.terms = self.new_terms(self.choice)
        self.terms.set_terms(arrays["hashes"], saved.words, arrays["idf"])
        self.linear = Linear(arrays["coefficients"], arrays["intercepts"])
        self._calls_left = _FEW_CALLS
