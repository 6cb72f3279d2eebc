"""From the words of an invoice to its fields, its lines and its VAT, without a template per supplier."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, product

from extraction.invoices.labels import Label, find_labels
from extraction.invoices.line_items import LineItems, read_line_items
from extraction.invoices.mentions import Mention, amounts_in, dates_of, mention_of, unread_number
from extraction.invoices.options import GROUP_OF, GROUPS, Evidence, Option, of_dates
from extraction.invoices.page_layout import Cell, Document, fold
from extraction.invoices.parties import (
    Identities,
    Party,
    choose_identities,
    choose_names,
    goes_on,
    most_read,
)
from extraction.invoices.pointing import Pointed, by_page, strengths
from extraction.invoices.ranking import Ranking, shipped_ranking
from extraction.invoices.references import choose_references, reference_options, title_kind
from extraction.invoices.tills import is_receipt, is_till_roll, payment
from extraction.invoices.totals import CENT, Totals, choose_totals, total_options
from models.definitions import INVOICE_FIELDS, field_definition
from models.reading import Candidate, Decision, FieldValue, InvoiceLine, VatShare
from models.text import PageText
from models.values.identifiers import siren_of_vat_id
from models.values.kinds import kind
from models.values.places import commune_spelt

READER = "invoice-layout 2"
_LEAST_DATE = 0.3


@dataclass(frozen=True, slots=True)
class InvoiceReading:
    """What an invoice says: every field of `models.definitions.INVOICE_FIELDS`, `None` for one that is not printed."""

    fields: dict[str, FieldValue]
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The options of one field with their probabilities, the likeliest first; `absent` is that none is printed."""

    ranked: tuple[tuple[Option, float], ...]
    absent: float

    @property
    def best(self) -> Option | None:
        return self.ranked[0][0] if self.ranked and self.ranked[0][1] >= self.absent else None


@dataclass(frozen=True, slots=True, eq=False)
class Possible:
    """What an invoice may say: options by field, and what was read beside them."""

    document: Document
    evidence: Evidence
    options: dict[str, list[Option]]
    items: LineItems
    totals: Totals


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


def possibilities(pages: Sequence[PageText], *, today: date | None = None) -> Possible:
    """Everything the fields may be, before any choice is made."""
    document = Document.of(pages)
    labels = find_labels(document)
    items = read_line_items(document)
    within = items.item_rows | items.header_rows
    evidence = Evidence(document, labels, items.item_rows)
    options: dict[str, list[Option]] = {}
    identities = choose_identities(document, labels)
    options |= _identity_options(identities, document)
    days = dates_of(document)
    options |= _date_options(document, labels, days, today)
    taken = [*days, *identities.seen]
    pools = choose_references(document, labels, taken, item_rows=within)
    options |= reference_options(document, pools, labels, taken, evidence, within)
    options |= _name_options(document, labels, within, options)
    amounts = [a for cell in document.cells for a in amounts_in(cell)]
    totals = choose_totals(
        document,
        labels,
        amounts,
        item_rows=items.item_rows,
        header_rows=items.header_rows,
        lines_sum=items.sum,
    )
    options |= total_options(totals, [a for a in amounts if a.cell.row not in items.item_rows], items.sum)
    return Possible(document, evidence, options, items, totals)


def _with_only_rate(lines: tuple[InvoiceLine, ...], shares: tuple[VatShare, ...]) -> tuple[InvoiceLine, ...]:
    """Where a line says none, its rate is the one rate of the invoice."""
    if len(shares) != 1:
        return lines
    return tuple(line if line.vat_rate else replace(line, vat_rate=shares[0].rate) for line in lines)


