"""How honest confidences are: claimed against realised error, as a figure and as one number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from extraction.calibration import calibration_error
from models.bounds import lower_bound, upper_bound

Claimed = tuple[float, bool]
"""Confidence of a value, and whether it was right."""
_EDGES = (0.0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0001)
"""Bins of claimed error."""
_LEAST = 1e-4
_LEFT, _TOP, _SIDE = 62, 34, 340
_WIDTH, _HEIGHT = 430, 440


def ece(values: Sequence[Claimed], *, bins: int = 15) -> float:
    """Expected calibration error of values."""
    confidence = np.array([c for c, _ in values], float)
    return calibration_error(confidence, np.array([right for _, right in values], float), bins=bins)


def reliability_svg(values: Sequence[Claimed], *, title: str) -> str:
    """A reliability diagram: for each bin of claimed error the realised one with its 90 % interval.

    Both axes are logarithmic, from 0.01 % to 100 %: nearly all values claim to be surer than 99 %. A bin without an
    error has its interval alone.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="11" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="13" font-weight="bold">{escape(title)}</text>',
        *_grid(),
        _line(_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP, "#888", dash="4 3"),
    ]
    for low, high in pairwise(_EDGES):
        own = [(1 - c, right) for c, right in values if low <= 1 - c < high]
        if own:
            parts.extend(_bin(own))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _bin(own: Sequence[Claimed]) -> list[str]:
    claimed = sum(error for error, _ in own) / len(own)
    wrong = sum(not right for _, right in own)
    x = _along(claimed)
    top, foot = (_down(rate(wrong, len(own), risk=0.05)) for rate in (upper_bound, lower_bound))
    parts = [_line(x, top, x, foot, "#1d4f91", width=2)]
    if wrong:
        parts.append(f'<circle cx="{x:.1f}" cy="{_down(wrong / len(own)):.1f}" r="4" fill="#1d4f91"/>')
    parts.append(f'<text x="{x:.1f}" y="{top - 5:.1f}" text-anchor="middle" fill="#444">{wrong}/{len(own)}</text>')
    return parts


def _grid() -> list[str]:
    parts = []
    for power in range(-4, 1):
        error = 10.0**power
        x, y = _along(error), _down(error)
        words = f"{error:.2%}" if power < -2 else f"{error:.0%}"
        parts += [
            _line(x, _TOP, x, _TOP + _SIDE, "#ddd"),
            _line(_LEFT, y, _LEFT + _SIDE, y, "#ddd"),
            f'<text x="{x:.1f}" y="{_TOP + _SIDE + 16}" text-anchor="middle">{words}</text>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>',
        ]
    middle = _TOP + _SIDE / 2
    parts += [
        f'<text x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 36}" text-anchor="middle">claimed error</text>',
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">realised error</text>',
    ]
    return parts


def _share(error: float) -> float:
    """Place on an axis, 0 to 1."""
    return 1 + math.log10(min(1.0, max(_LEAST, error))) / 4


def _along(error: float) -> float:
    return _LEFT + _SIDE * _share(error)


def _down(error: float) -> float:
    return _TOP + _SIDE * (1 - _share(error))


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-width="{width}"{dashed}/>'
    )
