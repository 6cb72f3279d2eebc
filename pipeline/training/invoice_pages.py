"""Invoices of random layouts as pages of words, without a picture: thousands a minute to train the choice of values on.

The words stand where a printer would put them and go through the faults of text layers and of readers: parted numbers,
lost blanks, misread characters. Nothing here is taken from an invoice of the development sets.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from reportlab.pdfbase.pdfmetrics import stringWidth

from extraction.invoices.labels import WORDING
from models.geometry import Box
from models.text import PageText, TextLine, Word
from pipeline.training.invoice_words import GOODS, Party, day, iban, listed, money, party, person, reference

DPI = 200.0
CENT = Decimal("0.01")
_MM_PER_PT = 25.4 / 72
_FONTS = ("Helvetica", "Times-Roman", "Courier", "Helvetica-Bold")
_UNKNOWN_LABEL = 0.06
"""Share of labels in words nobody listed."""
_CONFUSED = {
    "0": "O8",
    "1": "l7I",
    "5": "S6",
    "8": "B3",
    "6": "5",
    "3": "8",
    "2": "Z",
    "e": "c",
    "i": "l",
    "l": "1",
    "O": "0",
    "S": "5",
    "B": "8",
    "n": "r",
    "m": "rn",
    "é": "e",
    "à": "a",
    "ê": "e",
    "7": "1",
    "9": "g",
    "4": "A",
}


@dataclass(slots=True)
class Sheet:
    """Words placed in millimetres."""

    font: str
    size: float
    words: list[tuple[str, Box]] = field(default_factory=list)

    def width(self, text: str, size: float | None = None) -> float:
        return float(stringWidth(text, self.font, 10)) / 10 * (size or self.size) * 1.38

    def put(self, x: float, y: float, text: str, *, size: float | None = None, right: bool = False) -> float:
        """Print a text by its left or right edge; height of its letters in mm. Returns the x where it ends."""
        high = size or self.size
        left = x - self.width(text, high) if right else x
        place = left
        for part in text.split(" "):
            wide = self.width(part, high)
            if part:
                self.words.append((part, Box(max(0.5, place), y, max(0.3, wide), high)))
            place += wide + self.width(" ", high)
        return place


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pages of an invoice with what is printed on them, as `truth.jsonl` says it; `None` = not printed."""

    pages: tuple[PageText, ...]
    fields: dict[str, str | None]
    lines: list[dict[str, str | None]]


@dataclass(slots=True)
class _Plan:
    """What one invoice says and how it says it."""

    chance: random.Random
    seller: Party
    buyer: Party
    money_style: str
    day_style: str
    colon: str
    sheets: list[Sheet]
    truth: dict[str, str | None] = field(default_factory=dict)
    lines: list[dict[str, str | None]] = field(default_factory=list)
    shares: list[tuple[Decimal, Decimal, Decimal]] = field(default_factory=list)
    currency: str = " €"
    credit: bool = False
    beside: list[str] = field(default_factory=list)
    """Values printed beside the seller, not to be printed again below."""

    @property
    def sheet(self) -> Sheet:
        return self.sheets[-1]

    def odds(self, share: float) -> bool:
        return self.chance.random() < share

    def label(self, name: str, least: float = 0.55) -> str:
        """A label of a field as some supplier words it."""
        if self.odds(_UNKNOWN_LABEL):
            return self.chance.choice(["Code interne", "Réf. X", "Zone A", "Info", "Rubrique", "Divers", "Repère"])
        levels = WORDING["fields"][name]
        strong = [p for level, phrases in levels.items() if float(level) >= least for p in phrases]
        best = [p for level, phrases in levels.items() if float(level) >= 0.95 for p in phrases]
        text = self.chance.choice(best if self.odds(0.8) or not strong else strong)
        return str(text).upper() if self.odds(0.15) else str(text)[:1].upper() + str(text)[1:]

    def money(self, value: Decimal) -> str:
        return money(value, self.money_style) + self.currency

    def day(self, value: date) -> str:
        return day(value, self.day_style)


def draw_words(seed: int) -> Drawn:
    """One invoice of a random layout, wording and reader."""
    chance = random.Random(seed)
    size = chance.choice([2.2, 2.5, 2.8, 3.2])
    font = chance.choice(_FONTS)
    plan = _Plan(
        chance,
        party(chance, buyer=False),
        party(chance, buyer=True),
        chance.choice(["space", "space", "dot", "plain", "plain", "english", "swiss"]),
        chance.choice(["slash", "slash", "slash", "dot", "dash", "words", "words", "short", "iso", "english"]),
        chance.choice([" : ", " : ", ": ", " ", "  "]),
        [Sheet(font, size)],
    )
    plan.currency = chance.choice([" €", " €", " €", "", "", " EUR", "€"])
    plan.credit = chance.random() < 0.1
    marks = _marks(plan)
    kind = chance.random()
    if kind < _RECEIPTS:
        draw_receipt(plan)
        return Drawn(_scanned(plan), plan.truth, [])
    y = _draw_heads(plan, marks)
    y = _draw_marks(plan, [m for m in marks if not m[2]], y)
    if kind < _RECEIPTS + _BILLS:
        y = _draw_bill(plan, y + 8)
    else:
        y = _draw_table(plan, y + chance.uniform(3, 10))
        y = _draw_totals(plan, y + chance.uniform(3, 14))
    _draw_payment(plan, marks, y + chance.uniform(3, 10))
    _draw_footer(plan)
    if plan.odds(0.2):
        _draw_conditions(plan)
    return Drawn(_scanned(plan), plan.truth, plan.lines)


_RECEIPTS, _BILLS = 0.08, 0.06
_VAT_WORDS = ("TVA", "T.V.A.", "Montant TVA", "MwSt", "VAT")
_Mark = tuple[str, str, bool]
"""(label, value, it is printed elsewhere)."""


