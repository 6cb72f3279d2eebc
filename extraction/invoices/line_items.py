"""Line items from the geometry of their table, checked and mended by quantity x unit price = total."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations

from rapidfuzz import fuzz, process

from extraction.invoices.labels import WORDING
from extraction.invoices.mentions import Mention, amounts_in, dates_in, mention_of, rates_in
from extraction.invoices.page_layout import Cell, Document, Row, fold
from models.geometry import Box
from models.reading import InvoiceLine

CENT = Decimal("0.01")
_KNOWN: dict[str, str] = {
    fold(phrase).replace(" ", ""): kind
    for kind, phrases in WORDING["columns"].items()
    for phrase in phrases
    if fold(phrase)
}
_LONG = [phrase for phrase in _KNOWN if len(phrase) >= 5]
_NUMERIC = ("quantity", "unit_price", "total", "rate", "gross", "other")
_END = re.compile(
    r"^(?:sous ?)?total\b|^montant (?:total|ht|h t|ttc|hors|net)|^net (?:a payer|ht|ttc)|^tva\b|^t v a\b|^base ht"
    r"|^a reporter|^a payer|^reste a payer|^iban|^coordonnees|^conditions|^en cas de|^subtotal|^summe|^gesamt"
    r"|^zwischensumme|^netto"
    r"|^report\b|^arrete|^reglement|^total|^acompte|^merci|^cumul|^somme|^base\b|^recapitul|^soit |^echeance"
    r"|^hors taxes"
    r"|^zahlungsb|^\w*steueraufschl|^belegsumme|^detail (?:de la )?tva|^modalites|^positionssumme|^rechnungssumme"
    r"|^toutes taxes|^remise globale|^montant a|^rechnungsbetrag|^taux\b|^prix total|^solde|^page \d"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: what it holds and where its head stands."""

    kind: str
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The heads of the columns, and the rows they take."""

    columns: tuple[Column, ...]
    rows: tuple[int, ...]
    page: int

    def has(self, *kinds: str) -> bool:
        return any(column.kind in kinds for column in self.columns)


@dataclass(slots=True)
class Item:
    """A line item while it is read."""

    rows: list[int]
    words: list[str] = field(default_factory=list)
    numbers: dict[str, Mention] = field(default_factory=dict)
    bottom: float = 0.0
    counted: bool = False
    """Its table has a column of quantities."""

    def go_on(self, row: Row, words: str) -> None:
        """Its description wraps into one more row."""
        self.words.append(words)
        self.rows.append(row.number)
        self.bottom = row.box.bottom


@dataclass(frozen=True, slots=True)
class LineItems:
    """The line items with the rows of the document they take."""

    lines: tuple[InvoiceLine, ...]
    item_rows: frozenset[int]
    header_rows: frozenset[int]

    @property
    def sum(self) -> Decimal | None:
        """Of the line totals, when every line has one."""
        totals = [line.line_total for line in self.lines]
        if not totals or any(total is None for total in totals):
            return None
        return sum((Decimal(total) for total in totals if total is not None), Decimal(0))


def read_line_items(document: Document) -> LineItems:
    """Line items of every page; a head without lines under it says nothing of the pages that follow."""
    heads = _heads(document)
    items: list[Item] = []
    goes_on = False
    for page in range(1, len(document.page_sizes) + 1):
        own = [h for h in heads if h.page == page]
        for head in own or (_carried(heads, page) if goes_on else []):
            found, goes_on = _items_under(head, document, page)
            items.extend(found)
    lines = tuple(_line(item) for item in items if not _is_allowance(item))
    # pages before the first head that was read: theirs was not
    first = document.rows[items[0].rows[0]].page if lines else len(document.page_sizes) + 1
    early, rows = _by_arithmetic(document, range(1, first))
    if not lines or len(early) >= _SEVERAL:
        lines = (*early, *lines)
        rows |= {number for item in items for number in item.rows}
    else:
        rows = frozenset(number for item in items for number in item.rows)
    return LineItems(lines, rows, frozenset(number for head in heads for number in head.rows))


_SEVERAL = 2
"""One product on a page may be chance."""


_ALLOWANCE = re.compile(
    r"^(?:\w{1,4} )?(?:remise|rabais|ristourne|escompte|charge|abschlag|zuschlag|discount|allowance|rabatt|surcharge"
    r"|total|sous total|net a payer)\b"
)


def _is_allowance(item: Item) -> bool:
    """A row that lowers or raises the whole is no line: it has no quantity times price."""
    numbers = item.numbers
    if "quantity" in numbers and "unit_price" in numbers:
        return False
    return bool(_ALLOWANCE.match(fold(" ".join(item.words))))


def _carried(heads: Sequence[Head], page: int) -> list[Head]:
    """A table may go on over the page without its head."""
    before = [head for head in heads if head.page == page - 1]
    return [Head(before[-1].columns, (), page)] if before else []


def _heads(document: Document) -> list[Head]:
    found: list[Head] = []
    for row in document.rows:
        if found and row.number in found[-1].rows:
            continue
        head = _head(row, document)
        if head is None:
            continue
        if found and _is_its_rest(head, found[-1], document):
            found[-1] = max(found[-1], head, key=lambda h: len({c.kind for c in h.columns} - {"unknown", "other"}))
        else:
            found.append(head)
    return found


def _is_its_rest(head: Head, before: Head, document: Document) -> bool:
    """The second row of a head that takes several reads as a head too: no figure stands between."""
    between = document.rows[before.rows[-1] + 1 : head.rows[0]]
    near = head.page == before.page and head.rows[0] <= before.rows[-1] + 2
    return near and not any(amounts_in(cell) for row in between for cell in row.cells)


def _head(row: Row, document: Document) -> Head | None:
    best: Head | None = None
    for rows in _near_rows(row, document):
        columns = _columns(rows)
        kinds = {c.kind for c in columns}
        numeric = kinds & {"quantity", "unit_price", "total", "gross"}
        enough = len(numeric) >= 2 and kinds & {"description", "quantity", "unit_price"} and kinds & {"total", "gross"}
        if enough and (best is None or len(columns) > len(best.columns)):
            best = Head(tuple(columns), tuple(r.number for r in rows), row.page)
    return best


def _near_rows(row: Row, document: Document) -> list[list[Row]]:
    """The row alone, and with one or two that follow closely: heads may take two or three rows."""
    runs = [[row]]
    for other in document.rows[row.number + 1 : row.number + 3]:
        last = runs[-1][-1]
        if other.page != row.page or other.box.y - last.box.bottom > 1.5 or any(amounts_in(c) for c in other.cells):
            break
        runs.append([*runs[-1], other])
    return runs


def _columns(rows: Sequence[Row]) -> list[Column]:
    """Cells of the rows that stand one above another are one head."""
    stacks: list[list[Cell]] = []
    for row in rows:
        for cell in row.cells:
            for part in _split_heads(cell):
                home = next(
                    (s for s in stacks if s[-1].row != part.row and _over(Box.around(c.box for c in s), part.box)), None
                )
                if home is None:
                    stacks.append([part])
                else:
                    home.append(part)
    columns = []
    for stack in _with_tails(stacks):
        kind = _column_kind(" ".join(cell.text for cell in stack))
        columns.append(Column(kind or "unknown", Box.around(cell.box for cell in stack)))
    known = [c for c in columns if c.kind != "unknown"]
    return sorted(columns, key=lambda c: c.box.x) if 2 * len(known) >= len(columns) else []


_TAIL = re.compile(r"^(?:ht|h t|eur|euros?|unitaires?|unit|net|ttc|nette?s?)$")
_TAIL_GAP_MM = 4.0


def _with_tails(stacks: Sequence[list[Cell]]) -> list[list[Cell]]:
    """`P.U.` and `HT` a little apart are one head."""
    found: list[list[Cell]] = []
    for stack in sorted(stacks, key=lambda s: min(c.box.x for c in s)):
        before = found[-1][-1] if found else None
        near = before is not None and 0 <= stack[0].box.x - before.box.right < _TAIL_GAP_MM
        if (
            before is not None
            and near
            and before.row == stack[0].row
            and _TAIL.match(" ".join(c.folded for c in stack))
        ):
            found[-1].extend(stack)
        else:
            found.append(stack)
    return found


def _split_heads(cell: Cell) -> list[Cell]:
    """`Qté PU HT` in one cell is two heads: the fewest parts that are all heads."""
    if _compact(cell.text) in _KNOWN or len(cell.tokens) == 1 or len(cell.tokens) > 9:
        return [cell]
    best: list[list[Cell] | None] = [[]] + [None] * len(cell.tokens)
    for end in range(1, len(cell.tokens) + 1):
        for start in range(max(0, end - 4), end):
            before, part = best[start], cell.part(start, end)
            if (
                before is not None
                and _compact(part.text) in _KNOWN
                and (best[end] is None or len(before) + 1 < len(best[end] or ()))
            ):
                best[end] = [*before, part]
    return best[-1] or [cell]


def _over(above: Box, below: Box) -> bool:
    shared = min(above.right, below.right) - max(above.x, below.x)
    return shared > 0.3 * min(above.width, below.width)


def _compact(text: str) -> str:
    return fold(text).replace(" ", "").removesuffix("eur")


def _column_kind(text: str) -> str | None:
    compact = _compact(text)
    if compact in _KNOWN:
        return _KNOWN[compact]
    if len(compact) < 5:
        return None
    hit = process.extractOne(compact, _LONG, scorer=fuzz.ratio, score_cutoff=82)
    return _KNOWN[hit[0]] if hit else _by_meaning(fold(text))


_MEANINGS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("other", r"remise|rabais|discount|^(?:no|ref|code|pos|art) |^date|periode|artikel ?nr|art nr"),
        ("gross", r"\bttc\b|brutto|incl"),
        ("rate", r"^(?:taux|%|tva|t v a|ust|mwst|vat|btw|iva|steuer)\b"),
        ("quantity", r"\b(?:qte|qt|quantite|qty|quantity|menge|anzahl|hoeveelheid|cantidad|quantita|nombre)\b"),
        (
            "unit_price",
            r"\b(?:p u|pu|prix (?:u|unit\w*|net|ht)|unit\w* price|einzelpreis|nettopreis|prijs|precio|tarif)\b",
        ),
        ("total", r"\b(?:montant|total|\w*betrag|entgelt|amount|importe|bedrag|gesamt\w*|prix total)\b"),
        ("description", r"^(?:design|descri|libelle|bezeichn|beschreib|artikelb|omschrijv|nature|prestation)"),
    )
)
_WORDS_OF_A_HEAD = 6


def _by_meaning(folded: str) -> str | None:
    """The kind of a head nobody listed, by a word in it."""
    if not folded or len(folded.split()) > _WORDS_OF_A_HEAD or any(c.isdigit() for c in folded):
        return None
    return next((kind for kind, pattern in _MEANINGS if pattern.search(folded)), None)


def _items_under(head: Head, document: Document, page: int) -> tuple[list[Item], bool]:
    """The line items below a head, and whether the table may go on over the page."""
    items: list[Item] = []
    described = head.has("description")
    start = head.rows[-1] + 1 if head.rows else 0
    loose: list[tuple[Row, str]] = []
    for row in (row for row in document.rows[start:] if row.page == page):
        if row.number in head.rows or _column_kinds(row) >= 3 or (items and _heads_totals(row)):
            if items:
                return items, False
            continue
        numbers, words = _assign(row, head)
        if items and _ends(row, words, numbers):
            return items, bool(
                re.match(r"^a reporter|^report\b|^sous total|^page|^suite|^zwischensumme", fold(row.text))
            )
        if _is_item(numbers, head) and (any(c.isalpha() for c in words) or _proven(numbers) or not described):
            if not _ends(row, words, numbers) or ("quantity" in numbers and "unit_price" in numbers):
                _find_price(row, numbers, document)
                if not head.has("unit_price", "unknown", "other") and "total" in numbers:
                    _price_of_one(numbers)
                item = Item([row.number], [words] if words else [], numbers, row.box.bottom, head.has("quantity"))
                if loose and (not words or not items) and row.box.y - loose[-1][0].box.bottom < 3:
                    item.words = [text for _, text in loose] + item.words
                items.append(item)
                loose = []
        elif words and not numbers:
            if items and row.box.y - items[-1].bottom < 3.5:
                items[-1].go_on(row, words)
            elif items and row.box.y - items[-1].bottom > 40:
                return items, row.box.y > _LOW_ON_PAGE * document.page_sizes[page - 1][1]
            else:
                loose.append((row, words))
    return items, True


_LOW_ON_PAGE = 0.85
_GOES_ON = re.compile(r"^a reporter|^report\b|^sous total|^page|^suite|^zwischensumme")


def _proven(numbers: dict[str, Mention]) -> bool:
    """Quantity times price is the total, perhaps less a discount."""
    if "discount" in numbers:
        return True
    found = [numbers.get(name) for name in ("quantity", "unit_price", "total")]
    values = [mention.amount for mention in found if mention is not None]
    return len(values) == 3 and _agree(*values)


def _price_of_one(numbers: dict[str, Mention]) -> None:
    """Where no column holds prices, the price of a single piece is its total."""
    quantity = numbers.get("quantity")
    if quantity is not None and quantity.amount == 1:
        numbers["unit_price"] = numbers["total"]


_PRICE_NEAR_MM = 7.0


def _find_price(row: Row, numbers: dict[str, Mention], document: Document) -> None:
    """A price printed a little above or below its line (`brut`, `net`): the one that makes the product right."""
    quantity, total = numbers.get("quantity"), numbers.get("total")
    if quantity is None or total is None or _proven(numbers):
        return
    for other in document.rows[max(0, row.number - 4) : row.number + 5]:
        if other.page != row.page or abs(other.box.center_y - row.box.center_y) > _PRICE_NEAR_MM:
            continue
        for cell in other.cells:
            for mention in amounts_in(cell):
                free = mention.box not in (quantity.box, total.box) and mention.box.x < total.box.x
                if free and mention.marked and _agree(quantity.amount, mention.amount, total.amount):
                    numbers["unit_price"] = mention
                    return


_WORD_OF_TOTALS = re.compile(
    r"\b(?:ht|h t|tva|ttc|t t c|total|base|taux|net|vat|\w*betrag|payer|acompte|ust|mwst|paid)\b"
)


def _heads_totals(row: Row) -> bool:
    """Heads of the VAT breakdown or of totals side by side: short cells without a figure, two of them of totals."""
    if len(row.cells) < 3 or any(c.isdigit() for c in re.sub(r"\d+(?:,\d+)? ?%", "", row.text)):
        return False
    return sum(len(cell.tokens) <= 5 and bool(_WORD_OF_TOTALS.search(cell.folded)) for cell in row.cells) >= 2


def _column_kinds(row: Row) -> int:
    return len({kind for cell in row.cells if (kind := _column_kind(cell.text))})


def _ends(row: Row, words: str, numbers: dict[str, Mention]) -> bool:
    if "quantity" in numbers and "unit_price" in numbers:
        return False
    first = next((cell.folded for cell in row.cells if any(c.isalpha() for c in cell.text)), "")
    return bool(_END.match(first)) or bool(_END.match(fold(words)))


def _is_item(numbers: dict[str, Mention], head: Head) -> bool:
    if "total" in numbers:
        return "quantity" in numbers or "unit_price" in numbers or not head.has("quantity", "unit_price")
    return "quantity" in numbers and "unit_price" in numbers


def _assign(row: Row, head: Head) -> tuple[dict[str, Mention], str]:
    """Numbers of a row by column, and the words of its description."""
    description = next((c for c in head.columns if c.kind == "description"), None)
    seen = [(m, is_rate, _inside_words(m, cell)) for cell in row.cells for m, is_rate in _numbers(cell)]
    seen.sort(key=lambda s: s[0].box.x)
    numbers: dict[str, Mention] = {}
    used: set[int] = set()
    for mention, column in _in_order(seen, [c for c in head.columns if c.kind != "description"]):
        if column.kind not in {"unknown", "other", *numbers}:
            numbers[column.kind] = mention
            used.update(id(t) for t in mention.cell.tokens[mention.start : mention.end])
    if not _proven(numbers):
        mended = _count_before_code(numbers) or _by_product(row, numbers, head)
        if not mended or _by_chance(mended, numbers, row):
            mended = _with_discount(row, numbers, head) or mended
        used.update(id(t) for m in mended.values() for t in m.cell.tokens[m.start : m.end])
        numbers |= mended
    words: list[str] = []
    for cell in row.cells:
        rest = [t for t in cell.tokens if id(t) not in used and _is_description(t.box, head, description)]
        if rest and not all(re.fullmatch(r"[€%]|eur|[.,;|]", t.text.lower()) for t in rest):
            words.extend(t.text for t in rest)
    if "total" not in numbers and "gross" in numbers and not head.has("total"):
        numbers["total"] = numbers["gross"]
    numbers.pop("gross", None)
    return numbers, " ".join(words)


def _count_before_code(numbers: dict[str, Mention]) -> dict[str, Mention]:
    """`6 143.376` is a count and the article's code where the first word alone makes the product."""
    quantity, price, total = (numbers.get(name) for name in ("quantity", "unit_price", "total"))
    if quantity is None or price is None or total is None or quantity.end - quantity.start < 2:
        return {}
    first = quantity.cell.tokens[quantity.start].text
    if not first.isdigit() or not _agree(Decimal(first), price.amount, total.amount):
        return {}
    return {**numbers, "quantity": mention_of(quantity.cell, quantity.start, quantity.start + 1, first)}


