"""What stands on the page by its own form: amounts, rates, days, and the numbers that registers and banks give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from extraction.invoices.page_layout import Cell, Document, fold
from models.geometry import Box
from models.values.amounts import AmbiguousAmountError, parse_amount
from models.values.dates import parse_date
from models.values.kinds import kind
from models.values.repair import repair


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A value found by its form."""

    value: str
    text: str
    cell: Cell
    start: int
    """Index of its first word in the cell."""
    end: int
    box: Box
    confidence: float
    """That its characters are well read."""
    repaired: bool = False
    marked: bool = False
    """An amount with two decimals or a currency: not a mere number."""

    @property
    def amount(self) -> Decimal:
        return Decimal(self.value)


def mention_of(
    cell: Cell, start: int, end: int, value: str, *, repaired: bool = False, marked: bool = False
) -> Mention:
    """A mention over the words `start` to `end` (exclusive) of a cell."""
    tokens = cell.tokens[start:end]
    sure = min(token.confidence for token in tokens)
    box = Box.around(token.box for token in tokens)
    text = " ".join(token.text for token in tokens)
    return Mention(value, text, cell, start, end, box, sure * (0.9 if repaired else 1.0), repaired, marked)


# --- amounts ---

_NUMBER = re.compile(
    r"(?P<sign>[-−–(]\s?)?(?P<whole>[0-9]{1,3}(?:(?:[ '’\u00a0\u202f]|[.,]\s?)[0-9]{3})+(?![0-9])|[0-9]+)"
    r"(?:\s?[.,]\s?(?P<decimals>[0-9]{1,6}))?(?P<after>\s?[-−](?![0-9A-Za-z])|\))?"
)
_MONEY = re.compile(r"^\s?(?:€|eur(?:os?)?\b|£|\$|usd\b|chf\b|gbp\b)", re.IGNORECASE)
_MONEY_BEFORE = re.compile(r"(?:€|eur|£|\$|usd|chf|gbp|(?<![A-Za-z])(?:rm|myr))\s?$", re.IGNORECASE)
_PERCENT = re.compile(r"(?<![0-9])([0-9]{1,2}(?:\s?[.,]\s?[0-9]{1,3})?)\s?%")


def amounts_in(cell: Cell) -> list[Mention]:
    """Numbers of a cell that can be money or a quantity; rates, days and codes are left out."""
    if "amounts" not in cell.found:
        cell.found["amounts"] = _amounts_in(cell)
    return cell.found["amounts"]


def _amounts_in(cell: Cell) -> list[Mention]:
    text, places = _joined(cell)
    found = []
    for match in _NUMBER.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if re.search(r"[0-9A-Za-zÀ-ÿ/°#][.\-/]?$", before) and not _MONEY_BEFORE.search(before):
            continue
        if re.match(r"\s?%|[0-9]|[/.:\-][0-9]|[-/_][A-Za-z]", after):
            continue
        marked = bool(_MONEY.match(after) or _MONEY_BEFORE.search(before))
        if re.match(r"[A-Za-zÀ-ÿ]", after) and not marked:
            continue
        value = _number(match)
        if value is None:
            continue
        start, end = _words(places, match.start(), match.end())
        decimals = match["decimals"]
        found.append(mention_of(cell, start, end, value, marked=marked or bool(decimals and len(decimals) == 2)))
    return found


def _number(match: re.Match[str]) -> str | None:
    written = match[0]
    if match["sign"] and match["sign"][0] == "(" and match["after"] != ")":
        written = written[1:]
    try:
        value = parse_amount(written.strip(" )") if match["after"] == ")" and not match["sign"] else written)
    except AmbiguousAmountError:
        value = Decimal(re.sub(r"[^0-9]", "", match[0])) if "." in match[0] else Decimal(_point(match[0]))
        value = -value if match["sign"] or re.search(r"[-−]", match["after"] or "") else value
    return None if value is None else f"{value:f}"


def _point(text: str) -> str:
    return re.sub(r"[^0-9.]", "", text.replace(",", "."))


def rates_in(cell: Cell) -> list[Mention]:
    """Percentages of a cell, as decimal strings without trailing zeros."""
    if "rates" not in cell.found:
        cell.found["rates"] = _rates_in(cell)
    return cell.found["rates"]


def _rates_in(cell: Cell) -> list[Mention]:
    text, places = _joined(cell)
    found = []
    for match in _PERCENT.finditer(text):
        value = Decimal(_point(match[1])).normalize()
        start, end = _words(places, match.start(), match.end())
        found.append(mention_of(cell, start, end, f"{value:f}"))
    return found


