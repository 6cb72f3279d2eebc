"""The words that announce a field, in French first, then German and English, and where they stand on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources

from rapidfuzz import fuzz, process

from extraction.invoices.page_layout import Cell, Document, fold
from models.geometry import Box

WORDING = json.loads(resources.files("extraction.invoices").joinpath("wording.json").read_text(encoding="utf-8"))
"""`fields`: field -> strength 0..1 -> phrases as people print them. `columns`: heads of the table of line items."""

_LONGEST = 7
_FUZZY_FROM = 6
"""Shorter labels must stand exactly as they are: `bc` is one letter away from too much."""
_ALIKE = 0.88
"""Of all words up to a colon, with a label as it is listed; one letter of nine may be another."""


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A label found on the page. Its box is in millimetres."""

    field: str
    strength: float
    """0..1: what it says of the field, times how well it is read."""
    cell: Cell
    start: int
    end: int
    box: Box
    phrase: str
    whole: bool
    """Nothing else stands in its cell but a sign."""


def _phrases() -> dict[str, dict[str, float]]:
    known: dict[str, dict[str, float]] = {}
    for name, levels in WORDING["fields"].items():
        for strength, phrases in levels.items():
            for phrase in phrases:
                known.setdefault(_compact(phrase), {}).setdefault(name, float(strength))
    return known


def _compact(text: str) -> str:
    """Letters and digits alone; the currency says nothing of the field: `Total € TTC`, `Total TTC (EUR)`."""
    words = fold(text).split()
    return "".join(w for w in words if w not in _CURRENCY) or "".join(words)


_CURRENCY = frozenset({"eur", "euro", "euros", "usd", "chf", "gbp"})


_KNOWN = _phrases()
_LONG = [phrase for phrase in _KNOWN if len(phrase) >= _FUZZY_FROM]


@lru_cache(maxsize=65536)
def _nearest_phrase(compact: str) -> tuple[str, float] | None:
    """The phrase a run of letters most likely is, misread, with how alike they are."""
    if len(compact) < _FUZZY_FROM or any(c.isdigit() for c in compact):
        return None
    least = 88 if len(compact) < 10 else 85
    if compact in _KNOWN:
        return compact, 1.0
    hit = process.extractOne(compact, _LONG, scorer=fuzz.ratio, score_cutoff=least)
    if hit is None or (hit[0][:1] != compact[:1] and len(compact) < 8) or _differs(compact, hit[0]):
        return None
    return hit[0], hit[1] / 100


def _differs(compact: str, phrase: str) -> bool:
    """One letter makes another label of it: `total ht` and `total tva` are not misread of each other.

    Nor is `paiement` a misread `paiement au`, which a day follows.
    """
    if phrase in (f"{compact}au", f"{compact}le"):
        return True
    return any((mark in compact) != (mark in phrase) for mark in ("ht", "ttc", "tva", "date"))


def find_labels(document: Document) -> list[Label]:
    """Every label of the document; a label that broke over two or three rows of a narrow column counts as one."""
    found: list[Label] = []
    parts: set[int] = set()
    for cells in sorted(_stacks(document), key=len, reverse=True):
        if any(id(cell) in parts for cell in cells):
            continue
        tokens = tuple(token for cell in cells for token in cell.tokens)
        whole = Cell(tokens, Box.around(cell.box for cell in cells), cells[0].page, cells[-1].row)
        labels = [label for label in _in_cell(whole) if label.whole and label.end - label.start == len(tokens)]
        if labels and not _are_two_labels(labels[0], cells, document):
            found.extend(labels)
            parts.update(id(cell) for cell in cells)
    for cell in document.cells:
        if id(cell) not in parts:
            found.extend(_in_cell(cell))
    return found


def _are_two_labels(stack: Label, cells: Sequence[Cell], document: Document) -> bool:
    """The cells are labels of their own, one under the other: two have values beside them, a broken label has one."""
    if sum(_has_value_beside(cell, document) for cell in cells) > 1:
        return True
    own = any(label.whole and label.strength > 0.9 for label in _in_cell(cells[0]))
    return stack.strength < 1.0 and own


def _has_value_beside(cell: Cell, document: Document) -> bool:
    beside = [other for other in document.rows[cell.row].cells if other.box.x > cell.box.right]
    return any(c.isdigit() for other in beside for c in other.text)


def _word(text: str) -> str:
    """Its letters and digits; nothing for a currency. With `_` inside it is a code, whatever words it is made of."""
    word = fold(text).replace(" ", "")
    if re.search(r"\w_\w", text):
        return f"0{word}"
    return "" if word in _CURRENCY else word


def _value_behind(cell: Cell, words: Sequence[str], end: int, phrase: str) -> bool:
    """`Code service exécutant DGS`: a label as it is listed, and a code in capitals that is no misread part of it."""
    code = cell.tokens[end - 1].text
    listed = "".join(words[: end - 1])
    other_case = not "".join(token.text for token in cell.tokens[: end - 1]).isupper()
    return code.isupper() and (listed == phrase or (other_case and listed in _KNOWN))