def _by_chance(product: dict[str, Mention], numbers: dict[str, Mention], row: Row) -> bool:
    """Whether a product says little: of another quantity than that under its head, or one piece at the total itself.

    The price of one piece stands on the left of the total under its head; what stands on its right has its tax.
    """
    quantity, total = numbers.get("quantity"), numbers.get("total")
    if quantity is not None and product["quantity"].amount != quantity.amount:
        return True
    if product["unit_price"].amount != product["total"].amount:
        return False
    amounts = [m for cell in row.cells for m in amounts_in(cell)]
    return total is None or not any(m.amount == total.amount and m.box.right < total.box.x for m in amounts)


def _with_discount(row: Row, numbers: dict[str, Mention], head: Head | None = None) -> dict[str, Mention]:
    """Quantity, price, discount and total where three amounts of the row and a percentage of it go together."""
    total = numbers.get("total")
    known = numbers if head is not None and head.has("quantity") and head.has("unit_price") else {}
    found = sorted((m for cell in row.cells for m in amounts_in(cell)), key=lambda m: m.box.x)
    percentages = [m for cell in row.cells for m in rates_in(cell)] + [m for m in found if 0 < m.amount < _ALL]
    for last in [total] if total is not None else found[:1:-1]:
        before = [m for m in found if m.box.right <= last.box.x]
        for one, two in combinations(before, 2):
            for discount in percentages:
                if discount in (one, two) or discount.box.right > last.box.x or not (one.marked or two.marked):
                    continue
                quantity, price = _under_their_heads(one, two, known)
                for shift in (Decimal(1), _THOUSANDTH):
                    if _lowered(quantity.amount * shift, price.amount, discount.amount, last.amount):
                        counted = replace(quantity, value=f"{quantity.amount * shift:f}")
                        return {"quantity": counted, "unit_price": price, "discount": discount, "total": last}
    return {}


