"""The classifier of mail: weights of its evidence fitted on simulated mail, calibrated and checked on other seeds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray

from capture.embedded_text import page_text
from classifiers.evidence import beforehand, evidence, names, together
from models.geometry import MM_PER_INCH
from models.text import PageText
from pipeline.training.mail.drawing import Drawn
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.receipts import draw_receipt

Numbers = NDArray[np.float64]
_DOCUMENTS = 700
_CHECKED = 250
"""Documents of another seed that nothing is fitted on."""
_DPI = 200.0
_RIDGE = 2.0
"""How strongly weights are held to what a person gave them beforehand."""
_HAND_SCALE = 0.8
"""Cues of one page are not independent: hand-given log-odds are taken with this factor."""
_PRIOR = -2.2
"""Log-odds of an invoice beforehand when nothing is seen."""
_COPIES, _FORGOTTEN = 2, 0.2
"""Each letter is also shown twice with a fifth of its evidence forgotten, so that no cue carries the rest."""
_MISREAD = {
    "0": "O", "O": "0", "1": "l", "l": "1", "5": "S", "8": "B", "e": "c", "é": "e", "i": "í", ",": ".", "m": "rn",
    "€": "E",
}  # fmt: skip
"""What readers take one character for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn letter as a reader would see it."""

    pages: tuple[PageText, ...]
    invoice: bool
    kind: str


def train_classifier(data: Path, output: Path, seed: int) -> Iterator[str]:
    """Write `type_weights.json` into `output`.

    Args:
        data: folder with further typefaces in `fonts`, if there are any.
    Yields: how well the fit does on letters of another seed.
    """
    fonts = data / "fonts" if (data / "fonts").is_dir() else None
    learned = list(samples(seed, _DOCUMENTS, fonts=fonts))
    yield f"{len(learned)} letters drawn"
    x, y = features(learned)
    weights = fit(*_forgetful(x, y, seed))
    scale, shift = _calibrated(x, y, seed)
    weights[0] = scale * weights[0] + shift
    weights[1:] *= scale
    stored = {
        "bias": round(float(weights[0]), 3),
        "weights": dict(zip(names(), map(_rounded, weights[1:]), strict=True)),
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "type_weights.json").write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    checked = list(samples(seed + 1, _CHECKED, fonts=None))
    probability = probabilities(*features(checked)[:1], weights)
    truth = np.array([sample.invoice for sample in checked])
    right = (probability > 0.5) == truth
    error = calibration_error(probability, truth)
    yield f"held-out letters right: {right.mean():.4f} of {len(checked)}, ECE {error:.4f}"


def _rounded(weight: float) -> float:
    return round(float(weight), 3)


def samples(seed: int, count: int, *, fonts: Path | None, misread: float = 0.01) -> Iterator[Sample]:
    """Drawn letters with the misreadings of a scan: half invoices and receipts, half other mail.

    Args:
        misread: share of the confusable characters misread, and of lines lost.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        share = rng.random()
        if share < 0.43:
            kind, drawn = "invoice", draw_invoice(rng, fonts=fonts, render=False)
        elif share < 0.5:
            kind, drawn = "receipt", draw_receipt(rng, fonts=fonts, render=False)
        else:
            drawn = draw_letter(rng, fonts=fonts, render=False)
            kind = str(drawn.truth["fields"]["kind"])
        chance = random.Random(int(rng.integers(2**62)))
        rate = misread * chance.choice([0.0, 0.5, 1.0, 2.0])
        pages = tuple(_misread(page, chance, rate) for page in texts(drawn))
        if kind == "receipt" and chance.random() < 0.6:  # laid on a large glass, or scanned at a resolution not told
            pages = tuple(replace(page, width=round(210 / MM_PER_INCH * _DPI)) for page in pages)
        if pages:
            yield Sample(pages, kind in ("invoice", "receipt"), kind)


