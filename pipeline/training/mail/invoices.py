"""Supplier invoices and credit notes that nobody designed: each block is placed, worded and ruled by chance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.training.mail.correspondents import Authority, Company, address
from pipeline.training.mail.drawing import Drawn, pictures, width_mm, wrapped
from pipeline.training.mail.invoice_facts import InvoiceFacts, facts
from pipeline.training.mail.invoice_sheet import WIDTH_MM, Block, Pair
from pipeline.training.mail.invoice_table import Table, columns, look, spread
from pipeline.training.mail.invoice_totals import TotalsSheet
from pipeline.training.mail.overlays import handwritten_note, stamp
from pipeline.training.mail.style import Style, style
from pipeline.training.mail.wording import words


def draw_invoice(
    rng: np.random.Generator,
    *,
    fonts: Path | None = None,
    seller: Company | None = None,
    buyer: Authority | None = None,
    habits: Style | None = None,
    render: bool = True,
    overlays: bool = True,
) -> Drawn:
    """An invoice or credit note of a random layout.

    Args:
        fonts: folder of further TrueType fonts. seller, buyer, habits: invented when not given.
        render: False leaves `pages` empty, the PDF holds all. overlays: stamps and notes may lie on the page.
    """
    seed = int(rng.integers(2**62))
    chance = random.Random(seed)
    found = facts(chance, seller=seller, buyer=buyer)
    habits = habits or style(chance, fonts=fonts)
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


_OFTEN_WITHOUT_PRICES = ("delivery", "work_order", "return_slip")


def draw_lookalike(
    rng: np.random.Generator,
    kind: str | None = None,
    *,
    fonts: Path | None = None,
    receiver: Authority | None = None,
    render: bool = True,
) -> Drawn:
    """A quote, pro forma, delivery note, order, bill of quantities ...: laid out as an invoice, and none.

    Args:
        kind: a key of the wording's `lookalikes`; one of them by chance when not given.
        receiver: invented when not given.
    """
    seed = int(rng.integers(2**62))
    chance = random.Random(seed)
    listed = words("lookalikes")
    kind = kind or chance.choice(sorted(listed))
    found = replace(facts(chance, buyer=receiver), credit=False, paid=Decimal(0))
    if kind == "order":  # the town hall writes, the supplier is written to
        seller, buyer = found.seller, found.buyer
        found.seller = replace(seller, name=buyer.name, address=buyer.address, siret=buyer.siret)
        found.buyer = replace(buyer, name=seller.name, address=seller.address, siret=seller.siret)
    habits = style(chance, fonts=fonts)
    habits = replace(
        habits, labels=habits.labels | {name: chance.choice(texts) for name, texts in listed[kind].items()}
    )
    priced = kind not in _OFTEN_WITHOUT_PRICES or chance.random() < 0.35
    count = 1
    for _ in range(3):
        sheet = _Invoice(found, habits, random.Random(seed + 1), count, overlays=True, lookalike=kind, priced=priced)
        pdf = sheet.draw()
        if sheet.paper.page == count:
            break
        count = sheet.paper.page
    truth = {"document_type": "other", "form": None, "fields": {"kind": kind}}
    return Drawn(pictures(pdf, colour=chance.random() < 0.2) if render else [], truth, pdf)


@cache
def _asides() -> tuple[str, ...]:
    """Sentences of other mail that may stand on an invoice."""
    kinds = ("business_letter", "notice", "flyer", "tariff")
    return tuple(s for kind in kinds for s in words("letters")[kind]["body"] if "{" not in s)


class _Invoice(TotalsSheet):
    """One invoice; the blocks of its head, its table, what lies on it."""

    def draw(self) -> bytes:
        y = self._header()
        y = self._introduction(y)
        y = self._table(y)
        if self.priced:
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
        if title.startswith("Facture d'eau") and not self.lookalike and self.facts.seller.trade != "water":
            title = "Facture"
        if not credit and not self.lookalike and chance.random() < 0.1:
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
        label_width = (
            max((width_mm(label, self._label_font(), self.style.size_pt) for _, label, _ in marks), default=0.0) + 4
        )
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
        if chance.random() < 0.08:  # some senders write a word of their own, an advertisement, an announcement
            text = " ".join(chance.sample(_asides(), chance.choice([1, 2, 3])))
        for line in (
            wrapped(text, self.style.family.regular, self.style.size_pt, self.right - self.left) if text else []
        ):
            y = self._line(self.left, y, line)
        return y + self.style.step_mm * chance.uniform(0.2, 1.5)

    def _table(self, y: float) -> float:
        room = self.right - self.left
        chosen = columns(self.chance, self.facts, self.style, left_mm=self.left, room_mm=room)
        table = Table(self.paper, self._signed(), self.style, chosen, look(self.chance), self.bottom, self._next_page)
        if not self.priced:
            bare = [c for c in chosen if c.kind in ("reference", "description", "quantity", "unit")]
            chosen = spread(bare, left_mm=self.left, room_mm=room)
        self.shown_price = "price" if any(c.kind == "price" for c in chosen) else "list_price"
        return table.draw(y)

    def _signed(self) -> InvoiceFacts:
        """The facts with the sign in which a credit note prints its amounts."""
        if self.sign > 0:
            return self.facts
        return replace(self.facts, items=[replace(i, total=-i.total, quantity=-i.quantity) for i in self.facts.items])

    def _overlays(self) -> None:
        """What the town hall did to the paper: stamps and a pen note (on the last page drawn)."""
        day = self.facts.issued + timedelta(days=self.chance.randrange(2, 12))
        if self.chance.random() < 0.18:
            stamp(self.paper, self.chance, day)
        if self.chance.random() < 0.08:
            handwritten_note(self.paper, self.chance, day)

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
