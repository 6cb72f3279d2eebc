"""The learned choice among possible values: a small network a field weighs their features; numpy alone.

`depli train invoice` makes the weights; their model card is `models/learned/weights/invoice-ranking.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from extraction.invoices.options import EXTRAS, GROUP_OF, Vector, features_of
from models.errors import Misconfigured
from models.learned.registry import path

Floats = NDArray[np.float32]
TRUST = (
    *(
        "odds",
        "margin",
        "rules agree",
        "sums agree",
        "sums disagree",
        "shares agree",
        "lines agree",
        "seen again",
        "key stands",
    ),
    *("mended or unchecked", "misreading", "ocr", "options", "own label", "second best sum"),
)
"""Features of the confidence in what was chosen."""


PARTS = ("mean", "scale", "hidden", "bias", "out")
"""Arrays of a network, in the order of its fields."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One hidden layer over standardised features; the score of an option is compared with those of the others."""

    mean: Floats
    scale: Floats
    hidden: Floats
    bias: Floats
    out: Floats

    def probabilities(self, table: Vector) -> Floats:
        """Probability of each row of a table of `Evidence.table`; they sum to 1, the last is "it is not printed"."""
        values = np.clip((table - self.mean) / self.scale, -6, 6)
        scores = np.tanh(values @ self.hidden + self.bias) @ self.out
        raised = np.exp(scores - scores.max())
        return np.asarray(raised / raised.sum(), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Networks by field, and what makes a choice trustworthy."""

    networks: Mapping[str, Network]
    trust: Mapping[str, Floats]
    """Weights of `TRUST` and, last, the constant, by field."""

    def probabilities(self, name: str, table: Vector) -> Floats:
        """Probability of each option of a field, the last is "it is not printed"."""
        return self.networks[name].probabilities(table)

    def confidence(self, name: str, clues: Mapping[str, float]) -> float:
        """Probability that the choice is right, from `TRUST` clues; a missing clue is 0."""
        weights = self.trust[name]
        total = float(sum(w * clues.get(key, 0.0) for w, key in zip(weights[:-1], TRUST, strict=True)) + weights[-1])
        return float(1 / (1 + np.exp(-np.clip(total, -12, 12))))


@cache
def shipped_ranking() -> Ranking:
    """The ranking that comes with the product.

    Raises: Misconfigured when the weights are missing, changed, or made for other features.
    """
    with np.load(path("invoice-ranking")) as content:
        return ranking_of({key: content[key] for key in content.files})


def ranking_of(arrays: Mapping[str, NDArray[np.generic]]) -> Ranking:
    """A ranking from its arrays, named `field/part`.

    Raises: Misconfigured when they were made for other features.
    """
    networks: dict[str, Network] = {}
    trust: dict[str, Floats] = {}
    for name, group in GROUP_OF.items():
        if [*arrays[f"features/{group}"]] != [*features_of(group)]:
            raise Misconfigured(f"The weights invoice-ranking know other features of {group}: install Depli again.")
        parts = (
            np.asarray(arrays[f"{name}/{part}"], np.float32) for part in ("mean", "scale", "hidden", "bias", "out")
        )
        networks[name] = Network(*parts)
        trust[name] = np.asarray(arrays[f"{name}/trust"], np.float32)
    return Ranking(networks, trust)


def known_features() -> dict[str, Sequence[str]]:
    """Names of the features by group, as the weights keep them."""
    return {group: features_of(group) for group in EXTRAS}
