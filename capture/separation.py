"""From pages to documents: separator sheets, form pages, blank sides, and what the pages say themselves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from capture.boundaries import (
    Boundary,
    another_address,
    closes,
    ended_early,
    folded,
    folded_text,
    opens,
    other_paper,
    weigh,
)
from models.definitions import DocumentType
from models.geometry import MM_PER_INCH
from models.reading import Boundaries, PageClues, PageReading

MOST_WORDS_ON_A_SHEET = 80
"""A separator sheet carries at most its instructions."""
MOST_WORDS_IN_A_TITLE = 25
MOST_WORDS_ON_A_BACK = 3
MOST_WORDS_OF_A_STAMP = 8
HIGHEST_STAMP_MM = 8.0
"""Letters of a stamp are lower; a poster's few words are higher."""
SURE_OTHER = 0.98
SURE_TYPE = 0.9
CARD_MM = 225.0
"""Long side of the largest reply card."""
_SAYS_SO = re.compile(
    r"\bsepar(?:ateur|atrice|ator|ation de (?:document|pli|lot))|\bintercalaire\b|\btrennblatt\b"
    r"|\bpatch ?(?:code|t\b|[1-6]\b)"
    r"|\bfeuill?e de (?:separation|tri)\b|\bnouveau (?:document|pli|lot)\b|\b(?:new document|document separator)\b"
)
_TERMS = re.compile(
    r"\bconditions (?:generales|particulieres) (?:de |d')(?:vente|prestation|service|intervention|location)"
)
_CONFUSED = str.maketrans("OQILSBZG", "00115826")
"""Letters that readers take for figures."""
SURE_SHEET = 0.999
"""A separator sheet read by its code; the first page of a stack too."""
LIKELY_SHEET = 0.99
"""One known by its words, or by a barcode that comes again."""


@dataclass(frozen=True, slots=True)
class SeparatedDocument:
    """Pages that belong together."""

    pages: tuple[int, ...]
    """1-based, in order."""
    sign: str
    """Why it begins where it does: `first-page`, `patch-t`, `barcode`, or a key of `capture.boundaries.DECIDING`."""
    boundaries: Boundaries
    """Of its decisions (its beginning, each page that joined, its end) the least sure."""


@dataclass(frozen=True, slots=True)
class Separation:
    """Every page of a stack is in exactly one of the three."""

    documents: tuple[SeparatedDocument, ...]
    separators: tuple[int, ...]
    blanks: tuple[int, ...]


class Decide(Protocol):
    """Settles a place between pages from the sign that stands out there, as `capture.boundaries.weigh`."""

    def __call__(
        self, sign: str, document: Sequence[PageReading], page: PageReading, /, *, same_sheet: bool | None
    ) -> Boundary: ...


def separate(
    readings: Sequence[PageReading], *, form_pages: dict[str, int] | None = None, decide: Decide = weigh
) -> Separation:
    """Divide a stack into documents.

    A separator sheet always begins a document; where sheets stand between documents, only forms and a clearly
    forgotten sheet divide further. Elsewhere forms and the text of the pages decide. Blank sides and backs of sheets
    are set aside.

    Args:
        readings: the pages in the order of the stack.
        form_pages: number of pages of each known form; a form that is complete takes no more pages.
        decide: another judge, for fitting.
    """
    sheets = _separator_sheets(readings)
    backs = _backs_of(sheets, readings)
    stack = _Stack(
        form_pages=form_pages or {},
        cautious=_divided_by_sheets(sheets, backs, readings),
        cards_have_backs=_cards_have_backs(readings),
        born_digital=all(r.text is not None and r.text.source == "text-layer" for r in readings if not r.blank),
    )
    same_sheet = _backs(sheets, readings)
    documents: list[list[int]] = []
    begun: list[str] = []
    decisions: list[list[Boundaries]] = []
    blanks: list[int] = []
    pending = "first-page"
    for number, reading in enumerate(readings, start=1):
        if number in sheets:
            pending = reading.separator.value if reading.separator is not None else "separator-sheet"
            continue
        if reading.blank or number in backs:
            blanks.append(number)
            continue
        if pending:
            documents.append([number])
            begun.append(pending)
            decisions.append([_OF_SHEETS.get(pending, Boundaries(SURE_SHEET, "feuille de séparation"))])
            pending = ""
            continue
        before = [readings[page - 1] for page in documents[-1]]
        place = decide(deciding_sign(before, reading, stack), before, reading, same_sheet=same_sheet(number))
        decision = Boundaries(place.confidence, place.reason)
        decisions[-1].append(decision)
        if place.begins:
            documents.append([number])
            begun.append(place.sign)
            decisions.append([decision])
        else:
            documents[-1].append(number)
    found = tuple(
        SeparatedDocument(tuple(pages), sign, min(own, key=lambda decision: decision.confidence))
        for pages, sign, own in zip(documents, begun, decisions, strict=True)
    )
    return Separation(found, tuple(sorted(sheets)), tuple(blanks))


