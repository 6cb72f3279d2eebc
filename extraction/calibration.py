"""From a reader's confidence to the probability that the whole value is right, fitted where the truth is known.

Logistic regression on the log-odds of the readers' confidence and on the evidence beside it (`extraction.evidence`), in
levels: what holds for all values, for a value type, for a document type, for a field of a document type, and for that
field on poor pages. Each level is drawn towards 0, that is towards the level above it, the more so the fewer values it
has: a field seldom seen is calibrated as its value type, and one of a form never seen too.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from models.definitions import DocumentType
from models.reading import FieldValue

MOST = 0.9999
"""No evidence we have supports more."""
_PLAIN = (
    "odds", "margin", "weakest", "length", "empty", "confirmed", "doubted", "failed", "agreed", "noted", "unsure_type",
    "around", "hopeless", "illegible", "misread", "off_mm", "coarse", "bitonal", "blurred", "pale",
)  # fmt: skip
_QUALITY = ("off_mm", "coarse", "bitonal", "blurred", "pale")
_SPREAD = {"all": 0.5, "type": 0.4, "document": 0.4, "field": 0.4, "stratum": 0.15}
"""How far a level may lie from the one above it: standard deviation of its coefficients."""
_ROUNDS = 40
_FEWEST = 8
"""A column that fewer values have is left at what is believed."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A value whose truth is known."""

    document: str
    """Fields of one document are read from one paper by one hand: they are no independent witnesses."""
    document_type: str
    name: str
    value_type: str
    evidence: Mapping[str, float]
    right: bool
    eligible: bool = True
    """No flag and no rule sends it to a person whatever its confidence."""
    weight: float = 1.0
    """How many values it stands for: one over the share drawn."""

    @property
    def field(self) -> str:
        """The field of its document type, the finest stratum."""
        return f"{self.document_type}/{self.name}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients by name of column; a column without one has 0."""

    coefficients: Mapping[str, float]
    fitted_on: str = ""

    def probability(self, evidence: Mapping[str, float], *, document_type: str, name: str, value_type: str) -> float:
        """That a value is right."""
        columns = _columns(evidence, document_type=document_type, name=name, value_type=value_type)
        total = sum(number * self.coefficients.get(column, 0.0) for column, number in columns.items())
        return min(MOST, 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))))

    def of(self, seen: Seen) -> float:
        """The probability of a value whose truth is known, as if it were not."""
        return self.probability(
            seen.evidence, document_type=seen.document_type, name=seen.name, value_type=seen.value_type
        )


HONEST = Calibration({"odds": 1.0}, "nothing: the readers are believed")
"""What is believed before anything is seen."""


def calibrated(
    value: FieldValue, calibration: Calibration, *, document_type: DocumentType, value_type: str
) -> FieldValue:
    """The value with its calibrated confidence; data that came with an e-invoice keeps its own."""
    if value.raw_confidence is None or value.evidence.get("data"):
        return value
    confidence = calibration.probability(
        value.evidence, document_type=document_type.value, name=value.name, value_type=value_type
    )
    return replace(value, confidence=confidence)


def _columns(evidence: Mapping[str, float], *, document_type: str, name: str, value_type: str) -> dict[str, float]:
    """The numbers of one value under the names of the coefficients they are multiplied with."""
    odds = evidence.get("odds", 0.0)
    empty = evidence.get("empty", 0.0)
    columns = {name: evidence[name] for name in _PLAIN if name in evidence}
    columns["one"] = 1.0
    columns["odds above 3"] = max(0.0, odds - 3.0)
    columns["odds if empty"] = odds * empty
    for doubt in ("hopeless", "illegible"):
        # What cannot be read looks like what is not there.
        columns[f"{doubt} if empty"] = evidence.get(doubt, 0.0) * empty
    for level, key in (("type", value_type), ("document", document_type), ("field", f"{document_type}/{name}")):
        columns[f"{level}:{key}"] = 1.0
        columns[f"{level}:{key} odds"] = odds - 3.0
        if empty:
            columns[f"{level}:{key} empty"] = empty
        if "misread" in evidence:
            columns[f"{level}:{key} misread"] = evidence["misread"]
    for quality in _QUALITY:
        if quality in evidence:
            columns[f"stratum:{document_type}/{name} {quality}"] = evidence[quality]
            columns[f"stratum:{value_type} {quality}"] = evidence[quality]
    return columns