def _identity_options(identities: Identities, document: Document) -> dict[str, list[Option]]:
    """Register and bank numbers, the rules' choice first."""
    height = document.page_sizes[0][1] if document.page_sizes else 297.0
    found: dict[str, list[Option]] = {}
    vat_ids = identities.pools["seller_vat_id"]
    siren = siren_of_vat_id(vat_ids[0][0].value) if vat_ids else None
    for name, pool in identities.pools.items():
        known = {id(m) for m, _ in pool}
        other = "buyer_siret" if name == "seller_siret" else "seller_siret"
        more = [m for m, _ in identities.pools[other] if id(m) not in known] if name.endswith("_siret") else []
        found[name] = []
        for mention, strength in [*pool, *((m, 0.0) for m in more)][:_MOST_NUMBERS]:
            failing = bool(kind(field_definition(name).value_type).check(mention.value))
            clues = {
                "belongs to the VAT id": float(siren is not None and mention.value.startswith(siren)),
                "near the buyer": float(identities.near_buyer(mention)),
                "lowest tenth": float(mention.box.y > 0.88 * height),
                "check fails": float(failing),
                "mended": float(mention.repaired),
                "French": float(name.endswith("_siret") or mention.value.startswith("FR")),
            }
            flags = ("repaired",) if mention.repaired else ()
            found[name].append(Option(mention.value, mention, strength, clues, flags))
    return found


_MOST_NUMBERS = 10


def _date_options(
    document: Document, labels: Sequence[Label], days: Sequence[Mention], today: date | None
) -> dict[str, list[Option]]:
    issued, due = _date_pools(document, labels, days, today)

    def left(mention: Mention) -> str:
        cells = [c.text for c in document.rows[mention.cell.row].cells if c.box.right <= mention.cell.box.x]
        return " ".join([*cells[-1:], _before(mention)])

    return {
        "issue_date": of_dates(issued, _before, left, today),
        "due_date": of_dates(due, _before, left, today),
    }


def _name_options(
    document: Document, labels: Sequence[Label], within: frozenset[int], options: Mapping[str, Sequence[Option]]
) -> dict[str, list[Option]]:
    """Names of seller and buyer; a register number close by says whose name it is."""
    parties = choose_names(document, labels, item_rows=within)
    theirs = {
        "near seller's numbers": [o.mention for n in ("seller_siret", "seller_vat_id") for o in options[n][:1]],
        "near buyer's numbers": [o.mention for o in options["buyer_siret"][:1]],
    }
    found: dict[str, list[Option]] = {}
    from_top = is_receipt(document)
    for name, parties_of, others in zip(("seller_name", "buyer_name"), parties, reversed(parties), strict=True):
        found[name] = []
        pool = sorted(parties_of, key=_by_place) if from_top and name == "seller_name" else parties_of
        for party in pool[:_MOST_NAMES]:
            near = {key: float(any(_close(party.cell, m) for m in mentions)) for key, mentions in theirs.items()}
            rival = float(bool(others) and others[0].text == party.text)
            mention = mention_of(party.cell, 0, len(party.cell.tokens), party.text)
            more = {**party.more, **near, "as the other party": rival}
            flags = (GOES_ON,) if goes_on(party, document, labels) else ()
            found[name].append(Option(party.text, mention, min(1.0, max(0.0, party.score / 6)), more, flags))
    return found


def _by_place(party: Party) -> float:
    """Where a name stands from the top, one with a legal form a little higher."""
    return party.cell.box.y - _LEGAL_WORTH_MM * party.more["legal form"]


_MOST_NAMES = 16
_LEGAL_WORTH_MM = 8.0
_CLOSE_MM = 32.0


def _close(cell: Cell, mention: Mention) -> bool:
    below = -4 < mention.box.y - cell.box.y < _CLOSE_MM
    return mention.cell.page == cell.page and below and mention.box.x - 60 < cell.box.x < mention.box.x + 12


def _date_pools(
    document: Document, labels: Sequence[Label], days: Sequence[Mention], today: date | None
) -> tuple[list[tuple[Mention, float]], list[tuple[Mention, float]]]:
    """Strength of every day as day of issue and as due date; the pair that goes together best is strongest."""
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
        return [], []
    first = {id(best[0][0]): _IN_PAIR}
    second = {id(best[1][0]): _IN_PAIR} if best[1] else {}
    return (
        [(m, s + first.get(id(m), 0.0) if s >= _LEAST_DATE else s) for m, s in issued],
        [(m, s + second.get(id(m), 0.0) if s >= _LEAST_DATE else s) for m, s in due],
    )