def _in_cell(cell: Cell) -> list[Label]:
    words = [_word(token.text) for token in cell.tokens]
    ends = [bool(token.text.endswith(":")) for token in cell.tokens]
    taken: set[int] = set()
    found: list[Label] = []
    before_colon = ends.index(True) + 1 if True in ends else len(words)
    misread = _nearest_phrase("".join(words[:before_colon])) if 1 < before_colon <= _LONGEST else None
    if misread is not None and _value_behind(cell, words, before_colon, misread[0]):
        misread = None
    if misread is not None and misread[1] > _ALIKE and words[0] and words[0] not in _MERE_WORDS:
        taken.update(range(before_colon))
        found.extend(_labels(cell, 0, before_colon, *misread, whole=not any(words[before_colon:])))
    for exact in (True, False):
        for start, end in _windows(words, ends):
            if taken.intersection(range(start, end)):
                continue
            compact = "".join(words[start:end])
            hit = (compact, 1.0) if compact in _KNOWN else None if exact else _nearest_phrase(compact)
            if hit is not None:
                taken.update(range(start, end))
                found.extend(_labels(cell, start, end, *hit, whole=compact == "".join(words)))
    found = [label for label in found if not _is_mere_word(label) and words[label.end : label.end + 1] != ["par"]]
    if any(label.start == 0 and label.end == before_colon and label.field in _SAID_IN_WORDS for label in found):
        another = any(ends[before_colon:]) or any(c.isdigit() for c in "".join(words[before_colon:]))
        found = [label for label in found if another or label.end <= before_colon]
    found.extend(_by_meaning(cell, words, before_colon, found))
    covered = {index for label in found for index in range(label.start, label.end)}
    if all(index in covered for index, word in enumerate(words) if word):
        return [replace(label, whole=True) for label in found]
    return found


_SAID_IN_WORDS = frozenset({"buyer_service_code", "buyer_name", "seller_name"})
"""Behind `Service :` stands a value, though it may read like a label: `SERVICE FACTURIER`."""
_MEANINGS = tuple((name, strength, re.compile(pattern)) for name, strength, pattern in WORDING["meanings"])
"""What the words of a label nobody listed mean; the first pattern that fits counts."""
_WORDS_OF_A_LABEL = 8


def _by_meaning(cell: Cell, words: Sequence[str], before_colon: int, found: Sequence[Label]) -> list[Label]:
    """A label nobody wrote down: the words before the colon or the first figure, by what they mean."""
    end = min(
        before_colon, next((i for i, t in enumerate(cell.tokens) if any(c.isdigit() for c in t.text)), len(words))
    )
    if not 1 < end <= _WORDS_OF_A_LABEL or any(x.start == 0 and x.end >= end - 1 for x in found):
        return []
    text = " ".join(fold(t.text) for t in cell.tokens[:end])
    hits = ((name, strength, pattern.search(text)) for name, strength, pattern in _MEANINGS)
    name, strength, match = next((hit for hit in hits if hit[2]), ("", 0.0, None))
    start = _word_at(cell, match.start()) if match else end
    if start >= min(end, _LATEST_START) or any(x.field == name and x.strength >= strength for x in found):
        return []
    box = Box.around(token.box for token in cell.tokens[start:end])
    whole = start == 0 and not any(words[end:])
    return [Label(name, strength, cell, start, end, box, text.replace(" ", ""), whole)]


_LATEST_START = 4


def _word_at(cell: Cell, place: int) -> int:
    """Index of the word that stands at a place in the folded words of a cell."""
    length = 0
    for index, token in enumerate(cell.tokens):
        length += len(fold(token.text)) + 1
        if place < length:
            return index
    return len(cell.tokens)


_MERE_WORDS = frozenset({"du", "le", "au", "vom", "no"})


def _is_mere_word(label: Label) -> bool:
    """`12 rue du Moulin` announces nothing: `du` and `le` count before a figure, or alone."""
    after = label.cell.tokens[label.end].text if label.end < len(label.cell.tokens) else ""
    return label.phrase in _MERE_WORDS and not label.whole and not any(c.isdigit() for c in after) and after[:1] != ":"


def _windows(words: Sequence[str], ends: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Runs of words that can be one label, the longest first; a colon ends a label."""
    for size in range(min(_LONGEST, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            end = start + size
            if words[start] and words[end - 1] and not any(ends[start : end - 1]):
                yield start, end


def _labels(cell: Cell, start: int, end: int, phrase: str, alike: float, *, whole: bool) -> Iterator[Label]:
    box = Box.around(token.box for token in cell.tokens[start:end])
    for name, strength in _KNOWN[phrase].items():
        yield Label(name, strength * alike, cell, start, end, box, phrase, whole)


def _stacks(document: Document) -> Iterator[tuple[Cell, ...]]:
    """Cells one under another, close and without figures: two or three of them."""
    for cell in document.cells:
        if any(c.isdigit() for c in cell.text) or len(cell.tokens) > 4:
            continue
        for low in _just_below(cell, document):
            yield (cell, low)
            for lowest in _just_below(low, document):
                yield (cell, low, lowest)


def _just_below(cell: Cell, document: Document) -> Iterator[Cell]:
    for row in document.rows[cell.row + 1 : cell.row + 4]:
        for low in row.cells:
            gap = low.box.y - cell.box.bottom
            if low.page != cell.page or not -1.0 <= gap <= 0.7 * cell.box.height or len(low.tokens) > 4:
                continue
            if _centred(cell.box, low.box) and not any(c.isdigit() for c in low.text):
                yield low


def _centred(top: Box, low: Box) -> bool:
    return abs(top.center_x - low.center_x) < 3 or abs(top.x - low.x) < 1.5 or abs(top.right - low.right) < 1.5