def _marks(plan: _Plan) -> list[_Mark]:
    """Labels with values, wanted and not."""
    chance, truth = plan.chance, plan.truth
    issued = date(2025, 1, 5) + timedelta(days=chance.randrange(680))
    due = issued + timedelta(days=chance.choice([0, 15, 30, 30, 45, 60, chance.randrange(8, 70)]))
    truth.update({"invoice_number": reference(chance), "issue_date": issued.isoformat(), "due_date": None})
    marks: list[_Mark] = [
        (plan.label("invoice_number"), str(truth["invoice_number"]), False),
        (plan.label("issue_date", 0.7), plan.day(issued), False),
    ]
    if plan.odds(0.6):
        truth["due_date"] = due.isoformat()
        marks.append((plan.label("due_date"), plan.day(due), plan.odds(0.4)))
    service = chance.choice(["FIN", "ST-EAU", "SRV12", "BATIMENTS", "COMPTA", "D2024", "FACTURES_PUBLIQUES", "001"])
    for name, value, share in (
        (
            "order_reference",
            chance.choice(["BC{}", "{}", "45{}", "CDE-{}", "26E{}", "2026-{}"]).format(chance.randrange(100, 10**7)),
            0.45,
        ),
        (
            "contract_reference",
            chance.choice(["26M{}", "2025-{}", "M{}", "AC-{}", "{}"]).format(chance.randrange(10, 10**5)),
            0.25,
        ),
        ("buyer_service_code", service, 0.25),
        ("buyer_siret", plan.buyer.siret, 0.35 if plan.buyer.country == "FR" else 0.0),
    ):
        truth[name] = None
        if chance.random() < share:
            truth[name] = value
            marks.append((plan.label(name), value, False))
    before, after = issued - timedelta(days=chance.randrange(1, 40)), issued + timedelta(days=chance.randrange(1, 40))
    others: list[tuple[str, str]] = [
        (plan.label("other_reference"), reference(chance)) for _ in range(chance.randrange(0, 5))
    ] + [
        (plan.label("other_date"), plan.day(chance.choice([before, after, issued])))
        for _ in range(chance.randrange(0, 3))
    ]
    others.append(
        ("Mode de règlement", chance.choice(["Virement", "Virement 30 jours", "Mandat administratif", "Prélèvement"]))
    )
    others.append(("Affaire suivie par", person(chance)))
    others.append(("Page", "1/1"))
    if plan.odds(0.15):
        others.append((plan.label("buyer_vat_id"), plan.buyer.vat_id))
    marks.extend((*other, False) for other in others if plan.odds(0.5))
    first, rest = marks[:2], marks[2:]
    chance.shuffle(rest)
    return [*first, *rest] if plan.odds(0.6) else _shuffled(marks, chance)


def _shuffled(marks: list[_Mark], chance: random.Random) -> list[_Mark]:
    some = [*marks]
    chance.shuffle(some)
    return some


# --- heads: who sends, who receives ---


def _draw_heads(plan: _Plan, marks: list[_Mark]) -> float:
    chance, truth = plan.chance, plan.truth
    truth.update(
        {"seller_name": plan.seller.name, "buyer_name": plan.buyer.name, "seller_siret": None, "seller_vat_id": None}
    )
    truth.update({"document_kind": "credit_note" if plan.credit else "invoice"})
    style = chance.choice(["letter", "letter", "letter", "swapped", "stacked", "side", "footer_only", "right"])
    step = plan.sheet.size * chance.uniform(1.25, 1.7)
    top = chance.uniform(8, 18)
    left, right = chance.uniform(12, 22), chance.uniform(105, 125)
    if style in ("stacked", "side"):
        return _draw_labelled_parties(plan, style, left, right, top, step)
    seller_x = right if style in ("swapped", "right") else left
    buyer_x = left if style == "swapped" else right
    end = top
    if style != "footer_only":
        end = _draw_seller(plan, seller_x, top, step)
    if style == "letter" and plan.odds(0.15):
        _draw_beside_seller(plan, marks, top, step)
    buyer_top = chance.uniform(38, 62) if buyer_x != seller_x else end + chance.uniform(4, 14)
    if style == "swapped" or plan.odds(0.3):
        buyer_top = max(chance.uniform(top, 60), top + 3)
    buyer_end = _draw_buyer(plan, buyer_x, buyer_top, step)
    title_y = max(end, buyer_end) + chance.uniform(3, 12) if plan.odds(0.7) else chance.uniform(end + 2, end + 6)
    if plan.odds(0.75) and not (buyer_top - 5 < title_y < buyer_end + 3 and title_y < buyer_end):
        _draw_title(plan, chance.choice([left, 80, right]), title_y, marks)
        return max(title_y + 8, buyer_end + 4, end + 4)
    return max(buyer_end, end) + chance.uniform(4, 10)


def _draw_beside_seller(plan: _Plan, marks: list[_Mark], y: float, step: float) -> None:
    """Number and days in the rows of the seller's address, a narrow gap apart."""
    x = max((box.right for _, box in plan.sheet.words), default=60.0) + plan.chance.uniform(3, 12)
    if x > 120:
        return
    for index, (label, value, done) in enumerate(marks[:4]):
        if not done and x + plan.sheet.width(f"{label} : {value}") < 205:
            plan.sheet.put(x, y + plan.chance.uniform(0, 0.8), f"{label}{plan.colon}{value}")
            marks[index] = (label, value, True)
            y += step * 1.1
    plan.beside = [value for _, value, done in marks if done]


def _draw_title(plan: _Plan, x: float, y: float, marks: list[_Mark]) -> None:
    word = plan.chance.choice(
        ["AVOIR", "Avoir", "Note de crédit", "FACTURE D'AVOIR"]
        if plan.credit
        else ["FACTURE", "Facture", "INVOICE", "RECHNUNG", "Facture", "FACTURE DE VENTE"]
    )
    number, issued = marks[0][1], plan.truth["issue_date"]
    text = word
    if plan.odds(0.35):
        text = f"{word} {plan.chance.choice(['n°', 'N°', 'n° :', 'Nr.', ':'])} {plan.truth['invoice_number']}"
        if plan.odds(0.4):
            text += f" du {plan.day(date.fromisoformat(str(issued)))}"
        marks[:] = [(label, value, done or value == plan.truth["invoice_number"]) for label, value, done in marks]
    del number
    plan.sheet.put(x, y, text, size=plan.chance.choice([3.5, 4.5, 6.0, plan.sheet.size]))


def _numbers_of_seller(plan: _Plan, *, share: float) -> list[str]:
    """Register numbers in the head; what is printed here counts as printed."""
    found = []
    seller = plan.seller
    if seller.country == "FR" and plan.odds(share):
        plan.truth["seller_siret"] = seller.siret
        spaced = f"{seller.siret[:3]} {seller.siret[3:6]} {seller.siret[6:9]} {seller.siret[9:]}"
        found.append(
            plan.chance.choice(["SIRET", "N° SIRET", "Siret", "SIRET n°"])
            + plan.colon
            + plan.chance.choice([seller.siret, spaced])
        )
    if plan.odds(share):
        plan.truth["seller_vat_id"] = seller.vat_id
        found.append(f"{plan.label('seller_vat_id')}{plan.colon}{seller.vat_id}")
    return found