_IN_PAIR = 0.3


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
    choices = _choices(possible, ranking)
    for name in ("seller_name", "buyer_name"):
        choices[name] = _as_most_say(choices[name], possible.document)
        choices[name] = _mended(choices[name], _letters_in_name)
    choices["buyer_name"] = _mended(choices["buyer_name"], _with_town)
    for name in GROUPS["reference"]:
        choices[name] = _mended(choices[name], _letters_in_reference)
    choices["contract_reference"] = _mended(choices["contract_reference"], _tender)
    fields = _kind_and_currency(possible.document)
    for name, choice in choices.items():
        sure = min(ranking.confidence(name, _trust_clues(name, choices, possible)), _most(name, choices, possible))
        fields[name] = _field_value(name, choice, sure)
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


def _most(name: str, choices: Mapping[str, Choice], possible: Possible) -> float:
    """The most that a choice can be trusted, whatever its clues say: what the learned confidence does not see."""
    option = choices[name].best
    if option is None:
        if GROUP_OF[name] == "number" and name != "buyer_siret" and _some_unread(choices, possible):
            return _UNREAD
        if name in _ON_EVERY_INVOICE:
            return _NOT_FOUND
        return _LABEL_WITHOUT_VALUE if possible.evidence.labelled(name) else 1.0
    if name.endswith("_siret") and len(option.value) == _SIREN_LONG:
        return _SIREN_FOR_SIRET
    if GROUP_OF[name] == "amount":
        return _most_of_amount(name, option, choices, possible)
    if GROUP_OF[name] == "reference" and " " in option.mention.text.strip():
        return _SIGN_LOST
    if GROUP_OF[name] == "reference" and option.value != option.mention.value:
        return _LETTER_MENDED
    if name.endswith("_name") and (_DOUBTFUL_NAME.search(option.value) or _TOWN_IN_DOUBT in option.flags):
        return _READ_TWO_WAYS
    if name.endswith("_name") and not option.value[:1].isalnum():
        return _BEGINS_WITH_A_SIGN
    if name.endswith("_name") and _OPEN_READING in option.flags:
        return _READ_TWO_WAYS
    return 1.0


def _most_of_amount(name: str, option: Option, choices: Mapping[str, Choice], possible: Possible) -> float:
    """What the other amounts of the page say of one."""
    if name in ("total_with_tax", "amount_due") and is_till_roll(possible.document):
        return _PAID if name == "amount_due" else _till_total(option, possible)
    if _overshadowed(choices) or (name == "total_without_tax" and _unexplained(option, choices)):
        return _PART_OF_A_TOTAL
    if name == "amount_due" and _paid_in_part(choices, possible):
        return _PAID_IN_PART
    return 1.0


def _till_total(option: Option, possible: Possible) -> float:
    """A till prints many amounts: its total is sure where cash less change, or the card, says the same.

    Where it says nothing of the payment, the total must stand twice, and no amount next to it be it rounded.
    """
    value, paper = abs(Decimal(option.value)), payment(possible.document)
    if paper.paid is not None:
        return 1.0 if paper.paid == value else _PAID_OTHERWISE
    return 1.0 if len(paper.places(value)) > 1 and not paper.rival(value) else _UNPAID


def _overshadowed(choices: Mapping[str, Choice]) -> bool:
    """Whether a clearly named total is larger than what was taken for all there is to pay: perhaps one rate's share."""
    gross = choices["total_with_tax"].best
    named = [o for name in ("total_without_tax", "total_with_tax") for o, _ in choices[name].ranked]
    return gross is not None and any(
        option.strength >= _NAMED and abs(Decimal(option.value)) > abs(Decimal(gross.value)) + 1 for option in named
    )