def texts(drawn: Drawn) -> list[PageText]:
    """The pages of a drawn letter as text, those without words left out."""
    document = pdfium.PdfDocument(drawn.pdf or b"")
    try:
        found = []
        for page in document:
            width, height = (round(points / 72 * _DPI) for points in page.get_size())
            text = page_text(page, dpi=_DPI, size=(width, height))
            if text is not None:
                found.append(text)
        return found
    finally:
        document.close()


def _misread(page: PageText, chance: random.Random, rate: float) -> PageText:
    lines = []
    for line in page.lines:
        if chance.random() < rate:
            continue
        text = "".join(_MISREAD[c] if c in _MISREAD and chance.random() < rate else c for c in line.text)
        if chance.random() < 2 * rate:
            text = text.replace(" ", "", 1)
        lines.append(replace(line, text=text))
    return replace(page, lines=tuple(lines), source="ocr")


def features(learned: list[Sample]) -> tuple[Numbers, NDArray[np.bool_]]:
    """Evidence of each letter, shape (letters, pieces), and which are invoices."""
    rows = [together([evidence(page) for page in sample.pages[:3]]).values for sample in learned]
    return np.array(rows), np.array([sample.invoice for sample in learned])


def fit(x: Numbers, y: NDArray[np.bool_]) -> Numbers:
    """Bias and weights of a logistic regression held to the hand-given weights by a ridge, by Newton's method."""
    wide = np.column_stack([np.ones(len(x)), x])
    ridge = np.full(wide.shape[1], _RIDGE)
    ridge[0] = 0.01
    start = np.array([_PRIOR, *(_HAND_SCALE * weight for weight in beforehand())])
    weights = start.copy()
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(wide @ weights, -30, 30)))
        slope = wide.T @ (p - y) + ridge * (weights - start)
        curve = (wide * (p * (1 - p))[:, None]).T @ wide + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        largest = float(np.abs(step).max())
        weights -= step * min(1.0, 3.0 / max(largest, 1e-12))
        if largest < 1e-6:
            break
    return weights


def _forgetful(x: Numbers, y: NDArray[np.bool_], seed: int) -> tuple[Numbers, NDArray[np.bool_]]:
    """The letters and their copies with evidence forgotten."""
    rng = np.random.default_rng(seed)
    copies = [x, *(x * (rng.random(x.shape) > _FORGOTTEN) for _ in range(_COPIES))]
    return np.vstack(copies), np.concatenate([y] * len(copies))


def probabilities(x: Numbers, weights: Numbers) -> Numbers:
    """Probability of an invoice for each row."""
    p: Numbers = 1 / (1 + np.exp(-(weights[0] + x @ weights[1:])))
    return p


def _calibrated(x: Numbers, y: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    """Platt's scale and shift, from letters each judged by a fit that did not see it.

    Source: J. Platt, Probabilistic outputs for support vector machines, 1999.
    """
    fold = np.arange(len(x)) % 5
    odds = np.zeros(len(x))
    for number in range(5):
        weights = fit(*_forgetful(x[fold != number], y[fold != number], seed))
        odds[fold == number] = weights[0] + x[fold == number] @ weights[1:]
    scale, shift = 1.0, 0.0
    for _ in range(40):
        p = 1 / (1 + np.exp(-(scale * odds + shift)))
        slope = np.array([((p - y) * odds).sum(), (p - y).sum()])
        w = p * (1 - p)
        curve = np.array([[(w * odds**2).sum(), (w * odds).sum()], [(w * odds).sum(), w.sum()]]) + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        scale, shift = scale - step[0], shift - step[1]
    return float(scale), float(shift)


def calibration_error(probability: Numbers, truth: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error of the answer given: mean distance of confidence and share right, over equal bins."""
    confidence = np.maximum(probability, 1 - probability)
    right = (probability > 0.5) == truth
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    gaps = [abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in set(place)]
    return float(sum(gaps))
