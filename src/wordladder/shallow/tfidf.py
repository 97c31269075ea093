"""Terms weighted by tf-idf, or by naive Bayes, and a linear model on them: the honest baseline. Words are
wordladder's own, so Chinese works as it is.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ModelError, SettingError
from ..files.json_files import read_validated, write_json
from ..progress import Progress, quiet
from ..text.words import TextSettings
from ._dev_loss import Judged
from ._linear import Linear, fit_linear
from ._term_bags import Terms

if TYPE_CHECKING:
    from ..kernels.terms import Bags

__all__ = ["Tfidf"]

_CHARACTERS = 5  # of the longest n-gram
_SHORT, _LONG = 5_000_000, 10_000_000  # characters of all texts: n-grams of them help, are worth a try
_FEW_CALLS, _FEW_CHARACTERS = 5, 10_000  # that a loaded model answers without Numba
_STRENGTHS: dict[str, tuple[float, ...]] = {"tfidf": (10.0, 1.0, 100.0), "bayes": (0.1, 0.01, 1.0)}


class Choice(NamedTuple):
    """What is decided on dev, where the recipe leaves it out."""

    ngrams: int
    characters: int
    weighting: str
    regularisation: float


@dataclass(frozen=True)
class _Facts:
    """What `chosen.json` holds."""

    ngrams: int
    characters: int
    weighting: Literal["tfidf", "bayes"]
    regularisation: float
    words: int


class Tfidf:
    """Words, runs of words and n-grams of characters, weighted, and a linear model on them.

    What is left out is decided on dev: the usual value, unless another one has a loss that is lower by more
    than its standard error.

    Args:
        ngrams: Longest run of words that is one feature; left out, 2 or 3.
        characters: Longest n-gram of the characters of a word that is one feature, 0 for none; left out, 5 or
            none, and none where the texts have more than ten million characters.
        weighting: `"tfidf"`, or `"bayes"` for the log-count ratios of naive Bayes (Wang and Manning 2012).
        min_documents: Features found in fewer texts are left out.
        max_features: Features kept, the most frequent first; left out, all.
        lowercase: Whether words are lower-cased.
        sublinear: Whether tf-idf replaces a word's count by 1 + log(count).
        regularisation: Inverse strength of the L2 penalty, scikit-learn's `C`; left out, 1, 10 or 100, and a
            hundredth of it for `"bayes"`.
        class_weights: `"balanced"` weighs each class by the inverse of its frequency.
    """

    serves = "classification"

    def __init__(
        self,
        text: TextSettings,
        *,
        ngrams: int | None = None,
        characters: int | None = None,
        weighting: Literal["tfidf", "bayes"] | None = None,
        min_documents: int = 2,
        max_features: int | None = None,
        lowercase: bool = True,
        sublinear: bool = True,
        regularisation: float | None = None,
        class_weights: Literal["balanced"] | None = None,
    ) -> None:
        self.text, self.lowercase, self.sublinear = text, lowercase, sublinear
        self.min_documents, self.max_features = min_documents, max_features
        self.class_weights = class_weights
        self.given: dict[str, Any] = {
            "ngrams": ngrams,
            "characters": characters,
            "weighting": weighting,
            "regularisation": regularisation,
        }
        for name, least in (("ngrams", 1), ("characters", 0)):
            if self.given[name] is not None and self.given[name] < least:
                raise SettingError(f"{name} is {self.given[name]}; it must be at least {least}.")
        if regularisation is not None and regularisation <= 0:
            raise SettingError(f"regularisation is {regularisation}; it must be above 0.")
        self._calls_left = 0  # that are answered without Numba

    def fit(
        self,
        texts: list[str],
        targets: NDArray[np.int64],
        *,
        dev: Judged | None = None,
        weights: NDArray[np.float32] | None = None,
        seed: int = 1,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> "Tfidf":
        """Count the terms and fit the linear model, one decision a label, as often as there is something to
        decide, as many choices at once as there are threads; `weights` say how much each text counts.

        Raises:
            DataError: no term occurs in `min_documents` texts.
        """
        from ..vectors._hogwild import cores

        search = _Search(self, texts, targets, weights, dev, seed, threads or cores())
        usual, rounds = self._rounds(sum(map(len, texts)))
        best = search.best_of([usual], None)
        for number, others in enumerate(rounds if dev is not None else ()):
            progress("fitting the linear model", number, len(rounds))
            best = search.best_of(others(best.choice), best)
        self.choice, self.terms, self.linear = best[:3]
        progress("fitting the linear model", len(rounds), len(rounds))
        return self

    def _rounds(self, size: int) -> tuple[Choice, list[Callable[[Choice], list[Choice]]]]:
        """The usual choice, and what is tried then, round after round, from the best so far.

        Args:
            size: Characters of all texts.
        """
        given = {name: value for name, value in self.given.items() if value is not None}
        weightings = [given["weighting"]] if "weighting" in given else list(_STRENGTHS)
        usual, *others = (
            (weighting, strength)
            for weighting in weightings
            for strength in (
                [given["regularisation"]] if "regularisation" in given else _STRENGTHS[weighting]
            )
        )
        characters = _CHARACTERS if size <= _SHORT else 0
        rounds: list[Callable[[Choice], list[Choice]]] = [
            lambda best: [best._replace(weighting=how, regularisation=strength) for how, strength in others]
        ]
        if "characters" not in given and size <= _LONG:
            rounds.append(lambda best: [best._replace(characters=0 if characters else _CHARACTERS)])
        if "ngrams" not in given:
            rounds.append(lambda best: [best._replace(ngrams=3)])
        return Choice(2, characters, *usual)._replace(**given), rounds

    def features(self, terms: Terms, bags: "Bags", weighting: str) -> "Bags":
        """Weigh the counts of terms."""
        if weighting == "bayes":
            return bags._replace(values=np.ones_like(bags.values))
        weighed = bags._replace(values=bags.values.copy())
        terms.weigh(weighed, self.sublinear)
        return weighed

    def scores(self, texts: list[str]) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        if self._calls_left and texts and sum(map(len, texts)) <= _FEW_CHARACTERS:
            self._calls_left -= 1
            return np.stack([self._scores_alone(text) for text in texts])
        from ..kernels.terms import linear_scores

        bags = self.features(self.terms, self.terms.bags(texts), self.choice.weighting)
        return linear_scores(*bags, *self.linear)

    def _scores_alone(self, text: str) -> NDArray[np.float32]:
        """The same numbers for one text, without Numba."""
        ids, values = self.terms.bag(text)
        if self.choice.weighting == "bayes":
            values = np.ones_like(values)
        else:
            values = self.terms.weights(ids, values, self.sublinear)
        parts = values[:, None] * self.linear.coefficients[ids]
        return np.cumsum(np.vstack([self.linear.intercepts, parts]), axis=0)[-1]  # in their order

    def new_terms(self, choice: Choice) -> Terms:
        """Terms of this choice, none known yet."""
        return Terms(self.text, choice.ngrams, choice.characters, self.lowercase)

    def facts(self) -> dict[str, Any]:
        """What was decided, and how many features there are."""
        return {"chosen": self.choice._asdict() | {"features": len(self.terms.hashes)}}

    def keep(self, folder: Path) -> None:
        """Write the terms and the weights."""
        from safetensors.numpy import save_file

        write_json(folder / "chosen.json", self.choice._asdict() | {"words": self.terms.words})
        arrays = {"hashes": self.terms.hashes, "idf": self.terms.idf} | self.linear._asdict()
        save_file(
            {name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / "linear.safetensors"
        )

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        from safetensors.numpy import load_file

        if not (folder / "chosen.json").is_file():
            raise ModelError(
                f"{folder}: a tf-idf model of an earlier version, or half of one; train it again"
            )
        chosen = read_validated(folder / "chosen.json", _Facts)
        arrays = load_file(folder / "linear.safetensors")
        self.choice = Choice(*(getattr(chosen, name) for name in Choice._fields))
        self.terms = self.new_terms(self.choice)
        self.terms.take(arrays["hashes"], chosen.words, arrays["idf"])
        self.linear = Linear(arrays["coefficients"], arrays["intercepts"])
        self._calls_left = _FEW_CALLS


class _Tried(NamedTuple):
    choice: Choice
    terms: Terms
    linear: Linear
    losses: NDArray[np.float64]


class _Search:
    """The best of the choices tried; the terms of a choice are found once for all its weightings."""

    def __init__(
        self,
        model: Tfidf,
        texts: list[str],
        targets: NDArray[np.int64],
        weights: NDArray[np.float32] | None,
        dev: Judged | None,
        seed: int,
        threads: int,
    ) -> None:
        self.model, self.texts, self.targets, self.weights = model, texts, targets, weights
        self.dev, self.seed, self.threads = dev, seed, threads
        self.found: tuple[tuple[int, int], Terms, Any, Any] | None = None

    def best_of(self, choices: list[Choice], best: _Tried | None) -> _Tried:
        """The best of these, or the best so far where none is better by more than chance."""
        if choices:
            self._bags(choices[0])  # found once, before several threads ask for them
        with ThreadPoolExecutor(self.threads) as pool:
            tried = list(pool.map(self._tried, choices))
        for found in sorted(tried, key=lambda one: one.losses.mean())[:1]:
            if best is None or (self.dev is not None and self.dev.better(found.losses, best.losses)):
                return found
        assert best is not None
        return best

    def _tried(self, choice: Choice) -> _Tried:
        from ..kernels.terms import linear_scores

        terms, train, dev = self._bags(choice)
        linear = fit_linear(
            self.model.features(terms, train, choice.weighting),
            len(terms.hashes),
            self.targets,
            bayes=choice.weighting == "bayes",
            regularisation=choice.regularisation,
            class_weights=self.model.class_weights,
            weights=self.weights,
            seed=self.seed,
        )
        losses = np.zeros(1)
        if self.dev is not None:
            weighed = self.model.features(terms, dev, choice.weighting)
            losses = self.dev.losses(linear_scores(*weighed, *linear))
        return _Tried(choice, terms, linear, losses)

    def _bags(self, choice: Choice) -> "tuple[Terms, Bags, Bags]":
        if self.found is None or self.found[0] != choice[:2]:
            terms = self.model.new_terms(choice)
            train = terms.learn(self.texts, self.model.min_documents, self.model.max_features)
            if not len(terms.hashes):
                raise DataError(
                    f"tf-idf found no features in {len(self.texts)} texts: nothing occurs in "
                    f"{self.model.min_documents} of them"
                )
            self.found = choice[:2], terms, train, terms.bags([] if self.dev is None else self.dev.texts)
        return self.found[1:]
