"""From the words of an invoice to its fields, its lines and its VAT, without a template per supplier."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from extraction.invoices.labels import Label, find_labels
from extraction.invoices.line_items import read_line_items
from extraction.invoices.mentions import Mention, amounts_in, dates_of
from extraction.invoices.page_layout import Cell, Document
from extraction.invoices.parties import Party, choose_identities, choose_names
from extraction.invoices.pointing import Pointed, by_page, strengths
from extraction.invoices.references import choose_references, title_kind
from extraction.invoices.totals import Totals, choose_totals
from models.definitions import INVOICE_FIELDS
from models.geometry import Box
from models.reading import Candidate, Decision, FieldValue, InvoiceLine, VatShare
from models.text import PageText

READER = "invoice-layout 1"
_LEAST_DATE = 0.3


@dataclass(frozen=True, slots=True)
class InvoiceReading:
    """What an invoice says: every field of `models.definitions.INVOICE_FIELDS`, `None` for one that is not printed."""

    fields: dict[str, FieldValue]
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for a field, its strength 0..1 and the place it was read from."""

    value: str
    strength: float
    text: str
    page: int
    box: Box
    read_well: float
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    choices: dict[str, list[Choice]] = field(default_factory=dict)
    surer: dict[str, float] = field(default_factory=dict)
    """Added to a field's strength because other fields confirm it."""


def extract_invoice(pages: Sequence[PageText], *, today: date | None = None) -> InvoiceReading:
    """Fields, lines and VAT of one invoice.

    Args:
        pages: its pages in order, boxes in pixels. today: days far after it are no issue date; not checked when `None`.
    Returns: boxes in millimetres on the upright page; every decision is `TO_VERIFY`, deciding comes later.
    """
    document = Document.of(pages)
    labels = find_labels(document)
    items = read_line_items(document)
    found = _Found()
    identities = _add_identities(found, document, labels)
    days = dates_of(document)
    _add_dates(found, document, labels, days, today)
    within = items.item_rows | items.header_rows
    for name, pool in choose_references(document, labels, [*days, *identities], item_rows=within).items():
        found.choices[name] = [_choice(n.mention, n.strength) for n in pool]
    _add_names(found, document, labels, within)
    _add_kind_and_currency(found, document)
    totals = choose_totals(
        document,
        labels,
        [a for cell in document.cells for a in amounts_in(cell)],
        item_rows=items.item_rows,
        header_rows=items.header_rows,
        lines_sum=items.sum,
    )
    _add_totals(found, totals)
    fields = {d.name: _field_value(d.name, found) for d in INVOICE_FIELDS}
    shares = tuple(share.value for share in totals.shares)
    return InvoiceReading(fields, _with_only_rate(items.lines, shares), shares)


def _with_only_rate(lines: tuple[InvoiceLine, ...], shares: tuple[VatShare, ...]) -> tuple[InvoiceLine, ...]:
    """Where a line says none, its rate is the one rate of the invoice."""
    if len(shares) != 1:
        return lines
    return tuple(line if line.vat_rate else replace(line, vat_rate=shares[0].rate) for line in lines)


def _choice(mention: Mention, strength: float) -> Choice:
    flags = ("repaired",) if mention.repaired else ()
    return Choice(mention.value, strength, mention.text, mention.cell.page, mention.box, mention.confidence, flags)


def _add_identities(found: _Found, document: Document, labels: Sequence[Label]) -> list[Mention]:
    """Adds the register and bank numbers; all that were seen, chosen or not."""
    identities = choose_identities(document, labels)
    for name, pool in identities.pools.items():
        found.choices[name] = [_choice(mention, strength) for mention, strength in pool]
    return list(identities.seen)


def _add_dates(
    found: _Found, document: Document, labels: Sequence[Label], days: Sequence[Mention], today: date | None
) -> None:
    useful = [label for label in labels if label.field.endswith("_date")]
    issued: list[tuple[Mention, float]] = []
    due: list[tuple[Mention, float]] = []
    on_page = by_page(useful)
    for mention in days:
        pointed = strengths(mention, on_page.get(mention.cell.page, []), document)
        issued.append((mention, _issue_strength(mention, pointed, document, today)))
        due.append((mention, _due_strength(mention, pointed)))
    pairs = [(a, b) for a in issued for b in [*due, None] if b is None or b[0] is not a[0]]
    best = max(pairs, key=_pair_worth, default=None)
    if best is None:
        return
    for name, first, pool in (("issue_date", best[0], issued), ("due_date", best[1], due)):
        others = sorted((c for c in pool if first is None or c[0] is not first[0]), key=lambda c: -c[1])
        chosen = [c for c in ([first] if first else []) if c[1] >= _LEAST_DATE]
        found.choices[name] = [_choice(*c) for c in (*chosen, *(c for c in others if chosen and c[1] >= _LEAST_DATE))]


