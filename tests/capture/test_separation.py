from dataclasses import replace

import pytest

from capture.boundaries import closes
from capture.separation import separate
from models.definitions import DocumentType
from models.geometry import Box
from models.reading import SURE_OF_BOUNDARY, Barcode, FormMatch, PageClues, PageReading, Quality, Separator, TypeMatch
from models.text import PageText, TextLine

PLAIN = PageReading(1654, 2339, 200, 0, 0.0, False, Quality(200, 1, 1, 0, False), clues=PageClues())
BLANK = replace(PLAIN, blank=True, clues=None)
PATCH = replace(PLAIN, separator=Separator.PATCH_T, clues=None)


def form(name: str, page: int = 1) -> PageReading:
    return replace(PLAIN, form=FormMatch(name, page, 0.99, (0.0,) * 9, 0.1), clues=None)


def text(**clues: object) -> PageReading:
    return replace(PLAIN, clues=PageClues(**clues))  # type: ignore[arg-type]


def print_of(words: str, *, source: str = "ocr") -> PageText:
    line = TextLine(words, Box(0, 0, 100, 10), 1.0)
    return PageText((line,), 1654, 2339, 200, source)


def card(reading: PageReading) -> PageReading:
    return replace(reading, width=1166, height=827)


def pages(*readings: PageReading) -> list[tuple[int, ...]]:
    return [document.pages for document in separate(readings, form_pages={"abo": 2, "carte": 1}).documents]


def test_separator_sheets_divide_and_blank_backs_are_set_aside() -> None:
    found = separate([PATCH, BLANK, PLAIN, BLANK, PATCH, BLANK, PLAIN, PLAIN])

    assert [document.pages for document in found.documents] == [(3,), (7, 8)]
    assert found.documents[1].sign == "patch-t"
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


def test_annexes_between_separator_sheets_stay_with_their_letter() -> None:
    invoice = text(title="facture", document_number="F1", sender="siren:1")
    annex = text(title="devis", document_number="D7", sender="siren:2", page_number=1)

    assert pages(PATCH, invoice, annex, PATCH, invoice) == [(2, 3), (5,)]
    assert pages(PATCH, form("carte"), PLAIN, PATCH, form("carte")) == [(2, 3), (5,)]


def test_a_forgotten_separator_sheet_is_noticed() -> None:
    one = text(title="facture", document_number="F1", sender="siren:1")
    two = text(title="facture", document_number="G2", sender="siren:2")

    assert pages(PATCH, one, PATCH, one, two) == [(2,), (4,), (5,)]


def test_a_lone_sheet_at_the_head_of_a_stack_leaves_the_dividing_to_the_text() -> None:
    assert pages(PATCH, text(title="facture", document_number="F1"), text(title="facture", document_number="F2")) == [
        (2,),
        (3,),
    ]


def test_a_sheet_that_calls_itself_a_separator_is_one_even_if_its_code_was_not_read() -> None:
    sheet = replace(PLAIN, text=print_of("FEUILLE DE SÉPARATION à placer devant chaque document"))
    letter = replace(PLAIN, text=print_of("suite à la séparation des réseaux " + "mot " * 100))

    found = separate([letter, sheet, letter])

    assert found.separators == (2,)
    assert [document.sign for document in found.documents] == ["first-page", "separator-sheet"]


def test_a_barcode_that_comes_again_on_nearly_empty_pages_is_a_separator() -> None:
    code = (Barcode("7F3A", "code39", Box(0, 0, 500, 100)),)
    sheet = replace(PLAIN, text=print_of("tri 7F3A"), barcodes=code)

    assert separate([PLAIN, sheet, PLAIN, sheet, PLAIN]).separators == (2, 4)
    assert separate([PLAIN, sheet, sheet, PLAIN]).separators == ()


def test_a_scribble_on_the_back_of_a_separator_sheet_makes_no_document() -> None:
    dirty = replace(PLAIN, text=print_of("42"))

    found = separate([PATCH, BLANK, PLAIN, BLANK, PATCH, dirty, PLAIN, BLANK, PATCH, BLANK, PLAIN, BLANK])

    assert [document.pages for document in found.documents] == [(3,), (7,), (11,)]
    assert 6 in found.blanks


