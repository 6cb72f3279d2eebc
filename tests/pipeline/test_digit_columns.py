"""The reader of digit strings that learns from boxes, on strings small enough to learn in a test."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.image import GrayImage
from pipeline.training.running_hand import WrittenLine

pytest.importorskip("torch", reason="training is an extra: pip install .[train]")

from pipeline.benchmark.digit_columns import (
    HEIGHT,
    STRIDE,
    ColumnNetwork,
    Strings,
    columns_of,
    looks_at,
    train_columns,
)


def digit(label: int) -> GrayImage:
    picture = np.zeros((28, 28), np.uint8)
    cv2.putText(picture, str(label), (5, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255,), 2, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    for name in ("mnist", "optdigits", "usps", "unipen"):
        labels = list(range(10))
        np.savez(folder / f"digits_{name}.npz", x=np.stack([digit(k) for k in labels]), y=np.array(labels).astype(str))
    return folder


def amount(text: str) -> WrittenLine:
    image = np.full((60, 20 + 34 * len(text)), 210, np.uint8)
    boxes = []
    for place, label in enumerate(text):
        cv2.putText(image, label, (10 + 34 * place, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (40,), 3, cv2.LINE_AA)
        boxes.append([10 + 34 * place, 15, 26, 32])
    return WrittenLine(np.asarray(image, np.uint8), text, json.dumps(boxes))


def test_a_column_is_the_digit_whose_middle_is_near() -> None:
    columns = columns_of([(0, 0, 40, 50), (60, 0, 40, 50)], "73", 120)

    assert columns[round(20 / STRIDE)] == 8
    assert columns[round(80 / STRIDE)] == 4
    assert columns[round(50 / STRIDE)] == 0
    assert -1 in columns


@pytest.mark.parametrize("own", [False, True])
def test_strings_have_ink_where_their_boxes_are(collections: Path, *, own: bool) -> None:
    lines = [amount("4170"), amount("925")] if own else []
    strings = Strings(collections, lines, kept=0.3, foreign=0.2)
    rng = np.random.default_rng(3)

    for drawn in (strings.draw(rng) for _ in range(40)):
        assert drawn.image.shape[0] == HEIGHT
        assert len(drawn.boxes) == len(drawn.text)
        inside = [drawn.image[:, max(0, round(x)) : round(x + w)] for x, _, w, _ in drawn.boxes]
        assert all(part.size == 0 or part.max() > 0.3 for part in inside)


def test_looks_answer_chances_for_every_column(collections: Path) -> None:
    network = train_columns(ColumnNetwork(), Strings(collections), steps=2, rate=1e-3, seed=1, batch=4)

    views = looks_at(network, amount("4170").image)

    assert {view.probabilities.shape[1] for view in views} == {11}
    assert all(np.allclose(view.probabilities.sum(axis=1), 1, atol=1e-4) for view in views)