def _under_their_heads(one: Mention, two: Mention, numbers: dict[str, Mention]) -> tuple[Mention, Mention]:
    """Two factors as quantity and price."""
    if "quantity" not in numbers and "unit_price" not in numbers:
        return _quantity_first(one, two)
    return (two, one) if numbers.get("quantity") is two or numbers.get("unit_price") is one else (one, two)


_ALL = 100
"""Percent."""
_THOUSANDTH = Decimal("0.001")
"""`8.000` pieces are eight."""


def _lowered(quantity: Decimal, price: Decimal, discount: Decimal, total: Decimal) -> bool:
    """Whether a total is quantity times price less a discount in percent, rounded for one piece or for all."""
    left = 1 - discount / _ALL
    return _agree(quantity, price * left, total) or _agree(
        quantity, (price * left).quantize(CENT, ROUND_HALF_UP), total
    )


def _by_product(row: Row, numbers: dict[str, Mention], head: Head) -> dict[str, Mention]:
    """Quantity, price and total where three amounts of the row are a product and those under the heads are not.

    A head may be misread, or be that of a total with tax.
    """
    found = sorted((m for cell in row.cells for m in amounts_in(cell)), key=lambda m: m.box.x)
    hit = _triple([m.amount for m in found])
    if hit is None:
        return {}
    one, two, total = (found[i] for i in hit)
    if "total" in numbers and not _LEAST_NET <= total.amount / (numbers["total"].amount or 1) <= 1:
        return {}
    apart = head.has("quantity") and head.has("unit_price")
    known = {name: mention.amount for name, mention in numbers.items()} if apart else {}
    if known.get("quantity") == two.amount or known.get("unit_price") == one.amount:
        one, two = two, one
    elif known.get("quantity") != one.amount and known.get("unit_price") != two.amount:
        one, two = _quantity_first(one, two)
    return {"quantity": one, "unit_price": two, "total": total}


