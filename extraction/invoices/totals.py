"""The totals of an invoice, chosen together: what their labels say, and that the sums come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, product

from extraction.invoices.labels import Label
from extraction.invoices.mentions import Mention, rates_in
from extraction.invoices.options import Option
from extraction.invoices.page_layout import Document, Row
from extraction.invoices.pointing import Pointed, by_page, strengths
from models.reading import VatShare

CENT = Decimal("0.01")
TOTAL_FIELDS = ("total_without_tax", "total_tax", "total_with_tax", "amount_due", "deposit")
_MOST = 9
"""Candidates a field that are tried against each other."""
_LEAST_STRENGTH = 0.2
_ASKED_FROM = 0.6
"""A label of what is to be paid that strong confirms a total."""


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """One possible total of one field."""

    mention: Mention
    strength: float
    pointed: Pointed | None

    @property
    def amount(self) -> Decimal:
        return self.mention.amount


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A row of the VAT breakdown with its place."""

    rate: Decimal
    base: Decimal
    tax: Decimal
    row: int

    @property
    def value(self) -> VatShare:
        return VatShare(f"{self.rate:f}", f"{self.base:f}", f"{self.tax:f}")


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """The totals chosen; a field that is not on the page is missing in `chosen`."""

    chosen: dict[str, Total]
    pools: dict[str, list[Total]]
    shares: tuple[Share, ...]
    seen_shares: tuple[Share, ...]
    """Every row that reads as one of the VAT breakdown, those of another page or that do not make up the total too."""
    sums_agree: bool
    lines_agree: bool


def choose_totals(
    document: Document,
    labels: Sequence[Label],
    amounts: Sequence[Mention],
    *,
    item_rows: frozenset[int] = frozenset(),
    header_rows: frozenset[int] = frozenset(),
    lines_sum: Decimal | None = None,
) -> Totals:
    """The totals of the document.

    Args:
        amounts: every amount of the document. item_rows, header_rows: rows of the line items and of their headers.
        lines_sum: sum of the line totals, when every line has one.
    """
    useful = [label for label in labels if label.field in (*TOTAL_FIELDS, "other_amount")]
    useful = [label for label in useful if label.cell.row not in item_rows]
    outside = [a for a in amounts if a.cell.row not in item_rows]
    pools = _pools(document, useful, outside, header_rows)
    shares = _vat_shares(document, outside, item_rows)
    chosen, agree, lines_agree = _jointly(pools, shares, lines_sum)
    _choose_due(chosen, pools)
    fitting = _fitting(shares, chosen) or _only_share(document, chosen, item_rows)
    return Totals(chosen, pools, tuple(fitting), tuple(shares), agree, lines_agree)


def _pools(
    document: Document, labels: Sequence[Label], amounts: Sequence[Mention], header_rows: frozenset[int]
) -> dict[str, list[Total]]:
    pools: dict[str, list[Total]] = {name: [] for name in TOTAL_FIELDS}
    on_page = by_page(labels)
    for mention in amounts:
        found = strengths(mention, on_page.get(mention.cell.page, []), document)
        for name in TOTAL_FIELDS:
            pointed = found.get(name)
            if pointed is None or (pointed.way == "below" and pointed.label.cell.row in header_rows):
                continue
            rival = max((p.strength for field, p in found.items() if field != name), default=0.0)
            strength = pointed.strength - (0.35 * rival if rival > pointed.strength else 0.0)
            strength *= 1.0 if mention.marked else 0.6
            if strength >= _LEAST_STRENGTH:
                pools[name].append(Total(mention, strength, pointed))
    for name, pool in pools.items():
        # totals come last: of two equal ones the lower is meant
        pool.sort(key=lambda t: (-round(t.strength, 1), -t.mention.cell.row))
        pools[name] = pool[:_MOST]
    return pools


