"""Texts out of a CTC lattice: checked against the sum over all paths, spelt out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from extraction.readers.line_search import aligned, folded, folding, likeliest, log_masses

CLASSES = ("", "a", "b", " ")


def lattice(steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(len(CLASSES)), steps).astype(np.float32)


def spelt(path: tuple[int, ...]) -> str:
    kept = [k for k, before in zip(path, (-1, *path), strict=False) if k != before]
    return "".join(CLASSES[k] for k in kept)


def masses(probabilities: np.ndarray) -> dict[str, float]:
    found: dict[str, float] = {}
    for path in product(range(len(CLASSES)), repeat=len(probabilities)):
        mass = float(np.prod([row[k] for row, k in zip(probabilities, path, strict=True)]))
        found[spelt(path)] = found.get(spelt(path), 0.0) + mass
    return found


@pytest.mark.parametrize("text", ["", "a", "aa", "ab", "aba", "a b"])
def test_the_mass_of_a_text_is_the_sum_over_all_paths_that_spell_it(text: str) -> None:
    probabilities = lattice(6)

    assert np.exp(log_masses(probabilities, CLASSES, [text]))[0] == pytest.approx(masses(probabilities)[text], rel=1e-4)


def test_texts_of_different_lengths_are_weighed_together() -> None:
    probabilities = lattice(6, seed=3)

    together = log_masses(probabilities, CLASSES, ["a", "bab", ""])

    alone = [log_masses(probabilities, CLASSES, [text])[0] for text in ("a", "bab", "")]
    assert together == pytest.approx(alone)


def test_a_text_that_cannot_be_spelt_has_no_mass() -> None:
    assert log_masses(lattice(3), CLASSES, ["x"])[0] == -np.inf
    assert np.exp(log_masses(lattice(3), CLASSES, ["abab"]))[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_the_likeliest_text_where_the_best_path_may_not(seed: int) -> None:
    probabilities = lattice(6, seed)
    probabilities[:, CLASSES.index(" ")] = 0
    every = masses(probabilities)

    text, mass = likeliest(probabilities, CLASSES)[0]

    assert every[text] == max(every.values())
    assert np.exp(mass) == pytest.approx(every[text], rel=1e-3)


def test_what_comes_before_weighs_what_follows() -> None:
    even = np.array([[0.1, 0.45, 0.45, 0.0], [0.98, 0.01, 0.01, 0.0], [0.1, 0.45, 0.45, 0.0]], np.float32)

    found = likeliest(even, CLASSES, likely=lambda before, after: 5.0 if before + after in ("b", "ba") else 1.0)

    assert found[0][0] == "ba"


def test_a_text_is_laid_over_the_steps_that_spell_it() -> None:
    sure = np.full((9, 4), 0.01, np.float32)
    for step, number in enumerate((0, 1, 1, 0, 0, 2, 0, 1, 0)):
        sure[step, number] = 0.97

    assert aligned(sure, np.array([1, 2, 1])) == pytest.approx([1.5, 5, 7])
    assert aligned(sure[:2], np.array([1, 2, 1])) is None


def test_capitals_and_accents_count_as_what_the_field_allows() -> None:
    matrix, kept = folding(("", "é", "E", "e", "7"), "e@")
    probabilities = np.array([[0.1, 0.3, 0.2, 0.1, 0.3]], np.float32)

    assert kept == ("", "e", "@")
    assert folded(probabilities, matrix)[0] == pytest.approx([1 / 7, 6 / 7, 0], abs=1e-4)


def test_a_gap_where_no_blank_can_stand_is_a_sign_that_was_lost() -> None:
    classes = ("", "a", " ")
    gap = np.array([[0.1, 0.0, 0.9]], np.float32)

    matrix, kept = folding(classes, "a._")
    blanks, with_blanks = folding(classes, "a._ ")

    lost = dict(zip(kept, folded(gap, matrix)[0], strict=True))
    assert lost["_"] > lost["."] > 0.2
    assert dict(zip(with_blanks, folded(gap, blanks)[0], strict=True))[" "] == pytest.approx(0.9, abs=1e-4)
