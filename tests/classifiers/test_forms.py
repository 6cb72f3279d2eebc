"""Which form a page is: found however it lies, not found where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from classifiers.forms import MIN_CONFIDENCE, _confidence, _Trial, match_form
from models.image import GrayImage
from models.templates import FormTemplate
from pipeline.templates import load_templates

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"
DPI = 150.0


@pytest.fixture(scope="module")
def templates() -> tuple[FormTemplate, ...]:
    return load_templates(FORMS)


def page_of(template: FormTemplate, number: int = 1) -> GrayImage:
    """A clean scan of one page of a form at `DPI`."""
    blank = template.blanks[number - 1]
    scale = DPI / template.dpi
    return np.asarray(cv2.resize(blank, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def named(templates: tuple[FormTemplate, ...], form: str) -> FormTemplate:
    return next(template for template in templates if template.id == form)


def moved(page: GrayImage, matrix: NDArray[np.float64], *, paper: int = 255) -> GrayImage:
    size = (page.shape[1], page.shape[0])
    return np.asarray(cv2.warpPerspective(page, matrix, size, borderValue=(paper,)), np.uint8)


def turned(page: GrayImage, angle_deg: float, scale: float = 1.0) -> NDArray[np.float64]:
    height, width = page.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, scale)
    return np.vstack([turn, [0, 0, 1]])


def scanned(page: GrayImage) -> GrayImage:
    noise = np.random.default_rng(1).normal(0, 9, page.shape)
    gray = cv2.GaussianBlur(page, (0, 0), 0.8).astype(np.float64) * 0.75 + 40
    return np.clip(gray + noise, 0, 255).astype(np.uint8)


def misplacement_mm(to_page: tuple[float, ...], truth: NDArray[np.float64], template: FormTemplate) -> float:
    """The largest distance between where points of the form are believed and where they are."""
    width, height = template.definition.page_mm
    corners = np.array([[10, 10], [width - 10, 10], [width - 10, height - 10], [10, height - 10]], np.float64)
    found = cv2.perspectiveTransform(corners[None], np.array(to_page).reshape(3, 3))[0]
    pixels = corners * DPI / 25.4
    true = cv2.perspectiveTransform((pixels - 0.5)[None], truth)[0] + 0.5
    return float(np.linalg.norm(found - true, axis=1).max() * 25.4 / DPI)


@pytest.mark.parametrize("form", ["tcard-a", "tcard-b", "sepa-mandate-a", "subscription-a"])
@pytest.mark.parametrize(("angle_deg", "scale"), [(0.0, 1.0), (4.5, 0.92), (-3.0, 1.08), (180.0, 1.0)])
def test_a_scan_is_found_however_it_lies(
    templates: tuple[FormTemplate, ...], form: str, angle_deg: float, scale: float
) -> None:
    template = named(templates, form)
    page = page_of(template)
    matrix = turned(page, angle_deg, scale)

    match = match_form(scanned(moved(page, matrix)), dpi=DPI, templates=templates)

    assert match is not None
    assert (match.form, match.form_page) == (form, 1)
    assert match.confidence > 0.9
    assert misplacement_mm(match.to_page, matrix, template) < 0.5


def test_a_page_of_terms_without_zones_is_found_as_that_page(templates: tuple[FormTemplate, ...]) -> None:
    match = match_form(scanned(page_of(named(templates, "subscription-a"), 2)), dpi=DPI, templates=templates)

    assert match is not None
    assert (match.form, match.form_page) == ("subscription-a", 2)


def test_a_photograph_at_a_slant_is_found(templates: tuple[FormTemplate, ...]) -> None:
    template = named(templates, "tcard-b")
    page = page_of(template)
    height, width = page.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners + np.array([[20, 12], [-25, 4], [-6, -18], [12, -8]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, seen), np.float64)
    shade = np.linspace(1.0, 0.6, width)[None, :]

    photo = np.clip(moved(page, matrix, paper=90) * shade, 0, 255).astype(np.uint8)
    match = match_form(photo, dpi=DPI, templates=templates)

    assert match is not None
    assert match.form == "tcard-b"
    assert misplacement_mm(match.to_page, matrix, template) < 0.5


def test_a_card_of_few_words_is_found_beside_a_barcode_and_a_broad_pen() -> None:
    """They have more and stronger corners than the words."""
    pages = Path(__file__).parents[1] / "pages"
    page = cv2.imread(str(pages / "few-words.png"), cv2.IMREAD_GRAYSCALE)
    assert page is not None

    match = match_form(np.asarray(page, np.uint8), dpi=200, templates=load_templates(pages))

    assert match is not None
    assert match.confidence > 0.99


def combs_alone(templates: tuple[FormTemplate, ...]) -> FormTemplate:
    """A form that is mostly open combs: every tick looks like every other."""
    blank = np.full((1754, 1240), 255, np.uint8)
    for row, label in enumerate(("Nom", "Adresse", "Commune", "SIRET", "Naissance", "Telephone", "Compteur", "Index")):
        y = 260 + 150 * row
        cv2.putText(blank, label, (120, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0,), 2)
        cv2.line(blank, (450, y), (450 + 34 * 20, y), (0,), 2)
        for tick in range(21):
            cv2.line(blank, (450 + 34 * tick, y - 14), (450 + 34 * tick, y), (0,), 2)
    definition = replace(named(templates, "tcard-b").definition, id="combs", page_mm=(210.0, 297.0), zones=())
    return FormTemplate(definition, (blank,), DPI)


@pytest.mark.parametrize("slant", [0, 10, 40, 70])
def test_combs_that_all_look_alike_do_not_hide_a_photographed_form(
    templates: tuple[FormTemplate, ...], slant: int
) -> None:
    form = combs_alone(templates)
    height, width = form.blanks[0].shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners * 0.93 + np.array([[50, 40], [20 - slant, 60], [30, 20 + slant], [slant, 30]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, seen), np.float64)

    found = match_form(scanned(moved(form.blanks[0], matrix, paper=120)), dpi=DPI, templates=(form,))

    assert found is not None
    assert misplacement_mm(found.to_page, matrix, form) < 0.8


def test_a_bitonal_scan_without_a_corner_is_found(templates: tuple[FormTemplate, ...]) -> None:
    page = scanned(page_of(named(templates, "sepa-mandate-a")))
    bitonal = np.where(page > 170, 255, 0).astype(np.uint8)
    bitonal[: bitonal.shape[0] // 4, : bitonal.shape[1] // 4] = 255

    match = match_form(bitonal, dpi=DPI, templates=templates)

    assert match is not None
    assert match.form == "sepa-mandate-a"


@pytest.mark.parametrize("form", ["tcard-a", "sepa-mandate-a"])
def test_another_form_of_the_same_blocks_in_other_places_is_none(
    templates: tuple[FormTemplate, ...], form: str
) -> None:
    page = page_of(named(templates, form))
    height, width = page.shape
    other = np.full_like(page, 255)
    rng = np.random.default_rng(3)
    for top in range(0, height, height // 3):
        for left in range(0, width, width // 2):
            block = page[top : top + height // 3, left : left + width // 2]
            dy, dx = (int(v) for v in rng.integers(-50, 50, 2))
            shifted = cv2.warpAffine(
                block, np.array([[1, 0, left + dx], [0, 1, top + dy]], np.float32), (width, height), borderValue=(255,)
            )
            other = np.minimum(other, shifted)

    assert match_form(scanned(other), dpi=DPI, templates=templates) is None


def test_a_letter_is_no_form(templates: tuple[FormTemplate, ...]) -> None:
    letter = np.full((1754, 1240), 255, np.uint8)
    for number, y in enumerate(range(150, 1600, 42)):
        text = f"{number} Madame, Monsieur, nous vous prions d'agreer nos salutations"
        cv2.putText(letter, text, (110, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20,), 2)

    assert match_form(letter, dpi=DPI, templates=templates) is None


def test_a_blank_side_is_no_form(templates: tuple[FormTemplate, ...]) -> None:
    assert match_form(np.full((1754, 1240), 250, np.uint8), dpi=DPI, templates=templates) is None


def test_without_templates_nothing_is_found() -> None:
    assert match_form(np.zeros((400, 400), np.uint8), dpi=DPI, templates=()) is None


def edition(template: FormTemplate, at_mm: float, down_mm: float) -> FormTemplate:
    """A later edition of a form: all below a height lies further down."""
    top, step = round(at_mm * template.dpi / 25.4), round(down_mm * template.dpi / 25.4)
    blank = template.blanks[0].copy()
    blank[top + step :] = template.blanks[0][top:-step]
    blank[top : top + step] = 255
    zones = tuple(
        replace(zone, box=replace(zone.box, y=zone.box.y + down_mm)) if zone.box.y > at_mm else zone
        for zone in template.definition.zones
        if zone.box.bottom + down_mm < template.definition.page_mm[1]
    )
    return FormTemplate(replace(template.definition, id="later", zones=zones), (blank,), template.dpi)


@pytest.mark.parametrize("first", [0, 1])
def test_editions_that_differ_in_one_line_are_told_apart(templates: tuple[FormTemplate, ...], first: int) -> None:
    """Either is surely the form when it stands alone; the right one wins whichever is tried first."""
    card = named(templates, "tcard-b")
    later = edition(card, 74.0, 5.0)
    known = (card, later) if first == 0 else (later, card)

    for shown in known:
        found = match_form(scanned(page_of(shown)), dpi=DPI, templates=known)

        assert found is not None
        assert found.form == shown.id


def test_forms_that_cannot_be_told_apart_are_left_to_a_person(templates: tuple[FormTemplate, ...]) -> None:
    card = named(templates, "tcard-b")
    twin = FormTemplate(replace(card.definition, id="twin"), card.blanks, card.dpi)

    found = match_form(scanned(page_of(card)), dpi=DPI, templates=(card, twin))

    assert found is not None
    assert found.confidence < 0.9


def banded(templates: tuple[FormTemplate, ...]) -> FormTemplate:
    """A form of few words under a tinted head: most of its contrast is the head's edge."""
    blank = np.full((874, 1240), 255, np.uint8)
    blank[:106] = 213
    for text, x, y in (
        ("Syndicat des eaux", 130, 84),
        ("CARTE T", 64, 142),
        ("Adresse", 64, 174),
        ("Compteur", 64, 234),
    ):
        cv2.putText(blank, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,), 1, cv2.LINE_AA)
    for text, y in (("Index", 172), ("Releve le", 254), ("Signature", 436)):
        cv2.putText(blank, text, (676, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,), 1, cv2.LINE_AA)
    cv2.rectangle(blank, (676, 414), (1020, 552), (0,), 2)
    definition = replace(named(templates, "tcard-b").definition, id="banded", page_mm=(210.0, 148.0), zones=())
    return FormTemplate(definition, (blank,), DPI)


def test_the_edge_of_a_tinted_head_proves_nothing(templates: tuple[FormTemplate, ...]) -> None:
    form = banded(templates)
    paper = np.minimum(form.blanks[0], 232)
    paper[106:] = np.where(form.blanks[0][106:] > 200, 236, form.blanks[0][106:])
    matrix = np.array([[1.002, 0.0015, 4.0], [-0.0015, 1.0, 1.0], [0, 0, 1]], np.float64)

    found = match_form(scanned(moved(paper, matrix, paper=236)), dpi=DPI, templates=(form,))

    assert found is not None
    assert found.confidence > 0.95


@pytest.mark.parametrize(("likeness", "frames", "found"), [(0.88, 0.1, True), (0.8, 0.1, False), (0.8, 1.0, True)])
def test_print_without_frames_is_perhaps_the_form_and_a_person_says(
    likeness: float, frames: float, found: bool
) -> None:
    confidence = _confidence(_Trial(None, np.eye(3), likeness, frames, 1.0, 0.5))  # type: ignore[arg-type]

    assert (confidence > MIN_CONFIDENCE) is found
    assert confidence < 0.95