def _draw_seller(plan: _Plan, x: float, y: float, step: float) -> float:
    chance, sheet, seller = plan.chance, plan.sheet, plan.seller
    big = chance.choice([sheet.size, sheet.size * 1.3, sheet.size * 1.8, sheet.size * 2.4])
    if plan.odds(0.12):
        sheet.put(
            x,
            y,
            chance.choice(
                [
                    "L'eau, notre métier",
                    "Votre partenaire depuis 1987",
                    "Service clients",
                    "Au service des collectivités",
                ]
            ),
        )
        y += step
    trading = _trading_name(plan) if plan.odds(0.1) else ""
    above = plan.odds(0.7)
    for text in (trading, seller.name) if above else (seller.name, trading):
        if text:
            sheet.put(x, y, text, size=big)
            y += big + step * chance.uniform(0.2, 0.6)
    lines = [*seller.address]
    if plan.odds(0.5):
        lines.append(f"Tél. : 0{chance.randrange(1, 6)} " + " ".join(str(chance.randrange(10, 99)) for _ in range(4)))
    if plan.odds(0.35):
        lines.append("contact@" + "".join(c for c in seller.name.lower() if c.isascii() and c.isalpha())[:14] + ".fr")
    lines.extend(_numbers_of_seller(plan, share=0.25))
    for line in lines:
        sheet.put(x, y, line)
        y += step
    return y


def _trading_name(plan: _Plan) -> str:
    """What a party calls itself, printed beside the name it is registered under."""
    other = party(plan.chance, buyer=False).name
    brand = plan.chance.choice([other.split()[-1], " ".join(other.split()[:2]), other, person(plan.chance)])
    return plan.chance.choice([brand, brand.upper(), f"Nom commercial {brand}", f"Enseigne {brand}"])


def _draw_buyer(plan: _Plan, x: float, y: float, step: float) -> float:
    chance, sheet, buyer = plan.chance, plan.sheet, plan.buyer
    if plan.odds(0.5):
        sheet.put(x, y, plan.label("buyer_name") + chance.choice([" :", "", ":"]))
        y += step * chance.uniform(1.0, 1.5)
    if plan.odds(0.08):
        for text in ("N° client : C" + str(chance.randrange(1000)),):
            sheet.put(x, y, text)
            y += step
    if plan.odds(0.06):
        sheet.put(x, y, person(chance))
        y += step
    if plan.odds(0.05):
        sheet.put(
            x, y, chance.choice(["Service achats", "Direction des finances", "Dép. comptabilité", "Pôle technique"])
        )
        y += step
    prefix = chance.choice(["NOM : ", "Nom : ", "Société : ", "Raison sociale : "]) if plan.odds(0.05) else ""
    sheet.put(x, y, prefix + buyer.name)
    y += step
    if plan.odds(0.08):
        sheet.put(x, y, chance.choice([_trading_name(plan), _trading_name(plan), party(chance, buyer=True).name]))
        y += step
    if plan.odds(0.3):
        sheet.put(
            x,
            y,
            chance.choice(
                [
                    "Service comptabilité",
                    "Service des finances",
                    "À l'attention de " + person(chance),
                    person(chance),
                    "Direction des achats",
                    "Bâtiment B",
                ]
            ),
        )
        y += step
    for line in buyer.address:
        sheet.put(x, y, line)
        y += step
    y = _draw_numbers_of_buyer(plan, x, y, step)
    if plan.odds(0.2):
        other = chance.choice(
            ["Votre interlocuteur : " + person(chance), "GLN : " + str(chance.randrange(10**12, 10**13))]
        )
        sheet.put(x, y, other)
        y += step
    if plan.odds(0.05):
        y = _draw_third_party(plan, x, y + step, step)
    if plan.odds(0.2):
        beside = plan.odds(0.6)
        place = (x - 90 if x > 100 else x + 85, y - 4 * step) if beside else (x, y + step * chance.uniform(0.3, 1.5))
        y = max(y, _draw_delivery(plan, *place, step))
    return y


def _draw_numbers_of_buyer(plan: _Plan, x: float, y: float, step: float) -> float:
    """Under the buyer's address the plain word SIRET names the buyer's."""
    chance, buyer = plan.chance, plan.buyer
    if buyer.country == "FR" and plan.truth.get("buyer_siret") is None and plan.odds(0.3):
        long = plan.odds(0.65)
        number = buyer.siret if long else buyer.siret[:9]
        plan.truth["buyer_siret"] = number
        shown = f"{number[:3]} {number[3:6]} {number[6:9]} {number[9:]}".strip() if plan.odds(0.5) else number
        plan.sheet.put(
            x,
            y,
            f"{chance.choice(['SIRET', 'N° SIRET', 'Siret'] if long else ['SIREN', 'N° SIREN'])}{plan.colon}{shown}",
        )
        y += step
    if plan.odds(0.2):
        plan.sheet.put(x, y, f"{chance.choice(['N° TVA', 'TVA intracom', 'N° TVA intra'])}{plan.colon}{buyer.vat_id}")
        y += step
    return y


def _draw_third_party(plan: _Plan, x: float, y: float, step: float) -> float:
    """Somebody who is neither seller nor buyer, with a number of its own."""
    other = party(plan.chance, buyer=False)
    head = plan.chance.choice(
        ["Représentant fiscal", "Factor :", "Affacturage", "Bénéficiaire du paiement", "Donneur d'ordre"]
    )
    number = plan.chance.choice([f"N° TVA : {other.vat_id}", f"SIRET : {other.siret}"])
    for line in (head, other.name, *other.address, number):
        plan.sheet.put(x, y, line)
        y += step
    return y


def _draw_delivery(plan: _Plan, x: float, y: float, step: float) -> float:
    if y < 45:
        return y
    heads = listed(
        "Adresse de livraison|Livré à :|Lieu d'intervention|Livraison|Livraison :|Adresse de livraison :|Chantier :|"
        "Lieu de livraison|Ship to|Delivery address|Lieferanschrift|Livraison et références|Adresse du chantier"
    )
    plan.sheet.put(x, y, plan.chance.choice(heads))
    other = party(plan.chance, buyer=True)
    x += plan.chance.choice([0.0, 0.0, 3.0])
    for line in (plan.chance.choice([plan.buyer.name, other.name, other.name, "Ateliers municipaux"]), *other.address):
        y += step
        plan.sheet.put(x, y, line)
    return y + step