_LEAST_NET = Decimal("0.75")
"""A total that was taken for the line's holds its tax at most."""
_SKIP_NUMBER_MM = 60.0
_SKIP_COLUMN_MM = 8.0


def _in_order(seen: Sequence[tuple[Mention, bool, bool]], columns: Sequence[Column]) -> list[tuple[Mention, Column]]:
    """Numbers to columns, both from left to right, so that they stand as near their heads as they can."""
    best: dict[tuple[int, int], tuple[float, list[tuple[Mention, Column]]]] = {(0, 0): (0.0, [])}
    for i in range(len(seen) + 1):
        for j in range(len(columns) + 1):
            options: list[tuple[float, list[tuple[Mention, Column]]]] = []
            if i and (i - 1, j) in best:
                cost, pairs = best[i - 1, j]
                options.append((cost + (0.0 if seen[i - 1][2] else _SKIP_NUMBER_MM), pairs))
            if j and (i, j - 1) in best:
                cost, pairs = best[i, j - 1]
                options.append(
                    (cost + (0.5 if columns[j - 1].kind in ("other", "unknown") else _SKIP_COLUMN_MM), pairs)
                )
            if i and j and (i - 1, j - 1) in best:
                mention, is_rate, inside = seen[i - 1]
                away = _away(mention, is_rate, inside, columns[j - 1])
                if away is not None:
                    cost, pairs = best[i - 1, j - 1]
                    options.append((cost + away, [*pairs, (mention, columns[j - 1])]))
            if options:
                best[i, j] = min(options, key=lambda o: o[0])
    return best[len(seen), len(columns)][1]


