"""The reliability diagram says what was claimed and what came true."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pipeline.benchmark.reliability import ece, reliability_svg

HONEST = [(0.98, number % 50 > 0) for number in range(1000)]
BOLD = [(0.9999, number % 10 > 0) for number in range(1000)]


def test_honest_confidence_has_no_calibration_error() -> None:
    assert ece(HONEST) < 0.02
    assert ece(BOLD) == pytest.approx(0.1, abs=0.001)


def test_the_diagram_is_well_formed_and_counts_each_bin() -> None:
    drawn = ElementTree.fromstring(reliability_svg([*HONEST, *BOLD], title="Claimed & realised"))

    words = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "20/1000" in words
    assert "100/1000" in words


def test_a_point_above_the_diagonal_is_an_overconfident_bin() -> None:
    def point(values: list[tuple[float, bool]]) -> tuple[float, float]:
        (found,) = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', reliability_svg(values, title="x"))
        return float(found[0]), float(found[1])

    diagonal_down = 34 + 340 + 62
    x, y = point(HONEST)
    assert x + y == pytest.approx(diagonal_down, abs=1)
    x, y = point(BOLD)
    assert x + y < diagonal_down - 100
