"""Ticks and signatures: what counts as a mark and what does not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from extraction.readers.marks import signature, tick
from models.image import GrayImage

MARGIN = 16
SIDE = 40

Drawing = Callable[[GrayImage], None]


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