_OF_SHEETS = {
    "first-page": Boundaries(SURE_SHEET, "première page"),
    "separator-sheet": Boundaries(LIKELY_SHEET, "feuille de séparation reconnue à ses mots"),
}


@dataclass(frozen=True, slots=True)
class _Stack:
    """What is known of the whole stack."""

    form_pages: Mapping[str, int]
    cautious: bool
    """Separator sheets divide it: only what leaves no doubt divides further."""
    cards_have_backs: bool
    """Each card is followed by its printed back."""
    born_digital: bool
    """A file some program wrote, not a scanner: one document, unless it was put together from several."""


def _words(reading: PageReading) -> list[str]:
    return [] if reading.text is None else reading.text.text.split()


def _separator_sheets(readings: Sequence[PageReading]) -> set[int]:
    """Numbers of the separator sheets: those known by their codes, and, where codes are of a kind we do not read or
    say nothing, sheets that call themselves so, or nearly empty ones whose barcode comes again and again."""
    sheets = {number for number, reading in enumerate(readings, start=1) if reading.separator is not None}
    sparse = {
        number: reading
        for number, reading in enumerate(readings, start=1)
        if number not in sheets and reading.form is None and 0 < len(_words(reading)) <= MOST_WORDS_ON_A_SHEET
    }
    again = {barcode.text for number in sheets for barcode in readings[number - 1].barcodes}
    places: dict[str, list[int]] = {}
    for number, reading in sparse.items():
        for text in {barcode.text for barcode in reading.barcodes}:
            places.setdefault(text, []).append(number)
    for text, numbers in places.items():
        # the pages of one letter follow one another; sheets have a document between them
        between = [_content(readings[one : other - 1]) for one, other in itertools.pairwise(numbers)]
        if between and all(between):
            again.add(text)
    for number, reading in sparse.items():
        says_so = _SAYS_SO.search(folded(" ".join(_words(reading)[:MOST_WORDS_IN_A_TITLE])))
        if says_so or any(barcode.text in again for barcode in reading.barcodes):
            sheets.add(number)
    return sheets


def _content(readings: Sequence[PageReading]) -> int:
    return sum(not reading.blank for reading in readings)


def _backs_of(sheets: set[int], readings: Sequence[PageReading]) -> set[int]:
    """Backs of separator sheets that are not quite blank: a scribble on a sheet that is used again and again."""
    empty_backs = [number for number in sheets if number < len(readings) and readings[number].blank]
    if 2 * len(empty_backs) < len(sheets):
        return set()
    return {
        number + 1
        for number in sheets
        if number < len(readings)
        and number + 1 not in sheets
        and readings[number].form is None
        and not readings[number].barcodes
        and len(_words(readings[number])) <= MOST_WORDS_ON_A_BACK
    }


def _backs(sheets: set[int], readings: Sequence[PageReading]) -> Callable[[int], bool | None]:
    """Whether a page is the back of the sheet whose front came right before: both sides of each sheet were scanned
    when blank sides come often and on backs only. `None` when that cannot be told."""
    blank = [number for number, reading in enumerate(readings, start=1) if reading.blank and number - 1 not in sheets]
    both = len(readings) % 2 == 0 and len(blank) >= 3 and len(blank) > 0.15 * len(readings)
    if not both or any(number % 2 for number in blank):
        return lambda number: None
    return lambda number: number % 2 == 0