def _unexplained(net: Option, choices: Mapping[str, Choice]) -> bool:
    """Whether net and gross differ and no tax was found that makes up for it: perhaps postage, perhaps a subtotal."""
    gross = choices["total_with_tax"].best
    return gross is not None and choices["total_tax"].best is None and net.value != gross.value


def _paid_in_part(choices: Mapping[str, Choice], possible: Possible) -> bool:
    """Whether the total was taken for what is due, and two amounts below make it up: a deposit and what is left."""
    due, gross = choices["amount_due"].best, choices["total_with_tax"].best
    if due is None or gross is None or due.value != gross.value:
        return False
    place = gross.mention
    below = {
        abs(mention.amount): cell.row
        for cell in possible.document.on_page(place.cell.page)
        if cell.box.y > place.box.bottom and cell.row not in possible.evidence.item_rows
        for mention in amounts_in(cell)
        if mention.marked and abs(mention.box.right - place.box.right) < _SAME_COLUMN_MM
    }
    whole = abs(Decimal(gross.value))
    return any(0 < part < whole and below.get(whole - part, row) != row for part, row in below.items())


_SAME_COLUMN_MM = 8.0
_NAMED = 0.6
"""Strength of a label that says clearly what an amount is."""
_PART_OF_A_TOTAL = 0.8
_PAID_IN_PART = 0.75


def _some_unread(choices: Mapping[str, Choice], possible: Possible) -> bool:
    """A garbled number may be any of those that are missing: its name is mostly garbled with it."""
    known = _numbers_chosen(choices)
    names = [n for n in GROUP_OF if GROUP_OF[n] == "number" and choices[n].best is None]
    return any(unread_number(n, possible.document, known) for n in names)


def _numbers_chosen(choices: Mapping[str, Choice]) -> list[Mention]:
    return [o.mention for name in GROUP_OF if GROUP_OF[name] == "number" if (o := choices[name].best) is not None]


def _as_most_say(choice: Choice, document: Document) -> Choice:
    """A name that stands several times is taken as most places read it; one that they read differently is marked."""
    option = choice.best
    if option is None:
        return choice
    text, agreed = most_read(option.value, document)
    flags = option.flags if agreed else (*option.flags, _OPEN_READING)
    first = replace(option, value=text, flags=flags)
    return Choice(((first, choice.ranked[0][1]), *choice.ranked[1:]), choice.absent)


def _mended(choice: Choice, mend: Callable[[Option], Option]) -> Choice:
    """The choice with its first option mended."""
    option = choice.best
    if option is None:
        return choice
    return Choice(((mend(option), choice.ranked[0][1]), *choice.ranked[1:]), choice.absent)


def _with_town(option: Option) -> Option:
    """`Ville de WAVRN`: a body named after a commune is named after one that exists."""
    named = _NAMED_AFTER_A_TOWN.match(option.value)
    if named is None:
        return option
    town = commune_spelt(named[2])
    if town == named[2]:
        return option
    value = option.value if town is None else named[1] + town
    return replace(option, value=value, flags=(*option.flags, _TOWN_IN_DOUBT))


def _letters_in_name(option: Option) -> Option:
    """A nought among capitals is the letter O: some typefaces draw both alike."""
    return replace(option, value=_O_IN_NAME.sub("O", option.value).replace("·", "").replace("æ", "œ"))


def _letters_in_reference(option: Option) -> Option:
    """The same where it stands between two capitals: a digit follows letters in references as often as not."""
    return replace(option, value=_O_BETWEEN.sub("O", option.value))


def _tender(option: Option) -> Option:
    """`2026A0736`: in the number of a public contract that is AO, *appel d'offres*."""
    return replace(option, value=_TENDER.sub("AO", option.value))