def _issue_strength(mention: Mention, pointed: dict[str, Pointed], document: Document, today: date | None) -> float:
    own = _own_strength(mention, pointed.get("issue_date"), document)
    rival = max((pointed[name].strength for name in ("due_date", "other_date") if name in pointed), default=0.0)
    height = document.page_sizes[mention.cell.page - 1][1]
    strength = own - (0.8 * (rival - own) + 0.25 if rival > own else 0.0)
    strength += 0.32 * (own == 0 and rival == 0) + 0.12 * (mention.box.y < 0.4 * height) * (mention.cell.page == 1)
    if re.search(r"[A-Za-zÀ-ÿ]{3,},?\s+(?:le|den|the)\s*$", _before(mention), re.IGNORECASE):
        strength += 0.15  # "Morteau, le 30/10/2026"
    if today is not None and date.fromisoformat(mention.value) > today + timedelta(days=31):
        strength -= 0.5
    return min(1.0, max(0.0, strength))


def _own_strength(mention: Mention, pointed: Pointed | None, document: Document) -> float:
    """`Facture n° 12 du 3 mai` dates the invoice, `Commande n° 45 du 2 avril` does not."""
    if pointed is None:
        return 0.0
    if pointed.way != "after" or pointed.label.phrase not in {"du", "le", "vom"}:
        return pointed.strength
    left = [cell.text for cell in document.rows[mention.cell.row].cells if cell.box.right <= mention.cell.box.x]
    before = " ".join([*left[-1:], *(token.text for token in mention.cell.tokens[: pointed.label.start])])
    if not before:
        return pointed.strength
    if re.search(r"\b(?:facture|avoir|invoice|\w*rechnung)\b", before, re.IGNORECASE):
        return pointed.strength + 0.2
    return pointed.strength * (1.0 if before.endswith(",") else 0.5)


def _before(mention: Mention) -> str:
    return " ".join(token.text for token in mention.cell.tokens[: mention.start])


def _due_strength(mention: Mention, pointed: dict[str, Pointed]) -> float:
    own = pointed["due_date"].strength if "due_date" in pointed else 0.0
    rival = max((pointed[name].strength for name in ("issue_date", "other_date") if name in pointed), default=0.0)
    return max(0.0, own - (0.8 * (rival - own) + 0.1 if rival > own else 0.0))


def _pair_worth(pair: tuple[tuple[Mention, float], tuple[Mention, float] | None]) -> float:
    """Issue and due date together: the due date comes later, within a year, and only with its own label."""
    issued, due = pair
    score = issued[1] - 0.0005 * issued[0].cell.row
    if due is None:
        return score
    days = (date.fromisoformat(due[0].value) - date.fromisoformat(issued[0].value)).days
    return score + due[1] - _LEAST_DATE + (-0.7 if days < 0 or days > 400 else 0.1)


def _add_names(found: _Found, document: Document, labels: Sequence[Label], within: frozenset[int]) -> None:
    for name, parties in zip(
        ("seller_name", "buyer_name"), choose_names(document, labels, item_rows=within), strict=True
    ):
        found.choices[name] = [_named(p, parties) for p in parties[:4] if p.score > 0.9]


def _named(party: Party, parties: Sequence[Party]) -> Choice:
    rival = max((p.score for p in parties if p is not party), default=0.0)
    strength = min(0.97, max(0.2, 0.25 + 0.17 * party.score + 0.15 * min(1.5, party.score - rival)))
    cell = party.cell
    return Choice(party.text, strength, cell.text, cell.page, cell.box, min(t.confidence for t in cell.tokens))


def _add_kind_and_currency(found: _Found, document: Document) -> None:
    kind, cell = title_kind(document)
    found.choices["document_kind"] = [_by_cell(kind, cell, 0.97 if cell else 0.75, document)]
    currency, cell = _currency(document)
    found.choices["currency"] = [_by_cell(currency, cell, 0.98 if cell else 0.7, document)]


