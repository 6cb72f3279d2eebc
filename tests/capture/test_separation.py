from dataclasses import replace

from capture.separation import separate
from models.reading import FormMatch, PageClues, PageReading, Quality, Separator

PLAIN = PageReading(1654, 2339, 200, 0, 0.0, False, Quality(200, 1, 1, 0, False), clues=PageClues())
BLANK = replace(PLAIN, blank=True, clues=None)
PATCH = replace(PLAIN, separator=Separator.PATCH_T, clues=None)


def form(name: str, page: int = 1) -> PageReading:
    return replace(PLAIN, form=FormMatch(name, page, 0.99, (0.0,) * 9, 0.1), clues=None)


def text(**clues: object) -> PageReading:
    return replace(PLAIN, clues=PageClues(**clues))  # type: ignore[arg-type]


def pages(*readings: PageReading) -> list[tuple[int, ...]]:
    return [document.pages for document in separate(readings, form_pages={"abo": 2, "carte": 1}).documents]


def test_separator_sheets_divide_and_blank_backs_are_set_aside() -> None:
    found = separate([PATCH, BLANK, PLAIN, BLANK, PATCH, BLANK, PLAIN, PLAIN])

    assert [document.pages for document in found.documents] == [(3,), (7, 8)]
    assert found.documents[1].reason == "patch-t"
    assert (found.separators, found.blanks) == ((1, 5), (2, 4, 6))


def test_every_page_is_accounted_for_once() -> None:
    stack = [PLAIN, BLANK, form("carte"), PATCH, text(title="facture"), form("abo"), PLAIN, BLANK]
    found = separate(stack, form_pages={"abo": 2})

    assert sorted([n for d in found.documents for n in d.pages] + [*found.separators, *found.blanks]) == list(
        range(1, 9)
    )


def test_a_form_begins_a_document_and_takes_its_own_pages_only() -> None:
    assert pages(form("carte"), form("carte"), form("abo"), form("abo", 2), form("carte")) == [(1,), (2,), (3, 4), (5,)]
    assert pages(form("abo"), PLAIN, PLAIN) == [(1, 2), (3,)]
    assert pages(form("carte"), text(title="facture")) == [(1,), (2,)]


def test_printed_page_numbers_hold_a_letter_together() -> None:
    one, two = text(page_number=1, page_count=2), text(page_number=2, page_count=2)

    assert pages(one, two, one, two) == [(1, 2), (3, 4)]


def test_another_document_number_or_sender_begins_a_letter() -> None:
    first = text(document_number="F1", sender="siren:1")

    assert pages(first, text(document_number="F1"), text(document_number="F2")) == [(1, 2), (3,)]
    assert pages(first, text(sender="siren:2")) == [(1,), (2,)]


def test_a_table_that_goes_on_stays_with_its_letter() -> None:
    assert pages(text(title="facture", document_number="F1", continues=True), text(), text(title="facture")) == [
        (1, 2),
        (3,),
    ]