_NAMED_AFTER_A_TOWN = re.compile(
    r"((?:Ville|Commune|Mairie|CCAS|École (?:\w+ )?|Ecole (?:\w+ )?) ?(?:de |d['’]))(\S.*)", re.IGNORECASE
)
_TOWN_IN_DOUBT = "town_in_doubt"
_TENDER = re.compile(r"(?<=[0-9])A0(?=[0-9])")
_LETTER_MENDED = 0.85
"""A digit taken for the letter O may have been one."""
_O_IN_NAME = re.compile(r"(?<=[A-ZÀ-Ý])0(?=[A-ZÀ-Ý])|\b0(?=[A-ZÀ-Ý]{2})")
_O_BETWEEN = re.compile(r"(?<=[A-Z])0(?=[A-Z])")
_DOUBTFUL_NAME = re.compile(r"^\S+$|\s[0-9]\s")
"""One word alone is often half a name, a digit in the middle a misread bar."""
_SIGN_LOST = 0.85
"""A reference in several words: a thin dash or slash between them may not have been read."""
_LABEL_WITHOUT_VALUE = 0.85
"""Where a label stands, a value was probably printed and not read."""
_UNREAD = 0.6
"""... and more surely so where a number stands behind the name of the field and is no number of its kind."""
_ON_EVERY_INVOICE = ("invoice_number", "issue_date", "seller_name", "total_with_tax")
_NOT_FOUND = 0.5
"""What the law has printed on every invoice was not read rather than not printed."""
_SIREN_LONG = 9
_SIREN_FOR_SIRET = 0.5
"""The number of the company stands for that of the establishment: a person says which."""
_PAID = 0.75
"""What a till took is not said to be due."""
_UNPAID, _PAID_OTHERWISE = 0.85, 0.6
_BEGINS_WITH_A_SIGN = 0.5
"""`.ts Beaudoin & Fils`: the first letter was not read."""
_READ_TWO_WAYS = 0.85
_OPEN_READING = "readings_differ"
_MAY_GO_ON = 0.5
"""A name whose next row may belong to it: nothing on the page can tell."""
GOES_ON = "name_may_go_on"


def trust_of(possible: Possible, ranking: Ranking) -> dict[str, tuple[str | None, dict[str, float]]]:
    """The value chosen for every field with the clues to how far it can be trusted: what training needs."""
    choices = _choices(possible, ranking)
    best = {name: choice.best for name, choice in choices.items()}
    return {n: (o.value if o else None, _trust_clues(n, choices, possible)) for n, o in best.items()}


def _choices(possible: Possible, ranking: Ranking) -> dict[str, Choice]:
    choices = {name: _choose(name, possible, ranking) for name in GROUP_OF}
    if is_receipt(possible.document):
        choices["seller_name"] = _shop(possible.options["seller_name"])
    _with_summed_tax(choices)
    _totals_together(choices)
    _net_untaxed(choices)
    _due_after_deposit(choices, possible)
    _due_date_named(choices, possible)
    _service_named(choices, possible)
    if is_till_roll(possible.document):
        _number_of_receipt(choices)
        _as_paid(choices, possible)
    _parties_apart(choices)
    return choices


_SHOP = 0.75
"""How often the topmost name of a receipt is the shop's."""


def _shop(options: Sequence[Option]) -> Choice:
    """A till prints the shop's name on top."""
    rest = tuple((o, 0.1 / (1 + rank)) for rank, o in enumerate(options[1:_TRIED]))
    return Choice(((options[0], _SHOP), *rest), 0.05) if options else Choice((), 1.0)


def _choose(name: str, possible: Possible, ranking: Ranking) -> Choice:
    options = possible.options[name]
    chances = ranking.probabilities(name, possible.evidence.table(name, options))
    together: dict[str, float] = {}
    for option, chance in zip(options, chances[:-1], strict=True):
        together[option.value] = together.get(option.value, 0.0) + float(chance)
    best: dict[str, tuple[float, Option]] = {}
    for option, chance in zip(options, chances[:-1], strict=True):
        if option.value not in best or chance > best[option.value][0]:
            best[option.value] = (float(chance), option)
    ranked = sorted(((best[value][1], chance) for value, chance in together.items()), key=lambda r: -r[1])
    return Choice(tuple(ranked), float(chances[-1]))