def _away(mention: Mention, is_rate: bool, inside_words: bool, column: Column) -> float | None:
    """How badly a number stands in a column, in millimetres; `None` when it cannot."""
    head, box = column.box, mention.box
    if is_rate and column.kind not in ("rate", "other", "unknown"):
        return None
    if column.kind == "rate" and not is_rate and not 0 <= mention.amount <= 30:
        return None
    apart = max(0.0, max(head.x, box.x) - min(head.right, box.right))
    if apart > 25:
        return None
    cost = apart + 0.3 * min(abs(head.right - box.right), abs(head.center_x - box.center_x), abs(head.x - box.x))
    if column.kind == "total" and not mention.marked:
        cost += 3.0
    if column.kind == "rate" and not is_rate:
        cost += 2.0
    return cost + (4.0 if inside_words and apart > 0 else 0.0)


def _numbers(cell: Cell) -> list[tuple[Mention, bool]]:
    days = {i for day in dates_in(cell) for i in range(day.start, day.end)}
    amounts = [m for m in amounts_in(cell) if not days.intersection(range(m.start, m.end)) and not _is_code(m)]
    return [*((m, False) for m in amounts), *((m, True) for m in rates_in(cell))]


_LONGEST_COUNT = 7


def _is_code(mention: Mention) -> bool:
    """A register number, not a quantity: many figures and no decimals."""
    return not mention.marked and sum(c.isdigit() for c in mention.text) > _LONGEST_COUNT


