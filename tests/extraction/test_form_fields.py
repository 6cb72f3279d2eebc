"""From a scan of a filled form to its fields."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifiers.forms import match_form
from extraction.form_fields import form_fields
from extraction.readers.glyphs import GlyphReader
from extraction.readers.printed import PrintedTextReader
from extraction.registration import refine
from extraction.zones import ZoneReaders, read_zones
from models.definitions import FormDefinition
from models.geometry import Box
from models.reading import Decision, FormMatch, PageReading, Quality, Reading
from models.templates import FormTemplate
from models.text import Character
from pipeline.templates import load_templates

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 24)
QUALITY = Quality(200, 1.0, 1.0, 0.0, False)


@pytest.fixture(scope="module")
def templates() -> tuple[FormTemplate, ...]:
    return load_templates(ROOT / "pipeline" / "forms")


def page_with(form: str, zones: dict[str, Reading], page: int = 1) -> PageReading:
    match = FormMatch(form, page, 0.99, (8, 0, 0, 0, 8, 0, 0, 0, 1), 0.05)
    return PageReading(1600, 800, 200, 0, 0.0, False, QUALITY, form=match, zones=zones)


def comb(text: str, length: int, confidence: float = 0.99) -> Reading:
    characters = tuple(
        Character(((c if c != " " else "", confidence), ("3" if c != "3" else "8", 0.005))) for c in text.ljust(length)
    )
    return Reading(text.strip(), confidence, Box(80, 80, 400, 60), "glyphs", characters)


def mark(made: bool, confidence: float = 0.99, *flags: str) -> Reading:
    return Reading("true" if made else "false", confidence, Box(10, 10, 30, 30), "marks 1", flags=flags)


def definition(templates: tuple[FormTemplate, ...], form: str) -> FormDefinition:
    return next(t.definition for t in templates if t.id == form)


@pytest.mark.parametrize(
    ("picture", "form", "truth"),
    [
        (
            "tcard-a-streak.jpg",
            "tcard-a",
            {
                "subscriber_reference": "63806606",
                "meter_serial": "I09UA651806",
                "subscriber_name": "HEBERT AIMEE",
                "service_address": "153 TER CHEMIN DE LA FONTAINE 73130 CRAN GEVRIER",
                "barcode": "T2663806606",
                "previous_index": "2714",
                "meter_index": "2774",
                "reading_date": "2026-10-02",
                "phone": None,
                "remark": [],
                "signature": True,
            },
        ),
        (
            "tcard-b-upside-down.jpg",
            "tcard-b",
            {
                "barcode": "T2619000841",
                "subscriber_reference": "19000841",
                "meter_serial": "G09BA510137",
                "subscriber_name": "ALVES DIANE",
                "meter_index": "1924",
                "meter_index_litres": None,
                "reading_date": "2026-09-22",
                "remark": [],
                "email": "dianealves@hotmail.fr",
                "signature": True,
            },
        ),
    ],
)
def test_a_filled_card_is_read_whole(
    templates: tuple[FormTemplate, ...], picture: str, form: str, truth: dict[str, object]
) -> None:
    image = np.array(Image.open(ROOT / "tests" / "pages" / picture).convert("L"))
    match = match_form(image, dpi=200, templates=templates)
    assert match is not None
    template = next(t for t in templates if t.id == match.form)
    match, placed = refine(image, template, match)
    readers = ZoneReaders(glyphs=GlyphReader(), printed=PrintedTextReader())
    zones = read_zones(image, dpi=200, template=template, number=1, placed=placed, readers=readers)
    page = PageReading(image.shape[1], image.shape[0], 200, 0, 0.0, False, QUALITY, form=match, zones=zones)

    fields = form_fields({1: page}, template.definition, today=TODAY)

    assert template.id == form
    assert {name: field.value for name, field in fields.items()} == truth
    assert all(field.box is not None and field.confidence is not None for field in fields.values())


def test_an_address_weighed_with_the_names_is_not_bent_to_them_again(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "tcard-b")
    name = Reading("DRAPIER", 0.99, Box(80, 10, 400, 60), "print")
    texts = (("sdrapier@yahoo.com", 0.7), ("drapier@yahoo.com", 0.1))
    email = Reading(texts[0][0], texts[0][1], Box(80, 80, 400, 60), "writing", alternatives=texts)

    fields = form_fields({1: page_with(form.id, {"subscriber_name": name, "email": email})}, form, today=TODAY)

    assert fields["email"].value == "sdrapier@yahoo.com"
    assert fields["email"].confidence == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize(
    ("read", "surest"), [("ROBICJEAN-EMMANUEL", 0.85), ("ROBIC JEAN-EMMANUEL", 1.0), ("VEOLIA", 1.0)]
)
def test_a_printed_name_in_one_long_word_may_have_lost_a_space(
    templates: tuple[FormTemplate, ...], read: str, surest: float
) -> None:
    form = definition(templates, "tcard-b")
    name = Reading(read, 0.999, Box(80, 10, 400, 60), "print")

    field = form_fields({1: page_with(form.id, {"subscriber_name": name})}, form, today=TODAY)["subscriber_name"]

    assert field.value == read
    assert surest - 0.15 < (field.confidence or 0) <= surest


def test_a_box_of_an_exclusive_group_is_its_value(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "sepa-mandate-a")
    zones = {"payment_type=recurrent": mark(False), "payment_type=one_off": mark(True)}

    field = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["payment_type"]

    assert field.value == "one_off"
    assert (field.confidence or 0) > 0.9


def test_two_ticks_where_one_is_allowed_are_for_a_person(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "sepa-mandate-a")
    zones = {"payment_type=recurrent": mark(True, 0.99, "filled"), "payment_type=one_off": mark(True)}

    field = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["payment_type"]

    assert field.value == "one_off"  # who blackens one box and ticks another has corrected himself
    assert "several_ticked" in field.flags
    assert (field.confidence or 0) < 0.6


def test_ticks_of_an_open_group_are_a_list_in_the_order_of_the_form(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "tcard-a")
    values = ["meter_inaccessible", "meter_stopped", "leak_suspected", "moved_out", "contact_changed"]
    zones = {f"remark={v}": mark(v in ("moved_out", "meter_stopped")) for v in values}

    assert form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["remark"].value == [
        "meter_stopped",
        "moved_out",
    ]


def test_an_index_below_the_previous_one_is_doubted(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "tcard-a")
    printed = Reading("3482", 0.99, Box(0, 0, 9, 9), "lines")
    ahead = form_fields(
        {1: page_with(form.id, {"previous_index": printed, "meter_index": comb(" 3534", 5, 0.9)})}, form, today=TODAY
    )["meter_index"]
    behind = form_fields(
        {1: page_with(form.id, {"previous_index": printed, "meter_index": comb(" 1534", 5, 0.9)})}, form, today=TODAY
    )["meter_index"]

    assert ahead.value == "3534"
    assert (behind.confidence or 0) < (ahead.confidence or 0)


def test_a_reference_inside_the_barcode_wins(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "tcard-a")
    zones = {
        "barcode": Reading("T2674626627", 0.9995, Box(0, 0, 9, 9), "zxing"),
        "subscriber_reference": Reading("74626627", 0.9, Box(0, 0, 9, 9), "lines"),
    }

    field = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["subscriber_reference"]

    assert field.value == "74626627"
    assert (field.confidence or 0) >= 0.9


def test_where_one_signs_is_nearly_always_where_one_lives(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "sepa-mandate-a")
    zones = {"debtor_city": comb("PONTARLIER", 17), "place": Reading("Poutarlier", 0.5, Box(0, 0, 9, 9), "lines")}

    assert form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["place"].value == "Pontarlier"


@pytest.mark.parametrize(
    ("town", "code"),
    [("LASTIC", "15500"), ("LASTIC        I", "15500"), ("BELLEY", "15600")],
    ids=["of one of the codes", "with dirt far behind it", "of neither code"],
)
def test_a_post_code_is_the_one_of_the_town_beside_it(
    templates: tuple[FormTemplate, ...], town: str, code: str
) -> None:
    """People do write codes that are not their town's: then the digits alone count."""
    form = definition(templates, "sepa-mandate-a")
    digits = [[("1", 0.99)], [("5", 0.99)], [("6", 0.6), ("5", 0.35)], [("0", 0.99)], [("0", 0.99)]]
    cells = tuple(Character(tuple(alternatives)) for alternatives in digits)
    zones = {
        "debtor_postal_code": Reading("15600", 0.6, Box(0, 0, 9, 9), "glyphs", cells),
        "debtor_city": comb(town, 17),
    }

    fields = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)

    assert fields["debtor_postal_code"].value == code
    assert fields["debtor_city"].value == town.split(maxsplit=1)[0]


def test_a_page_that_is_missing_leaves_its_fields_open(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "subscription-a")

    fields = form_fields({1: page_with(form.id, {}, page=2)}, form, today=TODAY)

    assert tuple(fields) == form.field_names
    assert all(f.value is None and "page_missing" in f.flags for f in fields.values())
    assert all(f.decision is Decision.TO_VERIFY for f in fields.values())


def test_a_value_that_fails_its_check_says_so(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "sepa-mandate-a")
    zones = {"creditor_identifier": Reading("FR99ZZZ123456", 0.99, Box(0, 0, 9, 9), "lines")}

    field = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["creditor_identifier"]

    assert field.failed_rules == ("ics.check_digits",)


def test_a_box_that_cannot_be_seen_is_not_ticked_and_goes_to_a_person(templates: tuple[FormTemplate, ...]) -> None:
    form = definition(templates, "tcard-a")
    zones = {"remark=moved_out": mark(True), "remark=leak_suspected": mark(False, 0.05, "not_visible")}

    field = form_fields({1: page_with(form.id, zones)}, form, today=TODAY)["remark"]

    assert field.value == ["moved_out"]
    assert (field.confidence or 0) < 0.1