_TRIED = 7
_SUM_WORTH = 2.0
_FLOOR = 1e-4


def _totals_together(choices: dict[str, Choice]) -> None:
    """Net, tax and gross are chosen as three that make a sum, where one is likely enough."""
    names = ("total_without_tax", "total_tax", "total_with_tax")
    best: tuple[float, tuple[tuple[Option | None, float], ...]] | None = None
    tried = [[*choices[n].ranked[:_TRIED], (None, choices[n].absent)] for n in names]
    for trio in product(*tried):
        worth = sum(math.log(max(_FLOOR, chance)) for _, chance in trio)
        worth += _worth_of_sum([option for option, _ in trio])
        if best is None or worth > best[0]:
            best = (worth, trio)
    if best is None:
        return
    for name, (option, _) in zip(names, best[1], strict=True):
        choices[name] = _preferring(choices[name], option)


def _worth_of_sum(trio: Sequence[Option | None]) -> float:
    """Any amount and itself make a sum with a tax of 0: that says nothing."""
    sums, tax = _sum_of(trio), trio[1]
    trivial = sums > 0 and tax is not None and not Decimal(tax.value)
    return 0.0 if trivial else _SUM_WORTH * sums


def _with_summed_tax(choices: dict[str, Choice]) -> None:
    """`TVA (10 %) : 8,85`, `TVA (20 %) : 277,02` and no total: the sum is the tax if net and gross say so."""
    named = {
        name: next((o for o, _ in choices[name].ranked if o.strength >= _NAMED), None)
        for name in ("total_without_tax", "total_with_tax")
    }
    net, gross, tax = named["total_without_tax"], named["total_with_tax"], choices["total_tax"]
    if net is None or gross is None:
        return
    missing = Decimal(gross.value) - Decimal(net.value)
    parts = [(o, c) for o, c in tax.ranked[:_TRIED] if o.strength >= _NAMED and Decimal(o.value)]
    if any(abs(Decimal(o.value) - missing) <= 2 * CENT for o, _ in tax.ranked):
        return
    for rates in (some for count in (2, 3) for some in combinations(parts, count)):
        whole = sum((Decimal(o.value) for o, _ in rates), Decimal(0))
        if abs(whole - missing) <= 2 * CENT:
            shown = sorted((o.mention for o, _ in rates), key=lambda m: (m.cell.page, m.cell.row))
            mention = replace(shown[-1], text=" + ".join(m.text for m in shown))
            summed = Option(f"{whole:.2f}", mention, min(o.strength for o, _ in rates))
            choices["total_tax"] = Choice(((summed, sum(c for _, c in rates)), *tax.ranked), tax.absent)
            return


def _net_untaxed(choices: dict[str, Choice]) -> None:
    """Where no tax is found and a clearly named net is as much as the gross, a smaller one is a subtotal."""
    net, gross = choices["total_without_tax"], choices["total_with_tax"].best
    if gross is None or choices["total_tax"].best is not None:
        return
    whole = next((o for o, _ in net.ranked if o.value == gross.value and o.strength >= _NAMED), None)
    if whole is not None and whole is not net.best:
        choices["total_without_tax"] = _preferring(net, whole)


_SAYS_DUE = 0.6


def _due_after_deposit(choices: dict[str, Choice], possible: Possible) -> None:
    """An amount called due that is the gross less a deposit is what is due, whatever else is likely."""
    gross = choices["total_with_tax"].best
    for option in possible.options["amount_due"]:
        pointed = possible.evidence.pointing(option.mention).get("amount_due")
        said = pointed is not None and pointed.strength > _SAYS_DUE
        less = gross is not None and abs(Decimal(option.value)) < abs(Decimal(gross.value))
        if said and less and option.more.get("a gross less a deposit"):
            choices["amount_due"] = _preferring(choices["amount_due"], _same_value(choices["amount_due"], option))
            return


