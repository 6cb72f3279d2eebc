import cv2
import numpy as np
import pypdfium2
import pytest
import zxingcpp

from capture.barcodes import may_hold_code
from capture.blanks import is_blank
from capture.borders import WORK_DPI, find_paper
from capture.cleaning import clean, find_skew, measure_quality
from capture.patch_codes import find_patch
from capture.separator_sheets import KINDS, separator_sheets
from models.errors import Misconfigured
from models.image import GrayImage, shrunk
from models.reading import Separator

DPI = 150.0


def letter(*, turned_deg: float = 0.0) -> GrayImage:
    """An A4 page of lines of print."""
    page = np.full((1754, 1240), 250, np.uint8)
    words = (
        "Madame, Monsieur,",
        "veuillez trouver ci-joint notre facture",
        "du mois de septembre pour les travaux",
        "du reseau d'eau",
    )
    for row in range(28):
        cv2.putText(page, words[row % 4], (120, 200 + 48 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 20, 2, cv2.LINE_AA)
    return rotated(page, turned_deg)


def rotated(page: GrayImage, deg: float) -> GrayImage:
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), deg, 1)
    return cv2.warpAffine(page, turn, page.shape[::-1], borderValue=250).astype(np.uint8)


def sheet(kind: str) -> GrayImage:
    picture = pypdfium2.PdfDocument(separator_sheets(kind, 1))[0].render(scale=DPI / 72, grayscale=True).to_numpy()
    return np.ascontiguousarray(picture.reshape(picture.shape[0], picture.shape[1]))


@pytest.mark.parametrize("turned_deg", [-5.0, -1.3, 0.0, 0.4, 3.0, 6.5])
def test_a_skewed_letter_is_levelled(turned_deg: float) -> None:
    assert find_skew(letter(turned_deg=turned_deg), dpi=DPI) == pytest.approx(-turned_deg, abs=0.2)


def test_the_scanner_bed_is_made_white_and_print_stays() -> None:
    page = letter()
    framed = page.copy()
    framed[:40], framed[:, :60] = 12, 12
    cv2.fillPoly(framed, [np.array([(1239, 0), (1239, 1753), (1190, 1753)])], 12)

    cleared = find_paper(framed, dpi=DPI).image

    assert cleared[:38].min() > 200
    assert cleared[:, :55].min() > 200
    assert np.array_equal(cleared[150:1700, 100:1000], page[150:1700, 100:1000])


def test_a_heading_printed_white_on_black_is_not_taken_for_the_bed() -> None:
    page = letter()
    page[60:160, 60:1180] = 20

    assert np.array_equal(find_paper(page, dpi=DPI).image, page)


def test_a_card_on_a_large_bed_is_cut_out_level_and_to_its_size() -> None:
    card = letter()[150:750, 80:1000]
    bed = np.full((1754, 1240), 25, np.uint8)
    turn = cv2.getRotationMatrix2D((460, 300), 2.0, 1) + np.array([[0, 0, 150], [0, 0, 600]])
    cv2.warpAffine(card, turn, bed.shape[::-1], dst=bed, borderMode=cv2.BORDER_TRANSPARENT)

    cleaned = clean(bed, dpi=DPI)

    assert cleaned.skew_deg == pytest.approx(-2.0, abs=0.2)
    assert cleaned.image.shape == pytest.approx(card.shape, rel=0.03)
    assert (cleaned.image[:10] > 150).all()


def test_a_banner_with_white_letters_along_the_rim_is_print_not_bed() -> None:
    page = letter()
    page[:130] = 20
    cv2.putText(page, "COMMUNE DE VAL-CLAIR", (120, 90), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 240, 5)

    assert np.array_equal(find_paper(page, dpi=DPI).image, page)


def test_punch_holes_do_not_fill_a_page() -> None:
    back = np.full((1754, 1240), 235, np.uint8)
    for y in (170, 640, 1110, 1580):
        cv2.circle(back, (65, y), 17, 30, -1)

    assert is_blank(back, dpi=DPI)


def test_a_signature_or_a_barcode_alone_is_not_blank() -> None:
    signed = np.full((1754, 1240), 240, np.uint8)
    along = np.linspace(0, 1, 200)
    stroke = np.stack([500 + 300 * along, 900 + 60 * np.sin(25 * along) * (1 - along)], axis=1).astype(np.int32)
    cv2.polylines(signed, [stroke], False, 60, 3, cv2.LINE_AA)
    coded = np.full((1754, 1240), 240, np.uint8)
    for number in range(12):
        coded[700:900, 300 + 40 * number : 315 + 40 * number] = 10

    assert not is_blank(signed, dpi=DPI)
    assert not is_blank(coded, dpi=DPI)


def barcode_page(
    text: str, *, lines: int, symbology: str = "Code128", size: tuple[int, int] = (1754, 1240)
) -> GrayImage:
    page = np.full(size, 250, np.uint8)
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    picture = np.array(zxingcpp.write_barcode_to_image(code, scale=4))
    picture = cv2.resize(picture, (picture.shape[1], 200), interpolation=cv2.INTER_NEAREST)
    page[60:260, 120 : 120 + picture.shape[1]] = picture
    for row in range(lines):
        cv2.putText(page, "abonnement au reseau de distribution", (120, 330 + 40 * row), 0, 0.9, 20, 2, cv2.LINE_AA)
    return page


