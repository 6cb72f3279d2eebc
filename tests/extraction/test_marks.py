"""Ticks and signatures: what counts as a mark and what does not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from extraction.readers.marks import Mark, signature, tick
from models.image import GrayImage

MARGIN = 16
SIDE = 40

Drawing = Callable[[GrayImage], object]


def blank_box() -> GrayImage:
    picture = np.full((SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), 245, np.uint8)
    cv2.rectangle(picture, (MARGIN, MARGIN), (MARGIN + SIDE, MARGIN + SIDE), (20,), 2)
    return picture


def stroke(*points: tuple[int, int], gray: int = 40, width: int = 4) -> Drawing:
    def draw(picture: GrayImage) -> None:
        path = np.array([(MARGIN + x, MARGIN + y) for x, y in points], np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [path], False, (gray,), width, cv2.LINE_AA)

    return draw


def scanned(picture: GrayImage, seed: int = 0) -> GrayImage:
    noise = np.random.default_rng(seed).normal(-8, 6, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.0) + noise, 0, 255).astype(np.uint8)


def cross(picture: GrayImage) -> None:
    stroke((5, 5), (35, 35))(picture)
    stroke((35, 5), (5, 35))(picture)


def filled(picture: GrayImage) -> None:
    picture[MARGIN + 2 : MARGIN + SIDE - 2, MARGIN + 2 : MARGIN + SIDE - 2] = 50


def dot(picture: GrayImage) -> None:
    cv2.circle(picture, (MARGIN + 20, MARGIN + 21), 6, (40,), -1)


def speck(picture: GrayImage) -> None:
    cv2.circle(picture, (MARGIN + 12, MARGIN + 28), 1, (10,), -1)


def streak(picture: GrayImage) -> None:
    picture[:, MARGIN + 18 : MARGIN + 20] = 150


def fold(picture: GrayImage) -> None:
    picture[MARGIN + 20 : MARGIN + 24] = 170


def label_of_the_next_box(picture: GrayImage) -> None:
    picture[MARGIN + 8 : MARGIN + 30, -4:] = 30


@pytest.mark.parametrize(
    "draw",
    [
        cross,
        filled,
        dot,
        stroke((6, 34), (34, 6)),
        stroke((8, 20), (16, 32), (44, -8)),
        stroke((4, 30), (38, 12), gray=185, width=3),
        stroke((-8, 30), (46, 6), width=3),
    ],
    ids=["cross", "filled", "dot", "slash", "tick out of the box", "faint pencil", "stroke across"],
)
def test_a_mark_is_seen(draw: Drawing) -> None:
    picture = blank_box()
    draw(picture)

    mark = tick(scanned(picture), blank_box(), margin_mm=MARGIN / 10)

    assert mark.made
    assert mark.confidence > 0.8


@pytest.mark.parametrize(
    "draw",
    [lambda picture: None, speck, streak, fold, label_of_the_next_box],
    ids=["empty", "speck", "streak", "fold", "print beside"],
)
def test_dirt_is_no_mark(draw: Drawing) -> None:
    picture = blank_box()
    draw(picture)

    mark = tick(scanned(picture), blank_box(), margin_mm=MARGIN / 10)

    assert not mark.made
    assert mark.confidence > 0.8


@pytest.mark.parametrize(("dx", "dy"), [(5, -3), (-6, 6)])
def test_a_box_that_lies_a_little_off_is_still_empty(dx: int, dy: int) -> None:
    moved = np.roll(blank_box(), (dy, dx), axis=(0, 1))

    assert not tick(scanned(moved), blank_box(), margin_mm=MARGIN / 10).made


WIDE = 28


def wide_box() -> GrayImage:
    """A box with more paper around, and its label at its right."""
    side = SIDE + 2 * WIDE
    picture = np.full((side, side), 245, np.uint8)
    cv2.rectangle(picture, (WIDE, WIDE), (WIDE + SIDE, WIDE + SIDE), (20,), 2)
    cv2.putText(picture, "M", (WIDE + SIDE + 12, WIDE + 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (60,), 2, cv2.LINE_AA)
    return picture


def wide_mark(draw: Drawing) -> Mark:
    picture = wide_box()
    draw(picture)
    return tick(scanned(picture), wide_box(), margin_mm=WIDE / 10)


MIDDLE = (WIDE + SIDE // 2, WIDE + SIDE // 2)


@pytest.mark.parametrize("radius", [34, 40])
def test_a_ring_around_a_box_is_a_mark(radius: int) -> None:
    mark = wide_mark(lambda picture: cv2.circle(picture, MIDDLE, radius, (50,), 4, cv2.LINE_AA))

    assert mark.made
    assert "circled" in mark.flags


def test_a_ring_that_printed_lines_cross_is_a_mark() -> None:
    blank = wide_box()
    middle = blank.shape[0] // 2
    for y in (middle - 27, middle + 27):
        cv2.line(blank, (0, y), (blank.shape[1], y), (20,), 2)
    ringed = blank.copy()
    cv2.circle(ringed, (middle, middle), 38, (40,), 4, cv2.LINE_AA)

    mark = tick(scanned(ringed), blank, margin_mm=2.8)

    assert mark.made
    assert "circled" in mark.flags


def test_the_ring_around_the_next_box_is_none() -> None:
    below = (MIDDLE[0], MIDDLE[1] + 62)

    assert not wide_mark(lambda picture: cv2.circle(picture, below, 40, (50,), 4, cv2.LINE_AA)).made


def test_a_stroke_that_passes_through_is_left_to_a_person() -> None:
    """A stamp's frame runs through a box: whether the box is ticked as well cannot be said."""

    def stamp(picture: GrayImage) -> None:
        cv2.line(picture, (0, MIDDLE[1] - 14), (picture.shape[1], MIDDLE[1] + 10), (70,), 5, cv2.LINE_AA)

    mark = wide_mark(stamp)

    assert "crossed_by" in mark.flags
    assert mark.confidence < 0.8