@dataclass(frozen=True, slots=True)
class Table:
    """Values with known truth as one matrix; made once and fitted on parts of it."""

    columns: tuple[str, ...]
    numbers: Array
    """Shape (values, columns)."""
    right: Array
    weights: Array
    documents: tuple[str, ...] = field(repr=False)

    @staticmethod
    def of(seen: Sequence[Seen]) -> Table:
        """The table of these values, in their order."""
        rows = [_columns(s.evidence, document_type=s.document_type, name=s.name, value_type=s.value_type) for s in seen]
        counts = Counter(column for row in rows for column in row)
        places = {column: place for place, column in enumerate(sorted(c for c in counts if counts[c] >= _FEWEST))}
        numbers = np.zeros((len(rows), len(places)))
        for number, row in enumerate(rows):
            for column, value in row.items():
                if column in places:
                    numbers[number, places[column]] = value
        return Table(
            tuple(places),
            numbers,
            np.array([s.right for s in seen], float),
            np.array([s.weight for s in seen], float),
            tuple(s.document for s in seen),
        )


def fit_calibration(
    table: Table,
    *,
    believed: Calibration = HONEST,
    rows: NDArray[np.intp] | None = None,
    start: Calibration | None = None,
    fitted_on: str = "",
) -> Calibration:
    """The coefficients that make what was seen likeliest, drawn towards what is believed.

    Args:
        believed: the calibration before this evidence; a site's own evidence moves the shipped one.
        rows: the values used; all when `None`. start: where the search begins, which changes its time and not its end.
    Source: Platt, 1999, for the scale; Gelman and Hill, Data Analysis Using Regression, 2007, for the levels. Newton's
        method; the same table gives the same coefficients.
    """
    chosen = np.arange(len(table.right)) if rows is None else rows
    x, y, weights = table.numbers[chosen], table.right[chosen], table.weights[chosen]
    prior = np.array([believed.coefficients.get(column, 0.0) for column in table.columns])
    precision = np.array([_SPREAD[_level(column)] ** -2.0 for column in table.columns])
    begin = believed if start is None else start
    coefficients = np.array([begin.coefficients.get(column, 0.0) for column in table.columns])
    best = _loss(x, y, weights, coefficients, prior, precision)
    for _ in range(_ROUNDS):
        p = _logistic(x @ coefficients)
        gradient = x.T @ (weights * (p - y)) + precision * (coefficients - prior)
        curved = (x * (weights * np.maximum(p * (1 - p), 1e-9))[:, None]).T @ x
        curved[np.diag_indices_from(curved)] += precision
        step = np.linalg.solve(curved, gradient)
        share = 1.0
        while share > 1e-4:
            moved = coefficients - share * step
            loss = _loss(x, y, weights, moved, prior, precision)
            if loss <= best:
                break
            share /= 2
        else:
            break
        done = best - loss < 1e-7 * (1 + best)
        coefficients, best = moved, loss
        if done:
            break
    kept = {**believed.coefficients, **dict(zip(table.columns, coefficients.tolist(), strict=True))}
    return Calibration({name: round(v, 4) for name, v in sorted(kept.items()) if abs(v) >= 5e-5}, fitted_on)


def _level(column: str) -> str:
    level, mark, _ = column.partition(":")
    return level if mark else "all"


def _logistic(total: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(total, -30, 30))), float)


def _loss(x: Array, y: Array, weights: Array, coefficients: Array, prior: Array, precision: Array) -> float:
    total = np.clip(x @ coefficients, -30, 30)
    fit = weights @ (np.logaddexp(0, total) - y * total)
    return float(fit + 0.5 * precision @ np.square(coefficients - prior))


def held_out(
    table: Table, *, believed: Calibration = HONEST, start: Calibration | None = None, folds: int = 5
) -> Array:
    """The probability of each value by a calibration that was not fitted on its document. Shape (values,)."""
    names = {name: number % folds for number, name in enumerate(dict.fromkeys(table.documents))}
    fold_of = np.array([names[document] for document in table.documents], int)
    found = np.full(len(table.right), 0.5)
    for fold in range(folds):
        own = fold_of == fold
        if not own.any():
            continue
        fitted = fit_calibration(table, believed=believed, rows=np.flatnonzero(~own), start=start)
        coefficients = np.array([fitted.coefficients.get(column, 0.0) for column in table.columns])
        found[own] = np.minimum(MOST, _logistic(table.numbers[own] @ coefficients))
    return found


def calibration_error(confidence: Array, right: Array, *, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from the share that is right, over bins of equal count.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; bins of equal count after Nguyen and O'Connor, EMNLP 2015.
    """
    if not len(confidence):
        return 0.0
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return float(sum(abs(confidence[part].sum() - right[part].sum()) for part in parts) / len(order))


@cache
def shipped_calibration() -> Calibration:
    """The calibration that comes with the product."""
    data = json.loads(resources.files("extraction").joinpath("calibration.json").read_text(encoding="utf-8"))
    return Calibration({str(k): float(v) for k, v in data["coefficients"].items()}, str(data["fitted_on"]))
