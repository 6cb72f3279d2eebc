"""The learned choice of values, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from extraction.invoices.invoice import choose_fields
from extraction.invoices.options import GROUP_OF, features_of
from extraction.invoices.possible import possibilities
from extraction.invoices.ranking import PARTS, TRUST, Network, ranking_of, shipped_ranking
from models.errors import Misconfigured
from models.reading import Decision
from models.text import PageText
from pipeline.training.invoice import is_right, logistic, sample

FRESH = 66_000_001
"""Drawn invoices from this seed on: training keeps away from them."""


@pytest.fixture(scope="module")
def chosen() -> list[tuple[str, float, bool]]:
    """(field, confidence, right) of every field of forty invoices that were not learned from."""
    found = []
    for seed in range(FRESH, FRESH + 60):
        if seed % 4 == 0:
            continue
        drawn = sample(seed)
        fields = choose_fields(possibilities(drawn.pages), shipped_ranking())
        for name in GROUP_OF:
            value = fields[name].value
            assert value is None or isinstance(value, str)
            right = is_right(name, value, drawn.fields.get(name))
            found.append((name, fields[name].confidence or 0.0, right))
    return found


def test_values_of_layouts_never_seen_are_found(chosen: list[tuple[str, float, bool]]) -> None:
    assert np.mean([right for *_, right in chosen]) > 0.93


def test_what_is_sure_is_right_and_what_is_wrong_is_unsure(chosen: list[tuple[str, float, bool]]) -> None:
    sure = [right for _, confidence, right in chosen if confidence > 0.95]
    wrong = [confidence for _, confidence, right in chosen if not right]

    assert len(sure) > 0.5 * len(chosen)
    assert np.mean(sure) > 0.98
    assert np.median(wrong) < 0.9


def test_no_option_means_that_nothing_is_printed() -> None:
    fields = choose_fields(possibilities([PageText((), 1654, 2339, 200.0, "ocr")]), shipped_ranking())

    assert all(fields[name].value is None for name in GROUP_OF)
    assert all(field.decision is Decision.TO_VERIFY for field in fields.values())


def test_chances_of_the_options_and_of_nothing_sum_to_one() -> None:
    size = len(features_of("date"))
    chance = np.random.default_rng(1)
    shapes = {"mean": size, "scale": size, "hidden": (size, 4), "bias": 4, "out": 4}
    network = Network(*(np.abs(chance.normal(size=shapes[part])).astype(np.float32) + 0.1 for part in PARTS))

    assert network.probabilities(np.ones((3, size), np.float32)).sum() == pytest.approx(1.0)


def test_weights_for_other_features_are_refused() -> None:
    arrays = {f"features/{group}": np.asarray(["something else"]) for group in set(GROUP_OF.values())}

    with pytest.raises(Misconfigured, match="invoice-ranking"):
        ranking_of(arrays)


def test_a_clue_that_goes_with_being_right_weighs_for_it() -> None:
    chance = np.random.default_rng(2)
    clues = chance.normal(size=(400, 2))
    right = (clues[:, 0] + 0.3 * chance.normal(size=400) > 0).astype(float)

    weights = logistic(clues, right)

    assert weights[0] > 2 > abs(weights[1])


def test_totals_that_make_no_sum_are_never_sure() -> None:
    ranking = shipped_ranking()
    agreeing = {"odds": 1.0, "margin": 1.0, "rules agree": 1.0, "sums agree": 1.0, "own label": 1.0, "misreading": 1.0}
    contradicting = {**agreeing, "sums agree": 0.0, "sums disagree": 1.0}

    for name in ("total_without_tax", "total_tax", "total_with_tax"):
        assert ranking.confidence(name, contradicting) < min(0.95, ranking.confidence(name, agreeing))
    assert "sums disagree" in TRUST
