"""The weights of boundaries are fitted on drawn stacks and hold on stacks of another seed."""

from __future__ import annotations

import numpy as np
import pytest

from capture.boundaries import beforehand, names, shipped_weights
from capture.separation import separate
from pipeline.benchmark.stacks import boundaries_of
from pipeline.training.logistic import probabilities
from pipeline.training.separation import FORM_PAGES, ReadStack, drawn_stacks, features


@pytest.fixture(scope="module")
def stacks() -> list[ReadStack]:
    return list(drawn_stacks(977, 5, fonts=None))


def test_every_sign_has_a_name_and_a_weight_of_its_own() -> None:
    assert len(set(names())) == len(names()) == len(beforehand()) == len(shipped_weights()) - 1


def test_stacks_of_another_seed_are_divided(stacks: list[ReadStack]) -> None:
    begins = [(number, page) for number, stack in enumerate(stacks) for page in stack.begins]
    found = [
        (number, document.pages[0])
        for number, stack in enumerate(stacks)
        for document in separate(stack.readings, form_pages=FORM_PAGES).documents
    ]

    assert len(begins) > 30
    assert 2 * len(set(begins) & set(found)) / (len(begins) + len(found)) > 0.94


def test_what_is_sure_is_right_more_often_than_what_is_not(stacks: list[ReadStack]) -> None:
    x, truth, groups = features(iter(stacks))
    probability = probabilities(x, np.array(shipped_weights()))
    sure = np.abs(probability - 0.5) > 0.4

    assert x.shape == (len(truth), len(names())) and set(groups) <= set(range(5))
    assert ((probability > 0.5) == truth)[sure].mean() >= 0.97


def test_the_benchmark_counts_documents_that_are_not_whole(stacks: list[ReadStack]) -> None:
    wrong = ReadStack(stacks[0].readings, [1], stacks[0].sheets)
    told = boundaries_of([wrong])[-2 if wrong.sheets else -1]
    right = boundaries_of([stacks[0]])[-2 if wrong.sheets else -1]

    assert float(told.split("|")[4]) < 0.5 < float(right.split("|")[4])
