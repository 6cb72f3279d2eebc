"""From the words of an invoice to its fields, its lines and its VAT, without a template per supplier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from extraction.invoices.choices import Choice, choices_of
from extraction.invoices.mending import mend
from extraction.invoices.options import Option
from extraction.invoices.page_layout import Cell, Document
from extraction.invoices.possible import GOES_ON, Possible, possibilities
from extraction.invoices.ranking import Ranking, shipped_ranking
from extraction.invoices.references import title_kind
from extraction.invoices.trust import most_trusted, must_be_printed, trust_clues
from models.definitions import INVOICE_FIELDS
from models.reading import Candidate, Decision, FieldValue, InvoiceLine, VatShare
from models.text import PageText

READER = "invoice-layout 2"


@dataclass(frozen=True, slots=True)
class InvoiceReading:
    """What an invoice says: every field of `models.definitions.INVOICE_FIELDS`, `None` for one that is not printed."""

    fields: dict[str, FieldValue]
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()


def extract_invoice(pages: Sequence[PageText], *, today: date | None = None) -> InvoiceReading:
    """Fields, lines and VAT of one invoice.

    Args:
        pages: its pages in order, boxes in pixels. today: days far after it are no issue date; not checked when `None`.
    Returns: boxes in millimetres on the upright page; every decision is `TO_VERIFY`, deciding comes later.
    """
    possible = possibilities(pages, today=today)
    fields = choose_fields(possible, shipped_ranking())
    shares = tuple(share.value for share in possible.totals.shares)
    ordered = {d.name: fields[d.name] for d in INVOICE_FIELDS}
    return InvoiceReading(ordered, _with_only_rate(possible.items.lines, shares), shares)


def _with_only_rate(lines: tuple[InvoiceLine, ...], shares: tuple[VatShare, ...]) -> tuple[InvoiceLine, ...]:
    """Where a line says none, its rate is the one rate of the invoice."""
    if len(shares) != 1:
        return lines
    return tuple(line if line.vat_rate else replace(line, vat_rate=shares[0].rate) for line in lines)


def _kind_and_currency(document: Document) -> dict[str, FieldValue]:
    found_kind, cell = title_kind(document)
    found_currency, place, sure = _currency(document)
    return {
        "document_kind": _by_cell("document_kind", found_kind, cell, 0.99 if cell else 0.75),
        "currency": _by_cell("currency", found_currency, place, sure),
    }


def _by_cell(name: str, value: str, cell: Cell | None, sure: float) -> FieldValue:
    if cell is None:
        return FieldValue(name, value, sure, Decision.TO_VERIFY, reader=READER, flags=("assumed",))
    return FieldValue(name, value, sure, Decision.TO_VERIFY, cell.page, cell.box, cell.text, READER)


_CURRENCIES = (("EUR", r"€|\bEUR(?:OS?)?\b|(?<=[0-9])EUR"), ("USD", r"\$|\bUSD\b"), ("GBP", r"£|\bGBP\b"),
               ("CHF", r"\bCHF\b"), ("MYR", r"\bRM\s?[0-9]|\bMYR\b"))  # fmt: skip


_FRENCH = re.compile(r"\b(?:tva|siret|siren|ttc|rcs|chorus)\b")
_ONE_CURRENCY, _NO_SIGN, _SEVERAL, _NOTHING = 0.998, 0.99, 0.8, 0.7


def _currency(document: Document) -> tuple[str, Cell | None, float]:
    """The currency, where it stands, and how sure: signs of one alone, or none in a French invoice, leave no doubt.

    One foreign sign on a French invoice is rather a misread speck or €.
    """
    hits = {c: [x for x in document.cells if re.search(p, x.text, re.IGNORECASE)] for c, p in _CURRENCIES}
    code = max(hits, key=lambda c: len(hits[c]))
    others = sum(len(found) for c, found in hits.items() if c != code)
    french = any(_FRENCH.search(cell.folded) for cell in document.cells)
    if not hits[code]:
        return "EUR", None, _NO_SIGN if french else _NOTHING
    if french and code != "EUR" and len(hits[code]) == 1:
        return "EUR", None, _SEVERAL
    clear = not others or (code == "EUR" and french and len(hits[code]) > 2 * others)
    return (
        code,
        max(hits[code], key=lambda c: min(t.confidence for t in c.tokens)),
        _ONE_CURRENCY if clear else _SEVERAL,
    )


def choose_fields(possible: Possible, ranking: Ranking) -> dict[str, FieldValue]:
    """The likeliest value of every field, and how sure it is."""
    choices = choices_of(possible, ranking)
    mend(choices, possible.document)
    fields = _kind_and_currency(possible.document)
    for name, choice in choices.items():
        sure = min(
            ranking.confidence(name, trust_clues(name, choices, possible)), most_trusted(name, choices, possible)
        )
        fields[name] = _field_value(name, choice, sure)
        if choice.best is None and must_be_printed(name, possible):
            fields[name] = replace(fields[name], flags=("not_found",))
    fields["document_kind"] = _as_signed(fields["document_kind"], fields["total_with_tax"])
    due, gross = fields["amount_due"], fields["total_with_tax"]
    if due.value is not None and due.value == gross.value:
        fields["amount_due"] = replace(due, confidence=min(due.confidence or 0.0, gross.confidence or 0.0))
    return fields


def _as_signed(document_kind: FieldValue, gross: FieldValue) -> FieldValue:
    """A total below nothing is a credit note's, whatever the heading seems to say; a person looks."""
    if gross.value is None or not str(gross.value).startswith("-") or document_kind.value == "credit_note":
        return document_kind
    return replace(document_kind, value="credit_note", confidence=_BY_SIGN_ALONE)


_BY_SIGN_ALONE = 0.85
_MAY_GO_ON = 0.5
"""A name whose next row may belong to it: nothing on the page can tell."""


def _field_value(name: str, choice: Choice, sure: float) -> FieldValue:
    sure = round(min(0.9995, max(0.001, sure)), 4)
    option = choice.best
    if option is not None and GOES_ON in option.flags:
        sure = min(sure, _MAY_GO_ON)
    if option is None:
        return FieldValue(name, None, sure, Decision.TO_VERIFY, reader=READER, candidates=_candidates(choice, None))
    mention = option.mention
    return FieldValue(
        name,
        option.value,
        sure,
        Decision.TO_VERIFY,
        page=mention.cell.page,
        box=mention.box,
        text=mention.text,
        reader=READER,
        candidates=_candidates(choice, option),
        flags=option.flags,
    )


_LEAST_CHANCE = 0.002
_MOST_CANDIDATES = 4


def _candidates(choice: Choice, chosen: Option | None) -> tuple[Candidate, ...]:
    others = [(o, c) for o, c in choice.ranked if o is not chosen and c >= _LEAST_CHANCE][:_MOST_CANDIDATES]
    return tuple(Candidate(o.value, o.mention.text, round(c, 4), READER) for o, c in others)
