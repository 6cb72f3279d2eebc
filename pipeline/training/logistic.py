"""Logistic regression held to weights that a person gave, with evidence forgotten at random, then calibrated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Truth = NDArray[np.bool_]
_COPIES, _FORGOTTEN = 2, 0.2
"""Each row is also shown twice with a fifth of its evidence forgotten, so that no piece carries the rest."""
_FOLDS = 5


def fit(x: Numbers, y: Truth, start: Numbers, *, ridge: float | Numbers) -> Numbers:
    """Bias and weights of a logistic regression held to `start` by a ridge, by Newton's method.

    Args:
        x: shape (rows, pieces). y: shape (rows,). start: shape (1 + pieces,), bias first.
        ridge: how strongly the weights are held: one number for all, the bias then hardly, or shape (1 + pieces,).
    """
    wide = np.column_stack([np.ones(len(x)), x])
    held = np.full(wide.shape[1], ridge, np.float64)
    if np.ndim(ridge) == 0:
        held[0] = 0.01
    weights = start.copy()
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(wide @ weights, -30, 30)))
        slope = wide.T @ (p - y) + held * (weights - start)
        curve = (wide * (p * (1 - p))[:, None]).T @ wide + np.diag(held)
        step = np.linalg.solve(curve, slope)
        largest = float(np.abs(step).max())
        weights -= step * min(1.0, 3.0 / max(largest, 1e-12))
        if largest < 1e-6:
            break
    return weights


def fit_calibrated(
    x: Numbers,
    y: Truth,
    start: Numbers,
    *,
    ridge: float | Numbers,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> Numbers:
    """Bias and weights, fitted with evidence forgotten at random and scaled so that probabilities hold.

    Args:
        groups: rows of one group are judged by the same fit; each row is its own group when not given.
    Source: J. Platt, Probabilistic outputs for support vector machines, 1999.
    """
    fold = (np.arange(len(x)) if groups is None else groups) % _FOLDS
    odds = np.zeros(len(x))
    for number in range(_FOLDS):
        others = fold != number
        weights = fit(*_forgetful(x[others], y[others], seed), start, ridge=ridge)
        odds[~others] = weights[0] + x[~others] @ weights[1:]
    scale, shift = _platt(odds, y)
    weights = scale * fit(*_forgetful(x, y, seed), start, ridge=ridge)
    weights[0] += shift
    return weights


def _forgetful(x: Numbers, y: Truth, seed: int) -> tuple[Numbers, Truth]:
    """The rows and their copies with evidence forgotten."""
    rng = np.random.default_rng(seed)
    copies = [x, *(x * (rng.random(x.shape) > _FORGOTTEN) for _ in range(_COPIES))]
    return np.vstack(copies), np.concatenate([y] * len(copies))


def _platt(odds: Numbers, y: Truth) -> tuple[float, float]:
    """Scale and shift of log-odds, from rows each judged by a fit that did not see it."""
    scale, shift = 1.0, 0.0
    for _ in range(40):
        p = 1 / (1 + np.exp(-np.clip(scale * odds + shift, -30, 30)))
        slope = np.array([((p - y) * odds).sum(), (p - y).sum()])
        w = p * (1 - p)
        curve = np.array([[(w * odds**2).sum(), (w * odds).sum()], [(w * odds).sum(), w.sum()]]) + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        scale, shift = scale - step[0], shift - step[1]
    return float(scale), float(shift)


def probabilities(x: Numbers, weights: Numbers) -> Numbers:
    """Probability of each row."""
    p: Numbers = 1 / (1 + np.exp(-np.clip(weights[0] + x @ weights[1:], -30, 30)))
    return p


def calibration_error(probability: Numbers, truth: Truth, bins: int = 10) -> float:
    """Expected calibration error of the answer given: mean distance of confidence and share right, over equal bins.

    Args:
        probability: of "yes", shape (rows,). truth: whether "yes" was right.
    """
    confidence = np.maximum(probability, 1 - probability)
    right = (probability > 0.5) == truth
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    gaps = [abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in set(place)]
    return float(sum(gaps))


def write_weights(path: Path, names: Sequence[str], weights: Numbers) -> None:
    """Bias and named weights as JSON, three decimals."""
    rounded = [round(float(weight), 3) for weight in weights]
    stored = {"bias": rounded[0], "weights": dict(zip(names, rounded[1:], strict=True))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