def _by_cell(value: str, cell: Cell | None, strength: float, document: Document) -> Choice:
    if cell is None:
        return Choice(value, strength, "", 0, Box(0, 0, 0, 0), 1.0, ("assumed",))
    return Choice(value, strength, cell.text, cell.page, cell.box, max(0.9, min(t.confidence for t in cell.tokens)))


_CURRENCIES = (("EUR", r"€|\bEUR(?:OS?)?\b|(?<=[0-9])EUR"), ("USD", r"\$|\bUSD\b"), ("GBP", r"£|\bGBP\b"),
               ("CHF", r"\bCHF\b"), ("MYR", r"\bRM\s?[0-9]|\bMYR\b"))  # fmt: skip


def _currency(document: Document) -> tuple[str, Cell | None]:
    best: tuple[int, str, Cell | None] = (0, "EUR", None)
    for code, pattern in _CURRENCIES:
        hits = [cell for cell in document.cells if re.search(pattern, cell.text, re.IGNORECASE)]
        if len(hits) > best[0]:
            best = (len(hits), code, hits[-1])
    return best[1], best[2]


def _add_totals(found: _Found, totals: Totals) -> None:
    for name in ("total_without_tax", "total_tax", "total_with_tax", "amount_due"):
        chosen = totals.chosen.get(name)
        pool = [chosen] if chosen else []
        pool += [t for t in totals.pools[name] if chosen and t.mention is not chosen.mention]
        found.choices[name] = [_money(_choice(t.mention, min(1.0, t.strength))) for t in pool]
        found.surer[name] = 0.3 * totals.sums_agree + 0.1 * totals.lines_agree


def _money(choice: Choice) -> Choice:
    value = f"{Decimal(choice.value):.2f}"
    return Choice(value, choice.strength, choice.text, choice.page, choice.box, choice.read_well, choice.flags)


def _field_value(name: str, found: _Found) -> FieldValue:
    choices = found.choices.get(name, [])
    if not choices:
        return FieldValue(name, None, _ABSENT.get(name, 0.8), Decision.TO_VERIFY, reader=READER)
    first = choices[0]
    rest = _distinct(choices)
    confidence = _confidence(name, first, rest, found.surer.get(name, 0.0))
    return FieldValue(
        name,
        first.value,
        confidence,
        Decision.TO_VERIFY,
        page=first.page or None,
        box=first.box if first.page else None,
        text=first.text,
        reader=READER,
        candidates=tuple(
            Candidate(c.value, c.text, round(0.5 * c.strength * c.read_well, 4), READER) for c in rest[:4]
        ),
        flags=first.flags,
    )


def _distinct(choices: Sequence[Choice]) -> list[Choice]:
    seen = {choices[0].value}
    kept = []
    for choice in choices[1:]:
        if choice.value not in seen:
            seen.add(choice.value)
            kept.append(choice)
    return kept


_ABSENT = {
    "due_date": 0.9,
    "seller_iban": 0.9,
    "contract_reference": 0.93,
    "buyer_service_code": 0.9,
    "order_reference": 0.85,
    "buyer_siret": 0.9,
    "seller_vat_id": 0.85,
    "seller_siret": 0.8,
    "total_tax": 0.5,
    "invoice_number": 0.3,
}
"""How sure it is that a field is not printed when none was found."""


_NAME_AT_MOST = 0.96
"""No arithmetic and no key guards a name."""
_SHARPNESS = 1.6
"""On real and drawn invoices values of strength 0.7 to 0.9 are right in 98 of 100 cases: the product is too modest."""


def _confidence(name: str, first: Choice, rest: Sequence[Choice], surer: float) -> float:
    rival = max((c.strength for c in rest), default=0.0)
    margin = max(0.0, first.strength - rival)
    sure = min(1.0, first.strength + surer) * (0.75 + 0.25 * min(1.0, margin * 2))
    raw = min(1.0, sure * first.read_well)
    if name.endswith("_name"):
        return round(max(0.01, min(_NAME_AT_MOST, raw)), 4)
    return round(max(0.01, min(0.999, 1 - math.pow(1 - raw, _SHARPNESS))), 4)