@dataclass(frozen=True, slots=True)
class _Roles:
    """What an amount is in the sums net + tax = gross of its page: the strength of its best sum in each role."""

    net: float = 0.0
    tax: float = 0.0
    gross: float = 0.0
    labelled: float = 0.0


def _roles(pools: dict[str, list[Total]], amounts: Sequence[Mention]) -> dict[tuple[int, Decimal], _Roles]:
    """By page and amount, from every pair of marked amounts whose sum is printed too."""
    strength = {name: _by_amount(pools[name]) for name in TOTAL_FIELDS}
    found: dict[tuple[int, Decimal], _Roles] = {}
    for page in {a.cell.page for a in amounts}:
        values = sorted({a.amount for a in amounts if a.cell.page == page and a.marked and a.amount}, key=abs)[
            -_MOST_SUMMED:
        ]
        known = set(values)
        for net, tax in product(values, values):
            if net == tax or abs(tax) > abs(net) * Decimal("0.26") or (tax < 0) != (net < 0):
                continue
            gross = next((g for g in (net + tax, net + tax - CENT, net + tax + CENT) if g in known), None)
            if gross is None:
                continue
            asked = max(strength[name].get((page, gross), 0.0) for name in ("total_with_tax", "amount_due"))
            labelled = asked + strength["total_without_tax"].get((page, net), 0.0)
            labelled = (labelled + strength["total_tax"].get((page, tax), 0.0)) / 3
            usual = 0.6 + 0.4 * any(abs(net * r / 100 - tax) <= max(2 * CENT, abs(tax) / 500) for r in _USUAL_RATES)
            for role, amount in (("net", net), ("tax", tax), ("gross", gross)):
                before = found.get((page, amount), _Roles())
                better = replace(before, labelled=max(before.labelled, labelled))
                found[page, amount] = replace(better, **{role: max(getattr(before, role), usual)})
    return found


_MOST_SUMMED = 45


def _by_amount(pool: Sequence[Total]) -> dict[tuple[int, Decimal], float]:
    best: dict[tuple[int, Decimal], float] = {}
    for total in pool:
        key = (total.mention.cell.page, total.amount)
        best[key] = max(best.get(key, 0.0), total.strength)
    return best


def total_options(totals: Totals, amounts: Sequence[Mention], lines_sum: Decimal | None) -> dict[str, list[Option]]:
    """For each total the amounts it may be, the one chosen by rules first, with what the arithmetic says of each.

    Args:
        amounts: every amount outside the line items.
    """
    roles = _roles(totals.pools, amounts)
    bases = sum((s.base for s in totals.seen_shares), Decimal(0))
    taxes = sum((s.tax for s in totals.seen_shares), Decimal(0))
    largest = max((abs(a.amount) for a in amounts if a.marked), default=Decimal(0))
    gross = {t.amount for t in totals.pools["total_with_tax"]}
    asked = _by_amount(totals.pools["amount_due"])
    paid = {
        abs(t.amount) for t in totals.pools["deposit"] if t.strength > asked.get((t.mention.cell.page, t.amount), 0.0)
    }
    found: dict[str, list[Option]] = {}
    for name in ("total_without_tax", "total_tax", "total_with_tax", "amount_due"):
        chosen = totals.chosen.get(name)
        pool = [
            *([chosen] if chosen else []),
            *(t for t in totals.pools[name] if not chosen or t.mention is not chosen.mention),
        ]
        known = {id(t.mention) for t in pool}
        others = [a for a in amounts if id(a) not in known and (a.cell.page, a.amount) in roles]
        others.sort(key=lambda a: -roles[a.cell.page, a.amount].labelled)
        pool += [Total(a, 0.0, None) for a in others[:_MOST]]
        found[name] = []
        for total in pool:
            role = roles.get((total.mention.cell.page, total.amount), _Roles())
            more = {
                "a sum as net": role.net,
                "a sum as tax": role.tax,
                "a sum as gross": role.gross,
                "labelled sum": role.labelled,
                "sum of bases": float(bool(bases) and abs(total.amount - bases) <= 2 * CENT),
                "sum of taxes": float(bool(taxes) and abs(total.amount - taxes) <= 2 * CENT),
                "sum of lines": float(lines_sum is not None and abs(total.amount - lines_sum) <= 2 * CENT),
                "largest": float(bool(largest) and abs(total.amount) == largest),
                "marked": float(total.mention.marked),
                "negative": float(total.amount < 0),
                "zero": float(total.amount == 0),
                "row of a share": float(any(s.row == total.mention.cell.row for s in totals.seen_shares)),
                "a gross less a deposit": float(any(abs(g) - p == abs(total.amount) for g in gross for p in paid if p)),
                "in joint choice": float(total is chosen),
            }
            found[name].append(Option(f"{total.amount:.2f}", total.mention, min(1.0, total.strength), more))
    return found


