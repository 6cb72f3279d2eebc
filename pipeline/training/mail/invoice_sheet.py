"""The paper of one invoice being drawn: margins, foot, page breaks, and what has been printed so far."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pipeline.training.mail.drawing import Paper, width_mm, wrapped
from pipeline.training.mail.invoice_facts import InvoiceFacts
from pipeline.training.mail.style import Style

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
Pair = tuple[str, str, str]
"""Name of the field or empty, label, value as printed."""
Block = tuple[str, Callable[[float, float, float], float]]
"""Its side, and how it is drawn at (x, y) in a width; returns where it ends."""


@dataclass
class Sheet:
    """One invoice being drawn; `truth` grows with what is printed."""

    facts: InvoiceFacts
    style: Style
    chance: random.Random
    pages: int
    overlays: bool
    lookalike: str = ""
    """What it is when it is no invoice: a key of the wording's `lookalikes`."""
    priced: bool = True
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

    def _next_page(self) -> float:
        self._end_of_page()
        self.paper.next_page()
        y = self.top + 4
        way = self.chance.random()
        if way < 0.5:
            y = self._line(self.left, y, self.facts.seller.name, bold=True)
            if self.chance.random() < 0.7:
                title = self.style.label("title_credit" if self.facts.credit else "title")
                y = self._line(self.left, y, f"{title} n° {self.facts.number}")
        return y + self.style.step_mm * 2

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
