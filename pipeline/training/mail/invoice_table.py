"""The table of lines of an invoice: columns in any order, with or without rules, over as many pages as it takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from pipeline.training.mail.drawing import Paper, width_mm, wrapped
from pipeline.training.mail.invoice_facts import InvoiceFacts, Item
from pipeline.training.mail.style import Style

_PAD_MM = 1.2


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what stands in it and where."""

    kind: str
    head: str
    left_mm: float
    width_mm: float
    right: bool
    """Numbers end at its right edge."""


@dataclass(frozen=True, slots=True)
class TableLook:
    """How the table is ruled."""

    rules: str
    """`none`, `head`, `rows`, `grid`, `columns`, `zebra`."""
    head_fill: bool
    head_rule: bool
    row_gap: float
    """Between items, by line height."""
    head_again: bool
    carried: bool
    sections: bool
    reference_below: bool


def look(chance: random.Random) -> TableLook:
    """Rules and gaps by chance."""
    return TableLook(
        rules=chance.choice(["none", "none", "head", "rows", "grid", "columns", "zebra"]),
        head_fill=chance.random() < 0.35,
        head_rule=chance.random() < 0.6,
        row_gap=chance.choice([0.0, 0.15, 0.3, 0.6, 1.0]),
        head_again=chance.random() < 0.75,
        carried=chance.random() < 0.35,
        sections=chance.random() < 0.1,
        reference_below=chance.random() < 0.12,
    )


def columns(
    chance: random.Random, facts: InvoiceFacts, style: Style, *, left_mm: float, room_mm: float
) -> list[Column]:
    """Which columns there are, in which order, as wide as what stands in them."""
    kinds = _kinds(chance, facts)
    size = style.size_pt
    widths: dict[str, float] = {}
    for kind in kinds:
        head = max((width_mm(word, style.family.bold, size) for word in style.label(f"col_{kind}").split()), default=0)
        cells = [
            width_mm(cell(item, kind, style, n), style.family.regular, size) for n, item in enumerate(facts.items, 1)
        ]
        widths[kind] = max(head, *cells) + 2 * _PAD_MM + chance.uniform(0, 4)
    rest = room_mm - sum(width for kind, width in widths.items() if kind != "description")
    if rest < 34:
        spare = [
            kind
            for kind in ("gross", "line", "unit", "reference", "price" if "list_price" in kinds else "line")
            if kind in kinds
        ]
        for kind in spare:
            kinds.remove(kind)
            rest += widths.pop(kind)
            if rest >= 34:
                break
    widths["description"] = rest if chance.random() < 0.7 else min(rest, max(40.0, rest * chance.uniform(0.6, 1.0)))
    found, x = [], left_mm
    centred = chance.random() < 0.15
    for kind in kinds:
        right = kind in ("quantity", "price", "list_price", "total", "gross", "discount", "rate") and not (
            centred and kind in ("quantity", "rate")
        )
        found.append(Column(kind, style.label(f"col_{kind}"), x, widths[kind], right))
        x += widths[kind]
    return found


def spread(kept: list[Column], *, left_mm: float, room_mm: float) -> list[Column]:
    """Some of the columns, moved together; the description takes the room that is left."""
    spare = room_mm - sum(column.width_mm for column in kept)
    found, x = [], left_mm
    for column in kept:
        width = column.width_mm + (max(0.0, spare) if column.kind == "description" else 0.0)
        found.append(replace(column, left_mm=x, width_mm=width))
        x += width
    return found


def _kinds(chance: random.Random, facts: InvoiceFacts) -> list[str]:
    """Columns from left to right."""
    discounted = any(item.discount for item in facts.items)
    kinds = ["description", "quantity", "list_price" if discounted else "price", "total"]
    if discounted:
        kinds.insert(3, "discount")
        if chance.random() < 0.5:
            kinds.insert(4, "price")
    if chance.random() < 0.25:  # price before quantity
        at, other = kinds.index("quantity"), kinds.index("list_price" if discounted else "price")
        kinds[at], kinds[other] = kinds[other], kinds[at]
    if chance.random() < 0.2:  # quantity first
        kinds.remove("quantity")
        kinds.insert(0, "quantity")
    if chance.random() < 0.4:
        kinds.insert(kinds.index("quantity") + chance.randrange(2), "unit")
    if chance.random() < 0.45:
        kinds.insert(kinds.index("description") + (1 if chance.random() < 0.15 else 0), "reference")
    several = len(facts.shares) > 1
    if facts.regime == "normal" and (several or chance.random() < 0.5):
        kinds.insert(len(kinds) - chance.choice([0, 1, 1, 2]), "rate")
    if facts.regime == "normal" and chance.random() < 0.12:
        kinds.append("gross")
    if chance.random() < 0.1:
        kinds.insert(0, "line")
    return kinds


def cell(item: Item, kind: str, style: Style, number: int) -> str:
    """What stands in one column of an item; its description is wrapped apart."""
    texts: dict[str, Callable[[], str]] = {
        "quantity": lambda: style.quantity(item.quantity),
        "unit": lambda: item.unit,
        "price": lambda: style.price(item.price),
        "list_price": lambda: style.price(item.list_price),
        "discount": lambda: style.rate(item.discount) if item.discount else "",
        "total": lambda: style.money(item.total, currency=False),
        "gross": lambda: style.money(item.total * (100 + item.rate) / 100, currency=False),
        "rate": lambda: style.rate(item.rate),
        "reference": lambda: item.reference,
        "line": lambda: str(number),
        "description": lambda: "",
    }
    return texts[kind]()


