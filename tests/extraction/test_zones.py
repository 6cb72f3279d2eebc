"""Zones of a page are given to the right reader, in the right place, free of what the blank prints there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from extraction.readers.line_search import Likely
from extraction.registration import placement
from extraction.zones import LineReader, Propose, ZoneReaders, read_zones
from models.definitions import Charset
from models.geometry import Box
from models.image import GrayImage
from models.reading import Barcode, FormMatch, Reading
from models.templates import FormTemplate
from models.text import Character
from pipeline.templates import load_template

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"


class InkedCells:
    """Says of each cell whether there is ink in its middle."""

    name = "inked"

    def read_hand(
        self, combs: Sequence[tuple[Sequence[GrayImage], Sequence[GrayImage], Charset]]
    ) -> list[list[Character]]:
        return [[Character((("7" if _inked(cell) else "", 0.99),)) for cell in cells] for cells, _, _ in combs]


def _inked(cell: GrayImage) -> bool:
    height, width = cell.shape
    return bool((cell[height // 4 : -height // 4, width // 4 : -width // 4] < 150).mean() > 0.02)


class Lines:
    """Keeps the pictures it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[GrayImage, str | None]] = []

    def read_line(self, image: GrayImage, alphabet: str | None = None) -> Reading:
        self.shown.append((image, alphabet))
        return Reading("x", 0.9, Box(0, 0, image.shape[1], image.shape[0]), "lines")


@pytest.fixture(scope="module")
def card() -> FormTemplate:
    return load_template(FORMS / "tcard-b")


def match(template: FormTemplate) -> FormMatch:
    scale = template.dpi / 25.4
    return FormMatch(template.id, 1, 1.0, (scale, 0, 0, 0, scale, 0, 0, 0, 1), 0.05)


def read_by(
    readers: ZoneReaders, page: GrayImage, template: FormTemplate, barcodes: Sequence[Barcode] = ()
) -> dict[str, Reading]:
    placed = placement(page, template, match(template))
    return read_zones(
        page, dpi=template.dpi, template=template, number=1, placed=placed, readers=readers, barcodes=barcodes
    )


def read(
    page: GrayImage, card: FormTemplate, lines: LineReader | None = None, barcodes: Sequence[Barcode] = ()
) -> dict[str, Reading]:
    return read_by(ZoneReaders(glyphs=InkedCells(), printed=lines or Lines()), page, card, barcodes)


def zone_px(card: FormTemplate, name: str, value: str | None = None) -> Box:
    zone = next(z for z in card.definition.zones if z.name == name and value in (None, z.value))
    return zone.box.scaled(card.dpi / 25.4)


def write(page: GrayImage, text: str, box: Box) -> None:
    at = (round(box.x + 4), round(box.bottom - 0.25 * box.height))
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30,), 2, cv2.LINE_AA)


def test_every_zone_of_a_blank_card_is_read_as_empty(card: FormTemplate) -> None:
    found = read(card.blanks[0].copy(), card)

    assert set(found) >= {"meter_index", "remark=moved_out", "signature", "barcode", "email"}
    assert found["meter_index"].text == ""
    assert [found[f"remark={v}"].text for v in ("meter_inaccessible", "leak_suspected", "moved_out")] == ["false"] * 3
    assert found["signature"].text == "false"
    assert found["barcode"].text == ""
    assert found["email"].text == ""


