"""How sure boundaries are: weights of the signs between pages, fitted on drawn stacks and checked on other seeds."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capture.boundaries import DECIDING, Boundary, beforehand, names, signs, weigh
from capture.separation import separate
from classifiers.page_types import page_clues, page_types
from models.geometry import Box
from models.reading import FormMatch, PageClues, PageLook, PageReading, Quality, Separator
from models.text import PageText, TextLine
from pipeline.training.logistic import Numbers, Truth, calibration_error, fit_calibrated, probabilities, write_weights
from pipeline.training.mail.as_read import as_read
from pipeline.training.mail.correspondents import Authority, authority, company
from pipeline.training.mail.drawing import Drawn
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.receipts import draw_receipt
from pipeline.training.mail.style import style
from pipeline.training.mail.wording import words

_STACKS = 80
_CHECKED = 30
"""Stacks of another seed that nothing is fitted on."""
_RIDGE, _RIDGE_OF_DECIDING, _RIDGE_OF_BIAS = 1.0, 4.0, 100.0
"""How strongly weights are held to what a person gave them beforehand: the signs that decide more than those beside
them, and, where nothing is seen, neither side is favoured."""
_MISREAD = 0.01
_FORGOTTEN_SHEET, _ANNEX = 0.01, 0.15
"""Shares of the separator sheets that people forget, and of the letters between sheets that bring another paper."""
_TERMS = 0.06
"""Share of the invoices with terms of sale on a page of their own, and of the backs that bear them."""
_LOST_CLUE = 0.15
"""Share of page numbers, titles, senders and document numbers that a bad scan hides."""
FORM_PAGES = {"card": 1, "contract": 2, "mandate": 1}
_DPI = 200.0
_A4 = (1654, 2339)
_CARD = (1166, 827)


@dataclass(slots=True)
class ReadStack:
    """A drawn stack as the readers would give it, and its truth."""

    readings: list[PageReading] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    """Pages with which documents begin, 1-based."""
    sheets: bool = False
    """Separator sheets stand between the documents."""


def train_separation(data: Path, output: Path, seed: int) -> Iterator[str]:
    """Write `boundary_weights.json` into `output`.

    Args:
        data: folder with further typefaces in `fonts`, if there are any.
    Yields: how sure the weights are, and how right, on stacks of another seed.
    """
    fonts = data / "fonts" if (data / "fonts").is_dir() else None
    x, y, groups = features(drawn_stacks(seed, _STACKS, fonts=fonts))
    yield f"{len(x)} places between pages, {y.mean():.3f} of them boundaries"
    weights = fitted(x, y, groups, seed)
    write_weights(output / "boundary_weights.json", names(), weights)
    x, y, _ = features(drawn_stacks(seed + 1, _CHECKED, fonts=None))
    probability = probabilities(x, weights)
    right = (probability > 0.5) == y
    yield f"held-out places right: {right.mean():.4f} of {len(x)}, ECE {calibration_error(probability, y):.4f}"


def fitted(x: Numbers, y: Truth, groups: NDArray[np.int64], seed: int) -> Numbers:
    """Bias and weights. A sign whose weight turns against what a person said of it is an accident of our drawings, as
    "same sender" where suppliers send several invoices in a row: it weighs nothing."""
    start = np.array([0.0, *beforehand()])
    weights = fit_calibrated(x, y, start, ridge=held(), seed=seed, groups=groups)
    kept = np.array([True, *(weights[1:] * start[1:] > 0)])
    return fit_calibrated(x * kept[1:], y, start * kept, ridge=held(), seed=seed, groups=groups)


def held() -> Numbers:
    """How strongly bias and weights are held."""
    return np.array([_RIDGE_OF_BIAS, *(_RIDGE_OF_DECIDING if name in DECIDING else _RIDGE for name in names())])


def features(stacks: Iterator[ReadStack]) -> tuple[Numbers, Truth, NDArray[np.int64]]:
    """Signs of each place that is decided, shape (places, signs); whether a document begins there; its stack."""
    rows: list[tuple[float, ...]] = []
    truth: list[bool] = []
    groups: list[int] = []
    for number, stack in enumerate(stacks):
        begin = {id(stack.readings[page - 1]) for page in stack.begins}

        def told(
            sign: str,
            document: Sequence[PageReading],
            page: PageReading,
            /,
            *,
            same_sheet: bool | None,
            begin: set[int] = begin,
            number: int = number,
        ) -> Boundary:
            """The truth, so that one mistake does not make the next place another one."""
            rows.append(signs(sign, document, page, same_sheet=same_sheet))
            truth.append(id(page) in begin)
            groups.append(number)
            return replace(weigh(sign, document, page, same_sheet=same_sheet), begins=id(page) in begin)

        separate(stack.readings, form_pages=FORM_PAGES, decide=told)
    return np.array(rows), np.array(truth), np.array(groups)


def drawn_stacks(seed: int, count: int, *, fonts: Path | None) -> Iterator[ReadStack]:
    """Stacks of drawn letters as a reader sees them: mostly without separator sheets, half of them scanned on both
    sides, half of them badly."""
    for number in range(count):
        yield _Drawing(np.random.default_rng([seed, number]), fonts).stack()


class _Drawing:
    """One stack being drawn."""

    def __init__(self, rng: np.random.Generator, fonts: Path | None) -> None:
        self.rng, self.fonts = rng, fonts
        self.chance = random.Random(int(rng.integers(2**62)))
        self.duplex = self.chance.random() < 0.5
        self.bad = self.chance.random() < 0.5
        self.backs_printed = self.chance.random() < 0.5
        self.receiver = authority(self.chance) if self.chance.random() < 0.6 else None
        self.made = ReadStack(sheets=self.chance.random() < 0.25)

    def stack(self) -> ReadStack:
        letters = self.chance.randrange(6, 15)
        while letters > 0:
            letters -= self._letters()
        return self.made

    def _letters(self) -> int:
        """One letter, or several of one supplier behind one another."""
        draw = self.chance.random()
        if draw < 0.3:
            self._form()
        elif draw < 0.36:
            self._put(self._read(draw_receipt(self.rng, fonts=self.fonts, render=False)))
        elif draw < 0.62:
            letter = draw_letter(self.rng, fonts=self.fonts, receiver=self.receiver, render=False)
            self._put(self._read(letter))
        elif draw < 0.92:
            self._put(self._invoice(self.receiver))
        else:
            count = self.chance.randrange(2, 5)
            seller, habits = company(self.chance), style(self.chance, fonts=self.fonts)
            buyer = self.receiver or authority(self.chance)
            for _ in range(count):
                same = draw_invoice(self.rng, fonts=self.fonts, seller=seller, buyer=buyer, habits=habits, render=False)
                self._put(self._read(same))
            return count
        return 1

    def _invoice(self, buyer: Authority | None) -> list[PageReading]:
        pages = self._read(draw_invoice(self.rng, fonts=self.fonts, buyer=buyer, render=False))
        return [*pages, self._terms()] if pages and self.chance.random() < _TERMS else pages

    def _put(self, pages: list[PageReading]) -> None:
        """Lay the pages of a letter on the stack, with a separator sheet before and blank backs where they belong."""
        if not pages:
            return
        readings = self.made.readings
        if self.made.sheets and (not readings or self.chance.random() > _FORGOTTEN_SHEET):
            readings.append(_page(*_A4, separator=Separator.PATCH_T))
            if self.duplex:
                readings.append(_page(*_A4, blank=True))
        if self.made.sheets and self.chance.random() < _ANNEX:
            annex = draw_letter(self.rng, fonts=self.fonts, receiver=self.receiver, render=False)
            pages = [*pages, *self._read(annex)]
        self.made.begins.append(len(readings) + 1)
        both_sides = self.duplex and len(pages) > 1 and self.chance.random() < 0.4
        for page in pages:
            readings.append(page)
            if self.duplex and not both_sides:
                readings.append(self._back(page))
        if both_sides and len(pages) % 2:
            readings.append(_page(page.width, page.height, blank=True))

    def _back(self, front: PageReading) -> PageReading:
        """Blank, the printed back of a card, terms, or a stamp that fell on it."""
        if front.form is not None and front.form.form == "card" and self.backs_printed:
            told = self.chance.sample(words("letters")["meter_notice"]["body"], 4)
            lines = [TextLine(text, Box(60, 80 + 60 * at, 900, 24), 0.95) for at, text in enumerate(told)]
            return self._reading(PageText(tuple(lines), *_CARD, _DPI, "ocr"), None)
        kind = self.chance.random()
        if front.form is None and kind < _TERMS:
            return self._terms()
        if front.form is None and kind < _TERMS + 0.03:
            stamped = (TextLine(self.chance.choice(words("labels")["stamps"]), Box(500, 900, 400, 45), 0.8),)
            return self._reading(PageText(stamped, *_A4, _DPI, "ocr"), None)
        return _page(front.width, front.height, blank=True)

    def _terms(self) -> PageReading:
        """Terms of sale, as they stand on backs and last pages."""
        told = [text for text in words("letters")["contract"]["body"] if "{" not in text]
        head = self.chance.choice(["CONDITIONS GÉNÉRALES DE VENTE", "Conditions générales de prestation de services"])
        rows = [head, *(self.chance.choice(told) for _ in range(self.chance.randrange(20, 45)))]
        step = 2150 / len(rows)
        lines = [
            TextLine(text, Box(110, 70 + step * at, min(1450, 14 * len(text)), 22), 0.95)
            for at, text in enumerate(rows)
        ]
        return self._reading(PageText(tuple(lines), *_A4, _DPI, "ocr"), None)

    def _form(self) -> None:
        name = self.chance.choice(["card", "card", "contract", "mandate"])
        size = _CARD if name == "card" else _A4
        self._put(
            [
                _page(*size, form=FormMatch(name, number, 0.99, (0.0,) * 9, 0.1))
                for number in range(1, FORM_PAGES[name] + 1)
            ]
        )

    def _read(self, drawn: Drawn) -> list[PageReading]:
        rate = _MISREAD * self.chance.choice([2.0, 4.0] if self.bad else [0.0, 0.5, 1.0])
        return [self._reading(text, look) for text, look in as_read(drawn, self.rng, self.chance, rate=rate)]

    def _reading(self, text: PageText, look: PageLook | None) -> PageReading:
        clues = page_clues(text)
        return replace(
            _page(text.width, text.height),
            text=text,
            types=page_types(text, look),
            clues=self._with_losses(clues) if self.bad else clues,
            look=look,
        )

    def _with_losses(self, clues: PageClues) -> PageClues:
        def lost() -> bool:
            return self.chance.random() < _LOST_CLUE

        if lost():
            clues = replace(clues, page_number=None, page_count=None)
        if lost():
            clues = replace(clues, title=None)
        if lost():
            clues = replace(clues, sender=None)
        if lost():
            clues = replace(clues, document_number=None)
        return replace(clues, continues=False) if lost() else clues


def _page(
    width: int, height: int, *, blank: bool = False, separator: Separator | None = None, form: FormMatch | None = None
) -> PageReading:
    return PageReading(
        width, height, _DPI, 0, 0.0, blank, Quality(_DPI, 1.0, 1.0, 0.0, False), separator=separator, form=form
    )