def _vat_shares(document: Document, amounts: Sequence[Mention], item_rows: frozenset[int]) -> list[Share]:
    found: list[Share] = []
    for row in document.rows:
        if row.number in item_rows:
            continue
        rates = [rate for cell in row.cells for rate in rates_in(cell)] or _bare_rates(row, amounts)
        near = [a for a in amounts if a.cell.row == row.number or _wrapped(row, document, a)]
        for rate in rates:
            share = _share(Decimal(rate.value), near, row.number)
            if share is not None and not any(_same(share, other) for other in found):
                found.append(share)
    return found


_USUAL_RATES = frozenset(map(Decimal, ("20", "10", "5.5", "2.1", "8.5", "0", "19", "7", "21", "13", "1.75")))


def _bare_rates(row: Row, amounts: Sequence[Mention]) -> list[Mention]:
    return [a for a in amounts if a.cell.row == row.number and a.amount.normalize() in _USUAL_RATES and a.amount]


_WRAP_MM = 8.0


def _wrapped(row: Row, document: Document, amount: Mention) -> bool:
    """It stands close by in a row without a rate of its own: `TVA 20 % sur 6 003,18` may break in two."""
    other = document.rows[amount.cell.row]
    if other.page != row.page or abs(other.box.center_y - row.box.center_y) > _WRAP_MM:
        return False
    return not any(rates_in(cell) for cell in other.cells)


def _share(rate: Decimal, amounts: Sequence[Mention], row: int) -> Share | None:
    if rate == 0:
        return None
    for base, tax in combinations(sorted((a.amount for a in amounts), key=abs, reverse=True), 2):
        if tax and abs(base * rate / 100 - tax) <= max(2 * CENT, abs(tax) * Decimal("0.0004")):
            return Share(rate, base, tax, row)
    return None


def _same(a: Share, b: Share) -> bool:
    return a.rate == b.rate and a.tax == b.tax


def _jointly(
    pools: dict[str, list[Total]], shares: Sequence[Share], lines_sum: Decimal | None
) -> tuple[dict[str, Total], bool, bool]:
    names = ("total_without_tax", "total_tax", "total_with_tax")
    tax_sum = sum((s.tax for s in shares), Decimal(0)) if shares else None
    base_sum = sum((s.base for s in shares), Decimal(0)) if shares else None
    best: tuple[float, tuple[Total | None, ...]] = (-1.0, (None, None, None))
    with_due = [*pools["total_with_tax"], *(Total(t.mention, t.strength * 0.6, t.pointed) for t in pools["amount_due"])]
    asked = {(t.amount, t.mention.cell.page) for t in pools["amount_due"] if t.strength > _ASKED_FROM}
    for trio in product([None, *pools[names[0]]], [None, *pools[names[1]]], [None, *with_due]):
        score = _worth(trio, tax_sum, base_sum, lines_sum)
        gross = trio[2]
        if gross is not None and (gross.amount, gross.mention.cell.page) in asked:
            score += 0.4
        if score > best[0]:
            best = (score, trio)
    chosen = {name: total for name, total in zip(names, best[1], strict=True) if total is not None}
    without_tax = chosen.get(names[0])
    lines_agree = bool(without_tax and lines_sum is not None and abs(without_tax.amount - lines_sum) <= 2 * CENT)
    return chosen, _sums_agree(best[1]), lines_agree


