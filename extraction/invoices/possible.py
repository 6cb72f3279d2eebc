"""Everything that the fields of an invoice may be, before any choice is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from extraction.invoices.labels import Label, find_labels
from extraction.invoices.line_items import LineItems, read_line_items
from extraction.invoices.mentions import Mention, amounts_in, dates_of, mention_of
from extraction.invoices.options import Evidence, Option, of_dates
from extraction.invoices.page_layout import Cell, Document
from extraction.invoices.parties import Identities, Party, choose_identities, choose_names, goes_on
from extraction.invoices.pointing import Pointed, by_page, strengths
from extraction.invoices.references import choose_references, reference_options
from extraction.invoices.tills import is_receipt
from extraction.invoices.totals import Totals, choose_totals, total_options
from models.definitions import field_definition
from models.text import PageText
from models.values.identifiers import siren_of_vat_id
from models.values.kinds import kind

_LEAST_DATE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Possible:
    """What an invoice may say: options by field, and what was read beside them."""

    document: Document
    evidence: Evidence
    options: dict[str, list[Option]]
    items: LineItems
    totals: Totals


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
        return " ".join([*cells[-1:], text_before(mention)])

    return {
        "issue_date": of_dates(issued, text_before, left, today),
        "due_date": of_dates(due, text_before, left, today),
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
    if re.search(r"[A-Za-zÀ-ÿ]{3,},?\s+(?:le|den|the)\s*$", text_before(mention), re.IGNORECASE):
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


def text_before(mention: Mention) -> str:
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


GOES_ON = "name_may_go_on"
