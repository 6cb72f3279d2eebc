"""The registration benchmark counts what it says it counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.benchmark.forms import STRAINS, _lay, _Seen, _template
from pipeline.training.mail.forms import Blank, load_blank
from pipeline.training.mail.ink import gray
from pipeline.training.mail.scanner import scan

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"


@pytest.fixture(scope="module")
def card() -> Blank:
    return load_blank(FORMS / "tcard-b")


def test_a_form_that_is_read_is_measured_and_an_unknown_one_is_not_found(card: Blank) -> None:
    other = load_blank(FORMS / "tcard-a")
    page = scan(card.pages[0], np.random.default_rng(2), hard=0.0)
    read, unknown = _Seen(), _Seen()

    _lay(page, card, (_template(card), _template(other)), read)
    _lay(page, card, (_template(other),), unknown)

    assert read.errors_mm[0] < 0.3
    assert (unknown.pages, unknown.not_found, unknown.errors_mm) == (1, 1, [])


def test_a_believed_place_that_is_off_shows_as_an_error(card: Blank) -> None:
    page = scan(card.pages[0], np.random.default_rng(2), hard=0.0)
    off = np.array([[1, 0, 2 * page.dpi / 25.4], [0, 1, 0], [0, 0, 1]]) @ np.array(page.to_scan).reshape(3, 3)
    elsewhere = replace(page, to_scan=tuple(float(v) for v in off.ravel()))
    seen = _Seen()

    _lay(elsewhere, card, (_template(card),), seen)

    assert seen.errors_mm[0] == pytest.approx(2.0, abs=0.3)


def test_a_cut_page_keeps_its_places() -> None:
    page = np.full((1240, 1748), 255, np.uint8)
    cv2.circle(page, (874, 620), 25, 0, -1)

    for seed in range(4):
        result = STRAINS["a quarter missing"](page, np.random.default_rng(seed))

        x, y = cv2.perspectiveTransform(np.array([[(874.0, 620.0)]]), np.array(result.to_scan).reshape(3, 3))[0, 0]
        light = gray(result.image)
        assert int(light[round(y), round(x)]) < int(np.percentile(light, 80)) - 60