def _joined(cell: Cell) -> tuple[str, list[int]]:
    """Text of a cell, and for each character the index of its word (a blank belongs to the word before)."""
    places: list[int] = []
    for index, token in enumerate(cell.tokens):
        places.extend([index] * (len(token.text) + 1))
    return cell.text, places[:-1]


def _words(places: list[int], start: int, end: int) -> tuple[int, int]:
    return places[start], places[end - 1] + 1


# --- days ---

_MONTH = r"[A-Za-zÀ-ÿ]{3,10}"
_DATE = re.compile(
    rf"(?<![0-9A-Za-z])(?:[0-9]{{1,2}}\s?([/.\-])\s?[0-9]{{1,2}}\s?\1\s?(?:20[0-9]{{2}}|[0-9]{{2}})(?![0-9])"
    rf"|[0-3][0-9]\s?[\s/.\-]\s?[01][0-9]\s?[\s/.\-]\s?20[0-9]{{2}}(?![0-9])"
    rf"|20[0-9]{{2}}\s?([/.\-])\s?[0-9]{{1,2}}\s?\2\s?[0-9]{{1,2}}(?![0-9])"
    rf"|(?:[0-9]{{1,2}}(?:er|st|nd|rd|th|\.)?|[lI]er)[\s.\-/]?\s?{_MONTH}\.?[\s.,\-/]*20[0-9]{{2}}(?![0-9])"
    rf"|{_MONTH}\.?\s[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s20[0-9]{{2}}(?![0-9]))"
)
_SHORT_DAY = re.compile(r"[0-3][0-9] [01][0-9] 2[0-9]")
"""`14 03 26`, alone in its cell."""
_SIGN_LOST = re.compile(r"[0-9]{2}[\s/.\-]+[0-9]{2}[\s/.\-]+(?:[0-9]{2}){1,2}")
"""`31 07 /2026`: a reader lost a thin stroke, or took it for another sign."""
_DAY_MONTH = re.compile(
    rf"^(?:le\s)?[0-9]{{1,2}}(?:er)?\s{_MONTH}\.?$|^[0-9]{{1,2}}[/.\-][0-9]{{1,2}}[/.\-]$", re.IGNORECASE
)
_GERMAN = {"januar": "janvier", "februar": "fevrier", "marz": "mars", "mai": "mai", "juni": "juin", "juli": "juillet",
           "august": "aout", "september": "septembre", "oktober": "octobre", "november": "novembre",
           "dezember": "decembre", "maart": "mars", "mei": "mai", "augustus": "aout"}  # fmt: skip


def dates_in(cell: Cell) -> list[Mention]:
    """Days of a cell, ISO."""
    if "dates" not in cell.found:
        cell.found["dates"] = _dates_in(cell)
    return cell.found["dates"]


def _dates_in(cell: Cell) -> list[Mention]:
    text, places = _joined(cell)
    found = []
    for match in [alone] if (alone := _SHORT_DAY.fullmatch(text)) else _DATE.finditer(text):
        day = _day(match[0])
        if day is None or not 1990 <= day.year <= 2080:
            continue
        start, end = _words(places, match.start(), match.end())
        found.append(mention_of(cell, start, end, day.isoformat()))
    return found


def dates_of(document: Document) -> list[Mention]:
    """Days of every cell, and those of a narrow column whose year stands in the row below."""
    found = [day for cell in document.cells for day in dates_in(cell)]
    for top, low in stacks(document):
        if _DAY_MONTH.match(top.text) and re.fullmatch(r"20[0-9]{2}", low.text):
            found.extend(dates_in(stacked(top, low)))
    return found


def stacked(top: Cell, low: Cell) -> Cell:
    """Two cells one under the other as one, in the row of the upper."""
    return Cell((*top.tokens, *low.tokens), Box.around((top.box, low.box)), top.page, top.row)


def _centred(top: Cell, low: Cell) -> bool:
    return low.box.x - 3 < top.box.right and top.box.x - 3 < low.box.right


def _month_first(text: str) -> date | None:
    """`11/15/2019` can only be American."""
    return parse_date(re.sub(r"^([0-9]{1,2})/([0-9]{1,2})/", r"\2/\1/", text))


