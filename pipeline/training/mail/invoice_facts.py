"""What an invoice says, before anyone decides how it looks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pipeline.training.mail.correspondents import Authority, Company, authority, company
from pipeline.training.mail.wording import words

CENT = Decimal("0.01")
_NUMBERS = (
    "FA{y}-{n4}",
    "F{y2}{n5}",
    "{n6}",
    "{n8}",
    "{y}/{m}/{n3}",
    "FC-{y2}{n4}",
    "FACT{n5}",
    "{n4}/{y}",
    "VT{n6}",
    "F-{y}-{n3}",
    "{y}{m}{n4}",
    "FAC/{y2}/{n4}",
    "{a}{n7}",
    "{n5}",
    "INV-{n5}",
    "{y}-{n3}",
    "FV{n3}.{n3}",
    "{n3} {n4}",
    "N{n4}",
    "{y2}-{m}-{n3}",
    "{a}{a}{y2}.{n4}",
    "{n10}",
    "{n2}{a}{n5}",
    "FACTURE{n4}",
)
_ORDERS = (
    "BC{y}{n4}",
    "{n2}E{n5}",
    "ENG{n5}",
    "{y}-{n4}",
    "{n10}",
    "EJ{n8}",
    "{n6}",
    "CDE-{n4}",
    "{y2}{n6}",
    "{a}{n4}/{y}",
    "45{n8}",
)
_CONTRACTS = (
    "{y}-{n2}",
    "MP{y}{n2}",
    "{y2}M{n3}",
    "{y}AO{n3}",
    "{y}-M{n3}",
    "MAPA {y}-{n2}",
    "{y}{n6}",
    "LOT{n2}-{y}",
    "AC{n5}",
)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an invoice."""

    reference: str
    description: str
    more: tuple[str, ...]
    """Further lines of its description."""
    quantity: Decimal
    unit: str
    list_price: Decimal
    discount: Decimal
    """Percent; 0 = none."""
    price: Decimal
    """Net of the discount when `discount` is shown apart, else equal to `list_price`."""
    total: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """Net and tax of one VAT rate."""

    rate: Decimal
    base: Decimal
    tax: Decimal


