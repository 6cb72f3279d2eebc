"""From pages to documents: separator sheets, form pages, blank sides, and what the pages say themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.definitions import DocumentType
from models.reading import PageReading


@dataclass(frozen=True, slots=True)
class SeparatedDocument:
    """Pages that belong together."""

    pages: tuple[int, ...]
    """1-based, in order."""
    reason: str
    """Why it begins where it does: `first-page`, `patch-t`, `barcode`, `form`, `page-number`, `number`, `title`, ..."""


@dataclass(frozen=True, slots=True)
class Separation:
    """Every page of a stack is in exactly one of the three."""

    documents: tuple[SeparatedDocument, ...]
    separators: tuple[int, ...]
    blanks: tuple[int, ...]


def separate(readings: Sequence[PageReading], *, form_pages: dict[str, int] | None = None) -> Separation:
    """Divide a stack into documents.

    A separator sheet always begins a document, and where a stack has any, between two of them only forms and strong
    signs in the text divide further. Blank sides and the backs of separators are set aside.

    Args:
        readings: the pages in the order of the stack.
        form_pages: number of pages of each known form; a form that is complete takes no more pages.
    """
    documents: list[list[int]] = []
    reasons: list[str] = []
    separators: list[int] = []
    blanks: list[int] = []
    pending = "first-page"
    with_separators = any(reading.separator is not None for reading in readings)
    for number, reading in enumerate(readings, start=1):
        if reading.separator is not None:
            separators.append(number)
            pending = reading.separator.value
            continue
        if reading.blank:
            blanks.append(number)
            continue
        own = [readings[page - 1] for page in documents[-1]] if documents and not pending else []
        reason = pending or boundary(own, reading, form_pages or {}, cautious=with_separators)
        if reason is None:
            documents[-1].append(number)
        else:
            documents.append([number])
            reasons.append(reason)
        pending = ""
    found = tuple(SeparatedDocument(tuple(pages), reason) for pages, reason in zip(documents, reasons, strict=True))
    return Separation(found, tuple(separators), tuple(blanks))


def boundary(
    document: Sequence[PageReading], page: PageReading, form_pages: dict[str, int], *, cautious: bool
) -> str | None:
    """Why `page` begins a new document after `document`, `None` when it goes on with it.

    Args:
        document: the pages so far, at least one.
        cautious: separator sheets already divide the stack; only strong signs count.
    """
    last = document[-1]
    if page.form is not None:
        follows = (
            last.form is not None and last.form.form == page.form.form and page.form.form_page > last.form.form_page
        )
        return None if follows else "form"
    if document[0].form is not None:
        return _after_form(document, page, form_pages)
    return _by_text(document, page, cautious=cautious)


def _after_form(document: Sequence[PageReading], page: PageReading, form_pages: dict[str, int]) -> str | None:
    """A page that is no known form, behind one: its terms, or the next letter."""
    form = document[0].form
    complete = form is None or len(document) >= form_pages.get(form.form, 1)
    return "after-form" if complete or _has_own_beginning(page) else None


def _has_own_beginning(page: PageReading) -> bool:
    clues = page.clues
    return clues is not None and (
        clues.title is not None or clues.document_number is not None or clues.page_number == 1
    )


def _by_text(document: Sequence[PageReading], page: PageReading, *, cautious: bool) -> str | None:
    """What the words of two neighbouring pages say, the strongest sign first."""
    last, clues = document[-1], page.clues
    before = [earlier.clues for earlier in document if earlier.clues is not None]
    if clues is None:
        return None if cautious else "no-text"
    told = before[-1] if before else None
    if clues.page_number is not None and clues.page_number > 1:
        expected = told is None or told.page_number is None or told.page_number == clues.page_number - 1
        same_count = told is None or told.page_count is None or told.page_count == clues.page_count
        return None if expected and same_count else "page-number"
    if clues.page_number == 1:
        return "page-number"
    numbers = {earlier.document_number for earlier in before if earlier.document_number}
    if clues.document_number and numbers:
        return None if clues.document_number in numbers else "number"
    senders = {earlier.sender for earlier in before if earlier.sender}
    if clues.sender and senders and clues.sender not in senders:
        return "sender"
    if told is not None and told.page_number is not None and told.page_count is not None:
        return None if told.page_number < told.page_count else "pages-complete"
    if clues.continues or (told is not None and told.continues and clues.title is None):
        return None
    if cautious:
        return None
    return _by_layout(last, page)


def _by_layout(last: PageReading, page: PageReading) -> str | None:
    """Without a word to go by: another kind of letter, another paper, another heading begins a document."""
    if page.clues is not None and page.clues.title is not None:
        return "title"
    if page.clues is not None and page.clues.document_number is not None:
        return "number"
    if last.types and page.types and last.types[0].document_type is not page.types[0].document_type:
        return "type"
    if not (0.95 < (page.width / page.dpi) / (last.width / last.dpi) < 1.05):
        return "paper"
    if page.types and page.types[0].document_type is DocumentType.OTHER:
        return "other"
    return None