def test_printed_backs_of_cards_stay_with_their_cards() -> None:
    front, back = card(form("carte")), card(PLAIN)

    assert pages(front, back, front, back, front, back) == [(1, 2), (3, 4), (5, 6)]
    assert pages(front, front, back, front, front) == [(1,), (2,), (3,), (4,), (5,)]


def test_a_file_written_by_a_program_is_one_document() -> None:
    first = replace(text(title="facture", document_number="F1"), text=print_of("facture", source="text-layer"))
    terms = replace(
        text(title="contrat", sender="iban:1"),
        text=print_of("conditions", source="text-layer"),
        types=(TypeMatch(DocumentType.OTHER, 0.99),),
    )
    another = replace(text(title="facture", document_number="F2"), text=print_of("facture", source="text-layer"))

    assert pages(first, terms) == [(1, 2)]
    assert pages(first, terms, another) == [(1, 2), (3,)]
    assert separate([first, terms]).documents[0].boundaries.confidence >= SURE_OF_BOUNDARY


def test_names_of_senders_divide_nothing_and_identifiers_do() -> None:
    first = text(title="facture", sender="name:durand")

    assert pages(first, text(sender="name:durond")) == [(1, 2)]
    assert pages(text(sender="siren:1"), text(sender="iban:FR76")) == [(1, 2)]
    assert pages(text(sender="siren:1"), text(sender="siren:2")) == [(1,), (2,)]


def test_the_page_on_which_a_letter_closes_belongs_to_it() -> None:
    other = (TypeMatch(DocumentType.OTHER, 0.99),)
    opens = replace(text(), text=print_of("Madame, Monsieur, nous vous écrivons"), types=other)
    closes = replace(text(), text=print_of("Veuillez agréer nos salutations distinguées"), types=other)

    assert pages(opens, closes, opens) == [(1, 2), (3,)]


def test_a_boundary_is_the_surer_the_more_signs_agree_and_says_which_they_are() -> None:
    first = sheet({**FULL, 0.12: "25300 Pontarlier"}, document_number="F1", sender="siren:1")
    lone = sheet(FULL)
    clear = sheet(SHORT | {0.1: "59000 Lille"}, page_number=1, document_number="F2", sender="siren:2")

    unsure, sure = (separate([first, page]).documents[-1].boundaries for page in (lone, clear))

    assert 0.5 <= unsure.confidence < sure.confidence <= 1
    assert "page 1" in sure.reason
    assert unsure.reason


def test_a_document_is_as_sure_as_the_least_sure_of_its_decisions() -> None:
    first, second = text(page_number=1, page_count=2), text(page_number=2, page_count=2)
    doubtful = sheet({0.1: "compteur gelé rue des Prés", 0.2: "le technicien passera", 0.25: "merci de votre appel"})

    both, last = separate([first, second, doubtful]).documents

    assert both.boundaries == last.boundaries
    assert separate([PATCH, first, second]).documents[0].boundaries.confidence > both.boundaries.confidence


def test_the_back_of_a_sheet_belongs_to_its_front_when_both_sides_were_scanned() -> None:
    back = sheet({0.2: "Réclamations", 0.3: "Nos bureaux sont ouverts le matin.", 0.4: "Voir aussi notre site."})
    fronts_only = [sheet(SHORT), back, sheet(SHORT), sheet(SHORT)]
    both_sides = [sheet(SHORT), BLANK, sheet(SHORT), BLANK, sheet(SHORT), back, sheet(SHORT), BLANK]

    assert (1, 2) not in pages(*fronts_only)
    assert (5, 6) in pages(*both_sides)


def sheet(rows: dict[float, str], **clues: object) -> PageReading:
    """A page with lines at shares of its height."""
    lines = tuple(TextLine(words, Box(150, share * 2339, 900, 30), 1.0) for share, words in sorted(rows.items()))
    types = (TypeMatch(DocumentType.OTHER, 0.99),)
    return replace(text(**clues), text=PageText(lines, 1654, 2339, 200, "ocr"), types=types)


