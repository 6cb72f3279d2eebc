"""From a reader's confidence to the probability that the whole value is right, fitted where the truth is known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

_CAP = 0.9999
"""No evidence we have supports more."""


def calibrated(confidence: float, value_type: str) -> float:
    """The probability that a value of this type is right when its reader says `confidence`; grows with it."""
    slope, offset = _shipped().get(value_type, _shipped().get("", (1.0, 0.0)))
    return scaled(confidence, slope, offset)


def scaled(confidence: float, slope: float, offset: float) -> float:
    """Platt scaling on the log-odds of a confidence.

    Source: Platt, Probabilistic outputs for support vector machines, 1999.
    """
    clipped = min(max(confidence, 1e-6), 1 - 1e-6)
    return min(_CAP, _logistic(slope * math.log(clipped / (1 - clipped)) + offset))


def fit_scaling(evidence: Sequence[tuple[float, bool]], *, prior: float = 4.0) -> tuple[float, float]:
    """(slope, offset) of `scaled` that make (confidence, was right) likeliest.

    Args:
        prior: weight, in values, of the belief that the reader is honest (slope 1, offset 0); keeps thin evidence tame.
    """
    points = [(min(max(c, 1e-6), 1 - 1e-6), right) for c, right in evidence]
    odds = [(math.log(c / (1 - c)), float(right)) for c, right in points]
    slope, offset = 1.0, 0.0
    for _ in range(50):
        gs, go = prior * (slope - 1.0), prior * offset * 0.25
        hss, hso, hoo = prior, 0.0, prior * 0.25
        for x, y in odds:
            p = _logistic(slope * x + offset)
            w = max(p * (1 - p), 1e-6)
            gs, go = gs + (p - y) * x, go + (p - y)
            hss, hso, hoo = hss + w * x * x, hso + w * x, hoo + w
        det = hss * hoo - hso * hso
        ds, do = (hoo * gs - hso * go) / det, (hss * go - hso * gs) / det
        slope, offset = max(0.05, slope - max(-0.5, min(0.5, ds))), offset - max(-1.0, min(1.0, do))
        if abs(ds) + abs(do) < 1e-6:
            break
    return slope, offset


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))


@cache
def _shipped() -> Mapping[str, tuple[float, float]]:
    data = json.loads(resources.files("extraction").joinpath("calibration.json").read_text(encoding="utf-8"))
    return {str(name): (float(slope), float(offset)) for name, (slope, offset) in data["by_type"].items()}