def _day(text: str) -> date | None:
    text = re.sub(r"^[lI]er\b", "1er", text)
    if _SIGN_LOST.fullmatch(text):
        text = "/".join(re.findall(r"[0-9]+", text))
    if not re.search(r"[A-Za-zÀ-ÿ]", text):
        return parse_date(re.sub(r"\s", "", text)) or _month_first(re.sub(r"\s", "", text))
    words = re.sub(r"(?<=[0-9])(?:st|nd|rd|th)\b", "", text).replace(".", " ")
    for word in re.findall(_MONTH, words):
        french = _GERMAN.get(fold(word))
        if french:
            return parse_date(" ".join(words.replace(word, french).split()))
    return parse_date(" ".join(words.replace(",", " ").split()))


# --- register and bank numbers ---

_IBAN = re.compile(r"(?<![A-Z])[A-Z]{2}\s?[0-9OQISB]{2}(?:[\s.\-]?[A-Z0-9]){11,30}")
_VAT = re.compile(r"(?<![A-Z0-9])(?:F\s?R\s?[A-Z0-9]{2}(?:[\s.]?[0-9OIlSB]{3}){3}(?![0-9])"
                  r"|(?:AT\s?U|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|CHE|GB)"
                  r"[\s.\-]?[A-Z]?[0-9](?:[\s.]?[0-9]){6,11}(?:B[0-9]{2}|[A-Z])?(?![0-9A-Z]))")  # fmt: skip
_RUN = re.compile(r"(?<![0-9A-Z])[0-9OIlSBZ](?:[\s.\-]{0,2}[0-9OIlSBZ]){8,13}(?![0-9A-Z])")


def numbers_of(document: Document, value_type: str) -> list[Mention]:
    """Mentions of one type (`iban`, `vat_id`, `siret`, `siren`) in every cell, those in two stacked cells included."""
    patterns = {"iban": _IBAN, "vat_id": _VAT, "siret": _RUN, "siren": _RUN}
    found: list[Mention] = []
    for cell in document.cells if value_type == "siren" else _readable(document):
        if not _SEVEN_FIGURES.search(cell.text):
            continue
        text, places = _joined(cell)
        for match in _overlapping(patterns[value_type], text):
            hit = _standing(value_type, match[0])
            if hit is not None:
                value, repaired, used = hit
                start, end = _words(places, match.start(), match.start() + used)
                found.append(mention_of(cell, start, end, value, repaired=repaired))
    return _each_once(found)


_SEVEN_FIGURES = re.compile(r"(?:[0-9OIlSBZ][^0-9OIlSBZ]*){7}")


_LABELLED = {
    "iban": re.compile(r"IBAN\s?:?\s*([A-Z]{2}\s?[0-9]{2}(?:\s?[A-Z0-9]){11,30})"),
    "vat_id": re.compile(
        r"(?:TVA|VAT|USt|Umsatzsteuer|MwSt|BTW)[^0-9]{0,45}?\b([A-Z]{2}[\s.]?[0-9A-Z]{2}(?:[\s.]?[0-9]){7,9})(?![0-9])"
    ),
    "siret": re.compile(r"SIRE[TN][^0-9]{0,12}([0-9](?:[\s.]?[0-9]){13}|[0-9](?:[\s.]?[0-9]){8})(?![0-9])"),
}


def unchecked_numbers(document: Document, value_type: str) -> list[Mention]:
    """Numbers that stand right behind their own name but do not pass their check: misread, or wrong on paper."""
    found = []
    for cell in _readable(document):
        if not _SEVEN_FIGURES.search(cell.text):
            continue
        text, places = _joined(cell)
        for match in _LABELLED[value_type].finditer(text):
            value = match[1]
            if value_type == "iban":
                value = re.split(r"\s(?=BIC|[A-Z]{4})", value)[0]
            start, end = _words(places, match.start(1), match.start(1) + len(value))
            found.append(mention_of(cell, start, end, re.sub(r"[\s.]", "", value)))
    return _each_once(found)


_CALLED = {
    "seller_iban": re.compile(r"(?:\b[I1l]BAN\b|\bF[RN]\s?7[0-9OQDI])(.{0,40})"),
    "seller_siret": re.compile(r"\bSIRE\s?[TN]\b(.{0,25})|\bR\.?C\.?S\b(.{0,40})", re.IGNORECASE),
    "buyer_siret": re.compile(r"\bSIRET\b(.{0,25})", re.IGNORECASE),
    "seller_vat_id": re.compile(r"\bT\s?V\s?A\b(.{0,35})", re.IGNORECASE),
}
_FIGURES_OF_NUMBER = 8


