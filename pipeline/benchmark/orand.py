"""Whole cheque amounts, ten-fold: the reader of handwriting trained further on nine tenths, measured on the tenth.

Measuring only: ORAND-CAR is research material, and no weight that was trained on it ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.readers.handwritten import NAME, View, prepared, weigh
from models.image import GrayImage
from models.learned import registry
from pipeline.benchmark.report import Report
from pipeline.engines import one_thread
from pipeline.training.pens import PenRecords
from pipeline.training.running_hand import Hands, WrittenLine, labelled_lines, worn

if TYPE_CHECKING:
    import torch

FOLDS = 10
_EPOCHS = 8
_BATCH = 16
_RATE = 7e-4
_SYNTHETIC = 0.2
"""Share of strings composed of pen strokes."""
_STRETCHES = (0.85, 1.0, 1.2)
"""Looks at each string that is tested."""
_DIGITS = "0123456789"
_TITLE = "Cheque amounts, ten-fold"


def measure_orand(data: Path, report: Report, *, folds: Sequence[int] = range(FOLDS)) -> None:
    """Whole strings read rightly, before and after training further; a line with the reason where torch is missing."""
    try:
        import torch
    except ImportError:
        report.section(_TITLE, ["Not measured: it trains, which needs torch (`pip install depli[train]`)."])
        return
    one_thread()
    torch.set_num_threads(1)
    amounts = labelled_lines(data / "handwriting" / "strings_orand.zip")
    hands = Hands(PenRecords(data / "handwriting" / "strokes_unipen.npz"), held_out=False)
    order = np.random.default_rng(1).permutation(len(amounts))
    before = after = count = 0
    for fold in folds:
        tested = [amounts[k] for k in order[fold::FOLDS]]
        learned = [amounts[k] for k in order if k not in set(order[fold::FOLDS].tolist())]
        network, codes = _network()
        before += _right(network, codes, tested)
        after += _right(_trained(network, codes, learned, hands, seed=fold), codes, tested)
        count += len(tested)
        print(f"fold {fold}: {after} of {count} strings right, {before} before", flush=True)
    rows = [
        "| strings | folds | as it ships, digits only | trained further on the other folds |",
        "|---|---|---|---|",
        f"| {count} | {len(folds)} | {before / count:.4f} | {after / count:.4f} |",
    ]
    report.section(_TITLE, ["Exact strings; ORAND is for measuring, nothing trained on it ships.", "", *rows])


def _network() -> tuple[torch.nn.Module, NDArray[np.int64]]:
    """The shipped network, and the classes of the blank and the ten digits."""
    import onnx

    from pipeline.training.onnx_graph import OnnxNetwork

    model = onnx.load(str(registry.path(NAME)))
    stored = {entry.key: entry.value for entry in model.metadata_props}
    classes = ("", *stored["characters"].split("\n"))
    return OnnxNetwork(model), np.array([0, *(classes.index(digit) for digit in _DIGITS)])


def _trained(
    network: torch.nn.Module, codes: NDArray[np.int64], lines: Sequence[WrittenLine], hands: Hands, *, seed: int
) -> torch.nn.Module:
    """The running average of the network while it trains on."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
    )
    steps = _EPOCHS * len(lines) // _BATCH
    source = _batches(lines, hands, rng)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        pictures, texts = next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(torch.from_numpy(pictures))
        chances = logits.float()[:, :, codes].log_softmax(2).transpose(0, 1)
        targets = torch.tensor([int(digit) + 1 for text in texts for digit in text])
        lengths = torch.tensor([len(text) for text in texts])
        sizes = torch.full((len(texts),), len(chances))
        loss = torch.nn.functional.ctc_loss(chances, targets, sizes, lengths, zero_infinity=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        average.update_parameters(network)
    trained: torch.nn.Module = average.module
    return trained


def _batches(
    lines: Sequence[WrittenLine], hands: Hands, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], list[str]]]:
    while True:
        pool: list[tuple[GrayImage, str]] = []
        while len(pool) < 8 * _BATCH:
            image, text = _drawn(lines, hands, rng)
            line = None if image is None else prepared(worn(image, rng))
            if line is not None and line.shape[1] <= 640 and line.shape[1] >= 10 * len(text):
                pool.append((line, text))
        pool.sort(key=lambda item: item[0].shape[1])
        for start in rng.permutation(8) * _BATCH:
            batch = pool[start : start + _BATCH]
            yield _stacked([line for line, _ in batch]), [text for _, text in batch]


def _drawn(lines: Sequence[WrittenLine], hands: Hands, rng: np.random.Generator) -> tuple[GrayImage | None, str]:
    if rng.random() < _SYNTHETIC:
        text = "".join(_DIGITS[k] for k in rng.integers(0, 10, int(rng.integers(2, 8))))
        return hands.write(text, rng), text
    line = lines[int(rng.integers(len(lines)))]
    return line.image, line.text


def _stacked(lines: Sequence[GrayImage]) -> NDArray[np.float32]:
    width = max(line.shape[1] for line in lines)
    stacked = np.empty((len(lines), 1, lines[0].shape[0], width), np.float32)
    for row, line in zip(stacked, lines, strict=True):
        row[:] = np.percentile(line, 85) / 255 - 0.5
        row[0, :, : line.shape[1]] = line / np.float32(255) - np.float32(0.5)
    return stacked


def _right(network: torch.nn.Module, codes: NDArray[np.int64], lines: Sequence[WrittenLine]) -> int:
    right = 0
    for line in lines:
        cut = prepared(line.image)
        looks = [_look(network, codes, cut, stretch) for stretch in _STRETCHES] if cut is not None else []
        weighed = weigh(looks, None, None, sharpness=1.0) if looks else []
        right += bool(weighed) and weighed[0][0] == line.text
    return right


def _look(network: torch.nn.Module, codes: NDArray[np.int64], cut: GrayImage, stretch: float) -> View:
    import torch

    size = (round(cut.shape[1] * stretch / 16) * 16, cut.shape[0])
    picture = np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        chances = network(torch.from_numpy(_stacked([picture])))[0].float()[:, codes].softmax(1)
    return View(chances.numpy(), ("", *_DIGITS))
