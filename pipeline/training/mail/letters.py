"""Other mail of a town hall: letters, notices, lists, contracts, forms of others; most of it easily told from invoices,
some of it with amounts, VAT and the word "facture" in it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.training.mail.correspondents import Address, Authority, address, authority, company, iban, person
from pipeline.training.mail.drawing import Drawn, Paper, pictures, width_mm, wrapped
from pipeline.training.mail.invoices import draw_lookalike
from pipeline.training.mail.overlays import scrawl, stamp
from pipeline.training.mail.style import Style, style
from pipeline.training.mail.wording import words

_BOTTOM_MM = 280.0
_INK = (0.1, 0.15, 0.45)


def draw_letter(
    rng: np.random.Generator,
    kind: str | None = None,
    *,
    fonts: Path | None = None,
    receiver: Authority | None = None,
    render: bool = True,
) -> Drawn:
    """A letter that is no invoice and no known form.

    Args:
        kind: a key of the wording's `letters` or `lookalikes`; by chance when not given, lookalikes in 40 %.
        receiver: invented when not given.
    Returns: its truth is `other`, with the kind among the fields.
    """
    chance = random.Random(int(rng.integers(2**62)))
    if kind in words("lookalikes") or (kind is None and chance.random() < 0.4):
        return draw_lookalike(rng, kind, fonts=fonts, receiver=receiver, render=render)
    kind = kind or chance.choice(sorted(words("letters")))
    letter = _Letter(kind, words("letters")[kind], chance, style(chance, fonts=fonts), receiver)
    pdf = letter.draw()
    truth = {"document_type": "other", "form": None, "fields": {"kind": kind}}
    return Drawn(pictures(pdf, colour=chance.random() < 0.25) if render else [], truth, pdf)


@dataclass
class _Letter:
    """One letter being drawn."""

    kind: str
    wording: dict[str, Any]
    chance: random.Random
    style: Style
    receiver: Authority | None = None
    paper: Paper = field(default_factory=Paper)

    def __post_init__(self) -> None:
        chance = self.chance
        self.left = chance.uniform(14, 26)
        self.right = 210 - chance.uniform(12, 24)
        self.day = date(2026, 1, 5) + timedelta(days=chance.randrange(310))
        self.size = chance.uniform(9, 11.8) if self.wording["layout"] != "table" else self.style.size_pt
        self.step = self.size * self.style.leading * 0.353
        self.company, self.authority = company(chance), authority(chance)
        self.authority = self.receiver or self.authority
        self.numbers_pages = chance.random() < 0.5
        self.title = chance.choice(self.wording["titles"])

    def draw(self) -> bytes:
        layouts: dict[str, Callable[[], None]] = {
            "letter": self._letter, "table": self._table, "articles": self._articles, "form": self._form,
            "poster": self._poster, "cv": self._cv, "text": self._text, "hand": self._hand, "email": self._email,
        }  # fmt: skip
        layouts[self.wording["layout"]]()
        if self.chance.random() < 0.15:
            stamp(self.paper, self.chance, self.day + timedelta(days=3))
        self._page_number()
        return self.paper.finish()

    # layouts ----------------------------------------------------------------------------------------------------

    def _letter(self) -> None:
        y = self._sender(self.left, 18)
        y = self._receiver(max(y + 4, 45))
        y = self._dated(y)
        title = self._filled(self.title)
        y = self._put(self.left, y + self.step, title, bold=self.chance.random() < 0.6)
        if self.chance.random() < 0.4:
            reference = f"{self.chance.choice(['N/Réf.', 'Réf. :', 'Dossier', 'V/Réf. :'])} {self._number()}"
            y = self._put(self.left, y, reference)
        opening = self.chance.choice(words("openings"))
        if opening:
            y = self._put(self.left, y + self.step, opening)
        body = self._sentences(self.chance.choice([2, 3, 4, 6, 9]))
        y = self._paragraphs(y + self.step, body)
        if "rows" in self.wording and self.chance.random() < 0.6:
            y = self._amount_rows(y)
        y = self._paragraphs(y + self.step, [self.chance.choice(words("closings"))])
        name = " ".join(part.title() for part in person(self.chance))
        y = self._put(self.chance.choice([self.left, 120]), y + self.step, name)
        if self.chance.random() < 0.7 and y < 265:
            scrawl(self.paper, self.chance, 120, y + 6, width_mm=self.chance.uniform(18, 40), ink=_INK)
        self._foot()

    def _table(self) -> None:
        y = self._sender(self.left, 16)
        if self.chance.random() < 0.7:
            y = self._receiver(max(y + 2, 40))
        y = self._heading(y + 2 * self.step)
        y = self._paragraphs(y, self._sentences(self.chance.choice([1, 2, 3])))
        heads = self.wording["columns"]
        patterns = self.wording["rows"]
        rows = [
            self._filled(self.chance.choice(patterns)).split("|")
            for _ in range(self.chance.choice([3, 6, 10, 18, 30, 45]))
        ]
        y = self._grid(y + self.step, heads, rows)
        for label in self.chance.sample(
            self.wording["totals"], min(len(self.wording["totals"]), self.chance.choice([0, 1, 2, 3]))
        ):
            y = self._room_for(y)
            self.paper.text(
                self.right - 32, y, self._filled(label), font=self.style.family.bold, size_pt=self.size, align="right"
            )
            self.paper.text(
                self.right, y, self._amount(), font=self.style.family.bold, size_pt=self.size, align="right"
            )
            y += 1.3 * self.step
        self._paragraphs(y + self.step, self._sentences(self.chance.choice([0, 1, 2])))
        self._foot()

    def _articles(self) -> None:
        y = self._sender(self.left, 18) if self.chance.random() < 0.6 else 20.0
        y = self._heading(y + 2 * self.step)
        count = self.chance.choice([5, 9, 14, 25])
        for number in range(1, count + 1):
            y = self._room_for(y)
            head = self.chance.choice([f"Article {number}", f"ARTICLE {number} -", f"{number}.", f"{number}) ", ""])
            if head:
                topic = self.chance.choice(
                    ["Objet", "Durée", "Prix", "Paiement", "Résiliation", "Litiges", "Obligations", "Divers"]
                )
                y = self._put(self.left, y, f"{head} {topic}", bold=True)
            y = self._paragraphs(y, self._sentences(self.chance.choice([1, 2, 3]))) + 0.5 * self.step
        y = self._room_for(y + self.step)
        self._put(self.left, y, f"Fait à {self.authority.address.town.title()}, le {self.style.day(self.day)}")
        scrawl(self.paper, self.chance, 125, min(y + 8, 282), width_mm=25, ink=_INK)

    def _form(self) -> None:
        y = self._sender(self.left, 16) if self.chance.random() < 0.7 else 18.0
        y = self._heading(y + self.step)
        lined = self.chance.choice(["dots", "boxes", "rule", "none"])
        for _ in range(self.chance.choice([8, 12, 18, 24])):
            y = self._room_for(y)
            text = self._filled(self.chance.choice(self.wording["body"]))
            for line in wrapped(text, self.style.family.regular, self.size, 100):
                y = self._put(self.left, y, line)
            y -= self.step
            x = self.left + min(100.0, width_mm(text, self.style.family.regular, self.size)) + 3
            end = self.chance.uniform(min(x + 20, self.right - 2), self.right)
            if lined == "dots":
                self.paper.text(x, y, "." * int((end - x) / 1.2), font=self.style.family.regular, size_pt=self.size)
            elif lined == "rule":
                self.paper.rule(x, y + 0.6, end, y + 0.6, pt=0.4)
            elif lined == "boxes":
                for cell in range(int((end - x) / 5)):
                    self.paper.box(x + 5 * cell, y - 4, 5, 5, pt=0.4)
            if lined != "none" and self.chance.random() < 0.5:
                scrawl(self.paper, self.chance, x + 2, y - 1, width_mm=max(4.0, min(30.0, end - x - 4)), ink=_INK)
            if self.chance.random() < 0.25:
                self.paper.box(self.right - 6, y - 3.4, 3.6, 3.6)
            y += self.step * self.chance.uniform(1.3, 2.1)
        self._foot()

    def _poster(self) -> None:
        y = self.chance.uniform(25, 70)
        big = self.chance.uniform(20, 44)
        title = self._filled(self.title)
        big = min(big, big * 170 / width_mm(title, self.style.family.bold, big))
        self.paper.text(
            105, y, title, font=self.style.family.bold, size_pt=big, align="center", colour=self.style.colour
        )
        y += big * 0.6
        if self.chance.random() < 0.4:
            grey = self.style.grey
            self.paper.box(30, y, 150, self.chance.uniform(30, 80), fill=(grey, grey, grey), stroke=None)
            y += 85
        size = self.chance.uniform(12, 20)
        for text in self._sentences(self.chance.choice([3, 5, 7])):
            for line in wrapped(text, self.style.family.regular, size, 165):
                if y > _BOTTOM_MM:
                    return
                self.paper.text(105, y, line, font=self.style.family.regular, size_pt=size, align="center")
                y += size * 0.52
            y += size * 0.3

    def _cv(self) -> None:
        first, last = person(self.chance)
        y = self._put(self.left, 22, f"{first.title()} {last}", bold=True)
        for line in (*address(self.chance).printed, self.style.phone(self.company.phone)):
            y = self._put(self.left, y, line)
        y = self._heading(y + self.step)
        for section in self.chance.sample(["Expérience", "Formation", "Compétences", "Langues", "Loisirs"], 4):
            y = self._put(self.left, y + self.step, section.upper(), bold=True)
            for text in self._sentences(self.chance.choice([1, 2, 4])):
                y = self._put(self.left + 4, y, f"{self.chance.choice(['-', '•', ''])} {text}")

    def _text(self) -> None:
        y = self._sender(self.left, 18) if self.chance.random() < 0.6 else 20.0
        y = self._heading(y + self.step)
        for number in range(1, self.chance.choice([3, 5, 8])):
            y = self._room_for(y)
            if self.chance.random() < 0.6:
                y = self._put(
                    self.left,
                    y,
                    f"{number}. {self.chance.choice(['Contexte', 'Résultats', 'Méthode', 'Conclusion', 'Annexe'])}",
                    bold=True,
                )
            y = self._paragraphs(y, self._sentences(self.chance.choice([3, 6, 9]))) + self.step
        self._foot()

    def _hand(self) -> None:
        """Pen strokes, and behind them, white on white, the words that a reader would make of them."""
        y = self._penned([" ".join(part.title() for part in person(self.chance)), *address(self.chance).printed], 22)
        y = self._penned([self.style.day(self.day)], y + 2)
        y = self._penned([self._filled(self.title)], y + 4)
        self._penned(self._sentences(self.chance.choice([2, 4, 6, 10])), y + 4)

    def _penned(self, texts: list[str], y: float) -> float:
        room = self.right - self.left
        step = self.chance.uniform(7.5, 10.5)
        for text in texts:
            for line in wrapped(text, self.style.family.regular, 13, room):
                if y > _BOTTOM_MM:
                    return y
                wide = min(room, width_mm(line, self.style.family.regular, 13))
                self.paper.text(self.left, y, line, font=self.style.family.regular, size_pt=13, colour=(1.0, 1.0, 1.0))
                scrawl(self.paper, self.chance, self.left, y - 1.5, width_mm=wide, ink=_INK)
                y += step
        return y

    def _email(self) -> None:
        """A message printed by a mail program."""
        chance = self.chance
        y = self._put(self.left, 18, chance.choice(["", "Boîte de réception", self.authority.name]), bold=True)
        mine = self.company.name.lower().replace(" ", "-")
        heads = {
            "De": f"{' '.join(part.title() for part in person(chance))} <contact@{mine}.fr>",
            "Envoyé": f"{self.style.day(self.day)} {chance.randrange(7, 20)}:{chance.randrange(10, 60)}",
            "À": f"comptabilite@{self.authority.address.town.lower().replace(' ', '-')}.fr",
            "Objet": self._filled(self.title),
        }
        if chance.random() < 0.5:
            heads["Pièces jointes"] = f"{chance.choice(['FA', 'Facture_', 'doc', 'scan'])}{self._number()}.pdf"
        for label, value in heads.items():
            y = self._put(self.left, y, f"{label} : {value}")
        self.paper.rule(self.left, y, self.right, y, pt=0.5)
        y = self._paragraphs(y + 2 * self.step, self._sentences(chance.choice([2, 4, 7])))
        y = self._put(self.left, y + self.step, " ".join(part.title() for part in person(chance)))
        for line in (self.company.name, *self.company.address.printed, self.style.phone(self.company.phone)):
            y = self._put(self.left, y, line)
        self._foot()

    # parts ------------------------------------------------------------------------------------------------------

    def _sender(self, x: float, y: float) -> float:
        kind, chance = self.wording["from"], self.chance
        where: Address = address(chance)
        if kind == "person":
            name = " ".join(part.title() for part in person(chance))
        elif kind == "authority":
            name, where = self.authority.name, self.authority.address
        elif kind == "company":
            name, where = self.company.name, self.company.address
        else:
            name = chance.choice(words("banks" if kind == "bank" else "state_bodies"))
        y = self._put(x, y, name, bold=kind != "person")
        for line in where.printed:
            y = self._put(x, y, line)
        if chance.random() < 0.6:
            y = self._put(x, y, f"Tél. {self.style.phone(self.company.phone)}")
        return y

    def _receiver(self, y: float) -> float:
        x = self.chance.choice([110.0, 118.0, 105.0])
        top = 45 if self.chance.random() < 0.5 else y
        y = max(top, y - 20) if y < 60 else y
        for line in (self.authority.name, *self.authority.address.printed):
            self._put(x, y, line)
            y += self.step
        return y + self.step

    def _dated(self, y: float) -> float:
        town = self.authority.address.town.removesuffix(" CEDEX").title()
        text = self.chance.choice(
            [f"{town}, le {self.style.day(self.day)}", f"Le {self.style.day(self.day)}", self.style.day(self.day)]
        )
        return self._put(self.chance.choice([self.left, 110.0]), y, text)

    def _heading(self, y: float) -> float:
        title = self._filled(self.title)
        size = self.size * self.chance.choice([1.0, 1.3, 1.7, 2.2])
        size = min(size, size * (self.right - self.left) / width_mm(title, self.style.family.bold, size))
        middle = self.chance.random() < 0.5
        x = (self.left + self.right) / 2 if middle else self.left
        self.paper.text(
            x, y + size * 0.2, title, font=self.style.family.bold, size_pt=size, align="center" if middle else "left"
        )
        return y + size * 0.4 + self.step

    def _grid(self, y: float, heads: list[str], rows: list[list[str]]) -> float:
        """Rows in columns as wide as their widest cell, made narrower when they are too many."""
        font, size = self.style.family.regular, self.size
        widths = [max(width_mm(row[i], font, size) for row in [heads, *rows]) + 4 for i in range(len(heads))]
        scale = min(1.0, (self.right - self.left) / sum(widths))
        size, widths = size * scale, [width * scale for width in widths]
        ruled = self.chance.choice(["none", "rows", "grid"])
        step = self.step * self.chance.uniform(1.0, 1.5) * scale
        for number, row in enumerate([heads, *rows]):
            y = self._room_for(y)
            x = self.left
            for place, (text, width) in enumerate(zip(row, widths, strict=True)):
                number_like = bool(re.fullmatch(r"[-\d ., €]+", text)) and place > 1
                if ruled == "grid":
                    self.paper.box(x, y - 0.75 * step, width, step, pt=0.3)
                self.paper.text(
                    x + width - 1.5 if number_like else x + 1.5, y, text, size_pt=size,
                    font=self.style.family.bold if number == 0 else font, align="right" if number_like else "left",
                )  # fmt: skip
                x += width
            if ruled == "rows":
                self.paper.rule(self.left, y + 0.3 * step, x, y + 0.3 * step, pt=0.3)
            y += step
        return y

    def _amount_rows(self, y: float) -> float:
        for pattern in self.wording["rows"]:
            for _ in range(1 if "Total" in pattern else self.chance.choice([1, 1, 3])):
                y = self._room_for(y)
                left, right = (self._filled(part) for part in pattern.split("|"))
                self._put(self.left + 6, y, left)
                self.paper.text(
                    self.right - 20, y, right, font=self.style.family.regular, size_pt=self.size, align="right"
                )
                y += self.step
        return y

    def _paragraphs(self, y: float, texts: list[str]) -> float:
        for text in texts:
            for line in wrapped(text, self.style.family.regular, self.size, self.right - self.left):
                y = self._put(self.left, self._room_for(y), line)
            y += 0.4 * self.step
        return y

    def _foot(self) -> None:
        if self.wording["from"] == "company" and self.chance.random() < 0.7:
            who = self.company
            text = f"{who.name} - SIRET {self.style.siret(who.siret)} - TVA {who.vat_id} - APE {who.ape}"
            self.paper.text(105, 290, text, font=self.style.family.regular, size_pt=6.5, align="center")

    def _page_number(self) -> None:
        if self.numbers_pages and (self.paper.page > 1 or self.chance.random() < 0.4):
            text = self.chance.choice([f"Page {self.paper.page}", f"- {self.paper.page} -", f"{self.paper.page}"])
            self.paper.text(self.right, 286, text, font=self.style.family.regular, size_pt=8, align="right")

    def _room_for(self, y: float) -> float:
        """The same place, or the top of a new page when the page is full."""
        if y <= _BOTTOM_MM:
            return y
        self._page_number()
        self.paper.next_page()
        return 20.0

    # words ------------------------------------------------------------------------------------------------------

    def _sentences(self, count: int) -> list[str]:
        listed = self.wording["body"]
        chosen = self.chance.sample(listed, min(count, len(listed)))
        chosen += [self.chance.choice(listed) for _ in range(count - len(chosen))]
        return [self._filled(text) for text in chosen]

    def _filled(self, pattern: str) -> str:
        """A sentence with its blanks filled: {d} day, {a} amount, {n} number, {k} small number, {c} company ..."""
        chance = self.chance

        def goods() -> str:
            found: str = chance.choice(words("goods")[self.company.trade])[0]
            return found

        fillers: dict[str, Callable[[], str]] = {
            "d": lambda: self.style.day(self.day + timedelta(days=chance.randrange(-60, 60))),
            "a": self._amount,
            "n": self._number,
            "k": lambda: str(chance.randrange(2, 10)),
            "c": lambda: company(chance).name,
            "p": lambda: " ".join(part.title() for part in person(chance)),
            "g": goods,
            "iban": lambda: self.style.iban(iban(chance, "30003")),
            "phone": lambda: self.style.phone(self.company.phone),
            "siret": lambda: self.style.siret(self.company.siret),
            "buyer": lambda: self.authority.name,
        }
        return re.sub(r"\{(\w+)\}", lambda match: fillers[match[1]](), pattern)

    def _amount(self) -> str:
        return self.style.money(Decimal(int(10 ** self.chance.uniform(2.5, 6.5))).scaleb(-2))

    def _number(self) -> str:
        return str(int(10 ** self.chance.uniform(3, 7)))

    def _put(self, x: float, y: float, text: str, *, bold: bool = False) -> float:
        font = self.style.family.bold if bold else self.style.family.regular
        size = min(self.size, self.size * (self.right + 6 - x) / max(1.0, width_mm(text, font, self.size)))
        self.paper.text(x, y, text, font=font, size_pt=size)
        return y + self.step
