"""How one sender prints: typeface, sizes, colours, and its habits with numbers, dates and identifiers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from models.values.dates import MONTHS
from pipeline.training.mail.drawing import BLACK, Colour, Family, families
from pipeline.training.mail.wording import words

_COLOURS: tuple[Colour, ...] = (
    BLACK,
    BLACK,
    BLACK,
    (0.1, 0.2, 0.5),
    (0.0, 0.35, 0.3),
    (0.45, 0.1, 0.1),
    (0.2, 0.2, 0.2),
    (0.05, 0.4, 0.65),
    (0.5, 0.3, 0.0),
    (0.35, 0.1, 0.4),
)
_DATES = (
    "%d/%m/%Y",
    "%d/%m/%Y",
    "%d/%m/%Y",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "words",
    "words",
    "%Y-%m-%d",
    "%d %m %Y",
    "short",
)


@dataclass(frozen=True, slots=True)
class Style:
    """The habits of one sender, the same on all its pages."""

    family: Family
    size_pt: float
    leading: float
    """Line height by type size."""
    colour: Colour
    """Of headings and filled bands."""
    grey: float
    """Of light fills, 0..1."""
    thousands: str
    point: str
    currency: str
    """Behind amounts in totals."""
    line_currency: str
    """Behind amounts in the table."""
    dates: str
    rates: str
    groups: bool
    """Identifiers in groups of digits."""
    colon: str
    bold_labels: bool
    bold_values: bool
    labels: dict[str, str]
    """The wording this sender uses, by kind of label."""
    whole_zeros: int
    """Digits behind the point in quantities."""

    @property
    def step_mm(self) -> float:
        return self.size_pt * self.leading / 72 * 25.4

    def money(self, value: Decimal, *, currency: bool | None = None, places: int = 2) -> str:
        """An amount; `currency` True as in totals, False as in the table, `None` bare."""
        sign = "-" if value < 0 else ""
        whole, _, cents = f"{abs(value):.{places}f}".partition(".")
        grouped = f"{int(whole):,}".replace(",", self.thousands)
        mark = "" if currency is None else self.currency if currency else self.line_currency
        return f"{sign}{grouped}{self.point if cents else ''}{cents}{mark}"

    def price(self, value: Decimal) -> str:
        exponent = value.as_tuple().exponent
        places = max(2, -exponent if isinstance(exponent, int) else 2)
        return self.money(value, currency=False, places=places)

    def quantity(self, value: Decimal) -> str:
        exponent = value.normalize().as_tuple().exponent
        places = max(self.whole_zeros, -exponent if isinstance(exponent, int) else 0)
        return self.money(value, places=places)

    def day(self, value: date) -> str:
        if self.dates == "words":
            first = "1er" if value.day == 1 else str(value.day)
            return f"{first} {MONTHS[value.month - 1]} {value.year}"
        if self.dates == "short":
            return f"{value.day}/{value.month}/{value.year}"
        return value.strftime(self.dates)

    def rate(self, value: Decimal) -> str:
        text = f"{value:.2f}" if self.rates.startswith("2") else f"{value.normalize():f}"
        return text.replace(".", self.point) + self.rates[1:]

    def siret(self, value: str) -> str:
        return f"{value[:3]} {value[3:6]} {value[6:9]} {value[9:]}" if self.groups else value

    def siren(self, value: str) -> str:
        return f"{value[:3]} {value[3:6]} {value[6:9]}" if self.groups else value

    def vat_id(self, value: str) -> str:
        return f"{value[:2]} {value[2:4]} {value[4:7]} {value[7:10]} {value[10:]}" if self.groups else value

    def iban(self, value: str) -> str:
        return " ".join(value[i : i + 4] for i in range(0, len(value), 4)) if self.groups or self.thousands else value

    def phone(self, value: str) -> str:
        join = "." if self.point == "." or self.thousands == "." else " "
        return join.join(value[i : i + 2] for i in range(0, 10, 2))

    def label(self, kind: str) -> str:
        return self.labels[kind]


def style(chance: random.Random, *, fonts: Path | None = None) -> Style:
    """The habits of an invented sender."""
    family = chance.choice(families(fonts))
    labels: dict[str, str] = {kind: chance.choice(listed) for kind, listed in words("labels").items()}
    if chance.random() < 0.15:
        labels = {kind: text.upper() for kind, text in labels.items() if "{" not in text} | {
            kind: text for kind, text in labels.items() if "{" in text
        }
    currency = chance.choice([" €", " €", "€", " EUR", "", "", " Euros"])
    return Style(
        family=family,
        size_pt=chance.uniform(7.2, 9.0) if family.monospaced else chance.uniform(7.5, 10.8),
        leading=chance.uniform(1.15, 1.45),
        colour=chance.choice(_COLOURS),
        grey=chance.uniform(0.82, 0.95),
        thousands=chance.choice([" ", " ", " ", "\u00a0", "", "", "."]),
        point=chance.choices([",", "."], [9, 1])[0],
        currency=currency,
        line_currency=currency if chance.random() < 0.25 else "",
        dates=chance.choice(_DATES),
        rates=chance.choice(["1%", "1 %", "1 %", "2%", "2 %", "2", "1"]),
        groups=chance.random() < 0.55,
        colon=chance.choice([" : ", " : ", ": ", " ", " :  "]),
        bold_labels=chance.random() < 0.4,
        bold_values=chance.random() < 0.25,
        labels=labels,
        whole_zeros=chance.choice([0, 0, 0, 2, 2, 3, 1]),
    )