def _due_date_named(choices: dict[str, Choice], possible: Possible) -> None:
    """A day that nothing calls the due date is a stamp's or the end of a period."""
    day = choices["due_date"].best
    if day is not None and "due_date" not in possible.evidence.pointing(day.mention):
        choices["due_date"] = _preferring(choices["due_date"], None)


_NAMES_IT = 0.55


def _service_named(choices: dict[str, Choice], possible: Possible) -> None:
    """The word right behind `Code service :` is the code, also one of capitals alone: `DGS`, `SERVICE_FACTURIER`."""
    chosen = choices["buyer_service_code"].best
    if chosen is not None and _behind_label(chosen, possible):
        return
    for option in possible.options["buyer_service_code"]:
        if _behind_label(option, possible):
            named = _same_value(choices["buyer_service_code"], option)
            choices["buyer_service_code"] = _preferring(choices["buyer_service_code"], named)
            return


def _behind_label(option: Option, possible: Possible) -> bool:
    """It fills the row behind the label; a word in small letters is none, nor is one of the line items."""
    mention = option.mention
    pointed = possible.evidence.pointing(mention).get("buyer_service_code")
    if pointed is None or pointed.strength < _NAMES_IT or pointed.way == "below":
        return False
    if not any(c.isalpha() for c in option.value):
        return False  # `Service clients : 01 44 55 66 77`
    if mention.cell.row in possible.evidence.item_rows or not re.fullmatch(r"[A-Z0-9][A-Z0-9_./-]+", option.value):
        return False
    alone = mention.end == len(mention.cell.tokens)
    follows = pointed.label.cell is mention.cell and pointed.label.end == mention.start and pointed.label.start == 0
    beside = pointed.label.whole and mention.start == 0 and mention.cell.row == pointed.label.cell.row
    return alone and (follows or beside)


def _as_paid(choices: dict[str, Choice], possible: Possible) -> None:
    """The total of a till is what was paid, rounded to the smallest coin: no sum of net and tax shows that."""
    paper, choice = payment(possible.document), choices["total_with_tax"]
    total = Decimal(choice.best.value) if choice.best is not None else None
    wanted = [paper.paid] if paper.paid is not None else []
    if not wanted and total is not None and paper.rounding:
        wanted = [total + paper.rounding, total - paper.rounding]
    mention = next((m for value in wanted for m in paper.places(value)), None)
    if mention is None or mention.amount == total:
        return
    printed = Option(f"{mention.amount:.2f}", mention, 0.0)
    named = next((o for o, _ in choice.ranked if o.value == printed.value), None)
    if named is None:
        choice = Choice((*choice.ranked, (printed, 0.0)), choice.absent)
    choices["total_with_tax"] = _preferring(choice, named or printed)


_TICKET = re.compile(
    r"\b(?:ticket|receipt|trans|transaction|facture|invoice|bill|document|doc|recu)(?: (?:no|numero|number|id))?$"
)


def _number_of_receipt(choices: dict[str, Choice]) -> None:
    """On a till's paper the number behind `Ticket` or `Receipt #` is the document's."""

    def named(option: Option) -> bool:
        return bool(_TICKET.search(fold(_before(option.mention))))

    choice = choices["invoice_number"]
    if choice.best is None or not named(choice.best):
        option = next((o for o, _ in choice.ranked if named(o)), None)
        if option is not None:
            choices["invoice_number"] = _preferring(choice, option)


def _same_value(choice: Choice, option: Option) -> Option:
    """The option of a choice that stands for all of this value."""
    return next((o for o, _ in choice.ranked if o.value == option.value), option)


def _sum_of(options: Sequence[Option | None]) -> int:
    """1 when net + tax = gross, -1 when it is not, 0 when one is missing."""
    values = [Decimal(o.value) for o in options if o is not None]
    if len(values) < 3:
        return 0
    return 1 if abs(values[0] + values[1] - values[2]) <= 2 * CENT else -1