def _inside_words(mention: Mention, cell: Cell) -> bool:
    return any(c.isalpha() for t in (*cell.tokens[: mention.start], *cell.tokens[mention.end :]) for c in t.text)


def _column_of(box: Box, columns: Sequence[Column]) -> Column | None:
    """The column whose head is nearest, by left edge, middle or right edge."""

    def away(column: Column) -> float:
        head = column.box
        apart = max(0.0, max(head.x, box.x) - min(head.right, box.right))
        edges = min(abs(head.right - box.right), abs(head.center_x - box.center_x), abs(head.x - box.x))
        wide = column.kind == "description"
        return apart * 2 + edges * (0.5 if wide and head.x - 2 <= box.x else 1.0)

    return min(columns, key=away, default=None)


def _is_description(box: Box, head: Head, description: Column | None) -> bool:
    if description is None:
        known = [c.box.x for c in head.columns if c.kind in ("quantity", "unit_price", "total", "rate", "gross")]
        return box.x < min(known, default=1e9) - 1
    left = max((c.box.right for c in head.columns if c.box.right <= description.box.x), default=-1.0)
    beyond = [c.box.x for c in head.columns if c.box.x > description.box.right]
    nearest = _column_of(Box(box.x, box.y, 0.1, box.height), head.columns)
    if nearest is not description and box.x > min(beyond, default=1e9) - 1.5:
        return False
    return box.x >= min(
        description.box.x - 1.5, (left + description.box.x) / 2 if left > 0 else description.box.x - 12
    ) and (box.x < min(beyond, default=1e9))