@dataclass
class Table:
    """Draws the items; `next_page` ends a page and returns where the next one goes on."""

    paper: Paper
    facts: InvoiceFacts
    style: Style
    columns: list[Column]
    look: TableLook
    bottom_mm: float
    next_page: Callable[[], float]

    def draw(self, y_mm: float) -> float:
        """All items from `y_mm` down; returns where the table ends on the last page."""
        y, top = self._head(y_mm)
        done = Decimal(0)
        step = self.style.step_mm
        for number, item in enumerate(self.facts.items, 1):
            rows = self._description(item)
            needed = step * (len(rows) + self.look.row_gap + (2.2 if self.look.carried else 0.6))
            if y + needed > self.bottom_mm:
                if self.look.carried and any(c.kind == "total" for c in self.columns):
                    y = self._sum_line(y + step, self.style.label("carried"), done)
                self._close(top, y)
                y = self.next_page()
                if self.look.head_again:
                    y, top = self._head(y)
                else:
                    y, top = y + step, y
                if self.look.carried and any(c.kind == "total" for c in self.columns):
                    y = self._sum_line(y, self.style.label("brought"), done) + step * self.look.row_gap
            if self.look.sections and number % 5 == 1:
                x = next(c.left_mm for c in self.columns if c.kind == "description")
                self._write(x + _PAD_MM, y, f"Lot {1 + number // 5} - Fournitures et services", bold=True)
                y += step
            y = self._item(item, number, rows, y)
            done += item.total
        self._close(top, y)
        return y

    def _description(self, item: Item) -> list[str]:
        column = next(c for c in self.columns if c.kind == "description")
        room = column.width_mm - 2 * _PAD_MM
        texts = [item.description, *item.more]
        if self.look.reference_below and not any(c.kind == "reference" for c in self.columns):
            texts.insert(1, f"Réf. : {item.reference}")
        return [line for text in texts for line in wrapped(text, self.style.family.regular, self.style.size_pt, room)]

    def _head(self, y: float) -> tuple[float, float]:
        step, left = self.style.step_mm, self.columns[0].left_mm
        heads = [
            wrapped(c.head, self.style.family.bold, self.style.size_pt, c.width_mm - _PAD_MM) for c in self.columns
        ]
        height = step * max(map(len, heads)) + 1.6
        width = sum(c.width_mm for c in self.columns)
        filled = self.look.head_fill
        if filled:
            self.paper.box(left, y, width, height, fill=self.style.colour, stroke=None)
        elif self.look.rules in ("grid", "columns"):
            self.paper.box(left, y, width, height)
        elif self.look.head_rule:
            self.paper.rule(left, y + height, left + width, y + height)
        for column, lines in zip(self.columns, heads, strict=True):
            for number, line in enumerate(lines):
                self._cell(column, y + step * (number + 0.85) + 0.4, line, bold=True, light=filled)
        return y + height + step, y

    def _item(self, item: Item, number: int, rows: list[str], y: float) -> float:
        step = self.style.step_mm
        below = y + step * (len(rows) + self.look.row_gap)
        left, width = self.columns[0].left_mm, sum(c.width_mm for c in self.columns)
        if self.look.rules == "zebra" and number % 2:
            grey = self.style.grey
            self.paper.box(left, y - 0.85 * step, width, below - y, fill=(grey, grey, grey), stroke=None)
        for column in self.columns:
            if column.kind == "description":
                for at, line in enumerate(rows):
                    self._cell(column, y + step * at, line)
            else:
                self._cell(column, y, cell(item, column.kind, self.style, number))
        if self.look.rules in ("rows", "grid"):
            self.paper.rule(left, below - 0.8 * step, left + width, below - 0.8 * step, pt=0.3)
        return below

    def _sum_line(self, y: float, label: str, value: Decimal) -> float:
        total = next(c for c in self.columns if c.kind == "total")
        words = self.style.money(value, currency=False)
        self._cell(total, y, words)
        end = total.left_mm + total.width_mm - width_mm(words, self.style.family.regular, self.style.size_pt) - 5
        self.paper.text(end, y, label, font=self.style.family.regular, size_pt=self.style.size_pt, align="right")
        return y + self.style.step_mm

    def _close(self, top: float, y: float) -> None:
        left, width = self.columns[0].left_mm, sum(c.width_mm for c in self.columns)
        end = y - 0.5 * self.style.step_mm
        if self.look.rules in ("grid", "columns"):
            self.paper.box(left, top, width, end - top)
            for column in self.columns[1:]:
                self.paper.rule(column.left_mm, top, column.left_mm, end, pt=0.4)
        elif self.look.rules in ("head", "rows", "zebra"):
            self.paper.rule(left, end, left + width, end)

    def _cell(self, column: Column, y: float, words: str, *, bold: bool = False, light: bool = False) -> None:
        x = column.left_mm + column.width_mm - _PAD_MM if column.right else column.left_mm + _PAD_MM
        self._write(x, y, words, bold=bold, right=column.right, light=light)

    def _write(
        self, x: float, y: float, words: str, *, bold: bool = False, right: bool = False, light: bool = False
    ) -> None:
        font = self.style.family.bold if bold else self.style.family.regular
        colour = (1.0, 1.0, 1.0) if light else (0.0, 0.0, 0.0)
        self.paper.text(
            x, y, words, font=font, size_pt=self.style.size_pt, align="right" if right else "left", colour=colour
        )