def _divided_by_sheets(sheets: set[int], backs: set[int], readings: Sequence[PageReading]) -> bool:
    """Whether the sheets stand between documents; a lone one at the head of a stack only announces it."""
    content = [
        number
        for number, reading in enumerate(readings, start=1)
        if number not in sheets and number not in backs and not reading.blank
    ]
    return bool(content) and any(content[0] < number < content[-1] for number in sheets)


def _cards_have_backs(readings: Sequence[PageReading]) -> bool:
    """Whether nearly each card of the stack is followed by one page of its size that is no form."""
    pages = [reading for reading in readings if not reading.blank and reading.separator is None]
    cards = [place for place, page in enumerate(pages) if page.form is not None and _is_card(page)]
    followed = [place for place in cards if place + 1 < len(pages) and _may_be_its_back(pages[place], pages[place + 1])]
    return bool(cards) and len(followed) > 0.7 * len(cards)


def _is_card(page: PageReading) -> bool:
    return max(page.width, page.height) / page.dpi * MM_PER_INCH < CARD_MM


def _may_be_its_back(card: PageReading, page: PageReading) -> bool:
    same_size = all(
        abs(one / page.dpi - other / card.dpi) * MM_PER_INCH < 8
        for one, other in zip(sorted((page.width, page.height)), sorted((card.width, card.height)), strict=True)
    )
    return page.form is None and same_size and not page.barcodes


def deciding_sign(document: Sequence[PageReading], page: PageReading, stack: _Stack) -> str:
    """The strongest sign for or against a new document: a key of `capture.boundaries.DECIDING`."""
    last = document[-1]
    if page.form is not None:
        follows = (
            last.form is not None and last.form.form == page.form.form and page.form.form_page > last.form.form_page
        )
        return "form-goes-on" if follows else "form"
    if document[0].form is not None:
        return _after_form(document, page, stack)
    if stack.cautious:
        return _despite_sheets(document, page)
    if stack.born_digital:
        return "number" if _next_of_its_kind(document[0].clues, page.clues) else "one-file"
    return _by_text(document, page)


def _after_form(document: Sequence[PageReading], page: PageReading, stack: _Stack) -> str:
    """A page that is no known form, behind one: its terms, its back, what came with it, or the next letter."""
    form = document[0].form
    if stack.cautious:
        return "between-sheets"
    if stack.cards_have_backs and len(document) == 1 and _may_be_its_back(document[0], page):
        return "back-of-card"
    complete = form is None or len(document) >= stack.form_pages.get(form.form, 1)
    return "after-form" if complete or _has_own_beginning(page) else "page-of-form"


def _despite_sheets(document: Sequence[PageReading], page: PageReading) -> str:
    """Where people divided the stack, annexes have numbers, titles and senders of their own: only a new letter of the
    same kind from someone else, beginning at its page 1, is taken for a forgotten sheet."""
    new_letter = _next_of_its_kind(document[0].clues, page.clues)
    return "forgotten-sheet" if new_letter and _another_sender([document[0]], page) else "between-sheets"


def _next_of_its_kind(first: PageClues | None, clues: PageClues | None) -> bool:
    """The same heading as on the first page, another document number, and not a later page of anything."""
    if first is None or clues is None or clues.title is None or clues.title != first.title:
        return False
    new_number = clues.document_number and first.document_number and clues.document_number != first.document_number
    return bool(new_number) and clues.page_number in (None, 1)


def _same_registered_sender(document: Sequence[PageReading], page: PageReading) -> bool:
    """Whether a number of a company, or an account, that an earlier page has stands on the page."""
    sender = page.clues.sender if page.clues is not None else None
    registered = sender is not None and not sender.startswith("name:")
    return registered and any(earlier.clues is not None and earlier.clues.sender == sender for earlier in document)


def _another_sender(document: Sequence[PageReading], page: PageReading) -> bool:
    """Identifiers with check digits of one kind (SIREN, VAT, IBAN) that differ; names are read too variably."""
    kind, _, value = ((page.clues.sender if page.clues else None) or "name:").partition(":")
    known = {
        earlier.clues.sender.partition(":")[2]
        for earlier in document
        if earlier.clues and earlier.clues.sender and earlier.clues.sender.startswith(kind + ":")
    }
    return kind != "name" and bool(known) and value not in known and not _names_number_of(document, value)


