"""Numbers put together of single digits, to teach what a number looks like."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.benchmark.digit_strings import DigitStrings
from pipeline.benchmark.recombined import Digit, single_digits

BARS = [Digit(np.ones((20, 4 + 3 * int(label)), np.float32), label) for label in "0123456789"]


def test_a_number_has_its_digits_in_a_row() -> None:
    rng = np.random.default_rng(0)

    narrow, wide = (
        np.mean([DigitStrings([BARS]).draw(text, rng).shape[1] for _ in range(20)]) for text in ("000", "999999")
    )

    assert wide > 3 * narrow


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (DigitStrings([BARS]).draw("1234", np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_single_digits_are_cut_to_their_ink(tmp_path: Path) -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 5:15, 10:12] = 255
    images[1, 3:20, 4:18] = 255
    np.savez(tmp_path / "digits.npz", x=images, y=np.array(["1", "A", "7"]))

    (digit,) = single_digits(tmp_path / "digits.npz")

    assert (digit.label, digit.ink.shape) == ("1", (10, 2))
