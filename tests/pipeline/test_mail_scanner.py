"""The simulated scanner does to a page what it says it does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.training.mail.ink import Page, gray
from pipeline.training.mail.scanner import scan

DOTS = np.array([(400.0, 500.0), (1200.0, 300.0), (800.0, 1500.0)])


def dotted_page() -> Page:
    """An A5 sheet with three large dots."""
    page = np.full((2480, 1748), 255, np.uint8)
    for x, y in DOTS:
        cv2.circle(page, (int(x), int(y)), 30, 0, -1)
    return page


def test_the_same_generator_gives_the_same_scan() -> None:
    first = scan(dotted_page(), np.random.default_rng(3), hard=0.7)
    second = scan(dotted_page(), np.random.default_rng(3), hard=0.7)

    assert np.array_equal(first.image, second.image)
    assert first.notes() == second.notes()


@pytest.mark.parametrize("seed", range(16))
def test_the_homography_says_where_print_went(seed: int) -> None:
    result = scan(dotted_page(), np.random.default_rng(seed), hard=1.0)

    if {"corner", "stamp", "stain", "holes"} & set(result.damage):
        pytest.skip("a dot may be covered")
    matrix = np.array(result.to_scan).reshape(3, 3)
    light = gray(result.image)
    height, width = light.shape
    for x, y in cv2.perspectiveTransform(DOTS[None], matrix)[0]:
        near = round(0.11 * result.dpi)
        if not (near < x < width - near and near < y < height - near):
            continue
        around = light[round(y) - near : round(y) + near, round(x) - near : round(x) + near]
        rows, columns = np.nonzero(around < (int(around.min()) + int(np.percentile(around, 80))) / 2)
        off = np.hypot(columns.mean() - near, rows.mean() - near) * 25.4 / result.dpi
        assert off < 1.0


def test_black_and_white_is_that_and_colour_keeps_its_channels() -> None:
    page = dotted_page()

    assert set(np.unique(scan(page, np.random.default_rng(1), hard=0.5, mode="bitonal").image)) == {0, 255}
    assert scan(page, np.random.default_rng(1), hard=0.5, mode="color").image.ndim == 3
    assert scan(page, np.random.default_rng(1), hard=0.5, mode="gray").image.ndim == 2


@pytest.mark.parametrize(("rotated", "shape"), [(0, (1653, 1165)), (90, (1165, 1653)), (270, (1165, 1653))])
def test_a_quarter_turn_exchanges_width_and_height(rotated: int, shape: tuple[int, int]) -> None:
    result = scan(dotted_page(), np.random.default_rng(0), hard=0.0, dpi=200, rotated=rotated)

    assert result.rotated == rotated
    assert np.abs(np.array(result.image.shape[:2]) - shape).max() <= 20


def test_skew_is_counted_anticlockwise() -> None:
    """The right end of a level line rises on a page turned anticlockwise."""
    result = next(
        each
        for seed in range(50)
        if (each := scan(dotted_page(), np.random.default_rng(seed), hard=1.0, rotated=0)).skew_deg > 1.5
        and "photo" not in each.damage
    )

    left, right = cv2.perspectiveTransform(
        np.array([[(0.0, 0.0), (1000.0, 0.0)]]), np.array(result.to_scan).reshape(3, 3)
    )[0]
    assert np.degrees(np.arctan2(left[1] - right[1], right[0] - left[0])) == pytest.approx(result.skew_deg, abs=0.2)