def _has_own_beginning(page: PageReading) -> bool:
    clues = page.clues
    return clues is not None and (
        clues.title is not None or clues.document_number is not None or clues.page_number == 1
    )


def _by_text(document: Sequence[PageReading], page: PageReading) -> str:
    """What the words of two neighbouring pages say, the strongest sign first."""
    clues = page.clues
    before = [earlier.clues for earlier in document if earlier.clues is not None]
    if clues is None:
        return "no-text"
    if _only_stamped(page):
        return "stamped-back"
    told = before[-1] if before else None
    if clues.page_number is not None and clues.page_number > 1:
        expected = told is None or told.page_number is None or told.page_number == clues.page_number - 1
        same_count = told is None or told.page_count is None or told.page_count == clues.page_count
        return "next-page" if expected and same_count else "page-gap"
    if clues.page_number == 1:
        return "page-one"
    numbers = {earlier.document_number for earlier in before if earlier.document_number}
    own = clues.document_number
    if own and (own in numbers or _names_number_of(document, own)):
        return "other-title" if _other_title(before[0], clues) else "same-number"
    if clues.continues and clues.title is None:
        return "goes-on"
    if own and numbers:
        return "number"
    if _another_sender(document, page):
        return "sender"
    if told is not None and told.page_number is not None and told.page_count is not None:
        return "pages-missing" if told.page_number < told.page_count else "pages-complete"
    if clues.continues or (told is not None and told.continues and clues.title is None):
        return "goes-on"
    return _by_look(document, page)


def _only_stamped(page: PageReading) -> bool:
    """A back on which the post room's stamp fell, or a word by hand: nobody sends that."""
    lines = page.text.lines if page.text is not None else ()
    greets = opens(folded_text(page))
    named = greets or (page.clues is not None and (page.clues.title or page.clues.document_number))
    heights_mm = [line.box.height / page.dpi * MM_PER_INCH for line in lines]
    return 0 < len(_words(page)) <= MOST_WORDS_OF_A_STAMP and not named and max(heights_mm) < HIGHEST_STAMP_MM


def _names_number_of(document: Sequence[PageReading], number: str) -> bool:
    """Whether the number printed on a page stands on an earlier page too, letters and figures taken for one another."""
    sought = _alike(number)
    return len(sought) >= 4 and any(sought in _alike(page.text.text) for page in document if page.text is not None)


def _alike(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", folded(text).upper()).translate(_CONFUSED)


def _other_title(first: PageClues, clues: PageClues) -> bool:
    """A reminder names its invoice's number, and is another letter."""
    return first.title is not None and clues.title is not None and first.title != clues.title


def _by_look(document: Sequence[PageReading], page: PageReading) -> str:
    """Without a printed number to go by: another heading, another paper or another kind of letter begins a document."""
    last = document[-1]
    head = folded(page.text.text[:200]) if page.text is not None else ""
    if _TERMS.search(head) and not another_address(document, page):
        return "terms"  # printed on the back of many an invoice
    if page.clues is not None and page.clues.title is not None:
        return "title"
    if page.clues is not None and page.clues.document_number is not None:
        return "number"
    if other_paper(last, page):
        return "paper"
    if not page.types or not last.types:
        return "no-sign"
    if _ends_the_letter(last, page):
        return "letter-closes"
    if another_address(document, page):
        return "address"
    if ended_early(last) and len(_words(page)) > MOST_WORDS_ON_A_BACK and not _same_registered_sender(document, page):
        return "page-ended"  # a page that nothing opens, of the same company, is where the totals went
    if not ended_early(last) and not opens(folded_text(page)):
        return "full-page"  # and this one greets nobody
    now, earlier = page.types[0], last.types[0]
    # terms and tables that run over look like nothing in particular: only a sure type counts
    if now.document_type is DocumentType.OTHER:
        return "other" if now.confidence >= SURE_OTHER else "no-sign"
    other_type = now.document_type is not earlier.document_type and min(now.confidence, earlier.confidence) >= SURE_TYPE
    return "type" if other_type else "no-sign"


def _ends_the_letter(last: PageReading, page: PageReading) -> bool:
    """A page with a closing phrase and no opening one, after a page that has no closing one."""
    before, now = folded_text(last), folded_text(page)
    return closes(now) and not opens(now) and not closes(before)
