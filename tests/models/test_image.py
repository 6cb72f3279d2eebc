"""Small measures of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.image import components, peaks_apart, percentile


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=40),
    st.sampled_from([0.0, 20.0, 25.0, 50.0, 60.0, 99.5, 100.0]),
)
def test_a_percentile_of_grays_is_the_usual_one(grays: list[int], percent: float) -> None:
    picture = np.array(grays, np.uint8).reshape(1, -1)

    assert percentile(picture, percent) == pytest.approx(float(np.percentile(picture, percent)))


def test_a_part_of_a_picture_has_its_own_percentile_and_an_empty_part_none() -> None:
    picture = np.arange(200, dtype=np.uint8).reshape(10, 20)

    assert percentile(picture[2:5, 3:9], 50) == float(np.median(picture[2:5, 3:9]))
    assert percentile(picture[3:3], 50) == 0.0


def test_components_are_measured_each_and_touch_at_corners() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[1:3, 1:4] = 1
    mask[3, 4] = 1
    mask[6, 8:11] = 1

    labels, stats, centers = components(mask)

    assert stats[1:].tolist() == [[1, 1, 4, 3, 7], [8, 6, 3, 1, 3]]
    assert (labels == 2).sum() == 3
    assert centers[2].tolist() == [9.0, 6.0]
    assert len(components(np.zeros((9, 12), np.uint8))[1]) == 1


@pytest.mark.parametrize("side", [100, 600], ids=["labels of 16 bits", "more strokes than 16 bits tell apart"])
def test_every_component_is_told_apart_however_many_there_are(side: int) -> None:
    ink = np.zeros((side, side), np.uint8)
    ink[::2, ::2] = 1

    labels, boxes, _ = components(ink)

    assert len(boxes) == 1 + ink.sum() == len(np.unique(labels))
    assert (boxes[1:, 2:] == 1).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, 1), (3, 2), (40, 40)]), st.sampled_from([0.0, 0.5, 2.0]))
def test_peaks_are_the_highest_places_one_by_one_and_keep_apart(
    seed: int, apart: tuple[int, int], floor: float
) -> None:
    # few levels, so that many places are equally high
    strength = np.random.default_rng(seed).integers(0, 9, (12, 17)).astype(np.float32) / 8
    left, expected = strength.copy(), []
    while len(expected) < 10:
        y, x = (int(place) for place in np.unravel_index(int(left.argmax()), left.shape))
        if left[y, x] < floor:
            break
        expected.append((x, y))
        left[max(0, y - apart[1]) : y + apart[1], max(0, x - apart[0]) : x + apart[0]] = 0

    assert peaks_apart(strength, apart=apart, floor=floor, most=10) == expected


def test_an_empty_picture_has_no_peaks() -> None:
    assert peaks_apart(np.zeros((0, 5), np.float32), apart=(2, 2), floor=0.0, most=3) == []
