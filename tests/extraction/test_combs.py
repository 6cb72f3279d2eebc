"""Cells of a comb: where their lines are, what is written in each, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from extraction.combs import cut_comb
from extraction.registration import Placement
from models.geometry import Box
from models.image import GrayImage

PX = 8.0
CELLS = tuple(Box(20 + 6 * k, 20, 6, 8) for k in range(6))


def straight() -> Placement:
    return Placement(np.diag([PX, PX, 1.0]), np.zeros((0, 2)), np.zeros((0, 2)))


def sheet(*, off: tuple[float, float] = (0.0, 0.0), gray: int = 40) -> GrayImage:
    """A comb of six cells on light paper, drawn `off` millimetres from where it should be."""
    page = np.full((400, 640), 235, np.uint8)
    for cell in CELLS:
        corners = [round((cell.x + off[0]) * PX), round((cell.y + off[1]) * PX)]
        far = (round((cell.right + off[0]) * PX), round((cell.bottom + off[1]) * PX))
        cv2.rectangle(page, (corners[0], corners[1]), far, (gray,), 2)
    return page


def write(page: GrayImage, cell: int, *points: tuple[float, float], off: tuple[float, float] = (0.0, 0.0)) -> None:
    """A stroke through points given in cell widths and heights."""
    box = CELLS[cell]
    path = [((box.x + off[0] + x * 6) * PX, (box.y + off[1] + y * 8) * PX) for x, y in points]
    cv2.polylines(page, [np.array(path, np.int32).reshape(-1, 1, 2)], False, (30,), 4, cv2.LINE_AA)


def ink(picture: GrayImage) -> float:
    """Share of dark pixels well inside a cell."""
    height, width = picture.shape
    inner = picture[height // 5 : -height // 5, width // 5 : -width // 5]
    return float((inner < 150).mean())


@pytest.mark.parametrize("gray", [40, 150])
def test_an_empty_comb_has_empty_cells(gray: int) -> None:
    comb = cut_comb(sheet(gray=gray), straight(), CELLS)

    assert len(comb.cells) == len(comb.lineless) == 6
    assert all(ink(cell) == 0 for cell in comb.cells)
    assert all((cell < 150).mean() < 0.02 for cell in comb.lineless)
    assert not comb.outside
    assert not comb.struck


@pytest.mark.parametrize("shade", [205, 150])
def test_cells_printed_as_tinted_areas_are_empty_until_something_is_written(shade: int) -> None:
    page = np.full((400, 640), 235, np.uint8)
    for cell in CELLS:
        corner, far = (round(cell.x * PX), round(cell.y * PX)), (round(cell.right * PX), round(cell.bottom * PX))
        cv2.rectangle(page, corner, far, (shade,), -1)
        cv2.rectangle(page, corner, far, (250,), 3)
    write(page, 2, (0.3, 0.2), (0.7, 0.8))

    comb = cut_comb(page, straight(), CELLS)

    written = [ink(cell) > 0.02 for cell in comb.cells]
    assert written == [False, False, True, False, False, False]
    assert all(cell.min() > 235 for k, cell in enumerate(comb.cells) if k != 2)


def test_cells_are_found_where_their_lines_are() -> None:
    off = (0.7, -0.5)

    comb = cut_comb(sheet(off=off), straight(), CELLS)

    for found, expected in zip(comb.boxes, CELLS, strict=True):
        assert found.x == pytest.approx(expected.x + off[0], abs=0.2)
        assert found.y == pytest.approx(expected.y + off[1], abs=0.2)


def test_a_stroke_is_in_its_own_cell_only() -> None:
    page = sheet()
    write(page, 2, (0.3, 0.2), (0.7, 0.8))

    comb = cut_comb(page, straight(), CELLS)

    assert [ink(cell) > 0.05 for cell in comb.cells] == [False, False, True, False, False, False]
    assert comb.ink_mm2[2] > 1.0
    assert comb.ink_mm2[3] < 0.3


def test_a_stroke_that_leaves_its_cell_is_kept_whole_and_kept_from_its_neighbour() -> None:
    page = sheet()
    write(page, 1, (0.4, 0.3), (0.6, 0.6), (1.14, 0.72))

    comb = cut_comb(page, straight(), CELLS)

    assert (comb.lineless[1] < 150).mean() > (comb.lineless[2] < 150).mean() * 5
    assert ink(comb.lineless[2]) < 0.01
    assert comb.lineless[1].shape[1] > comb.lineless[4].shape[1]


def test_a_streak_of_dirt_through_a_comb_is_taken_off() -> None:
    page = sheet()
    x = round((CELLS[3].x + 3) * PX)
    page[:, x : x + 2] = 120

    comb = cut_comb(page, straight(), CELLS)

    assert ink(comb.cells[3]) == 0


def test_writing_beside_the_cells_is_told() -> None:
    page = sheet()
    write(page, 5, (1.08, 0.2), (1.33, 0.5), (1.08, 0.85))

    assert cut_comb(page, straight(), CELLS).outside


def test_a_line_struck_through_the_writing_is_told() -> None:
    page = sheet()
    for cell in range(4):
        write(page, cell, (0.5, 0.2), (0.5, 0.8))
    write(page, 0, (0.2, 0.5), (3.8, 0.48))

    assert cut_comb(page, straight(), CELLS).struck


def test_capitals_that_touch_are_not_struck() -> None:
    page = sheet()
    for cell in range(2):
        write(page, cell, (0.2, 0.8), (0.5, 0.2), (0.9, 0.8))
    write(page, 0, (0.9, 0.8), (1.2, 0.8))

    assert not cut_comb(page, straight(), CELLS).struck


def test_cells_without_lines_are_cut_when_asked_for_and_alike_every_time() -> None:
    page = sheet()
    write(page, 1, (0.3, 0.2), (0.6, 0.8))
    lineless = cut_comb(page, straight(), CELLS).lineless

    pictures = list(lineless)

    assert [picture.shape for picture in lineless[1:3]] == [picture.shape for picture in pictures[1:3]]
    assert np.array_equal(lineless[-5], pictures[1])
    with pytest.raises(IndexError):
        lineless[6]


@pytest.mark.parametrize("x", [17.6, 22.5, 35.0])
def test_a_streak_down_the_whole_page_is_taken_out_of_the_cells(x: float) -> None:
    page = sheet()
    page[:, round(x * PX) : round((x + 0.5) * PX)] = 120

    comb = cut_comb(page, straight(), CELLS)

    assert all(ink(cell) == 0 for cell in comb.lineless)