def unread_number(name: str, document: Document, known: Iterable[Mention]) -> bool:
    """A long number stands behind the name of a register or bank field and was read as no number of a field.

    Args:
        known: the numbers that were chosen, of any field.
    """
    pattern = _CALLED.get(name)
    if pattern is None:
        return False
    values = [re.sub(r"\W", "", m.text) for m in known]
    for cell in _readable(document):
        for match in pattern.finditer(cell.text):
            rest = re.sub(r"\W", "", match[0])
            long = re.search(rf"(?:[0-9][A-Z]{{0,2}}){{{_FIGURES_OF_NUMBER},}}", rest)
            if long is not None and not any(_share(long[0], value) for value in values):
                return True
    return False


def _share(seen: str, value: str) -> bool:
    """The figures seen are of this number: they may be cut short or stand within a longer one (SIREN in SIRET)."""
    figures, own = re.sub(r"[^0-9]", "", seen), re.sub(r"[^0-9]", "", value)
    return any(figures[i : i + _FIGURES_OF_NUMBER] in own for i in range(len(figures) - _FIGURES_OF_NUMBER + 1))


def _readable(document: Document) -> Iterator[Cell]:
    yield from document.cells
    for row in document.rows:
        for left, right in pairwise(row.cells):
            if right.box.x - left.box.right < 12 and _mostly_digits(right):
                yield Cell((*left.tokens, *right.tokens), Box.around((left.box, right.box)), left.page, left.row)
    for upper, lower in pairwise(document.rows):
        near = upper.page == lower.page and lower.box.y - upper.box.bottom < 3
        if near and re.search(r"(?:[0-9]|\bFR)$", upper.text) and re.match(r"[0-9]", lower.text):
            top, low = upper.cells[-1], lower.cells[0]
            yield stacked(top.part(max(0, len(top.tokens) - 8), len(top.tokens)), low)
    for top, low in stacks(document):
        if _mostly_digits(top) and _mostly_digits(low) and abs(top.box.center_x - low.box.center_x) < 8:
            yield stacked(top, low)


def stacks(document: Document) -> Iterator[tuple[Cell, Cell]]:
    """Cells with the one closely below, though rows of other columns stand between."""
    for cell in document.cells:
        for row in document.rows[cell.row + 1 : cell.row + 4]:
            for low in row.cells:
                if low.page == cell.page and -1 <= low.box.y - cell.box.bottom <= 3 and _centred(cell, low):
                    yield cell, low


def _mostly_digits(cell: Cell) -> bool:
    text = cell.text
    return 2 * sum(c.isdigit() for c in text) >= len(text.replace(" ", ""))


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    place = 0
    while match := pattern.search(text, place):
        yield match
        place = match.start() + 1


_FORGIVEN = frozenset({"iban.national_key"})
"""Banks abroad of France that use French account numbers, and samples, do not keep it; mod 97 stands all the same."""


def _standing(value_type: str, text: str) -> tuple[str, bool, int] | None:
    """(canonical value, repaired, characters used): the longest beginning of `text` that its check digits accept."""
    known = kind(value_type)
    sizes = {"siret": (14,), "siren": (9,), "vat_id": tuple(range(14, 7, -1))}.get(value_type, tuple(range(34, 14, -1)))
    compact_ends = [index + 1 for index, character in enumerate(text) if character.isalnum()]
    for size in sizes:
        if size > len(compact_ends):
            continue
        part = text[: compact_ends[size - 1]]
        if _cuts_a_word(text, part):
            continue
        value = known.parse(part)
        if value is not None and set(known.check(value)) <= _FORGIVEN:
            return value, False, len(part)
    for size in sizes if value_type in {"siret", "siren"} else (27, 13):
        if size <= len(compact_ends):
            part = text[: compact_ends[size - 1]]
            value = repair(value_type, part)
            if value is not None:
                return value, True, len(part)
    return None


def _cuts_a_word(text: str, part: str) -> bool:
    return text[len(part) : len(part) + 1].isalnum()


def _each_once(mentions: Iterable[Mention]) -> list[Mention]:
    """Of overlapping mentions, the ones read without repair, then the first."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: m.repaired):
        if not any(k.cell.page == mention.cell.page and k.box.intersection(mention.box) for k in kept):
            kept.append(mention)
    return sorted(kept, key=lambda m: (m.cell.page, m.box.y, m.box.x))
