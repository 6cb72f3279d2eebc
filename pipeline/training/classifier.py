"""The classifier of mail: weights of its evidence fitted on simulated mail, calibrated and checked on other seeds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifiers.evidence import DRAWN_LEAST_TRULY, beforehand, names
from classifiers.page_types import document_evidence
from models.geometry import MM_PER_INCH
from models.reading import PageLook
from models.text import PageText
from pipeline.training.logistic import Numbers, Truth, calibration_error, fit_calibrated, probabilities, write_weights
from pipeline.training.mail.as_read import as_read
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.receipts import draw_receipt

_PARTS, _IN_A_PART = 3, 800
"""Letters are drawn in parts with a seed each, so that parts can be drawn side by side."""
_AS_OFTEN = {"dunning": 4, "statement": 3}
"""Each kind of letter is drawn equally often; these, which tell of invoices, come more often, and count so often."""
_CHECKED = 800
"""Documents of another seed that nothing is fitted on."""
_RIDGE = 2.0
"""How strongly weights are held to what a person gave them beforehand."""
_RIDGE_OF_LOOKS = 40.0
"""The same for what our drawings show least truly."""
_HAND_SCALE = 0.8
"""Cues of one page are not independent: hand-given log-odds are taken with this factor."""
_PRIOR = -2.2
"""Log-odds of an invoice beforehand when nothing is seen."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn letter as a reader would see it."""

    pages: tuple[tuple[PageText, PageLook], ...]
    invoice: bool
    kind: str


def train_classifier(data: Path, output: Path, seed: int) -> Iterator[str]:
    """Write `type_weights.json` into `output`.

    Args:
        data: folder with further typefaces in `fonts`, if there are any.
    Yields: how well the fit does on letters of another seed.
    """
    fonts = data / "fonts" if (data / "fonts").is_dir() else None
    learned = [letter for part in range(_PARTS) for letter in samples(100 * seed + part, _IN_A_PART, fonts=fonts)]
    yield f"{len(learned)} letters drawn"
    learned = [letter for letter in learned for _ in range(_AS_OFTEN.get(letter.kind, 1))]
    weights = fit_calibrated(*features(learned), _start(), ridge=_held(), seed=seed)
    write_weights(output / "type_weights.json", names(), weights)
    checked = list(samples(seed + 1, _CHECKED, fonts=None))
    x, truth = features(checked)
    probability = probabilities(x, weights)
    right = (probability > 0.5) == truth
    error = calibration_error(probability, truth)
    yield f"held-out letters right: {right.mean():.4f} of {len(checked)}, ECE {error:.4f}"
    wrong = Counter(sample.kind for sample, hit in zip(checked, right, strict=True) if not hit)
    yield "mistaken: " + (", ".join(f"{kind} {count}" for kind, count in wrong.most_common()) or "none")


def _held() -> Numbers:
    """How strongly each weight is held to what a person gave it."""
    return np.array([0.01, *(_RIDGE_OF_LOOKS if name in DRAWN_LEAST_TRULY else _RIDGE for name in names())])


def _start() -> Numbers:
    return np.array([_PRIOR, *(_HAND_SCALE * weight for weight in beforehand())])


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
        if kind == "handwritten":
            rate = chance.uniform(0.05, 0.4)
        pages = as_read(drawn, rng, chance, rate=rate)
        if kind == "receipt" and chance.random() < 0.6:  # laid on a large glass, or scanned at a resolution not told
            pages = [(replace(page, width=round(210 / MM_PER_INCH * page.dpi)), look) for page, look in pages]
        if pages:
            yield Sample(tuple(pages), kind in ("invoice", "receipt"), kind)


def features(learned: list[Sample]) -> tuple[Numbers, Truth]:
    """Evidence of each letter, shape (letters, pieces), and which are invoices."""
    rows = [document_evidence(sample.pages).values for sample in learned]
    return np.array(rows), np.array([sample.invoice for sample in learned])