@pytest.mark.parametrize("gray", [10, 110])
def test_a_punch_hole_over_a_box_is_left_to_a_person(gray: int) -> None:
    mark = wide_mark(lambda picture: cv2.circle(picture, (WIDE + 4, WIDE + SIDE), 27, (gray,), -1))

    assert "covered" in mark.flags
    assert mark.confidence < 0.8


@pytest.mark.parametrize("gray", [175, 215])
def test_a_broad_slanting_fold_is_no_mark_and_hides_none(gray: int) -> None:
    def fold(picture: GrayImage) -> None:
        shade = np.full_like(picture, 245)
        cv2.line(shade, (0, MIDDLE[1] + 3), (picture.shape[1], MIDDLE[1] - 4), (gray,), 9)
        np.minimum(picture, cv2.GaussianBlur(shade, (0, 0), 2.0), out=picture)

    def crossed_and_folded(picture: GrayImage) -> None:
        cv2.line(picture, (WIDE + 6, WIDE + 6), (WIDE + 34, WIDE + 34), (60,), 4, cv2.LINE_AA)
        cv2.line(picture, (WIDE + 34, WIDE + 6), (WIDE + 6, WIDE + 34), (60,), 4, cv2.LINE_AA)
        fold(picture)

    assert not wide_mark(fold).made
    assert wide_mark(crossed_and_folded).made


def test_a_blackened_box_is_told_apart() -> None:
    picture = blank_box()
    filled(picture)

    assert "filled" in tick(scanned(picture), blank_box(), margin_mm=MARGIN / 10).flags


def signature_box() -> GrayImage:
    picture = np.full((240, 600), 245, np.uint8)
    cv2.putText(picture, "Signature", (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (60,), 1, cv2.LINE_AA)
    return picture


def test_a_signature_is_seen_and_the_printed_label_is_not_one() -> None:
    signed = signature_box()
    x = np.arange(120, 420)
    path = np.stack([x, 130 + 50 * np.sin(x / 17.0)], axis=1).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(signed, [path], False, (50,), 4, cv2.LINE_AA)

    assert signature(scanned(signed), signature_box()).made
    assert not signature(scanned(signature_box()), signature_box()).made


def test_specks_and_a_fold_are_no_signature() -> None:
    dirty = signature_box()
    dirty[150:154] = 160
    for x, y in ((80, 90), (300, 60), (500, 200), (430, 120)):
        cv2.circle(dirty, (x, y), 2, (10,), -1)

    assert not signature(scanned(dirty), signature_box()).made


@pytest.mark.parametrize(("top", "bottom"), [(250, 290), (310, 255)])
def test_a_streak_that_leans_is_no_signature_and_hides_none(top: int, bottom: int) -> None:
    def with_streak(picture: GrayImage) -> GrayImage:
        cv2.line(picture, (top, 0), (bottom, picture.shape[0]), (60,), 3, cv2.LINE_AA)
        return picture

    signed = signature_box()
    x = np.arange(120, 420)
    path = np.stack([x, 130 + 50 * np.sin(x / 17.0)], axis=1).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(signed, [path], False, (50,), 4, cv2.LINE_AA)

    assert not signature(scanned(with_streak(signature_box())), signature_box()).made
    assert signature(scanned(with_streak(signed)), signature_box()).made