def _draw_labelled_parties(plan: _Plan, style: str, left: float, right: float, top: float, step: float) -> float:
    """Both parties under labels, beside or below each other, the seller first or last."""
    chance, sheet = plan.chance, plan.sheet
    y = top
    if plan.odds(0.8):
        sheet.put(
            chance.choice([left, right]),
            y,
            "AVOIR" if plan.credit else chance.choice(["FACTURE", "Invoice", "Facture", "Rechnung"]),
            size=4.5,
        )
        y += 12
    if plan.odds(0.3):
        for _ in range(chance.randrange(1, 6)):
            sheet.put(left, y, f"{plan.label('other_reference')}{plan.colon}{reference(chance)}")
            y += step
        y += step
    blocks = [("seller_name", plan.seller), ("buyer_name", plan.buyer)]
    if plan.odds(0.3):
        blocks.reverse()
    lowest = y
    x = left
    for name, who in blocks:
        at = y if style == "side" else lowest
        sheet.put(x, at, plan.label(name, 0.95) + chance.choice([" :", ":", ""]))
        at += step * chance.uniform(1.0, 1.6)
        lines = [who.name, *who.address]
        if plan.odds(0.3):
            lines.insert(0, f"{chance.choice(['Nummer', 'N°', 'ID', 'Code'])} : {chance.randrange(10**4, 10**7)}")
        if name == "seller_name":
            lines.extend(_numbers_of_seller(plan, share=0.4))
        elif who.country == "FR" and plan.truth.get("buyer_siret") is None and plan.odds(0.35):
            plan.truth["buyer_siret"] = who.siret
            lines.append(f"SIRET{plan.colon}{who.siret}")
        if plan.odds(0.25):
            lines.append(chance.choice(["Contact : " + person(chance), "Tél : 01 44 55 66 77", "info@exemple.org"]))
        for line in lines:
            sheet.put(x, at, line)
            at += step
        lowest = max(lowest, at + 3)
        x = right if style == "side" else x
    return lowest + 3


# --- labels with values ---