def test_what_is_written_is_found_in_its_zone_alone(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    cell = next(z for z in card.definition.zones if z.name == "meter_index").cells[2].scaled(card.dpi / 25.4)
    center = (round(cell.center_x), round(cell.center_y))
    cv2.line(page, (center[0] - 10, center[1] - 20), (center[0] + 10, center[1] + 20), (40,), 5, cv2.LINE_AA)
    box = zone_px(card, "remark", "leak_suspected")
    corners = (round(box.x) + 4, round(box.y) + 4), (round(box.right) - 4, round(box.bottom) - 4)
    cv2.line(page, corners[0], corners[1], (40,), 4, cv2.LINE_AA)

    found = read(page, card)

    assert [c.best for c in found["meter_index"].characters] == ["", "", "7", "", "", ""]
    assert found["reading_date"].text == ""
    assert found["remark=leak_suspected"].text == "true"
    assert found["remark=moved_out"].text == "false"


def test_boxes_of_readings_are_pixels_of_the_page(card: FormTemplate) -> None:
    found = read(card.blanks[0].copy(), card)

    expected = zone_px(card, "signature")
    assert found["signature"].zone.x == pytest.approx(expected.x, abs=3)
    assert found["signature"].zone.bottom == pytest.approx(expected.bottom, abs=3)


def test_a_line_is_shown_to_its_reader_without_the_dots_it_stands_on(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    write(page, "ab@c.fr", zone_px(card, "email"))
    lines = Lines()

    found = read(page, card, lines)

    assert found["email"].text == "x"
    picture, alphabet = lines.shown[0]
    assert alphabet is not None
    assert "@" in alphabet
    assert "A" not in alphabet
    assert picture.shape[1] < 0.6 * zone_px(card, "email").width
    assert (picture[-8:] < 160).mean() < 0.02


def test_printed_zones_come_with_the_characters_they_may_hold(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    write(page, "80392272", zone_px(card, "subscriber_reference"))
    lines = Lines()

    read(page, card, lines)

    assert len(lines.shown) == 1
    assert "8" in (lines.shown[0][1] or "")


def test_a_barcode_found_on_the_page_is_taken_for_its_zone(card: FormTemplate) -> None:
    inside = Barcode("T2612345678", "datamatrix", zone_px(card, "barcode"))
    elsewhere = Barcode("other", "datamatrix", Box(10, 500, 60, 60))

    assert read(card.blanks[0].copy(), card, barcodes=[elsewhere, inside])["barcode"].text == "T2612345678"


def test_a_barcode_missed_on_the_page_is_read_in_its_zone(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    box = zone_px(card, "barcode")
    code = zxingcpp.create_barcode("T2680392272", zxingcpp.BarcodeFormat.DataMatrix)
    symbol = np.array(zxingcpp.write_barcode_to_image(code, scale=6))
    side = round(box.width)
    page[round(box.y) : round(box.y) + side, round(box.x) : round(box.x) + side] = cv2.resize(symbol, (side, side))

    found = read(np.asarray(cv2.GaussianBlur(page, (0, 0), 1.5), np.uint8), card)

    assert found["barcode"].text == "T2680392272"
    assert (found["barcode"].confidence or 0) > 0.99


def test_a_zone_that_is_torn_off_is_not_taken_for_empty(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    box = zone_px(card, "signature").grown(10)
    page[round(box.y) :, round(box.x) :] = 255

    found = read(page, card)

    assert "not_visible" in found["signature"].flags
    assert (found["signature"].confidence or 0) < 0.1
    assert "not_visible" not in found["meter_index"].flags


def test_a_zone_whose_label_lies_elsewhere_is_not_read_as_if_it_were_there(card: FormTemplate) -> None:
    """An older edition of the form, not among the known ones, has its last line in another place."""
    page = card.blanks[0].copy()
    scale = card.dpi / 25.4
    row, higher = slice(round(89.5 * scale), round(97 * scale)), round(2.6 * scale)
    part = page[row, round(8 * scale) : round(95 * scale)].copy()
    page[row, round(8 * scale) : round(95 * scale)] = 255
    page[row.start - higher : row.stop - higher, round(8 * scale) : round(95 * scale)] = part

    found = read(page, card)

    assert "not_visible" in found["email"].flags
    assert "not_visible" not in found["reading_date"].flags
    assert "not_visible" not in read(card.blanks[0].copy(), card)["email"].flags


def test_a_zone_off_the_page_is_not_taken_for_empty(card: FormTemplate) -> None:
    page = card.blanks[0][: round(70 * card.dpi / 25.4)]

    found = read(page, card)

    assert "not_visible" in found["remark=moved_out"].flags
    assert "not_visible" not in found["meter_index"].flags


def test_frames_whose_colour_the_scanner_drops_say_nothing(card: FormTemplate) -> None:
    page = np.full_like(card.blanks[0], 255)

    assert not any("not_visible" in reading.flags for reading in read(page, card).values())


class Says:
    """Reads the same words in every line."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.alphabets: set[str | None] = set()

    def read_line(self, image: GrayImage, alphabet: str | None = None) -> Reading:
        self.alphabets.add(alphabet)
        characters = tuple(Character(((c, 0.8), ("x", 0.2))) for c in self.words)
        return Reading(self.words, 0.8, Box(0, 0, image.shape[1], image.shape[0]), "says", characters)


def read_with(lines: Says, template: FormTemplate) -> dict[str, Reading]:
    page = template.blanks[0].copy()
    scale = template.dpi / 25.4
    for zone in template.definition.zones:
        if zone.name in ("subscriber_name", "meter_serial"):
            x, y = round((zone.box.x + 3) * scale), round((zone.box.y + 4.5) * scale)
            cv2.putText(page, "XXXX", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20,), 2)
    return read(page, template, lines)


def test_a_nought_between_capitals_is_a_letter_in_a_name_but_not_in_a_serial(card: FormTemplate) -> None:
    found = read_with(Says("LER0Y 10 A0B"), card)

    assert found["subscriber_name"].text == "LEROY 10 AOB"
    assert found["subscriber_name"].characters[3].best == "O"
    assert found["meter_serial"].text == "LER0Y 10 A0B"


def test_printed_references_may_hold_signs(card: FormTemplate) -> None:
    """A mandate reference may hold / - ? : ( ) . , ' +"""
    lines = Says("EAU12/26")

    assert read_with(lines, card)["meter_serial"].text == "EAU12/26"
    assert any(alphabet is not None and {"/", "."} <= set(alphabet) for alphabet in lines.alphabets)


class Writing(Lines):
    """A reader of handwriting that answers with what is proposed for it."""

    def read_line(
        self,
        image: GrayImage,
        alphabet: str | None = None,
        *,
        likely: Likely | None = None,
        propose: Propose | None = None,
    ) -> Reading:
        proposed = set(propose(["zubeldla.xavl@orange.fr"])) if propose else set()
        text = "zubeldia.xavi@orange.fr" if "zubeldia.xavi@orange.fr" in proposed else "nothing proposed"
        return Reading(text, 0.9, Box(0, 0, image.shape[1], image.shape[0]), "writing")


class Printed(Lines):
    def read_line(self, image: GrayImage, alphabet: str | None = None) -> Reading:
        return Reading("ZUBELDIA XAVI", 0.99, Box(0, 0, image.shape[1], image.shape[0]), "print")


def test_an_address_is_read_with_the_names_on_the_same_page(card: FormTemplate) -> None:
    page = card.blanks[0].copy()
    write(page, "ZUBELDIA XAVI", zone_px(card, "subscriber_name"))
    write(page, "zubeldia.xavi@o", zone_px(card, "email"))
    readers = ZoneReaders(glyphs=InkedCells(), printed=Printed(), written=Writing())

    found = read_by(readers, page, card)

    assert found["email"].text == "zubeldia.xavi@orange.fr"