FULL = {share / 20: f"ligne {share} du tableau des fournitures" for share in range(1, 20)}
SHORT = {0.1: "25300 Pontarlier", 0.2: "Madame, Monsieur,", 0.3: "nous vous informons de notre passage", 0.95: "pied"}


def test_a_number_read_with_letters_for_figures_is_the_same_number() -> None:
    first = sheet({**FULL, 0.12: "Facture n° FA1058"}, document_number="FA1058", title="facture")

    assert pages(first, sheet(FULL, document_number="FAIO5B", title="facture")) == [(1, 2)]
    assert pages(first, sheet(FULL, document_number="FA1059", title="facture")) == [(1,), (2,)]


def test_a_reminder_that_names_its_invoice_is_another_letter() -> None:
    first = sheet({**FULL, 0.12: "Facture n° FA1058"}, document_number="FA1058", title="facture")

    assert pages(first, sheet(SHORT, document_number="FA1058", title="relance")) == [(1,), (2,)]


def test_a_page_behind_a_full_one_that_greets_nobody_goes_on() -> None:
    assert pages(sheet(FULL), sheet(FULL)) == [(1, 2)]


def test_an_address_that_was_not_there_before_begins_a_letter() -> None:
    assert pages(sheet(FULL), sheet(SHORT)) == [(1,), (2,)]


def test_a_letter_that_ended_high_on_its_page_does_not_go_on() -> None:
    again = sheet({0.1: "compteur gelé rue des Prés", 0.2: "le technicien passera", 0.25: "merci de votre appel"})

    assert pages(sheet(SHORT), again) == [(1,), (2,)]


def test_a_page_of_totals_without_an_address_goes_on_with_its_invoice() -> None:
    first = sheet({**FULL, 0.1: "25300 Pontarlier"}, title="facture", sender="siren:1")
    rest = {0.05: "Total net HT 5268,05", 0.08: "TVA 20 % 1053,61", 0.11: "Total TTC 6321,66", 0.95: "Siren 1"}
    larger = replace(sheet(rest, sender="siren:1"), width=1775, height=2510)

    assert pages(first, sheet(rest, sender="siren:1")) == [(1, 2)]
    assert pages(first, larger) == [(1, 2)]


def test_totals_behind_a_page_that_ended_high_stay_with_the_same_company() -> None:
    rows = {0.1: "25300 Pontarlier", 0.3: "Nous vous prions de trouver ci-après", 0.5: "Gants 12,00"}
    rest = {0.05: "Total net HT 5268,05", 0.11: "Total TTC 6321,66", 0.2: "Merci de votre confiance et à bientôt"}
    sheets = (sheet(rows, title="facture", sender="siren:1"), *(sheet(rest, sender=f"siren:{n}") for n in (1, 2)))
    first, same, other = (replace(each, types=(TypeMatch(DocumentType.SUPPLIER_INVOICE, 0.9),)) for each in sheets)

    assert pages(first, same) == [(1, 2)]
    assert pages(first, other) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("nous vous prions de trouver ci-apres le decompte", False),
        ("je vous prie, madame, d'agreer mes salutations", True),
        ("nous vous prions de croire", True),
        ("veuillez recevoir", True),
        ("veuillez trouver", False),
    ],
)
def test_a_letter_closes_with_its_greeting(text: str, *, closing: bool) -> None:
    assert closes(text) is closing


def test_terms_of_sale_on_the_back_stay_with_their_invoice() -> None:
    terms = sheet({**FULL, 0.01: "Conditions générales de vente"}, title="contrat")

    assert pages(sheet(SHORT, title="facture"), terms) == [(1, 2)]


def test_a_back_with_nothing_but_a_stamp_begins_no_letter() -> None:
    assert pages(sheet(SHORT), sheet({0.3: "COURRIER ARRIVÉ", 0.32: "14 JUN 2026"})) == [(1, 2)]