@pytest.mark.parametrize(
    ("page", "separates"),
    [
        (barcode_page("0042-A", lines=1), True),
        (barcode_page("0042-A", lines=12), False),
        (barcode_page("DOC-SEP-01", lines=12), True),
        (barcode_page("DOC-SEP-01", lines=30), False),
        (barcode_page("SEPTEMBRE26", lines=12), False),
        (barcode_page("0042-A", lines=1, size=(620, 1100)), False),
    ],
    ids=["nothing else", "a short letter", "says so", "a full page", "only begins alike", "a card"],
)
def test_a_barcode_makes_a_separator_sheet_when_it_says_so_or_stands_alone(page: GrayImage, separates: bool) -> None:
    assert (clean(page, dpi=DPI).separator is Separator.BARCODE) is separates


@pytest.mark.parametrize("tall", [95, 200])
@pytest.mark.parametrize("symbology", ["Code128", "Code39", "QRCode", "DataMatrix"])
def test_a_code_scanned_badly_is_dense_enough_to_be_looked_for(symbology: str, tall: int) -> None:
    page = barcode_page("DEPLI-SEP", lines=1, symbology=symbology)
    page[60 + tall : 260] = 250
    pale = np.asarray(cv2.GaussianBlur(180 + page // 4, (0, 0), 2.0), np.uint8)

    assert may_hold_code(shrunk(pale, WORK_DPI / DPI))


@pytest.mark.parametrize("page", [letter(), barcode_page("X", lines=3)], ids=["a letter", "a few lines"])
def test_print_is_not_as_dense_as_a_code(page: GrayImage) -> None:
    page[60:260] = 250

    assert not may_hold_code(shrunk(page, WORK_DPI / DPI))


def test_the_bars_of_a_barcode_are_no_patch_code() -> None:
    page = barcode_page("DEPLI-SEP", lines=0)

    assert find_patch(page, dpi=DPI) is None
    assert find_patch(np.ascontiguousarray(page.T), dpi=DPI) is None


def test_an_empty_back_is_blank_whatever_dirt_it_has() -> None:
    rng = np.random.default_rng(3)
    back = rng.normal(235, 6, (1754, 1240)).clip(0, 255).astype(np.uint8)
    showing_through = cv2.flip(letter(), 1)
    back = np.minimum(back, (210 + showing_through.astype(np.uint16) // 6).clip(0, 255).astype(np.uint8))
    cv2.line(back, (200, 0), (230, 1753), 90, 2)
    for x, y in rng.integers(50, 1100, (15, 2)):
        back[y : y + 2, x : x + 2] = 0

    assert is_blank(back, dpi=DPI)


def test_one_written_word_is_not_blank() -> None:
    page = np.full((1754, 1240), 240, np.uint8)
    cv2.putText(page, "Resilie le 3 mai", (400, 900), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.2, 90, 2)

    assert not is_blank(page, dpi=DPI)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("skew_deg", [0.0, 2.5])
def test_a_printed_separator_sheet_is_recognised_either_way_up(kind: str, skew_deg: float) -> None:
    expected = {
        "patch-t": {Separator.PATCH_T, Separator.PATCH_2},
        "patch-2": {Separator.PATCH_2, Separator.PATCH_T},
        "patch-3": {Separator.PATCH_3},
    }.get(kind, {Separator.BARCODE})
    for page in (sheet(kind), np.ascontiguousarray(sheet(kind)[::-1, ::-1])):
        assert clean(rotated(page, skew_deg), dpi=DPI).separator in expected


def test_neither_a_letter_nor_a_table_is_a_separator() -> None:
    table = letter()
    for y in range(300, 1500, 60):
        table[y : y + 5, 80:1160] = 0

    assert find_patch(letter(), dpi=DPI) is None
    assert find_patch(table, dpi=DPI) is None
    assert clean(letter(), dpi=DPI).separator is None


def test_an_unknown_separator_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="patch-9"):
        separator_sheets("patch-9", 1)


def test_a_blurred_or_pale_page_asks_for_a_rescan_and_says_why() -> None:
    blurred = cv2.GaussianBlur(letter(), (0, 0), 9).astype(np.uint8)

    assert not measure_quality(letter(), dpi=200).rescan
    assert measure_quality(blurred, dpi=200).rescan
    assert "résolution" in measure_quality(letter(), dpi=96).reason


def test_a_page_upside_down_and_askew_comes_out_upright_and_level() -> None:
    scan = rotated(np.ascontiguousarray(letter()[::-1, ::-1]), 2.0)

    cleaned = clean(scan, dpi=DPI)

    assert cleaned.rotated_deg == 180
    assert cleaned.skew_deg == pytest.approx(-2.0, abs=0.15)
    assert find_skew(cleaned.image, dpi=DPI) == pytest.approx(0.0, abs=0.1)
