"""Till receipts: narrow paper, one typeface, prices with tax, paid on the spot."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.training.mail.correspondents import company
from pipeline.training.mail.drawing import Drawn, Paper, families, pictures, width_mm
from pipeline.training.mail.style import Style, style
from pipeline.training.mail.wording import words

_MARGIN_MM = 4.0
_CENT = Decimal("0.01")


def draw_receipt(rng: np.random.Generator, *, fonts: Path | None = None, render: bool = True) -> Drawn:
    """A receipt of a shop, a station or a restaurant, of random layout."""
    chance = random.Random(int(rng.integers(2**62)))
    shop, habits = company(chance), style(chance, fonts=fonts)
    printed = [family for family in families(fonts) if family.monospaced]
    family = chance.choice(printed) if chance.random() < 0.7 else habits.family
    day = date(2026, 1, 3) + timedelta(days=chance.randrange(320))
    ticket = str(chance.randrange(100, 10**6))
    till = words("tills")["en" if chance.random() < 0.25 else "fr"]
    rows, truth = _rows(chance, habits, day, ticket, till)
    truth |= {"seller_name": shop.name, "issue_date": day.isoformat(), "currency": "EUR", "document_kind": "invoice"}
    head = [shop.name, *shop.address.printed, f"Tel : {habits.phone(shop.phone)}"]
    if chance.random() < 0.7:
        head.append(f"SIRET {habits.siret(shop.siret)}")
        truth["seller_siret"] = shop.siret
    if chance.random() < 0.5:
        head.append(f"TVA {habits.vat_id(shop.vat_id)}")
        truth["seller_vat_id"] = shop.vat_id
    pdf = _printed(chance, family.regular, family.bold, head, rows)
    done = Drawn(pictures(pdf, colour=False) if render else [], {}, pdf)
    done.truth = {"document_type": "supplier_invoice", "form": None, "fields": truth}
    return done


Row = tuple[str, str]
"""Left and right text; an empty right one is a line of its own, `-` rules the page."""


def _rows(
    chance: random.Random, habits: Style, day: date, ticket: str, till: dict[str, list[str]]
) -> tuple[list[Row], dict[str, Any]]:
    truth: dict[str, Any] = {}
    shown = day.strftime(chance.choice(["%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y"]))
    hour = f"{chance.randrange(8, 20):02d}:{chance.randrange(60):02d}"
    rows: list[Row] = [(f"{chance.choice(till['date'])} {shown} {hour}".strip(), "")]
    label = chance.choice(till["number"])
    if label:
        rows.append((f"{label} {ticket}", chance.choice(["", f"Caisse {chance.randrange(1, 9)}"])))
        truth["invoice_number"] = ticket
    rows.append(("-", ""))
    rate = Decimal(chance.choice(["20", "20", "10", "5.5"]))
    total = Decimal(0)
    goods = [good for listed in words("goods").values() for good in listed if good[2] >= 1 and good[3] < 80]
    for _ in range(chance.choice([1, 2, 3, 4, 6, 9, 14])):
        name, _, low, high, _ = chance.choice(goods)
        price = Decimal(str(round(chance.uniform(low, high), 2))).quantize(_CENT)
        count = chance.choice([1, 1, 1, 2, 3])
        total += price * count
        text = name.upper()[:24] if chance.random() < 0.6 else name[:26]
        if count > 1:
            rows.append((text, ""))
            rows.append((f"  {count} x {habits.money(price)}", habits.money(price * count)))
        else:
            rows.append((text, habits.money(price)))
    rows.append(("-", ""))
    net = (total / (1 + rate / 100)).quantize(_CENT, ROUND_HALF_UP)
    rows.append(
        (
            chance.choice(till["total"]),
            habits.money(total) + chance.choice(["", " EUR", " €"]),
        )
    )
    rows.append((chance.choice(till["paid"]), habits.money(total)))
    truth["total_with_tax"] = truth["amount_due"] = f"{total:.2f}"
    if chance.random() < 0.75:
        rows += [
            ("-", ""),
            (f"{chance.choice(till['tax'])} {habits.rate(rate)}", habits.money(total - net)),
            (chance.choice(till["net"]), habits.money(net)),
        ]
        truth |= {"total_tax": f"{total - net:.2f}", "total_without_tax": f"{net:.2f}"}
    rows.append(("", ""))
    rows.append((chance.choice(till["end"]), ""))
    return rows, truth


def _printed(chance: random.Random, font: str, bold: str, head: list[str], rows: list[Row]) -> bytes:
    width = chance.choice([58.0, 72.0, 80.0, 80.0])
    size = chance.uniform(6.5, 9.0) * width / 80
    step = size * chance.uniform(0.42, 0.56)
    paper = Paper(width, step * (len(head) + len(rows) + 6) + 22)
    y = 10.0
    centred: Literal["left", "center"] = chance.choice(["left", "center", "center"])
    middle = width / 2 if centred == "center" else _MARGIN_MM
    for number, text in enumerate(head):
        big = min(
            size * (1.5 if number == 0 else 1.0), size * (width - 2 * _MARGIN_MM) / max(1.0, width_mm(text, bold, size))
        )
        paper.text(middle, y, text, font=bold if number == 0 else font, size_pt=big, align=centred)
        y += step * (1.5 if number == 0 else 1.0)
    y += step
    for left, right in rows:
        if left == "-":
            paper.rule(_MARGIN_MM, y - step / 2, width - _MARGIN_MM, y - step / 2, dash=chance.random() < 0.6)
        room = width - 2 * _MARGIN_MM - width_mm(right, bold, size) - 2
        strong = bold if left.upper().startswith(("TOTAL", "A PAYER", "NET")) else font
        if left != "-":
            small = min(size, size * room / max(1.0, width_mm(left, strong, size)))
            paper.text(_MARGIN_MM, y, left, font=strong, size_pt=small)
            paper.text(width - _MARGIN_MM, y, right, font=strong, size_pt=size, align="right")
        y += step
    return paper.finish()
