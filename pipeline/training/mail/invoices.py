"""Supplier invoices and credit notes that nobody designed: each block is placed, worded and ruled by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.training.mail.correspondents import Authority, Company, address
from pipeline.training.mail.drawing import Drawn, Paper, pictures, width_mm, wrapped
from pipeline.training.mail.invoice_facts import InvoiceFacts, facts
from pipeline.training.mail.invoice_table import Table, columns, look
from pipeline.training.mail.overlays import handwritten_note, stamp
from pipeline.training.mail.style import Style, style
from pipeline.training.mail.wording import words

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
Pair = tuple[str, str, str]
"""Name of the field or empty, label, value as printed."""
Block = tuple[str, Callable[[float, float, float], float]]
"""Its side, and how it is drawn at (x, y) in a width; returns where it ends."""


def draw_invoice(
    rng: np.random.Generator,
    *,
    fonts: Path | None = None,
    seller: Company | None = None,
    buyer: Authority | None = None,
    render: bool = True,
    overlays: bool = True,
) -> Drawn:
    """An invoice or credit note of a random layout.

    Args:
        fonts: folder of further TrueType fonts. seller, buyer: invented when not given.
        render: False leaves `pages` empty, the PDF holds all. overlays: stamps and notes may lie on the page.
    """
    seed = int(rng.integers(2**62))
    chance = random.Random(seed)
    found = facts(chance, seller=seller, buyer=buyer)
    habits = style(chance, fonts=fonts)
    count = 1
    for _ in range(3):  # the number of pages is printed on each, so it is drawn until it is known
        sheet = _Invoice(found, habits, random.Random(seed + 1), pages=count, overlays=overlays)
        pdf = sheet.draw()
        if sheet.paper.page == count:
            break
        count = sheet.paper.page
    fields = {name: value for name, value in sheet.truth.items() if value is not None}
    truth = {"document_type": "supplier_invoice", "form": None, "fields": fields}
    return Drawn(pictures(pdf, colour=chance.random() < 0.3) if render else [], truth, pdf)


@dataclass
class _Invoice:
    """One invoice being drawn; `truth` grows with what is printed."""

    facts: InvoiceFacts
    style: Style
    chance: random.Random
    pages: int
    overlays: bool
    paper: Paper = field(default_factory=Paper)
    truth: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = self.chance
        self.left = chance.uniform(10, 22)
        self.right = WIDTH_MM - chance.uniform(9, 20)
        self.top = chance.uniform(9, 20)
        self.sign = -1 if self.facts.credit and chance.random() < 0.5 else 1
        self.footer = self._footer_lines()
        self.bottom = HEIGHT_MM - chance.uniform(8, 14) - 3.4 * len(self.footer) - 4
        self.page_label = self.style.label("page")
        self.page_place = chance.choice(["bottom-right", "bottom-centre", "top-right", "bottom-left"])
        self.prints_page = (self.pages > 1 and chance.random() < 0.85) or chance.random() < 0.25

    # what is printed -------------------------------------------------------------------------------------------

    def draw(self) -> bytes:
        y = self._header()
        y = self._introduction(y)
        y = self._table(y)
        y = self._totals(y + self.style.step_mm * self.chance.uniform(0.5, 2))
        self._payment(y + self.style.step_mm)
        self._end_of_page()
        if self.overlays:
            self._overlays()
        self._state_truth()
        return self.paper.finish()

    def _header(self) -> float:
        """Blocks dealt out to two columns and the full width, in an order of chance; returns where they end."""
        chance, step = self.chance, self.style.step_mm
        middle = chance.choice([WIDTH_MM / 2, 105.0, 110.0, 118.0, 98.0])
        y_left = y_right = self.top + 3
        if chance.random() < 0.14:
            y_left = y_right = self._band() + step
        seller_right = chance.random() < 0.14
        blocks: list[Block] = [("right" if seller_right else "left", self._seller_block)]
        title_first = chance.random() < 0.3
        others: list[Block] = [("left" if chance.random() < 0.12 else "right", self._buyer_block)]
        marks_style = chance.choice(["colon", "colon", "columns", "table", "boxes", "sentence"])

        def marks(x: float, y: float, room: float) -> float:
            return self._marks(x, y, room, marks_style)

        wide = marks_style in ("table", "boxes") and chance.random() < 0.7
        others.append(("full" if wide else chance.choice(["left", "left", "right"]), marks))
        if chance.random() < 0.15:
            others.append((chance.choice(["left", "right"]), self._delivery_block))
        if title_first:
            chance.shuffle(others)
        title_side = chance.choice(["right", "left", "full", "full"])
        others.insert(
            0 if title_first else len(others) - (1 if chance.random() < 0.8 else 0), (title_side, self._title)
        )
        blocks += others
        for side, draw in blocks:
            gap = step * chance.uniform(0.4, 2.2)
            if side == "left":
                y_left = draw(self.left, y_left, middle - self.left - 6) + gap
            elif side == "right":
                low = 42 + chance.uniform(0, 8)
                if draw == self._buyer_block and y_right < low and chance.random() < 0.6:
                    y_right = low  # the window of the envelope
                y_right = draw(middle, y_right, self.right - middle) + gap
            else:
                start = max(y_left, y_right)
                y_left = y_right = draw(self.left, start, self.right - self.left) + gap
        return max(y_left, y_right)

    def _band(self) -> float:
        """The sender's name in a filled band."""
        height = self.chance.uniform(12, 22)
        width = self.right - self.left
        self.paper.box(self.left, self.top, width, height, fill=self.style.colour, stroke=None)
        size = min(18, 0.9 * width / width_mm(self.facts.seller.name, self.style.family.bold, 1))
        self.paper.text(
            self.left + 4,
            self.top + height * 0.62,
            self.facts.seller.name,
            font=self.style.family.bold,
            size_pt=size,
            colour=(1, 1, 1),
        )
        return self.top + height

    def _seller_block(self, x: float, y: float, room: float) -> float:
        chance, company = self.chance, self.facts.seller
        if chance.random() < 0.3:
            y = self._logo(x, y) + self.style.step_mm
        label = self.style.label("seller")
        if label:
            y = self._line(x, y, label, bold=True)
        size = self.style.size_pt * chance.choice([1.0, 1.2, 1.5, 1.9])
        size = min(size, self.style.size_pt * room / width_mm(company.name, self.style.family.bold, self.style.size_pt))
        self._write(
            x, y + size * 0.1, company.name, bold=chance.random() < 0.75, size=size, coloured=chance.random() < 0.4
        )
        y += max(self.style.step_mm, size * 0.46)
        small = self.style.size_pt * chance.choice([1.0, 1.0, 0.88])
        lines = list(company.address.printed)
        if chance.random() < 0.2:
            lines = [" - ".join(lines)]
        if chance.random() < 0.6:
            lines.append(f"{chance.choice(['Tél.', 'Tél :', 'Tel', 'T.'])} {self.style.phone(company.phone)}")
        if chance.random() < 0.4:
            lines.append(company.email)
        if chance.random() < 0.2:
            lines.append(company.site)
        if self.ids_above:
            lines += self._identifiers()
        for line in lines:
            y = self._line(x, y, line, size=small, room=room)
        return y

    def _logo(self, x: float, y: float) -> float:
        chance = self.chance
        width, height = chance.uniform(14, 34), chance.uniform(9, 20)
        kind = chance.choice(["ellipse", "box", "initials", "bars", "rings"])
        fill = self.style.colour if self.style.colour != (0, 0, 0) else (0.35, 0.35, 0.35)
        if kind == "ellipse":
            self.paper.ellipse(x, y, width, height, fill=fill, stroke=None)
        elif kind == "bars":
            for bar in range(4):
                self.paper.box(
                    x + bar * width / 4, y + bar * height / 8, width / 6, height * (1 - bar / 8), fill=fill, stroke=None
                )
        elif kind == "rings":
            for ring in range(3):
                self.paper.ellipse(x + ring * height * 0.6, y, height, height, stroke=fill, pt=1.6)
        else:
            self.paper.box(
                x, y, width, height, fill=fill if kind == "box" else None, stroke=fill, round_mm=chance.choice([0, 2])
            )
        if kind in ("ellipse", "box", "initials"):
            initials = "".join(word[0] for word in self.facts.seller.name.split()[:3]).upper()
            colour = fill if kind == "initials" else (1.0, 1.0, 1.0)
            self.paper.text(
                x + width / 2,
                y + height * 0.64,
                initials,
                font=self.style.family.bold,
                size_pt=height,
                align="center",
                colour=colour,
            )
        return y + height + 2

    def _buyer_block(self, x: float, y: float, room: float) -> float:
        chance, buyer = self.chance, self.facts.buyer
        top = y
        boxed = chance.random() < 0.2
        if boxed:
            x, y, room = x + 2.5, y + self.style.step_mm, room - 5
        label = self.style.label("buyer")
        if label:
            y = self._line(x, y, label + (" :" if chance.random() < 0.5 else ""), bold=chance.random() < 0.5)
        y = self._line(x, y, buyer.name, bold=chance.random() < 0.6, room=room)
        self.truth["buyer_name"] = buyer.name
        if chance.random() < 0.3:
            y = self._line(x, y, buyer.service, room=room)
        for line in buyer.address.printed:
            y = self._line(x, y, line, room=room)
        if boxed:
            self.paper.box(x - 2.5, top - 1, room + 5, y - top, round_mm=chance.choice([0, 0, 2]))
            y += 1
        return y

    def _delivery_block(self, x: float, y: float, room: float) -> float:
        y = self._line(x, y, self.style.label("delivery") + " :", bold=self.style.bold_labels)
        other = address(self.chance)
        for line in (
            self.chance.choice(
                ["Groupe scolaire Jules Ferry", "Salle polyvalente", "Station d'épuration", "Atelier municipal"]
            ),
            *other.printed,
        ):
            y = self._line(x, y, line, room=room)
        return y

    def _title(self, x: float, y: float, room: float) -> float:
        """The document's name, its number beside it or not."""
        chance = self.chance
        credit = self.facts.credit
        title = self.style.label("title_credit" if credit else "title")
        if title.startswith("Facture d'eau") and self.facts.seller.trade != "water":
            title = "Facture"
        if not credit and chance.random() < 0.06:
            return y  # no title: a label with the number says what it is
        with_number = chance.random() < 0.35
        if with_number:
            title = f"{title} {chance.choice(['N°', 'n°', 'N° :', 'No', 'n° :'])} {self.facts.number}"
            self._printed("invoice_number")
            if chance.random() < 0.35 and "issue_date" not in self.truth:
                title += f" {chance.choice(['du', 'du', 'en date du', '-'])} {self.style.day(self.facts.issued)}"
                self._printed("issue_date")
        size = self.style.size_pt * chance.choice([1.1, 1.4, 1.8, 2.3])
        size = min(size, self.style.size_pt * room / width_mm(title, self.style.family.bold, self.style.size_pt))
        align: Literal["left", "right", "center"] = chance.choice(["left", "left", "center", "right"])
        at = {"left": x, "right": x + room, "center": x + room / 2}[align]
        y += size * 0.2
        if chance.random() < 0.12:
            self.paper.box(x, y - size * 0.33, room, size * 0.5, fill=(self.style.grey,) * 3, stroke=None)
        self.paper.text(
            at,
            y,
            title,
            font=self.style.family.bold,
            size_pt=size,
            align=align,
            colour=self.style.colour if chance.random() < 0.4 else (0, 0, 0),
        )
        return y + size * 0.4

    def _marks(self, x: float, y: float, room: float, way: str) -> float:
        """Number, dates and references."""
        marks = self._mark_list()
        if way == "sentence":
            return self._mark_sentence(x, y, room, marks)
        if way in ("table", "boxes") and room > 90:
            return self._mark_table(x, y, room, marks, boxes=way == "boxes")
        label_width = max(width_mm(label, self._label_font(), self.style.size_pt) for _, label, _ in marks) + 4
        for _, label, value in marks:
            if way == "columns" and label_width < 0.65 * room:
                self._write(x, y, label, bold=self.style.bold_labels)
                self._write(
                    x + label_width, y, (": " if self.style.colon.strip() else "") + value, bold=self.style.bold_values
                )
                y += self.style.step_mm
            else:
                y = self._labelled(x, y, label, value, room=room)
        return y

    def _label_font(self) -> str:
        return self.style.family.bold if self.style.bold_labels else self.style.family.regular

    def _labelled(self, x: float, y: float, label: str, value: str, *, room: float) -> float:
        start = label + self.style.colon
        start_width = width_mm(start, self._label_font(), self.style.size_pt)
        if start_width + width_mm(value, self.style.family.bold, self.style.size_pt) > room:
            y = self._line(x, y, label, bold=self.style.bold_labels)
            return self._line(x, y, value, bold=self.style.bold_values)
        self._write(x, y, start, bold=self.style.bold_labels)
        self._write(x + start_width, y, value, bold=self.style.bold_values)
        return y + self.style.step_mm

    def _mark_sentence(self, x: float, y: float, room: float, marks: Sequence[Pair]) -> float:
        """Town and date as in a letter, the rest by label."""
        for name, label, value in marks:
            if name == "issue_date":
                town = self.facts.seller.address.town.removesuffix(" CEDEX").title()
                y = self._line(x, y, f"{town}, le {value}") + 0.4 * self.style.step_mm
            else:
                y = self._labelled(x, y, label, value, room=room)
        return y

    def _mark_table(self, x: float, y: float, room: float, marks: Sequence[Pair], *, boxes: bool) -> float:
        size, step = self.style.size_pt, self.style.step_mm
        needed = [
            max(width_mm(label, self.style.family.bold, size), width_mm(value, self.style.family.bold, size)) + 4
            for _, label, value in marks
        ]
        start = 0
        while start < len(marks):
            end, used = start, 0.0
            while end < len(marks) and used + needed[end] <= room:
                used += needed[end]
                end += 1
            end = max(end, start + 1)
            spare = max(0.0, room - used) / (end - start) if self.chance.random() < 0.8 else 2.0
            at = x
            for place in range(start, end):
                width = needed[place] + spare
                if boxes:
                    self.paper.box(at, y - step, width, 2.5 * step, pt=0.5)
                    self.paper.rule(at, y + 0.3 * step, at + width, y + 0.3 * step, pt=0.4)
                _, label, value = marks[place]
                self._write(at + 1.5, y, label, bold=self.style.bold_labels)
                self._write(at + 1.5, y + 1.2 * step, value, bold=self.style.bold_values)
                at += width
            y += 3.4 * step
            start = end
        return y - 0.6 * step

    def _mark_list(self) -> list[Pair]:
        """Labels and values in an order of chance; what is listed counts as printed."""
        found, chance, style = self.facts, self.chance, self.style
        marks: list[Pair] = []
        if "invoice_number" not in self.truth or chance.random() < 0.15:
            marks.append(("invoice_number", style.label("number_credit" if found.credit else "number"), found.number))
        if "issue_date" not in self.truth:
            marks.append(("issue_date", style.label("issued"), style.day(found.issued)))
        if found.due and not found.credit and not self.due_below:
            marks.append(("due_date", style.label("due"), style.day(found.due)))
        marks += self._references()
        if chance.random() < 0.15:
            chance.shuffle(marks)
        for name, _, _ in marks:
            if name:
                self._printed(name)
        return marks

    def _references(self) -> list[Pair]:
        """What the buyer asks for and what the seller adds, in an order of chance."""
        found, chance, style = self.facts, self.chance, self.style
        rest: list[Pair] = []
        if found.order:
            rest.append(("order_reference", style.label("order"), found.order))
        if found.contract:
            rest.append(("contract_reference", style.label("contract"), found.contract))
        if chance.random() < 0.55:
            rest.append(("buyer_service_code", style.label("service"), found.buyer.service_code))
        if chance.random() < 0.45:
            label = style.label("buyer_siret")
            rest.append(
                ("buyer_siret", f"{label} client" if label == "SIRET" else label, style.siret(found.buyer.siret))
            )
        if chance.random() < 0.35:
            rest.append(
                ("", style.label("customer"), f"{chance.choice(['C', 'CL', '411', ''])}{chance.randrange(1000, 99999)}")
            )
        if chance.random() < 0.15:
            rest.append(("", style.label("payment"), style.label("payment_ways")))
        if chance.random() < 0.08:
            rest.append(
                (
                    "",
                    chance.choice(["BL n°", "Devis n°", "Votre interlocuteur", "Dossier"]),
                    f"{chance.randrange(1000, 99999)}",
                )
            )
        chance.shuffle(rest)
        return rest

    def _introduction(self, y: float) -> float:
        chance = self.chance
        if chance.random() < 0.3:
            thing = chance.choice(
                [
                    "travaux école",
                    "entretien 3e trimestre",
                    "renouvellement réseau rue Pasteur",
                    "fournitures services techniques",
                    "Commande annuelle",
                ]
            )
            y = self._line(self.left, y, self.style.label("subject").replace("{d}", thing), bold=chance.random() < 0.4)
        text = self.style.label("intro")
        for line in (
            wrapped(text, self.style.family.regular, self.style.size_pt, self.right - self.left) if text else []
        ):
            y = self._line(self.left, y, line)
        return y + self.style.step_mm * chance.uniform(0.2, 1.5)

    def _table(self, y: float) -> float:
        room = self.right - self.left
        chosen = columns(self.chance, self.facts, self.style, left_mm=self.left, room_mm=room)
        table = Table(self.paper, self._signed(), self.style, chosen, look(self.chance), self.bottom, self._next_page)
        self.shown_price = "price" if any(c.kind == "price" for c in chosen) else "list_price"
        return table.draw(y)

    def _signed(self) -> InvoiceFacts:
        """The facts with the sign in which a credit note prints its amounts."""
        if self.sign > 0:
            return self.facts
        return replace(self.facts, items=[replace(i, total=-i.total, quantity=-i.quantity) for i in self.facts.items])

    def _next_page(self) -> float:
        self._end_of_page()
        self.paper.next_page()
        y = self.top + 4
        way = self.chance.random()
        if way < 0.5:
            y = self._line(self.left, y, self.facts.seller.name, bold=True)
            if self.chance.random() < 0.7:
                label = self.style.label("number_credit" if self.facts.credit else "number")
                y = self._line(self.left, y, f"{label if len(label) > 3 else 'Facture ' + label} {self.facts.number}")
        return y + self.style.step_mm * 2

    # totals ----------------------------------------------------------------------------------------------------

    def _totals(self, y: float) -> float:
        chance, step = self.chance, self.style.step_mm
        rows = self._total_rows()
        shares = self.facts.regime == "normal" and (len(self.facts.shares) > 1 or chance.random() < 0.25)
        separate = shares and (self.rates_in_table or chance.random() < 0.3)
        needed = step * (1.6 * len(rows) + (len(self.facts.shares) + 3 if separate else 0) + 2)
        if y + needed > self.bottom:
            y = self._next_page()
        if chance.random() < 0.12 and len(rows) <= 5:
            end = self._total_row_table(y, rows)
            return self._share_table(self.left, end + step) if separate else end
        side = chance.choices(["right", "left", "middle"], [80, 10, 10])[0]
        label_width = max(width_mm(label, self.style.family.bold, self.style.size_pt) for label, _, _ in rows) + 4
        value_width = (
            max(width_mm(value, self.style.family.bold, self.style.size_pt * 1.25) for _, value, _ in rows) + 3
        )
        width = label_width + value_width + chance.uniform(0, 14)
        x = {"right": self.right - width, "left": self.left, "middle": (self.left + self.right - width) / 2}[side]
        bottom = y
        if separate and side == "right" and x - self.left > 70:
            bottom = self._share_table(self.left, y)
        elif separate:
            y = self._share_table(self.left, y) + step
        return max(bottom, self._total_block(x, y, width, rows))

    def _total_block(self, x: float, y: float, width: float, rows: Sequence[tuple[str, str, bool]]) -> float:
        chance, step = self.chance, self.style.step_mm
        rules = chance.choice(["none", "none", "rows", "box", "last"])
        spacing = step * chance.choice([1.0, 1.15, 1.4])
        tight = chance.random() < 0.15
        top = y - step
        for number, (label, value, strong) in enumerate(rows):
            size = self.style.size_pt * (1.2 if strong and chance.random() < 0.4 else 1.0)
            if strong and self.fills_total:
                self.paper.box(x - 1, y - 0.8 * step, width + 2, 1.2 * step, fill=(self.style.grey,) * 3, stroke=None)
            colon = self.style.colon.rstrip() if self.style.colon.strip() else ""
            self._write(x, y, label + colon, bold=strong or self.style.bold_labels)
            at = x + width_mm(label + colon + "  ", self.style.family.bold, self.style.size_pt) if tight else x + width
            self.paper.text(
                at,
                y,
                value,
                font=self.style.family.bold if strong or self.style.bold_values else self.style.family.regular,
                size_pt=size,
                align="left" if tight else "right",
            )
            if rules == "rows" or (rules == "last" and number == len(rows) - 2):
                self.paper.rule(x - 1, y + 0.35 * step, x + width + 1, y + 0.35 * step, pt=0.4)
            y += spacing
        if rules == "box":
            self.paper.box(x - 1.5, top, width + 3, y - top - 0.3 * step)
        return y

    def _total_row_table(self, y: float, rows: Sequence[tuple[str, str, bool]]) -> float:
        """Totals side by side, each below its label."""
        step = self.style.step_mm
        width = (self.right - self.left) / len(rows)
        for place, (label, value, strong) in enumerate(rows):
            x = self.left + place * width
            self.paper.box(x, y - step, width, 2.8 * step, pt=0.5)
            size = self.style.size_pt * min(
                1.0, (width - 3) / width_mm(label, self.style.family.bold, self.style.size_pt)
            )
            self.paper.text(x + width / 2, y, label, font=self._label_font(), size_pt=size, align="center")
            self.paper.text(
                x + width / 2,
                y + 1.3 * step,
                value,
                font=self.style.family.bold if strong else self.style.family.regular,
                size_pt=self.style.size_pt,
                align="center",
            )
        return y + 2.5 * step

    def _total_rows(self) -> list[tuple[str, str, bool]]:
        """Labels and values from the sum of the lines to what is to be paid."""
        found, style, chance = self.facts, self.style, self.chance

        def money(value: Decimal) -> str:
            return style.money(self.sign * value, currency=True)

        rows: list[tuple[str, str, bool]] = []
        if found.rebate or found.carriage or chance.random() < 0.05:
            rows.append((style.label("subtotal"), money(sum((i.total for i in found.items), Decimal(0))), False))
        if found.rebate:
            rows.append((style.label("rebate"), money(-found.rebate), False))
        if found.carriage:
            rows.append((style.label("carriage"), money(found.carriage), False))
        if found.regime == "franchise" and chance.random() < 0.6:
            rows.append(
                (
                    chance.choice(["Total", "Total à payer", "TOTAL", "Net à payer", "Montant total"]),
                    money(found.gross),
                    True,
                )
            )
            self.truth |= dict.fromkeys(("total_with_tax",), self._plain(found.gross))
        else:
            rows.append((style.label("net"), money(found.net), False))
            self.truth["total_without_tax"] = self._plain(found.net)
            rows += self._tax_rows(money)
            rows.append((style.label("gross"), money(found.gross), not found.paid))
            self.truth["total_with_tax"] = self._plain(found.gross)
        if found.paid:
            rows.append((style.label("paid"), money(-found.paid if chance.random() < 0.5 else found.paid), False))
        if found.paid or (found.regime != "franchise" and chance.random() < 0.5):
            label = "to_pay_credit" if found.credit else "to_pay"
            rows.append((style.label(label), money(found.to_pay), True))
        self.truth["amount_due"] = self._plain(found.to_pay)
        return rows

    def _tax_rows(self, money: Callable[[Decimal], str]) -> list[tuple[str, str, bool]]:
        found, style = self.facts, self.style
        if found.regime != "normal":
            if self.chance.random() < 0.5:
                self.truth["total_tax"] = "0.00"
                return [(style.label("tax"), money(Decimal(0)), False)]
            return []
        self.truth["total_tax"] = self._plain(found.tax)
        each = [
            (
                style.label("tax_rate")
                .replace("{r}", style.rate(s.rate))
                .replace("{b}", style.money(self.sign * s.base)),
                money(s.tax),
                False,
            )
            for s in found.shares
        ]
        several = len(each) > 1
        if self.rates_in_table or (not several and self.chance.random() < 0.4):
            return [(style.label("tax"), money(found.tax), False)]
        return (
            [*each, (style.label("tax"), money(found.tax), False)] if several and self.chance.random() < 0.5 else each
        )

    def _share_table(self, x: float, y: float) -> float:
        """Base, rate and tax of each rate."""
        style, step = self.style, self.style.step_mm
        kinds = self.chance.choice(
            [
                ["base", "share_rate", "share_tax"],
                ["share_rate", "base", "share_tax"],
                ["share_rate", "base", "share_tax", "share_gross"],
            ]
        )
        texts = [
            {
                "base": style.money(self.sign * s.base),
                "share_rate": style.rate(s.rate),
                "share_tax": style.money(self.sign * s.tax),
                "share_gross": style.money(self.sign * (s.base + s.tax)),
            }
            for s in self.facts.shares
        ]
        widths = [
            max(width_mm(t, style.family.bold, style.size_pt) for t in (style.label(k), *(row[k] for row in texts))) + 4
            for k in kinds
        ]
        rows = [{k: style.label(k) for k in kinds}, *texts]
        ruled = self.chance.random() < 0.5
        for number, row in enumerate(rows):
            at = x
            for kind, width in zip(kinds, widths, strict=True):
                if ruled:
                    self.paper.box(at, y - step, width, 1.35 * step, pt=0.4)
                self._write(at + width - 1.5, y, row[kind], bold=number == 0, right=True)
                at += width
            y += 1.35 * step
        return y

    # below ------------------------------------------------------------------------------------------------------

    def _payment(self, y: float) -> None:
        chance, found, style = self.chance, self.facts, self.style
        blocks: list[list[str]] = []
        if found.regime != "normal":
            blocks.append([style.label(found.regime)])
        if found.due and not found.credit and self.due_below:
            blocks.append([f"{style.label('due')}{style.colon}{style.day(found.due)}"])
            self._printed("due_date")
        elif not found.due and chance.random() < 0.6:
            blocks.append([f"{style.label('payment')}{style.colon}{style.label('terms')}"])
        if chance.random() < 0.7 and not found.credit:
            blocks.append(self._bank_lines())
            self.truth["seller_iban"] = found.seller.iban
        if chance.random() < 0.6:
            blocks.append([style.label("closing")])
        chance.shuffle(blocks)
        small = chance.sample(words("labels")["small_print"], chance.choice([0, 1, 1, 2, 3]))
        for lines in blocks:
            for line in lines:
                y = self._below(y, line, style.size_pt)
            y += 0.6 * style.step_mm
        for text in small:
            y = self._below(y, text, min(style.size_pt, chance.uniform(5.5, 8)))

    def _below(self, y: float, text: str, size: float) -> float:
        for line in wrapped(text, self.style.family.regular, size, self.right - self.left):
            if y > self.bottom:
                y = self._next_page()
            y = self._line(self.left, y, line, size=size)
        return y

    def _bank_lines(self) -> list[str]:
        company, chance = self.facts.seller, self.chance
        label = self.style.label("bank")
        iban, bic = self.style.iban(company.iban), company.bic
        lines = [f"{label} :"] if label else []
        way = chance.randrange(4)
        if way == 0:
            return [*lines, f"IBAN {iban}", f"BIC {bic}"]
        if way == 1:
            return [f"{label + ' - ' if label else ''}IBAN : {iban} - BIC : {bic}"]
        if way == 2:
            rib = company.iban[4:]
            parts = f"Banque {rib[:5]}  Guichet {rib[5:10]}  Compte {rib[10:21]}  Clé {rib[21:]}"
            return [*lines, parts, f"IBAN : {iban}  BIC/SWIFT : {bic}"]
        return [*lines, f"Titulaire : {company.name}", f"IBAN : {iban}", f"Code BIC : {bic}"]

    def _identifiers(self) -> list[str]:
        """SIRET, VAT number and the like as this sender prints them."""
        company, style, chance = self.facts.seller, self.style, self.chance
        lines = []
        if chance.random() < 0.88:
            lines.append(style.label("legal_siret").replace("{s}", style.siret(company.siret)))
            self.truth["seller_siret"] = company.siret
        if self.facts.regime != "franchise" and chance.random() < 0.85:
            lines.append(style.label("legal_vat").replace("{v}", style.vat_id(company.vat_id)))
            self.truth["seller_vat_id"] = company.vat_id
        if chance.random() < 0.4:
            town = company.address.town.removesuffix(" CEDEX").title()
            lines.append(style.label("legal_siren").replace("{n}", style.siren(company.siren)).replace("{t}", town))
        if chance.random() < 0.4:
            lines.append(f"{chance.choice(['APE', 'NAF', 'Code APE'])} {company.ape}")
        if chance.random() < 0.5:
            lines.append(f"{company.legal_form} au capital de {style.money(Decimal(company.capital), places=0)} €")
        chance.shuffle(lines)
        return lines

    def _footer_lines(self) -> list[str]:
        """The foot of every page; also decides what stands above instead."""
        chance = self.chance
        self.ids_above = chance.random() < 0.3
        self.due_below = chance.random() < 0.35
        self.rates_in_table = chance.random() < 0.5
        self.fills_total = chance.random() < 0.2
        self.foot_size = chance.uniform(5.4, 7.6)
        parts = [] if self.ids_above else self._identifiers()
        if not self.ids_above and chance.random() < 0.5:
            parts.insert(0, f"{self.facts.seller.name} - {' '.join(self.facts.seller.address.printed)}")
        if not parts:
            return []
        joined = chance.choice([" - ", " • ", " | ", "   ", " – "]).join(parts)
        return wrapped(
            joined, self.style.family.regular, self.foot_size, (self.right - self.left) * chance.choice([1, 0.8, 0.6])
        )

    def _end_of_page(self) -> None:
        y = HEIGHT_MM - 6 - 3.4 * (len(self.footer) - 1) - 2
        for line in self.footer:
            self.paper.text(
                WIDTH_MM / 2, y, line, font=self.style.family.regular, size_pt=self.foot_size, align="center"
            )
            y += 3.4
        if self.prints_page:
            text = self.page_label.replace("{p}", str(self.paper.page)).replace("{n}", str(self.pages))
            low = HEIGHT_MM - 6 - 3.4 * len(self.footer) - 3
            place: dict[str, tuple[float, float, Literal["left", "right", "center"]]] = {
                "bottom-right": (self.right, low, "right"),
                "bottom-centre": (WIDTH_MM / 2, low, "center"),
                "top-right": (self.right, self.top - 3, "right"),
                "bottom-left": (self.left, low, "left"),
            }
            x, at, align = place[self.page_place]
            self.paper.text(
                x, at, text, font=self.style.family.regular, size_pt=max(6.5, self.style.size_pt * 0.85), align=align
            )

    def _overlays(self) -> None:
        """What the town hall did to the paper: stamps and a pen note (on the last page drawn)."""
        day = self.facts.issued + timedelta(days=self.chance.randrange(2, 12))
        if self.chance.random() < 0.18:
            stamp(self.paper, self.chance, day)
        if self.chance.random() < 0.08:
            handwritten_note(self.paper, self.chance, day)

    # truth and small steps --------------------------------------------------------------------------------------

    def _printed(self, name: str) -> None:
        found = self.facts
        self.truth[name] = {
            "invoice_number": found.number,
            "issue_date": found.issued.isoformat(),
            "due_date": found.due.isoformat() if found.due else None,
            "order_reference": found.order,
            "contract_reference": found.contract,
            "buyer_service_code": found.buyer.service_code,
            "buyer_siret": found.buyer.siret,
        }[name]

    def _state_truth(self) -> None:
        found = self.facts
        for name in ("invoice_number", "issue_date"):
            if name not in self.truth:
                raise AssertionError(f"{name} was not drawn")
        self.truth |= {
            "seller_name": found.seller.name,
            "currency": "EUR",
            "document_kind": "credit_note" if found.credit else "invoice",
            "lines": [
                {
                    "description": " ".join([item.description, *item.more]),
                    "quantity": f"{self.sign * item.quantity.normalize():f}",
                    "unit_price": f"{item.price if self.shown_price == 'price' else item.list_price:f}",
                    "line_total": self._plain(item.total),
                    **({"vat_rate": f"{item.rate.normalize():f}"} if found.regime == "normal" else {}),
                }
                for item in found.items
            ],
        }
        if found.regime == "normal":
            self.truth["vat_breakdown"] = [
                {"rate": f"{s.rate.normalize():f}", "base": self._plain(s.base), "tax": self._plain(s.tax)}
                for s in found.shares
            ]

    def _plain(self, value: Decimal) -> str:
        return f"{self.sign * value:.2f}"

    def _line(
        self, x: float, y: float, text: str, *, bold: bool = False, size: float | None = None, room: float | None = None
    ) -> float:
        """One line, made smaller when it does not fit; returns the next line's place."""
        size = size or self.style.size_pt
        if room:
            size = min(size, size * room / max(1.0, width_mm(text, self.style.family.bold, size)))
        self._write(x, y, text, bold=bold, size=size)
        return y + max(self.style.step_mm * size / self.style.size_pt, 2.0)

    def _write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        bold: bool = False,
        size: float | None = None,
        right: bool = False,
        coloured: bool = False,
    ) -> None:
        font = self.style.family.bold if bold else self.style.family.regular
        colour = self.style.colour if coloured else (0.0, 0.0, 0.0)
        self.paper.text(
            x, y, text, font=font, size_pt=size or self.style.size_pt, align="right" if right else "left", colour=colour
        )
