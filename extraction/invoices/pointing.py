"""How strongly a label on the page points at a value: beside it, after it in its cell, or below it in its column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from extraction.invoices.labels import Label
from extraction.invoices.mentions import Mention
from extraction.invoices.page_layout import Document
from models.geometry import Box

_RIGHT_REACH_MM = 110.0
_BELOW_REACH_MM = 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Pointed:
    """A label that points at a value."""

    field: str
    strength: float
    """0..1: the label's own, lowered by how far the value is."""
    label: Label
    way: str
    """`after`, `right` or `below`."""


def pointing_at(mention: Mention, labels: Iterable[Label], document: Document) -> list[Pointed]:
    """Labels that point at a mention, strongest first."""
    found = []
    for label in labels:
        if label.cell.page == mention.cell.page and -_BELOW_REACH_MM - 8 < label.box.y - mention.box.y < 8:
            pointed = _relation(label, mention, document)
            if pointed is not None:
                found.append(pointed)
    found.sort(key=lambda p: -p.strength)
    return found


def _relation(label: Label, mention: Mention, document: Document) -> Pointed | None:
    box, place = label.box, mention.box
    if label.cell.tokens[0] is mention.cell.tokens[0]:
        gap = mention.start - label.end
        if gap >= 0 and label.cell.row == mention.cell.row:
            return Pointed(label.field, label.strength * 0.97**gap, label, "after")
        return None
    middle = abs(place.center_y - box.center_y)
    if place.x >= box.right - 1 and middle <= max(box.height, place.height) * 0.6:
        distance = place.x - box.right
        if distance > _RIGHT_REACH_MM:
            return None
        between = _between(label, mention, document)
        return Pointed(label.field, label.strength * 0.95 * 0.6**between * (1 - distance / 600), label, "right")
    drop = place.y - box.bottom
    if -1 <= drop <= _BELOW_REACH_MM and label.whole:
        aside = _aside(box, place)
        if aside <= 2:
            return Pointed(label.field, label.strength * (0.93 - drop / 45 - aside / 20), label, "below")
    return None


def _between(label: Label, mention: Mention, document: Document) -> int:
    """Cells that stand between a label and a value beside it; beside another row, a value of its own is one."""
    row = document.rows[mention.cell.row]
    own = " ".join(token.text for token in label.cell.tokens[label.end :])
    has_own = label.cell.row != mention.cell.row and "%" not in own and any(c.isdigit() for c in own)
    left = mention.box.x + 0.1
    return has_own + sum(1 for cell in row.cells if label.box.right < cell.box.x and cell.box.right < left)


def _aside(above: Box, below: Box) -> float:
    """Millimetres between the two columns; 0 when they overlap."""
    return max(0.0, max(above.x, below.x) - min(above.right, below.right))


def by_page(labels: Iterable[Label]) -> dict[int, list[Label]]:
    """Labels by the page they stand on: none points from one page to another."""
    found: dict[int, list[Label]] = {}
    for label in labels:
        found.setdefault(label.cell.page, []).append(label)
    return found


def strengths(mention: Mention, labels: Sequence[Label], document: Document) -> dict[str, Pointed]:
    """The strongest pointing of each field at a mention."""
    best: dict[str, Pointed] = {}
    for pointed in pointing_at(mention, labels, document):
        best.setdefault(pointed.field, pointed)
    return best
