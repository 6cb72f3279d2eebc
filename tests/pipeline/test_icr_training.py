"""The training of the box reader draws what it says it draws; training itself needs torch and minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from extraction.readers.glyphs import BLANK, CLASSES, SCRATCH, SIDE
from models.definitions import Charset
from models.errors import Misconfigured
from pipeline.training import icr
from pipeline.training.cells import CellSimulator, Writing
from pipeline.training.comb_sheets import CombSimulator, Entry
from pipeline.training.icr import Corpus, calibrate, model_card, render, train_icr
from pipeline.training.pens import OWN_SHAPES, PenRecords, fit, vary


def collections(folder: Path, writers: int = 40) -> Path:
    """Small collections of the real format: every character class once a writer, as a zigzag of its own."""
    labels = [c for c in CLASSES if c not in (BLANK, SCRATCH)] + ["a"]
    rng = np.random.default_rng(4)
    count = len(labels) * writers
    np.savez(
        folder / "strokes_unipen.npz",
        points=rng.integers(0, 256, (count * 6, 2)).astype(np.uint8),
        stroke_len=np.full(count, 6, np.uint16),
        n_strokes=np.ones(count, np.uint8),
        y=np.array(labels * writers),
        writer=np.repeat([f"w{i}" for i in range(writers)], len(labels)),
    )
    pictures = np.zeros((200, 28, 28), np.uint8)
    pictures[:, 6:22, 12:16] = 255
    for name in ("digits_mnist", "digits_optdigits"):
        np.savez(folder / f"{name}.npz", x=pictures, y=np.array(list("0123456789") * 20), writer=np.full(200, ""))
    return folder


def test_a_folder_without_the_collections_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"strokes_unipen\.npz"):
        Corpus(tmp_path, held_out=False)


def test_training_without_torch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)

    with pytest.raises(Misconfigured, match=r"depli\[train\]"):
        train_icr(tmp_path, tmp_path, 1, 0.1)


def test_recorded_strokes_come_back_as_they_were_stored(tmp_path: Path) -> None:
    records = PenRecords(collections(tmp_path) / "strokes_unipen.npz")

    with np.load(tmp_path / "strokes_unipen.npz") as stored:
        assert np.allclose(records.strokes(7)[0] * 255, stored["points"][42:48])


def test_no_writer_is_both_trained_on_and_held_out(tmp_path: Path) -> None:
    writers = [f"w{i}" for i in range(500)]

    held = {writer for writer in writers if icr.is_held_out(writer)}
    assert 20 < len(held) < 70
    folder = collections(tmp_path)
    assert set(Corpus(folder, held_out=False).labels()) >= set("0AZ-")
    assert "own" not in {name for sources in Corpus(folder, held_out=True)._sources.values() for name in sources}


def test_the_same_seed_draws_the_same_cells(tmp_path: Path) -> None:
    corpus = Corpus(collections(tmp_path), held_out=False)

    images, labels = render(corpus, 40, seed=3)
    again, same = render(corpus, 40, seed=3)
    others, _ = render(corpus, 40, seed=4)

    assert images.shape == (40, 2, SIDE, SIDE)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(images, others)


@pytest.mark.parametrize("label", sorted(OWN_SHAPES))
def test_every_own_shape_leaves_ink_in_its_cell(label: str) -> None:
    rng = np.random.default_rng(5)
    simulator = CellSimulator(rng)
    written, empty = [], []
    for shape in OWN_SHAPES[label]:
        strokes = vary(shape(rng), rng)
        low, high = np.concatenate(fit(strokes)).min(), np.concatenate(fit(strokes)).max()
        assert low == pytest.approx(0, abs=1e-5)
        assert high == pytest.approx(1, abs=1e-5)
        written += [float(simulator.cell(Writing(strokes=strokes), label=label).std()) for _ in range(40)]
        empty += [float(simulator.cell(Writing(), label=BLANK).std()) for _ in range(40)]
    assert np.median(written) > np.median(empty)


def test_a_comb_is_cut_into_the_cells_that_were_written(tmp_path: Path) -> None:
    corpus = Corpus(collections(tmp_path), held_out=False)
    rng = np.random.default_rng(8)
    written, empty = [], []
    for _ in range(20):
        entries = [Entry(corpus.write("8", rng), "8"), Entry(Writing(), BLANK), Entry(corpus.write("B", rng), "B")]
        plain, lineless = zip(*CombSimulator(rng).cells(entries), strict=True)
        assert len(plain) == len(lineless) == 3
        middles = [
            cell[cell.shape[0] // 4 : -cell.shape[0] // 4, cell.shape[1] // 4 : -cell.shape[1] // 4] for cell in plain
        ]
        written += [float(middles[0].std()), float(middles[2].std())]
        empty.append(float(middles[1].std()))
    assert np.median(written) > 4 * np.median(empty)


def test_training_takes_over_the_shards_that_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icr, "_SHARD", 6)
    folder = tmp_path / "cells"
    folder.mkdir()
    icr._draw_shards(collections(tmp_path), folder, 2, seed=3)
    first, _ = render(Corpus(tmp_path, held_out=False), 6, 3 * 100_003)

    drawing = icr.Drawing(tmp_path, folder, 12, seed=3)
    ready = drawing.collect()

    assert ready == 12
    assert np.array_equal(drawing.images[:6], first)
    assert not np.array_equal(drawing.images[6:], first)


def test_a_batch_is_shaken_but_not_beyond_recognition() -> None:
    pytest.importorskip("torch")
    batch = np.zeros((16, 2, SIDE, SIDE), np.uint8)
    batch[:, :, 6:26, 13:19] = 255

    shaken = icr._shaken(batch, np.random.default_rng(2)).numpy()

    assert shaken.shape == batch.shape
    assert not np.allclose(shaken[0], shaken[1])
    assert float(shaken[:, :, 10:22, 14:18].mean()) > 0.6
    assert float(shaken[:, :, :, :4].mean()) < 0.05


def test_a_field_that_cannot_hold_the_label_never_cuts_it_away() -> None:
    truth = np.arange(len(CLASSES)).repeat(30)

    alphabet, answer = icr._cut_to_fields(truth, icr._field_masks(), np.random.default_rng(6))

    assert alphabet[np.arange(len(truth)), answer].all()
    changed = {CLASSES[label] for label in truth[answer != truth]}
    assert changed == {"-", "."}
    assert {CLASSES[label] for label in answer[answer != truth]} == {BLANK}


def test_calibration_cools_a_reader_that_doubts_too_much() -> None:
    labels = np.arange(10).repeat(50)
    doubtful = np.zeros((500, len(CLASSES)), np.float32)
    doubtful[np.arange(500), labels] = 2.0
    boastful = doubtful * 5
    boastful[::3] = np.roll(boastful[::3], 1, axis=1)

    assert calibrate(doubtful, labels)[Charset.DIGITS.value] < 0.5
    assert calibrate(boastful, labels)[Charset.DIGITS.value] > 2


def test_the_model_card_names_scores_licence_and_hash() -> None:
    found = icr.Found(sha256="ab12", temperatures={"digits": 0.9}, scores={"a set": {"all": 0.98765}})

    card = model_card(found, {"seed": "1", "minutes": "2", "cells": "3", "width": "32", "side": "32"})

    for word in ("ab12", "EUPL-1.2", "a set", "98.77 %", "digits 0.9", "UNIPEN", "MNIST", "optdigits"):
        assert word in card