def _preferring(choice: Choice, option: Option | None) -> Choice:
    """The same chances with one option first, or none chosen."""
    if option is None:
        return Choice((), choice.absent) if choice.best is None else Choice(choice.ranked, 1.0)
    ranked = sorted(choice.ranked, key=lambda r: r[0] is not option)
    return Choice(tuple(ranked), min(choice.absent, ranked[0][1]))


def _parties_apart(choices: dict[str, Choice]) -> None:
    """Seller and buyer are two, and so are their numbers: the surer keeps the value."""
    for one, two in (("seller_name", "buyer_name"), ("seller_siret", "buyer_siret"), ("issue_date", "due_date")):
        first, second = choices[one].best, choices[two].best
        if first is None or second is None or fold(first.value) != fold(second.value):
            continue
        if one == "issue_date" and first.mention is not second.mention:
            continue
        loser = two if choices[one].ranked[0][1] >= choices[two].ranked[0][1] else one
        others = tuple(r for r in choices[loser].ranked if fold(r[0].value) != fold(first.value))
        choices[loser] = Choice(others, choices[loser].absent)


def _trust_clues(name: str, choices: Mapping[str, Choice], possible: Possible) -> dict[str, float]:
    """What makes the choice of a field trustworthy, by name of `ranking.TRUST`."""
    choice = choices[name]
    option = choice.best
    chances = sorted((*(c for _, c in choice.ranked), choice.absent), reverse=True)
    own = min(choice.absent, 1.0) if option is None else choice.ranked[0][1]
    rest = max((c for c in chances if c != own), default=0.0)
    clues = {
        "odds": math.log(max(1e-5, min(1 - 1e-5, own)) / (1 - max(1e-5, min(1 - 1e-5, own)))) / 5,
        "margin": own - rest,
        "ocr": float(possible.document.source == "ocr"),
        "options": math.log1p(len(choice.ranked)) / 2,
    }
    by_rules = possible.options[name][0] if possible.options[name] and possible.options[name][0].strength > 0 else None
    clues["rules agree"] = float((by_rules.value if by_rules else None) == (option.value if option else None))
    if option is None:
        return clues
    mention = option.mention
    pointed = possible.evidence.pointing(mention).get(name)
    again = sum(o.value == option.value for o in possible.options[name])
    clues |= {
        "seen again": float(again > 1),
        "own label": pointed.strength if pointed else 0.0,
        "misreading": -math.log(max(0.02, 1.02 - min(1.0, mention.confidence))) / 4,
        "mended or unchecked": float(mention.repaired or bool(option.more.get("check fails"))),
        "key stands": float(GROUP_OF[name] == "number" and not mention.repaired and not option.more.get("check fails")),
    }
    if GROUP_OF[name] == "amount":
        clues |= _sum_clues(name, option, choices)
    return clues


def _sum_clues(name: str, option: Option, choices: Mapping[str, Choice]) -> dict[str, float]:
    """What the arithmetic says of a total that was chosen."""
    best = {n: choices[n].best for n in ("total_without_tax", "total_tax", "total_with_tax", "amount_due")}
    sums = _sum_of([best["total_without_tax"], best["total_tax"], best["total_with_tax"]])
    gross = best["total_with_tax"]
    if name == "amount_due":
        same = gross is not None and gross.value == option.value
        confirmed = same or bool(option.more.get("a gross less a deposit"))
        return {
            "sums agree": float(confirmed and sums == 1),
            "sums disagree": float(sums == -1 or not confirmed),
            "shares agree": float(bool(option.more.get("a gross less a deposit"))),
        }
    shares = {"total_without_tax": "sum of bases", "total_tax": "sum of taxes"}.get(name, "a sum as gross")
    return {
        "sums agree": float(sums == 1),
        "sums disagree": float(sums == -1),
        "shares agree": float(option.more.get(shares, 0.0) > 0),
        "lines agree": float(option.more.get("sum of lines", 0.0) > 0),
        "second best sum": float(option.more.get("labelled sum", 0.0)),
    }


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