def _line(item: Item) -> InvoiceLine:
    quantity, price, total = (item.numbers.get(name) for name in ("quantity", "unit_price", "total"))
    rate = item.numbers.get("rate")
    q, p, t = (m.amount if m else None for m in (quantity, price, total))
    if q is None and p and t and item.counted and (t / p) % 1 == 0:
        q = t / p  # a lone figure in a wide column is the easiest to overlook
    if "discount" not in item.numbers:
        q, p, t = _mended(q, p, t)
    return InvoiceLine(
        " ".join(item.words).strip(" -|"),
        None if q is None else _plain(q),
        None if p is None else _money(p),
        None if t is None else _money(t),
        None if rate is None else _plain(rate.amount),
    )


def _mended(
    q: Decimal | None, p: Decimal | None, t: Decimal | None
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """A decimal comma that was lost comes back where it makes the product right."""
    if q is None or p is None or t is None or _agree(q, p, t):
        return q, p, t
    for shift in (Decimal("0.01"), Decimal("0.1"), Decimal("100"), Decimal("0.001")):
        if _agree(q * shift, p, t):
            return (q * shift).normalize(), p, t
        if _agree(q, p * shift, t):
            return q, p * shift, t
        if _agree(q, p, t * shift):
            return q, p, t * shift
    return q, p, t


def _agree(q: Decimal, p: Decimal, t: Decimal) -> bool:
    return abs((q * p).quantize(CENT, ROUND_HALF_UP) - t) <= CENT


def _money(value: Decimal) -> str:
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return f"{value.quantize(CENT) if isinstance(exponent, int) and exponent > -2 else value:f}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _by_arithmetic(document: Document, pages: Container[int]) -> tuple[tuple[InvoiceLine, ...], frozenset[int]]:
    """No head was found: rows whose numbers are quantity x unit price = total."""
    lines: list[InvoiceLine] = []
    rows: set[int] = set()
    for row in document.rows:
        if row.page not in pages:
            continue
        found = [m for cell in row.cells for m in amounts_in(cell)]
        hit = _triple([m.amount for m in found])
        lowered = _with_discount(row, {}) if hit is None else {}
        if hit is not None:
            quantity, price = _quantity_first(found[hit[0]], found[hit[1]])
            product = found[hit[2]]
        elif lowered and lowered["discount"].text.endswith("%"):
            quantity, price, product = lowered["quantity"], lowered["unit_price"], lowered["total"]
        else:
            continue
        first = min(m.box.x for m in found)
        words = [token.text for cell in row.cells for token in cell.tokens if token.box.right <= first]
        rates = [rate for cell in row.cells for rate in rates_in(cell) if rate is not lowered.get("discount")]
        rate = rates[0].value if rates else None
        total = _money(product.amount)
        lines.append(InvoiceLine(" ".join(words), _plain(quantity.amount), _money(price.amount), total, rate))
        rows.add(row.number)
    return tuple(lines), frozenset(rows)


def _quantity_first(one: Mention, two: Mention) -> tuple[Mention, Mention]:
    """Of the two factors, the price is the one in a currency, the one that is not given back, the one with two or four
    decimals, or the one that is no whole number."""
    for is_price in (_in_money, _is_positive, _has_cents, _is_broken):
        first, second = is_price(one), is_price(two)
        if first != second:
            return (two, one) if first else (one, two)
    return one, two


def _is_positive(mention: Mention) -> bool:
    return mention.amount > 0


def _has_cents(mention: Mention) -> bool:
    return bool(_CENTS.search(mention.text))


def _is_broken(mention: Mention) -> bool:
    return mention.amount % 1 != 0


def _in_money(mention: Mention) -> bool:
    after = mention.cell.tokens[mention.end : mention.end + 1]
    return any(_CURRENCY.search(text) for text in (mention.text, *(token.text for token in after)))


_CENTS = re.compile(r"[.,](?:\d{2}|\d{4})\b")
_CURRENCY = re.compile(r"[€$£]|^(?:eur|euros?)$", re.IGNORECASE)


def _triple(values: Sequence[Decimal]) -> tuple[int, int, int] | None:
    """Places of two factors and, behind them, of their product; the product is the rightmost that there is."""
    for last in range(len(values) - 1, 1, -1):
        for second in range(1, last):
            for first in range(second):
                q, p, t = values[first], values[second], values[last]
                if t and q and p and _agree(q, p, t):
                    return first, second, last
    return None