def _draw_marks(plan: _Plan, marks: Sequence[_Mark], y: float) -> float:
    chance, sheet = plan.chance, plan.sheet
    style = chance.choice(["list", "list", "grid", "table", "two", "aligned"])
    step = sheet.size * chance.uniform(1.4, 2.0)
    left = chance.choice([14.0, 18.0, 110.0]) if len(marks) < 8 else 16.0
    if style == "table":
        return _draw_mark_table(plan, marks, y, step)
    gap = max((sheet.width(label) for label, *_ in marks), default=20.0) + chance.uniform(4, 15)
    for index, (label, value, _) in enumerate(marks):
        x = left
        if style in ("two", "grid"):
            x, at = (15.0 if index % 2 == 0 else 110.0), y + step * (index // 2) * (2.2 if style == "grid" else 1)
        else:
            at = y + step * index
        if style == "grid":
            sheet.put(x, at, label)
            sheet.put(x, at + step, value)
        elif style == "aligned" and left + gap + sheet.width(value) < 205:
            sheet.put(x, at, label + chance.choice(["", " :"]))
            sheet.put(x + gap, at, value)
        else:
            sheet.put(x, at, f"{label}{plan.colon}{value}")
    rows = len(marks) if style in ("list", "aligned") else (len(marks) + 1) // 2 * (2.2 if style == "grid" else 1)
    return y + step * rows


def _draw_mark_table(plan: _Plan, marks: Sequence[_Mark], y: float, step: float) -> float:
    """Rows of heads over rows of values, four or five across."""
    per_row = plan.chance.choice([3, 4, 5])
    for first in range(0, len(marks), per_row):
        x = 14.0
        for label, value, _ in marks[first : first + per_row]:
            wide = max(plan.sheet.width(label), plan.sheet.width(value)) + 6
            if x + wide > 205:
                y += step * 2.4
                x = 14.0
            plan.sheet.put(x, y, label)
            plan.sheet.put(x + plan.chance.choice([0, 1]), y + step, value)
            x += max(wide, 180 / per_row)
        y += step * 2.4
    return y


# --- the table of line items ---

_COLUMNS = ("ref", "description", "quantity", "unit", "unit_price", "discount", "rate", "total")


def _draw_table(plan: _Plan, y: float) -> float:
    chance, sheet = plan.chance, plan.sheet
    count = chance.choice([1, 1, 2, 3, 3, 4, 5, 6, 8, 12])
    usual = [
        Decimal(r)
        for r in chance.choice(
            [
                ["20"],
                ["20"],
                ["20", "5.5"],
                ["20", "10"],
                ["10"],
                ["5.5"],
                ["19"],
                ["19", "7"],
                ["21"],
                ["0"],
                ["8.5"],
                ["2.1", "20"],
            ]
        )
    ]
    columns = [c for c in _COLUMNS if c in ("description", "quantity", "unit_price", "total") or plan.odds(0.4)]
    if plan.odds(0.15):
        columns.remove("quantity")
        columns.insert(columns.index("unit_price") + 1, "quantity")
    right_edges = _edges(plan, columns)
    step = sheet.size * chance.uniform(1.5, 2.2)
    described = chance.random() < 0.92
    if described:
        _draw_column_heads(plan, columns, right_edges, y)
    y += step * 1.2
    sums: dict[Decimal, Decimal] = {}
    sign = -1 if plan.credit and plan.odds(0.5) else 1
    for number in range(count):
        if y > 215:
            y = _next_page(plan)
        rate = chance.choice(usual)
        y, total = _draw_line(plan, columns, right_edges, y, step, rate, number, sign)
        sums[rate] = sums.get(rate, Decimal(0)) + total
    plan.shares = [(r, s, (s * r / 100).quantize(CENT, ROUND_HALF_UP)) for r, s in sorted(sums.items())]
    if not described or "quantity" not in columns:
        plan.lines = []
    return y if y < 190 else _next_page(plan)


def _next_page(plan: _Plan) -> float:
    plan.sheets.append(Sheet(plan.sheet.font, plan.sheet.size))
    if plan.odds(0.5):
        plan.sheet.put(15, 10, f"{plan.seller.name} - suite")
    return 30.0


def _edges(plan: _Plan, columns: Sequence[str]) -> dict[str, float]:
    """Right edge of each column, left edge of the description."""
    wide = {
        "ref": 22.0,
        "description": 70.0,
        "quantity": 17.0,
        "unit": 14.0,
        "unit_price": 25.0,
        "discount": 16.0,
        "rate": 16.0,
        "total": 26.0,
    }
    whole = sum(wide[c] for c in columns)
    x, edges = 12.0, {}
    for column in columns:
        width = wide[column] * 186 / whole
        edges[column] = x if column in ("ref", "description", "unit") else x + width - 2
        x += width
    return edges


_UNIT_HEADS = ["Unité", "U", "UM", "Unit"]


def _draw_column_heads(plan: _Plan, columns: Sequence[str], edges: dict[str, float], y: float) -> None:
    names = WORDING["columns"]
    for column in columns:
        kind = {"ref": "other", "discount": "other", "unit": "other"}.get(column, column)
        fixed = {
            "ref": ["Réf.", "Code", "Référence", "N°", "Pos"],
            "discount": ["Remise", "% Rem", "Rem."],
            "unit": _UNIT_HEADS,
        }
        choice = [p for p in (fixed.get(column) or names[kind]) if plan.sheet.width(p) < 34]
        text = plan.chance.choice(choice)
        text = text[:1].upper() + text[1:]
        plan.sheet.put(edges[column], y, text, right=column not in ("ref", "description", "unit"))


def _draw_line(
    plan: _Plan,
    columns: Sequence[str],
    edges: dict[str, float],
    y: float,
    step: float,
    rate: Decimal,
    number: int,
    sign: int,
) -> tuple[float, Decimal]:
    chance, sheet = plan.chance, plan.sheet
    quantity = Decimal(
        chance.choice(
            ["1", "1", "2", "3", "10", "12", "40", str(chance.randrange(1, 300)), f"{chance.randrange(1, 900) / 100}"]
        )
    )
    price = Decimal(chance.randrange(50, 90000)) / 100
    total = (quantity * price).quantize(CENT, ROUND_HALF_UP) * sign
    if "discount" in columns and plan.odds(0.3):
        share = Decimal(chance.choice([5, 10, 15]))
        total = (total * (100 - share) / 100).quantize(CENT, ROUND_HALF_UP)
    else:
        share = Decimal(0)
    goods = chance.choice(GOODS)
    plan.lines.append(
        {
            "description": goods,
            "quantity": f"{quantity.normalize():f}",
            "unit_price": f"{price:.2f}",
            "line_total": f"{total:.2f}",
        }
    )
    shown = {
        "ref": chance.choice([f"A{chance.randrange(1000, 9999)}", str(number + 1), f"{chance.randrange(10**5)}-X"]),
        "unit": chance.choice(["U", "ml", "h", "kg", "PCE", "forfait"]),
        "quantity": f"{quantity.normalize():f}".replace(".", ",")
        if plan.money_style != "english"
        else f"{quantity.normalize():f}",
        "unit_price": money(price, plan.money_style),
        "discount": f"{share:.0f} %" if share else "",
        "rate": f"{rate.normalize():f} %".replace(".", ","),
        "total": money(total, plan.money_style),
        "description": goods,
    }
    for column in columns:
        if shown[column]:
            sheet.put(edges[column], y, shown[column], right=column not in ("ref", "description", "unit"))
    y += step
    if plan.odds(0.15):
        sheet.put(
            edges["description"],
            y,
            chance.choice(
                ["selon devis accepté", "carton de six", "période du 01/03 au 31/03", "N° de série 45-887-A"]
            ),
        )
        y += step
    return y, total


def _draw_bill(plan: _Plan, y: float) -> float:
    """A bill of a telephone, water or power company: a summary in sentences, net and gross side by side."""
    chance, sheet, truth = plan.chance, plan.sheet, plan.truth
    step = sheet.size * chance.uniform(1.6, 2.2)
    rate = Decimal(chance.choice(["20", "20", "5.5", "10"]))
    nets = [Decimal(chance.randrange(0, 20000)) / 100 for _ in range(chance.randrange(1, 4))]
    net = sum(nets, Decimal(0)) or Decimal("10.83")
    tax = (net * rate / 100).quantize(CENT, ROUND_HALF_UP)
    gross = net + tax
    percent = f"{rate:.2f} %".replace(".", ",")
    due = date.fromisoformat(str(truth["due_date"])) if truth["due_date"] else None
    paid = f"Montant prélevé le {plan.day(due)}" if due and plan.odds(0.6) else plan.label("amount_due")
    rows: list[tuple[str, Decimal | None, Decimal | None]] = [(paid, None, gross)]
    names = listed(
        "Vos abonnements, forfaits et options|Vos communications|Consommation d'eau|Part fixe|Acheminement|Vos services"
    )
    rows += [
        (name, n, (n * (100 + rate) / 100).quantize(CENT))
        for name, n in zip(chance.sample(names, len(nets)), nets, strict=True)
    ]
    rows += [
        (
            chance.choice(["Total HT", "Montant HT soumis à TVA", f"Montant hors TVA soumis à une TVA à {percent}"]),
            None,
            net,
        )
    ]
    rows += [
        (
            chance.choice(
                [f"TVA {percent}", f"TVA à {percent} sur {plan.money(net)}", f"TVA {percent} payée sur les débits"]
            ),
            None,
            tax,
        )
    ]
    if plan.odds(0.7):
        rows.append(
            (
                chance.choice(
                    ["Total TTC", "Montant de la facture TTC", "Total de votre facture", "Montant total TTC"]
                ),
                None,
                gross,
            )
        )
    if plan.odds(0.3):
        rows.append(("Solde précédent", None, Decimal(chance.randrange(1, 9000)) / 100))
    if plan.odds(0.4):
        rows = [*rows[1:], rows[0]]
    edges = (165.0, 195.0)
    sheet.put(edges[0], y, "€ HT", right=True)
    sheet.put(edges[1], y, "€ TTC", right=True)
    for label, left, right in rows:
        y += step
        sheet.put(14, y, label)
        if left is not None:
            sheet.put(edges[0], y, plan.money(left), right=True)
        if right is not None:
            sheet.put(edges[1], y, plan.money(right), right=True)
    truth.update(
        total_without_tax=f"{net:.2f}",
        total_tax=f"{tax:.2f}",
        total_with_tax=f"{gross:.2f}",
        amount_due=f"{gross:.2f}",
        currency="EUR",
    )
    plan.shares = [(rate, net, tax)]
    return y + step


@dataclass(slots=True)
class _Till:
    """The roll of paper a till prints on."""

    sheet: Sheet
    y: float
    step: float

    def centred(self, text: str, size: float | None = None) -> None:
        self.sheet.put(max(2, 38 - self.sheet.width(text, size) / 2), self.y, text, size=size)
        self.y += self.step

    def left(self, text: str) -> None:
        self.sheet.put(3, self.y, text)
        self.y += self.step

    def row(self, label: str, value: str) -> None:
        self.sheet.put(3, self.y, label)
        self.sheet.put(74, self.y, value, right=True)
        self.y += self.step


def draw_receipt(plan: _Plan) -> None:
    """A till receipt: narrow, a shop's name on top, one total among cash and change."""
    chance, truth = plan.chance, plan.truth
    sheet = plan.sheets[0] = Sheet(chance.choice(["Courier", "Helvetica"]), chance.choice([2.0, 2.4]))
    names = chance.choice(
        listed(
            "{} ENTERPRISE SDN BHD|{} TRADING|{} STATIONERY & BOOKS|RESTORAN {}|KEDAI {}|"
            "{} HARDWARE SDN. BHD.|{} MART|BRASSERIE {}|BOULANGERIE {}|{} MINI MARKET (M) SDN BHD|{}"
        )
    )
    shop = names.format(plan.seller.name.split()[-1].upper() + chance.choice(["", " HO", " JAYA", " BARU"]))
    issued = date.fromisoformat(str(truth["issue_date"]))
    keep = {"invoice_number": truth["invoice_number"], "issue_date": truth["issue_date"]}
    truth.clear()
    truth.update(
        dict.fromkeys(
            (
                "due_date",
                "order_reference",
                "contract_reference",
                "buyer_service_code",
                "buyer_siret",
                "buyer_name",
                "seller_siret",
                "seller_vat_id",
                "seller_iban",
                "total_without_tax",
                "total_tax",
            )
        )
    )
    truth.update(keep, seller_name=shop, document_kind="invoice")
    till = _Till(sheet, 8.0, sheet.size * 1.7)
    till.centred(shop, sheet.size * chance.choice([1.0, 1.3, 1.6]))
    for line in chance.sample(
        [
            f"({chance.randrange(10**5, 10**6)}-{chance.choice('XKTPM')})",
            "CO. REG NO : 002043319-W",
            *plan.seller.address,
            "TEL : 03-8070 5581",
            f"GST ID NO : 000{chance.randrange(10**8, 10**9)}",
            "WWW.SHOP.COM.MY",
        ],
        k=5,
    ):
        till.centred(line)
    till.centred(chance.choice(["TAX INVOICE", "RECEIPT", "CASH BILL", "SALES INVOICE", "TICKET", "** TAX INVOICE **"]))
    stamp = chance.choice(["{} 14:22", "{}", "{} 09:05:33 AM", "{} 8:41 PM"]).format(plan.day(issued))
    till.row(chance.choice(["DATE :", "Date", "DATE", "Date:", "Invoice Date :", ""]), stamp)
    till.row(
        chance.choice(["INVOICE NO :", "RECEIPT #", "BILL NO", "DOC NO. :", "Receipt No"]), str(truth["invoice_number"])
    )
    total = Decimal(0)
    for _ in range(chance.randrange(1, 9)):
        price = Decimal(chance.randrange(50, 9000)) / 100
        count = chance.choice([1, 1, 1, 2, 3])
        total += price * count
        till.left(chance.choice(GOODS)[:24].upper())
        till.row(f"  {count} X {price:.2f}", f"{price * count:.2f}" + chance.choice(["", " SR", " Z"]))
    _draw_till_totals(plan, till, total)


def _draw_till_totals(plan: _Plan, till: _Till, total: Decimal) -> None:
    """What is to be paid among rounding, cash, change and a summary of taxes."""
    chance, truth = plan.chance, plan.truth
    tax = (total * Decimal("0.06")).quantize(CENT)
    cash = total + tax
    style = chance.choice(["plain", "tax", "inclusive"])
    gross = total
    if style == "tax":
        till.row(chance.choice(["SUB TOTAL", "TOTAL EXCL. GST", "Subtotal"]), f"{total:.2f}")
        till.row(chance.choice(["GST 6%", "TOTAL GST", "SERVICE TAX 6%"]), f"{tax:.2f}")
        gross = total + tax
        truth.update(total_without_tax=f"{total:.2f}", total_tax=f"{tax:.2f}")
    elif plan.odds(0.4):
        till.row(chance.choice(["TOTAL QTY", "ITEM COUNT", "TOTAL ITEM"]), str(chance.randrange(1, 20)))
    if plan.odds(0.4):
        shift = Decimal(chance.choice(["0.01", "-0.01", "0.02", "-0.02", "0.00"]))
        till.row(chance.choice(["ROUNDING", "ROUND ADJ", "ROUNDING ADJ"]), f"{shift:.2f}")
        gross += shift
    label = chance.choice(
        listed(
            "TOTAL|GRAND TOTAL|NET TOTAL|TOTAL (RM)|TOTAL SALES (INCLUSIVE OF GST)|TOTAL AMOUNT|"
            "TOTAL TTC|TOTAL RM|AMOUNT DUE|Total Payable"
        )
    )
    till.row(label, chance.choice(["", "", "RM ", "RM", "$"]) + f"{gross:.2f}")
    cash = (gross / 10).to_integral_value(ROUND_HALF_UP) * 10 + 10
    for name, value in chance.choice(
        [
            [("CASH", cash), ("CHANGE", cash - gross)],
            [("VISA CARD", gross)],
            [("TENDERED", cash), ("CHANGE DUE", cash - gross)],
            [],
        ]
    ):
        till.row(name, f"{value:.2f}")
    if style == "inclusive" and plan.odds(0.7):
        inside = (gross * 6 / 106).quantize(CENT)
        till.row("GST SUMMARY", "AMOUNT(RM)   TAX(RM)")
        till.row("SR @ 6%", f"{gross - inside:.2f}   {inside:.2f}")
        truth.update(total_without_tax=f"{gross - inside:.2f}", total_tax=f"{inside:.2f}")
    for line in chance.sample(
        listed(
            "GOODS SOLD ARE NOT RETURNABLE|THANK YOU PLEASE COME AGAIN|MERCI DE VOTRE VISITE|"
            "CASHIER : ALICE|MEMBER : 8800123"
        ),
        k=2,
    ):
        till.centred(line)
    truth.update(total_with_tax=f"{gross:.2f}", amount_due=f"{gross:.2f}", currency=None)


# --- totals, payment, footer ---


def _draw_totals(plan: _Plan, y: float) -> float:
    chance, sheet, truth = plan.chance, plan.sheet, plan.truth
    net = sum((s for _, s, _ in plan.shares), Decimal(0))
    tax = sum((t for *_, t in plan.shares), Decimal(0))
    gross, due = net + tax, net + tax
    rows: list[tuple[str, Decimal]] = [(plan.label("total_without_tax"), net)]
    if plan.odds(0.12):
        rows.insert(
            0,
            (
                chance.choice(["Total brut HT", "Sous-total", "Montant des travaux"]),
                net + Decimal(chance.randrange(10, 900)),
            ),
        )
        rows.insert(1, ("Remise globale", rows[0][1] - net))
    if plan.odds(0.06):
        return _draw_gross_only(plan, y, gross)
    if len(plan.shares) > 1 and plan.odds(0.5):
        rows += [(f"TVA {r.normalize():f} %".replace(".", ","), t) for r, _, t in plan.shares]
    one = len(plan.shares) == 1 and plan.odds(0.5)
    rows.append(
        (
            f"{chance.choice(_VAT_WORDS)} {plan.shares[0][0].normalize():f} %".replace(".", ",")
            if one
            else plan.label("total_tax"),
            tax,
        )
    )
    rows.append((plan.label("total_with_tax"), gross))
    if plan.odds(0.2):
        paid = (gross * Decimal(chance.choice(["0.3", "0.5", "0.1"]))).quantize(CENT)
        due = gross - paid
        label = plan.chance.choice(
            [plan.label("deposit"), plan.label("deposit"), "Montant déjà payé (ou à payer par un tiers)"]
        )
        rows += [(label, -paid if plan.odds(0.5) else paid), (plan.label("amount_due"), due)]
    elif plan.odds(0.5):
        rows.append((plan.label("amount_due"), gross))
    truth.update(
        {
            "currency": "EUR",
            "total_without_tax": f"{net:.2f}",
            "total_tax": f"{tax:.2f}",
            "total_with_tax": f"{gross:.2f}",
            "amount_due": f"{due:.2f}",
        }
    )
    if plan.odds(0.35):
        y = max(y, _draw_shares(plan, chance.choice([14.0, 14.0, 100.0]), y) + (3 if plan.odds(0.5) else -12))
    step = sheet.size * chance.uniform(1.5, 2.2)
    if plan.odds(0.2) and len(rows) <= 5:
        return _draw_totals_across(plan, rows, y, step)
    label_x, value_x = chance.choice([(120.0, 196.0), (105.0, 200.0), (130.0, 190.0), (20.0, 100.0)])
    aligned = plan.odds(0.5)
    for label, value in rows:
        if y > 280:
            y = _next_page(plan)
        text = label + chance.choice(["", "", " :"])
        if aligned:
            sheet_x = value_x - max(plan.sheet.width(plan.money(value)) + 6, 28)
            plan.sheet.put(sheet_x, y, text, right=True)
        else:
            plan.sheet.put(label_x, y, text)
        plan.sheet.put(value_x, y, plan.money(value), right=True)
        y += step
    return y


def _draw_gross_only(plan: _Plan, y: float, gross: Decimal) -> float:
    """Small traders print one total."""
    plan.truth.update(total_without_tax=None, total_tax=None, total_with_tax=f"{gross:.2f}", amount_due=f"{gross:.2f}")
    plan.sheet.put(120, y, plan.chance.choice([plan.label("total_with_tax"), plan.label("amount_due"), "Total"]))
    plan.sheet.put(196, y, plan.money(gross), right=True)
    if plan.odds(0.7):
        plan.sheet.put(15, y + 6, "TVA non applicable, art. 293 B du CGI")
    return y + 12


def _draw_totals_across(plan: _Plan, rows: Sequence[tuple[str, Decimal]], y: float, step: float) -> float:
    edge = 14.0
    for label, value in rows:
        wide = max(plan.sheet.width(label), plan.sheet.width(plan.money(value))) + 5
        edge += max(wide, 30)
        if edge > 205:
            edge, y = 14.0 + wide, y + step * 2.6
        plan.sheet.put(edge, y, label, right=True)
        plan.sheet.put(edge, y + step, plan.money(value), right=True)
    return y + step * 2.4


def _draw_shares(plan: _Plan, x: float, y: float) -> float:
    step = plan.sheet.size * 1.6
    heads = plan.chance.choice(
        [
            ("Taux", "Base HT", "Montant TVA"),
            ("TVA", "Base", "Montant"),
            ("% TVA", "HT", "TVA", "TTC"),
            ("Code", "Base HT", "Taux TVA", "TVA"),
        ]
    )
    for index, head in enumerate(heads):
        plan.sheet.put(x + 24 * index + 18, y, head, right=True)
    for number, (rate, base, tax) in enumerate(plan.shares):
        y += step
        percent = f"{rate:.2f} %".replace(".", ",")
        values = {
            "Taux": percent,
            "% TVA": percent,
            "Taux TVA": percent,
            "Code": str(number + 1),
            "Base HT": money(base, plan.money_style),
        }
        values |= {
            "Base": values["Base HT"],
            "HT": values["Base HT"],
            "Montant TVA": money(tax, plan.money_style),
            "Montant": money(tax, plan.money_style),
        }
        values |= {
            "TTC": money(base + tax, plan.money_style),
            "TVA": percent if heads[0] == "TVA" else money(tax, plan.money_style),
        }
        for index, head in enumerate(heads):
            plan.sheet.put(x + 24 * index + 18, y, values[head], right=True)
    return y + step


def _draw_payment(plan: _Plan, marks: Sequence[_Mark], y: float) -> None:
    chance, truth = plan.chance, plan.truth
    step = plan.sheet.size * 1.6
    if y > 235:
        y = _next_page(plan)
    lines = [
        f"{label}{plan.colon}{value}"
        for label, value, elsewhere in marks
        if elsewhere and value not in (truth["invoice_number"], *plan.beside)
    ]
    truth["seller_iban"] = None
    if plan.odds(0.55):
        number = iban(chance, "FR" if plan.seller.country not in ("DE", "ES", "NL") else "DE")
        truth["seller_iban"] = number
        spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
        lines.append(
            " ".join(
                [
                    chance.choice(["IBAN", "IBAN :", "RIB IBAN", "Virement IBAN :"]),
                    chance.choice([number, spaced]),
                    chance.choice(["", "BIC : BREDFRPPXXX"]),
                ]
            ).strip()
        )
        if plan.odds(0.25):
            lines.append(f"Titulaire du compte : {plan.seller.name}")
        if plan.odds(0.3):
            lines.append(
                chance.choice(["Banque : Crédit Agricole", "Domiciliation : BANQUE POPULAIRE", "CAISSE D'EPARGNE"])
            )
    lines += chance.sample(
        listed(
            "Indemnité forfaitaire de recouvrement : 40,00 €|Pas d'escompte pour paiement anticipé|"
            "TVA acquittée sur les débits|En cas de retard, pénalités de trois fois le taux légal|"
            "Règlement à 30 jours date de facture|Merci de votre confiance|"
            "Règlement par virement à réception|Arrêté la présente facture à la somme indiquée"
        ),
        k=chance.randrange(0, 5),
    )
    for line in lines:
        plan.sheet.put(15, y, line)
        y += step


def _draw_footer(plan: _Plan) -> None:
    chance, seller, truth = plan.chance, plan.seller, plan.truth
    parts: list[str] = []
    if seller.country == "FR" and (truth["seller_siret"] is None and plan.odds(0.75)):
        truth["seller_siret"] = seller.siret
        parts.append(f"{chance.choice(['SIRET', 'Siret :', 'N° SIRET', 'SIRET'])} {seller.siret}")
    elif seller.country == "FR" and truth["seller_siret"] is None and plan.odds(0.3):
        truth["seller_siret"] = seller.siret[:9]
        parts.append(f"RCS Paris {chance.choice(['', 'B '])}{seller.siret[:3]} {seller.siret[3:6]} {seller.siret[6:9]}")
    if truth["seller_vat_id"] is None and plan.odds(0.7):
        truth["seller_vat_id"] = seller.vat_id
        parts.append(f"{chance.choice(['TVA', 'N° TVA', 'TVA intracommunautaire :', 'TVA intra'])} {seller.vat_id}")
    if plan.odds(0.5):
        parts.insert(0, f"au capital de {chance.choice(['10 000', '7 622,45', '150 000,00', '1 000'])} €")
    if plan.odds(0.4):
        parts.append("Siège social : " + " ".join(seller.address))
    if plan.odds(0.55) or truth["seller_name"] not in {" ".join(t for t, _ in s.words) for s in plan.sheets}:
        parts.insert(0, seller.name)
    joint = chance.choice([" - ", " – ", " | ", " "])
    line, y = "", 278.0 if plan.odds(0.6) else 283.0
    size = min(plan.sheet.size, 2.4)
    if seller.name in parts and plan.odds(0.4):
        parts.remove(seller.name)
        plan.sheet.put(105 - plan.sheet.width(seller.name, size) / 2, y, seller.name, size=size)
        y += size * 1.4
    for part in parts:
        if line and plan.sheet.width(line + joint + part, size) > 180:
            plan.sheet.put(105 - plan.sheet.width(line, size) / 2, y, line, size=size)
            line, y = "", y + size * 1.4
        line = f"{line}{joint}{part}" if line else part
    if line:
        plan.sheet.put(105 - plan.sheet.width(line, size) / 2, y, line, size=size)


def _draw_conditions(plan: _Plan) -> None:
    """A last page of conditions, or of explanations with amounts and days that mean nothing."""
    y = _next_page(plan)
    chance = plan.chance
    for _ in range(chance.randrange(6, 30)):
        text = chance.choice(
            listed(
                "Toute réclamation doit être adressée sous huit jours.|"
                "Exemple de facture : total TTC 155,65 €|Article 4 - Délais de paiement|"
                "Le tribunal de commerce est seul compétent.|En vigueur depuis le 1er janvier 2020|"
                "Total HT 67,41 €|TVA 20 % 13,48 €|Capital social de 712 588 399,56 €|"
                "Les prix sont révisables chaque année au 1er mars 2027.|Service clients : 01 44 55 66 77"
            )
        )
        plan.sheet.put(chance.choice([15.0, 15.0, 110.0]), y, text)
        y += plan.sheet.size * 1.7


# --- how it is read ---


def _scanned(plan: _Plan) -> tuple[PageText, ...]:
    chance = plan.chance
    reader = chance.choice(["layer", "layer", "clean", "clean", "poor"])
    parted = chance.random() < 0.3
    misread = {"layer": 0.0, "clean": 0.0008, "poor": 0.004}[reader]
    slope = 0.0 if reader == "layer" else chance.gauss(0, 0.0015)
    pages = []
    for sheet in plan.sheets:
        words: list[Word] = []
        for text, box in sheet.words:
            moved = Box(
                box.x,
                max(0.0, box.y + slope * box.x + (0 if reader == "layer" else chance.gauss(0, 0.12))),
                box.width,
                box.height,
            )
            for part, place in _parts(text, moved, parted and reader == "layer"):
                read, sure = _read(part, misread, reader, chance)
                if read:
                    words.append(Word(read, place.scaled(DPI / 25.4), sure))
        lines = tuple(
            TextLine(w.text, w.box, w.confidence, (w,), (), "drawn")
            for w in sorted(words, key=lambda w: (w.box.y, w.box.x))
        )
        wide, high = (78, 200) if max((b.right for _, b in sheet.words), default=200) < 80 else (210, 297)
        pages.append(
            PageText(
                lines, int(wide / 25.4 * DPI), int(high / 25.4 * DPI), DPI, "text-layer" if reader == "layer" else "ocr"
            )
        )
    return tuple(pages)


def as_read(pages: Sequence[PageText], seed: int) -> tuple[PageText, ...]:
    """Pages of a text layer as one of our readers would give them: some are left as they are, some misread."""
    chance = random.Random(seed)
    reader = chance.choice(["layer", "clean", "clean", "poor"])
    misread = {"layer": 0.0, "clean": 0.0008, "poor": 0.004}[reader]
    if reader == "layer":
        return tuple(pages)
    found = []
    for page in pages:
        words: list[Word] = []
        for word in page.words:
            read, sure = _read(word.text, misread, reader, chance)
            shift = chance.gauss(0, 0.012) * page.dpi / 2.54
            if read:
                box = word.box
                words.append(Word(read, Box(box.x, max(0.0, box.y + shift), box.width, box.height), sure))
        lines = tuple(TextLine(w.text, w.box, w.confidence, (w,), (), "drawn") for w in words)
        found.append(PageText(lines, page.width, page.height, page.dpi, "ocr"))
    return tuple(found)


def _parts(text: str, box: Box, parted: bool) -> list[tuple[str, Box]]:
    """Some text layers part words at every sign."""
    cuts = [i + 1 for i, c in enumerate(text[:-1]) if c in ".,-" and parted]
    if not cuts:
        return [(text, box)]
    each = box.width / len(text)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found.append((text[start:end], replace(box, x=box.x + each * start, width=each * (end - start))))
    return found


def _read(text: str, misread: float, reader: str, chance: random.Random) -> tuple[str, float]:
    sure = (
        1.0 if reader == "layer" else min(1.0, max(0.5, 1 - abs(chance.gauss(0, 0.01 if reader == "clean" else 0.03))))
    )
    if not misread:
        return text, sure
    found, wrong = [], False
    for character in text:
        if chance.random() < misread * (3 if character in _CONFUSED else 0.4):
            found.append(chance.choice(_CONFUSED.get(character, character + " "))[:1])
            wrong = True
        else:
            found.append(character)
    if wrong:
        sure = min(sure, chance.betavariate(6, 2))
    return "".join(found).strip(), sure


def as_truth(drawn: Drawn) -> dict[str, Any]:
    """Fields and lines in the form of `truth.jsonl`."""
    return {**drawn.fields, "lines": drawn.lines}
