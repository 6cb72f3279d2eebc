"""What a till printed: how its paper is known, and what it says was paid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from extraction.invoices.mentions import Mention, amounts_in
from extraction.invoices.page_layout import Document

_TILL = re.compile(
    r"\b(?:cash|change|cashier|tendered|receipt|rounding|gst|sdn bhd|tax invoice|ticket|caisse|caissier|rendu"
    r"|especes|carte bancaire|visa|thank you|merci de votre visite|total qty|sub total|qty)\b"
)
_TILL_WORDS = 4
_PAID_WORDS = {"cash", "change", "cashier", "rendu", "caisse", "tendered", "rounding", "caissier", "especes"}


def is_receipt(document: Document) -> bool:
    """A till printed it: one page, four of its words, and nobody it is addressed to."""
    if len(document.page_sizes) != 1:
        return False
    words = {word for cell in document.cells for word in _TILL.findall(cell.folded)}
    return bool(words & _PAID_WORDS) and len(words) >= _TILL_WORDS


_ROLL_MM = 95.0


def is_till_roll(document: Document) -> bool:
    """A till printed it: by its words, or because the paper is as narrow as a roll."""
    sizes = document.page_sizes
    return is_receipt(document) or (len(sizes) == 1 and sizes[0][0] < min(_ROLL_MM, sizes[0][1]))


@dataclass(frozen=True, slots=True, eq=False)
class Payment:
    """What a till says was paid."""

    paid: Decimal | None
    """Cash less change, or what a card paid; `None` when the paper does not say."""
    rounding: Decimal
    """What rounding to the smallest coin took or gave, without its sign; 0 when nothing is said of it."""
    printed: tuple[Mention, ...]
    """Amounts outside the rows of cash, card, change and rounding."""

    def places(self, value: Decimal) -> list[Mention]:
        """Where the paper prints a value outside the payment itself."""
        return [m for m in self.printed if abs(m.amount) == value]

    def rival(self, value: Decimal) -> bool:
        """Another amount is so near that one may be the other rounded to the smallest coin."""
        return any(0 < abs(abs(m.amount) - value) <= MOST_ROUNDED for m in self.printed)


MOST_ROUNDED = Decimal("0.05")
_CASH = re.compile(
    r"^(?:total )?(?:cash|received|recu|tendered|amount tendered|paid|amount paid|payment|especes?|paye|regle)\b"
)
_CARD = re.compile(r"^(?:visa|master ?card|debit|credit card|card|carte|cb|mydebit|bank card)\b")
_CHANGE = re.compile(r"^(?:change|rendu|monnaie|a rendre|rendre)\b")
_ROUNDING = re.compile(r"\b(?:\w?ound(?:ing)?|round ?ing|arrondi)\b")


def payment(document: Document) -> Payment:
    """Cash, change, card and rounding of a till's paper, each from the last row that says it."""
    said: dict[re.Pattern[str], Decimal] = {}
    printed: list[Mention] = []
    for row in document.rows:
        amounts = [m for cell in row.cells for m in amounts_in(cell) if m.marked]
        words = next((w for w in (_CASH, _CARD, _CHANGE, _ROUNDING) if w.search(row.cells[0].folded)), None)
        if words is _ROUNDING and amounts and abs(amounts[-1].amount) > MOST_ROUNDED:
            words = None  # `Net Total Rounded`
        if words is None:
            printed.extend(amounts)
        elif amounts:
            said[words] = abs(amounts[-1].amount)
    paid, cash, change = said.get(_CARD), said.get(_CASH), said.get(_CHANGE)
    if cash is not None and change is not None and cash > change:
        paid = cash - change
    return Payment(paid, said.get(_ROUNDING, Decimal(0)), tuple(printed))
