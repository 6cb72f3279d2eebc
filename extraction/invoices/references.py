"""References beside their labels: number of the invoice, order, contract, service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extraction.invoices.labels import Label
from extraction.invoices.mentions import Mention, dates_in, mention_of, stacked, stacks
from extraction.invoices.options import Evidence, Option
from extraction.invoices.page_layout import Cell, Document, fold
from extraction.invoices.pointing import Pointed, by_page, strengths
from models.values.places import communes

REFERENCE_FIELDS = ("invoice_number", "order_reference", "contract_reference", "buyer_service_code")
_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.\-\u2010-\u2014+#]*[A-Za-z0-9]|[0-9]")
_LEAST_STRENGTH = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A possible value of a reference field."""

    mention: Mention
    strength: float
    pointed: Pointed


def choose_references(
    document: Document, labels: Sequence[Label], taken: Sequence[Mention], *, item_rows: frozenset[int] = frozenset()
) -> dict[str, list[Named]]:
    """Possible values of every reference field, best first; a value goes to the field whose label points strongest.

    Args:
        taken: numbers known by their own form (IBAN, SIRET, days ...), which are no references.
        item_rows: rows of the line items and of their heads, where none stands.
    """
    covered = {id(label.cell.tokens[i]) for label in labels for i in range(label.start, label.end)}
    covered |= {id(m.cell.tokens[i]) for m in taken for i in range(m.start, m.end)}
    pools: dict[str, list[Named]] = {name: [] for name in REFERENCE_FIELDS}
    useful = [x for x in labels if x.cell.row not in item_rows]
    useful = [label for label in useful if label.field in (*REFERENCE_FIELDS, *_RIVALS)]
    on_page = by_page(useful)
    for mention in _shaped(document, covered):
        found = (
            strengths(mention, on_page.get(mention.cell.page, []), document)
            if mention.cell.row not in item_rows
            else {}
        )
        for name in REFERENCE_FIELDS:
            pointed = found.get(name)
            if pointed is not None:
                strength = _strength(name, mention, pointed, found)
                if strength >= _LEAST_STRENGTH:
                    pools[name].append(Named(mention, strength, pointed))
    for name in REFERENCE_FIELDS:
        pools[name].sort(key=lambda n: (-round(n.strength, 2), n.mention.cell.row))
    _give_each_once(pools)
    return pools


def reference_options(
    document: Document,
    pools: Mapping[str, Sequence[Named]],
    labels: Sequence[Label],
    taken: Sequence[Mention],
    evidence: Evidence,
    item_rows: frozenset[int],
) -> dict[str, list[Option]]:
    """For each reference the words it may be: those the rules take, then those a weaker label points at.

    Any number on the upper part of the first page may be the invoice's.
    """
    covered = {id(label.cell.tokens[i]) for label in labels for i in range(label.start, label.end)}
    covered |= {id(m.cell.tokens[i]) for m in taken for i in range(m.start, m.end)}
    height = document.page_sizes[0][1] if document.page_sizes else 297.0
    shaped = [m for m in _shaped(document, covered) if m.cell.row not in item_rows and 1 < len(m.value) < 31]
    found: dict[str, list[Option]] = {}
    for name in REFERENCE_FIELDS:
        options = [Option(n.mention.value, n.mention, n.strength) for n in pools[name][:_MOST]]
        known = {(o.mention.cell.page, o.mention.box) for o in options}
        weaker: list[tuple[float, Mention]] = []
        for mention in shaped:
            if (mention.cell.page, mention.box) in known:
                continue
            own = evidence.pointing(mention).get(name)
            digits = any(c.isdigit() for c in mention.value)
            free = name == "invoice_number" and digits and len(mention.value) > 2 and mention.cell.page == 1
            free = free and not _POST_BOX.search(mention.value)
            if own is not None and (digits or name == "buyer_service_code"):
                weaker.append((own.strength, mention))
            elif free and mention.box.y < _UPPER_PART * height:
                weaker.append((0.0, mention))
        weaker.sort(key=lambda w: -w[0])
        options += [Option(m.value, m, 0.0) for _, m in weaker[: _MOST - len(options)]]
        found[name] = options
    long = [o for o in found["invoice_number"] if len(o.value) >= _SHORTEST]
    if any(o.strength > 0 for o in long):
        found["invoice_number"] = long
    return found


_MOST = 14
_SHORTEST = 3
"""`Facture de situation n° 2`: a shorter number counts the bills of a site, where the invoice has one of its own."""
_POST_BOX = re.compile(r"(?:^|[^A-Za-z])(?:B\.?P|C\.?S|T\.?S\.?A)\.?\s?[0-9]{2,6}(?![0-9])")
_UPPER_PART = 0.55


_RIVALS = (
    *("other_reference", "issue_date", "due_date", "other_date", "buyer_siret", "seller_siret", "total_with_tax"),
    *("total_without_tax", "buyer_name", "seller_vat_id", "seller_iban", "amount_due", "total_tax", "buyer_vat_id"),
    "other_amount",
)


def _strength(name: str, mention: Mention, pointed: Pointed, found: dict[str, Pointed]) -> float:
    strength = pointed.strength
    rival = max((p.strength for field, p in found.items() if field != name), default=0.0)
    if rival > strength:
        strength -= 0.6 * (rival - strength) + 0.1
    value = mention.value
    digits = sum(c.isdigit() for c in value)
    if name == "buyer_service_code":
        if not digits and not value.isupper():
            strength -= 0.35
    elif not digits:
        return 0.0
    elif len(value) < 3:
        strength -= 0.3
    if re.fullmatch(r"[0-9]{1,3}[.,][0-9]{2}", value) or "%" in mention.text:
        strength -= 0.4
    if pointed.way == "after" and pointed.label.end == mention.start:
        strength += 0.03
    return strength