@dataclass(slots=True)
class InvoiceFacts:
    """An invoice or credit note."""

    seller: Company
    buyer: Authority
    credit: bool
    number: str
    issued: date
    due: date | None
    order: str
    contract: str
    items: list[Item]
    rebate: Decimal
    """Taken off the sum of the lines; 0 = none."""
    carriage: Decimal
    regime: str
    """`normal`, `exempt` (0 %), `franchise` (art. 293 B), `reverse` (paid by the buyer)."""
    paid: Decimal
    """What was already paid: a deposit, or all of it."""
    shares: list[Share] = field(default_factory=list)

    @property
    def net(self) -> Decimal:
        return sum((share.base for share in self.shares), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((share.tax for share in self.shares), Decimal(0))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    @property
    def to_pay(self) -> Decimal:
        return self.gross - self.paid


def facts(chance: random.Random, *, seller: Company | None = None, buyer: Authority | None = None) -> InvoiceFacts:
    """An invoice of an invented supplier to an invented authority; all its sums are right."""
    seller, buyer = seller or company(chance), buyer or authority(chance)
    issued = date(2026, 1, 2) + timedelta(days=chance.randrange(320))
    regime = chance.choices(["normal", "exempt", "franchise", "reverse"], [86, 4, 6, 4])[0]
    credit = chance.random() < 0.08
    found = InvoiceFacts(
        seller=seller,
        buyer=buyer,
        credit=credit,
        number=coined(chance, _NUMBERS, issued),
        issued=issued,
        due=_due(chance, issued) if chance.random() < 0.75 else None,
        order=coined(chance, _ORDERS, issued) if chance.random() < 0.7 else "",
        contract=coined(chance, _CONTRACTS, issued) if chance.random() < 0.3 else "",
        items=_items(chance, seller, regime),
        rebate=Decimal(0),
        carriage=Decimal(chance.randrange(490, 4500)).scaleb(-2) if chance.random() < 0.12 else Decimal(0),
        regime=regime,
        paid=Decimal(0),
    )
    rates = {item.rate for item in found.items}
    if len(rates) == 1 and chance.random() < 0.1:
        share = Decimal(chance.choice([2, 3, 5, 10])) / 100
        found.rebate = _cents(sum((item.total for item in found.items), Decimal(0)) * share)
    found.shares = _shares(found)
    if not credit and found.gross > 0 and chance.random() < 0.14:
        found.paid = (
            found.gross
            if chance.random() < 0.2
            else _cents(found.gross * Decimal(chance.choice([20, 30, 40, 50])) / 100)
        )
    return found


def coined(chance: random.Random, patterns: Sequence[str], day: date) -> str:
    """A reference from one of the patterns: `{y}` year, `{m}` month, `{n4}` four digits, `{a}` a letter."""
    made = chance.choice(patterns)
    made = made.replace("{y2}", f"{day:%y}").replace("{y}", f"{day:%Y}").replace("{m}", f"{day:%m}")
    while "{a}" in made:
        made = made.replace("{a}", chance.choice("ABCDEFGHKLMPRSTVX"), 1)
    for length in range(10, 1, -1):
        while f"{{n{length}}}" in made:
            digits = f"{chance.randrange(10**length):0{length}d}"
            made = made.replace(f"{{n{length}}}", digits, 1)
    return made


def _due(chance: random.Random, issued: date) -> date:
    days = chance.choice([0, 8, 15, 30, 30, 30, 45, 60])
    end = issued + timedelta(days=days)
    if chance.random() < 0.2:  # end of month
        end = (end.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return end


def _items(chance: random.Random, seller: Company, regime: str) -> list[Item]:
    count = chance.choices(
        [chance.randint(1, 3), chance.randint(3, 9), chance.randint(9, 24), chance.randint(24, 70)], [35, 38, 20, 7]
    )[0]
    goods = list(words("goods")[seller.trade])
    if chance.random() < 0.3:
        goods += words("goods")[chance.choice(sorted(words("goods")))]
    one_rate = None if chance.random() < 0.4 else chance.choice(goods)[4]
    discounts = chance.random() < 0.18
    decimals = chance.random() < 0.3
    return [
        _item(chance, chance.choice(goods), regime, one_rate, discounts=discounts, decimals=decimals)
        for _ in range(count)
    ]


def _item(
    chance: random.Random, good: Sequence[Any], regime: str, one_rate: str | None, *, discounts: bool, decimals: bool
) -> Item:
    description, unit, low, high, rate = good
    small = high < 1
    raw = Decimal(str(round(chance.uniform(low, high), 4 if small else 2)))
    price = raw.quantize(Decimal("0.0001") if small else CENT)
    if decimals and not small and chance.random() < 0.3:
        price = (price + Decimal(chance.randrange(1, 99)).scaleb(-4)).quantize(Decimal("0.0001"))
    if small:
        quantity = Decimal(chance.randrange(120, 9000))
    elif unit in ("h", "ml", "m²", "m3", "t", "kg", "km", "l", "%") and chance.random() < 0.6:
        places = chance.choice([1, 2, 2, 3])
        quantity = Decimal(chance.randrange(1, 60 * 10**places)).scaleb(-places)
    else:
        usual = [1, 1, 1, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 40, 50, 100, 250]
        quantity = Decimal(chance.choice(usual[: 8 if price > 150 else 14 if price > 30 else 21]))
    discount = (
        Decimal(chance.choice(["5", "10", "15", "20", "2.5"])) if discounts and chance.random() < 0.5 else Decimal(0)
    )
    net_price = _cents(price * (100 - discount) / 100) if discount else price
    more = tuple(
        chance.choice(words("line_notes")).replace("{n}", str(chance.randrange(100, 99999)))
        for _ in range(chance.choices([0, 1, 2, 3], [70, 18, 8, 4])[0])
    )
    reference = coined(
        chance, ("{a}{n5}", "{n6}", "{a}{a}{n3}", "{n3}.{n3}", "{a}{a}{a}-{n2}", "{n8}"), date(2026, 1, 1)
    )
    vat = Decimal(one_rate or rate) if regime == "normal" else Decimal(0)
    return Item(
        reference, description, more, quantity, unit, price, discount, net_price, _cents(quantity * net_price), vat
    )


def _shares(found: InvoiceFacts) -> list[Share]:
    bases: dict[Decimal, Decimal] = {}
    for item in found.items:
        bases[item.rate] = bases.get(item.rate, Decimal(0)) + item.total
    if found.rebate:
        only = next(iter(bases))
        bases[only] -= found.rebate
    if found.carriage:
        rate = Decimal(20) if found.regime == "normal" and Decimal(20) in bases else next(iter(bases))
        bases[rate] += found.carriage
    return [Share(rate, base, _cents(base * rate / 100)) for rate, base in sorted(bases.items())]


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