def _sums_agree(trio: tuple[Total | None, ...]) -> bool:
    ht, tva, ttc = trio
    if ht is None or tva is None or ttc is None:
        return False
    return abs(ht.amount + tva.amount - ttc.amount) <= 2 * CENT


def _worth(
    trio: tuple[Total | None, ...], tax_sum: Decimal | None, base_sum: Decimal | None, lines_sum: Decimal | None
) -> float:
    ht, tva, ttc = trio
    score = sum(total.strength for total in trio if total is not None)
    if _sums_agree(trio):
        score += 1.5
        if tva is not None and tva.amount == 0:
            score -= 0.6
    elif (ht is not None and ttc is not None and tva is not None) or (
        ht is not None and ttc is not None and abs(ttc.amount) < abs(ht.amount)
    ):
        score -= 0.8
    if tva is not None and ht is not None and abs(tva.amount) > abs(ht.amount) * Decimal("0.27"):
        score -= 1.0
    if tva is not None and tax_sum is not None:
        score += 0.5 if abs(tva.amount - tax_sum) <= 2 * CENT else 0.0
    if ht is not None and base_sum is not None:
        score += 0.5 if abs(ht.amount - base_sum) <= 2 * CENT else 0.0
    if ht is not None and lines_sum is not None:
        score += 0.5 if abs(ht.amount - lines_sum) <= 2 * CENT else 0.0
    mentions = [total.mention for total in trio if total is not None]
    if len(set(map(id, mentions))) < len(mentions):
        score -= 1.2
    return score


def _choose_due(chosen: dict[str, Total], pools: dict[str, list[Total]]) -> None:
    """Net to pay: its own label, or the total with tax when the page asks for nothing else."""
    with_tax = chosen.get("total_with_tax")
    best: tuple[float, Total | None] = (0.0, None)
    for total in pools["amount_due"]:
        score = total.strength
        if with_tax is not None:
            score += 0.4 if total.amount == with_tax.amount else 0.0
            paid = [t.amount for t in pools["deposit"]]
            score += 0.6 if any(abs(with_tax.amount - abs(d) - total.amount) <= 2 * CENT for d in paid) else 0.0
            score -= 0.8 if abs(total.amount) > abs(with_tax.amount) else 0.0
        if score > best[0]:
            best = (score, total)
    if best[1] is not None:
        chosen["amount_due"] = best[1]
    elif with_tax is not None:
        chosen["amount_due"] = Total(with_tax.mention, with_tax.strength * 0.9, None)


def _fitting(shares: Sequence[Share], chosen: dict[str, Total]) -> list[Share]:
    """The shares that make up the total tax, all when it is unknown."""
    tax = chosen.get("total_tax")
    if tax is None:
        return list(shares)
    for size in range(min(4, len(shares)), 0, -1):
        for some in combinations(shares, size):
            if abs(sum((s.tax for s in some), Decimal(0)) - tax.amount) <= 2 * CENT:
                return list(some)
    return list(shares)


def _only_share(document: Document, chosen: dict[str, Total], item_rows: frozenset[int]) -> list[Share]:
    """`TVA 20 % 110,00` without its base: the one rate of the page that makes the tax of the whole."""
    ht, tva = chosen.get("total_without_tax"), chosen.get("total_tax")
    if ht is None or tva is None or not tva.amount:
        return []
    for row in document.rows:
        for cell in row.cells:
            for rate in rates_in(cell):
                value = Decimal(rate.value)
                if abs(ht.amount * value / 100 - tva.amount) <= 2 * CENT:
                    return [Share(value, ht.amount, tva.amount, row.number)]
    return []