def _shaped(document: Document, covered: set[int]) -> Iterator[Mention]:
    """Words that can be a reference, joined where a reader parted them at a sign."""
    broken = [(top, low) for top, low in stacks(document) if len(top.tokens) == len(low.tokens) == 1]
    for top, low in broken:
        joined = top.text + low.text
        if top.text.endswith(("-", "/", "_")) and _value(joined) and id(low.tokens[0]) not in covered:
            covered |= {id(top.tokens[0]), id(low.tokens[0])}
            yield mention_of(stacked(top, low), 0, 2, joined)
    for cell in document.cells:
        days = {i for day in dates_in(cell) for i in range(day.start, day.end)}
        start = 0
        while start < len(cell.tokens):
            end = _reach(cell, start)
            text = "".join(t.text for t in cell.tokens[start:end])
            value = _value(text)
            free = not any(id(cell.tokens[i]) in covered or i in days for i in range(start, end))
            if value and free and not _before_a_town(value, cell, end):
                yield mention_of(cell, start, end, value)
            elif value and end == start + 1 and start not in days and _glued(text):
                yield mention_of(cell, start, end, _glued(text))
            start = end


def _before_a_town(value: str, cell: Cell, end: int) -> bool:
    """Whether a number is the post code in `25490 Fesches-le-Châtel`."""
    return value in communes() and end < len(cell.tokens) and cell.tokens[end].text[:1].isupper()


def _glued(text: str) -> str:
    """`n°FA123` or `Facture:FA123`: the part behind the sign."""
    match = re.search(r"(?:[nN][°º]|:|#)\s*(" + _SHAPE.pattern + r")$", text)
    return match[1] if match else ""


def _reach(cell: Cell, start: int) -> int:
    end = start + 1
    while end < len(cell.tokens):
        left, right = cell.tokens[end - 1], cell.tokens[end]
        joins = re.search(r"[\-/_]$|[0-9]\.$", left.text) or re.match(r"[\-/_]", right.text)
        # a sign that is written to one of the two belongs to both; one with white on both sides parts them
        leans = re.search(r"\w[\-/_]$", left.text) or re.match(r"[\-/_]\w", right.text)
        gap = right.box.x - left.box.right
        close = gap < (_LEANING if leans else _CLOSE) * max(left.box.height, right.box.height)
        digit_run = re.search(r"[0-9]$", left.text) and re.match(r"[0-9]", right.text)
        prefix = re.fullmatch(r"[A-Z]{1,4}", left.text) and re.match(r"[0-9]", right.text) and end == start + 1
        coded = (
            re.fullmatch(r"[0-9]{2}", left.text) and re.fullmatch(r"[A-Z][0-9]{4,}", right.text) and end == start + 1
        )
        if not ((close and joins) or ((digit_run or prefix or coded) and not dates_in(cell.part(end, end + 1)))):
            break
        end += 1
    return end


_CLOSE, _LEANING = 0.35, 0.8
"""White, in heights, over which a sign joins words: one between them, and one that is written to a word."""


def _value(text: str) -> str:
    text = text.strip(" .,:;()[]|#°*")
    text = _DAY_GLUED_ON.sub("", re.sub(r"^[nN][°º]\s*:?", "", text))
    return text if _SHAPE.fullmatch(text) and len(text) <= 40 else ""


_DAY_GLUED_ON = re.compile(r"(?<=[0-9])du[0-3]?[0-9]([./-])[01]?[0-9]\1(?:20)?[0-9]{2}$")
"""`2026/03/957du23.03.2026`: the reader lost the blanks before the day."""


def _give_each_once(pools: dict[str, list[Named]]) -> None:
    """One word is the value of one field: the one its label names most clearly."""
    for name, pool in pools.items():
        others = {id(n.mention): n.strength for other, p in pools.items() if other != name for n in p}
        by_box = {(n.mention.cell.page, n.mention.box): n.strength for o, p in pools.items() if o != name for n in p}
        pools[name] = [
            n for n in pool
            if n.strength >= max(others.get(id(n.mention), 0.0), by_box.get((n.mention.cell.page, n.mention.box), 0.0))
        ]  # fmt: skip


_LONGEST_TITLE = 10
"""Words: `Note de crédit n° 32353 - 25 juillet 2026`."""


def title_kind(document: Document) -> tuple[str, Cell | None]:
    """`invoice` or `credit_note`, and the words that say so, from the page's heading."""
    credit: tuple[float, Cell | None] = (0.0, None)
    invoice: tuple[float, Cell | None] = (0.0, None)
    height = document.page_sizes[0][1] if document.page_sizes else 297.0
    for cell in document.on_page(1):
        if cell.box.y > 0.6 * height or len(cell.tokens) > _LONGEST_TITLE:
            continue
        words = cell.folded
        size = cell.box.height * (1.3 if len(cell.tokens) <= 3 else 1.0)
        if re.search(
            r"^(?:facture d )?avoir\b|^note de credit|^credit note|^gutschrift|^facture rectificative d avoir", words
        ):
            credit = max(credit, (size, cell), key=lambda c: c[0])
        elif re.search(
            r"^(?:votre |duplicata )?factur(?!(?:ee?|er|ation) a\b|ee? le\b)|^invoice(?! to\b)|^tax invoice|^rechnung",
            words,
        ):
            invoice = max(invoice, (size, cell), key=lambda c: c[0])
    if credit[1] is not None and credit[0] >= invoice[0] * 0.9:
        return "credit_note", credit[1]
    return "invoice", invoice[1]


def says(text: str, pattern: str) -> bool:
    """The folded text holds the pattern."""
    return re.search(pattern, fold(text)) is not None
