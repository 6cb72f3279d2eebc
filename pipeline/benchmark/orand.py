"""Whole cheque amounts, ten-fold: the reader of handwriting trained further on nine tenths, measured on the tenth.

Few strings are there to learn from; more are put together of their digits, on their paper (`recombined.py`). A second
network learns from the boxes of the digits (`digit_columns.py`); both are asked, and those that ship too. No picture of
the tenth that is tested, nor a digit cut out of one, is learned from.

Measuring only: ORAND-CAR is research material, and no weight that was trained on it ships.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.readers.handwritten import NAME, PRINT, View, prepared, view
from extraction.readers.line_search import Likely, likeliest, log_likelihood, log_masses
from models.image import GrayImage
from models.learned import registry
from pipeline.benchmark.recombined import Recombined
from pipeline.benchmark.report import Report
from pipeline.processes import one_thread
from pipeline.training.pens import PenRecords
from pipeline.training.running_hand import Hands, WrittenLine, bent, labelled_lines, worn

if TYPE_CHECKING:
    import torch

FOLDS = 10
_STEPS = 640
_BATCH = 16
_RATE = 6e-4
_SYNTHETIC = 0.1
"""Share of strings composed of pen strokes."""
_RECOMBINED = 0.45
"""Share of strings put together of the digits of others that are learned from."""
_WIDEST = 640
"""Pixels, of a string that is learned from."""
_WORN = 0.25
"""Share of strings worn as handwriting from anywhere; the rest varies as much as these cheques do."""
_LOOKS = ((0.85, 0.0), (1.0, 0.0), (1.2, 0.0), (1.0, -0.15), (1.0, 0.15))
"""Looks at each string that is tested: (stretch, slant)."""
_FIRST_STEPS, _FIRST_RATE = (2_500, 3_600), 2.5e-3
"""Of the network of columns, on strings of other collections, in two rounds."""
_COLUMN_STEPS, _COLUMN_RATE = 1_100, 1.5e-3
"""Of the same network, on the strings of nine tenths."""
_KEPT, _FOREIGN = 0.4, 0.12
"""Share of those strings that stay as they are; of the digits of the others, how many are of other collections."""
_SHARES = (0.5, 0.5, 0.2)
"""What counts of a text: the trained network, that of columns, and the networks as they ship."""
_SHIPPED_LOOKS = ((NAME, 1.0), (NAME, 1.25), (PRINT, 1.0), (PRINT, 1.3))
"""(network, stretch): they know nothing of these cheques, nor of the labels among them that are wrong."""
_VETO = -5.0
"""Logarithm below which a look that thinks less of a text than of its best is not listened to: none has a veto."""
_NAMED = 6
"""Texts that each look names."""
_DIGITS = "0123456789"
_TITLE = "Cheque amounts, ten-fold"


def measure_orand(data: Path, report: Report, *, folds: Sequence[int] = range(FOLDS)) -> None:
    """Whole strings read rightly, before and after training further; a line with the reason where torch is missing."""
    try:
        import torch
    except ImportError:
        report.section(_TITLE, ["Not measured: it trains, which needs torch (`pip install depli[train]`)."])
        return
    from pipeline.benchmark.digit_columns import ColumnNetwork, Strings, train_columns

    one_thread()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    first = ColumnNetwork()
    for number, steps in enumerate(_FIRST_STEPS, start=1):
        first = train_columns(first, Strings(data / "handwriting"), steps=steps, rate=_FIRST_RATE, seed=number)
    weights = {name: values.numpy() for name, values in first.state_dict().items()}
    total = Counter[str]()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_fold, data / "handwriting", fold, weights) for fold in folds]):
            total += done.result()
            print(f"{total['after']} of {total['tested']} strings right, {total['alone']} by texts alone", flush=True)
    count = total["tested"]
    rows = [
        "| strings | folds | as it ships, digits only | trained further on other folds | with columns and as shipped |",
        "|---|---|---|---|---|",
        f"| {count} | {len(folds)} | {total['before'] / count:.4f} | {total['alone'] / count:.4f} | "
        f"{total['after'] / count:.4f} |",
    ]
    report.section(_TITLE, ["Exact strings; ORAND is for measuring, nothing trained on it ships.", "", *rows])


def _fold(handwriting: Path, fold: int, first: Mapping[str, NDArray[np.float32]]) -> Counter[str]:
    """Strings of one tenth that are `tested`, and read rightly `before` and after training, `alone` or with all.

    Args:
        first: the network of columns before it saw these cheques, its values by name.
    """
    import torch

    from pipeline.benchmark.digit_columns import ColumnNetwork, Strings, looks_at, train_columns

    one_thread()
    torch.set_num_threads(1)
    amounts = labelled_lines(handwriting / "strings_orand.zip")
    order = np.random.default_rng(1).permutation(len(amounts))
    held = set(order[fold::FOLDS].tolist())
    tested = [amounts[k] for k in order[fold::FOLDS]]
    learned = [amounts[k] for k in order if k not in held]
    network, codes = _network()
    likely = amounts_like([line.text for line in learned])
    found = Counter(tested=len(tested))
    found["before"] = sum(_read([_looks(network, codes, line)], None) == line.text for line in tested)
    hands = Hands(PenRecords(handwriting / "strokes_unipen.npz"), held_out=False)
    trained = _trained(network, codes, learned, hands, seed=fold)
    columns = ColumnNetwork()
    columns.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in first.items()})
    strings = Strings(handwriting, learned, kept=_KEPT, foreign=_FOREIGN)
    columns = train_columns(columns, strings, steps=_COLUMN_STEPS, rate=_COLUMN_RATE, seed=fold)
    for line in tested:
        looks = _looks(trained, codes, line)
        found["alone"] += _read([looks], likely) == line.text
        read = _read([looks, looks_at(columns, line.image), _shipped(line)], likely)
        found["after"] += read == line.text
        if read != line.text:
            print(f"  {line.text} read as {read}", flush=True)
    return found


def _network() -> tuple[torch.nn.Module, NDArray[np.int64]]:
    """The shipped network, and the classes of the blank and the ten digits."""
    import onnx
    import torch

    from pipeline.training.onnx_graph import OnnxNetwork

    model = onnx.load(str(registry.path(NAME)))
    stored = {entry.key: entry.value for entry in model.metadata_props}
    classes = ("", *stored["characters"].split("\n"))
    network = OnnxNetwork(model).to(memory_format=torch.channels_last)
    return network, np.array([0, *(classes.index(digit) for digit in _DIGITS)])


def _trained(
    network: torch.nn.Module, codes: NDArray[np.int64], lines: Sequence[WrittenLine], hands: Hands, *, seed: int
) -> torch.nn.Module:
    """The running average of the network while it trains on."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=0.01, betas=(0.9, 0.98))
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
    )
    running = 0.0
    source = _batches(lines, hands, rng)
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * step / _STEPS))
        pictures, texts = next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last))
        chances = logits.float()[:, :, codes].log_softmax(2).transpose(0, 1)
        targets = torch.tensor([int(digit) + 1 for text in texts for digit in text])
        lengths = torch.tensor([len(text) for text in texts])
        sizes = torch.full((len(texts),), len(chances))
        loss = torch.nn.functional.ctc_loss(chances, targets, sizes, lengths, zero_infinity=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        running = float(loss.detach()) if step == 0 else 0.97 * running + 0.03 * float(loss.detach())
        if (step + 1) % 160 == 0:
            print(f"{step + 1} of {_STEPS} steps, loss {running:.3f}", flush=True)
    trained: torch.nn.Module = average.module
    return trained


def _batches(
    lines: Sequence[WrittenLine], hands: Hands, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], list[str]]]:
    recombined = Recombined(lines)
    while True:
        pool: list[tuple[GrayImage, str]] = []
        while len(pool) < 8 * _BATCH:
            image, text = _drawn(lines, recombined, hands, rng)
            line = None if image is None else prepared(_varied(image, rng))
            if line is not None and line.shape[1] <= _WIDEST and line.shape[1] // 4 - 2 > len(text) + _doubles(text):
                pool.append((line, text))
        pool.sort(key=lambda item: item[0].shape[1])
        for start in rng.permutation(8) * _BATCH:
            batch = pool[start : start + _BATCH]
            yield _stacked([line for line, _ in batch]), [text for _, text in batch]


def _varied(image: GrayImage, rng: np.random.Generator) -> GrayImage:
    """The string as another hand, paper and scan might have it."""
    if rng.random() < _WORN:
        return worn(image, rng)
    paper = float(np.median(image))
    framed = cv2.copyMakeBorder(image, 10, 10, 14, 14, cv2.BORDER_CONSTANT, value=(paper,)).astype(np.float32)
    picture = bent(framed, paper, rng)
    scale = rng.uniform(0.75, 1.15)
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    seen = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.2, 0.8))
    toned = paper + (soft - paper) * rng.uniform(0.7, 1.2) + rng.normal(0, 12)
    grained = toned + rng.normal(0, rng.uniform(0, 4), toned.shape)
    return np.clip(grained, 0, 255).astype(np.uint8)


def _doubles(text: str) -> int:
    return sum(a == b for a, b in pairwise(text))


def _drawn(
    lines: Sequence[WrittenLine], recombined: Recombined, hands: Hands, rng: np.random.Generator
) -> tuple[GrayImage | None, str]:
    kind = rng.random()
    if kind < _SYNTHETIC:
        text = "".join(_DIGITS[k] for k in rng.integers(0, 10, int(rng.integers(2, 8))))
        return hands.write(text, rng), text
    if kind < _SYNTHETIC + _RECOMBINED:
        return recombined.draw(rng)
    line = lines[int(rng.integers(len(lines)))]
    return line.image, line.text


def _stacked(lines: Sequence[GrayImage]) -> NDArray[np.float32]:
    width = max(line.shape[1] for line in lines)
    stacked = np.empty((len(lines), 1, lines[0].shape[0], width), np.float32)
    for row, line in zip(stacked, lines, strict=True):
        row[:] = np.percentile(line, 85) / 255 - 0.5
        row[0, :, : line.shape[1]] = line / np.float32(255) - np.float32(0.5)
    return stacked


def amounts_like(texts: Sequence[str]) -> Likely:
    """How likely a digit, or "" for the end, is after the two digits before it: amounts are often round."""
    followed = Counter((f"^^{text}"[k : k + 2], f"{text} "[k].strip()) for text in texts for k in range(len(text) + 1))
    contexts = Counter(f"^^{text}"[k : k + 2] for text in texts for k in range(len(text) + 1))
    kinds = len(_DIGITS) + 1

    def likely(before: str, following: str) -> float:
        context = f"^^{before}"[-2:]
        often = kinds * (followed[context, following] + _EVEN / kinds) / (contexts[context] + _EVEN)
        return float(often**_TRUST)

    return likely


_EVEN = 20
"""As many characters, evenly spread, count with those that were seen."""
_TRUST = 0.2
"""Power of what is usual: the picture is looked at five times, and the mean of these counts once."""


def _read(opinions: Sequence[Sequence[View]], likely: Likely | None) -> str:
    """The likeliest text by all looks.

    Args:
        opinions: looks of the networks, in the order of `_SHARES`; fewer for fewer networks.
    """
    looks = [(share / len(views), look) for share, views in zip(_SHARES, opinions, strict=False) for look in views]
    named = (likeliest(look.probabilities, look.classes, keep=_NAMED) for _, look in looks)
    texts = [text for text in dict.fromkeys(text for each in named for text, _ in each) if text]
    if not texts:
        return ""
    worth = np.array([_usual(text, likely) if likely else 0.0 for text in texts])
    for share, look in looks:
        masses = log_masses(look.probabilities, look.classes, texts)
        worth += share * np.maximum(masses - masses.max(), _VETO)
    return texts[int(worth.argmax())]


def _usual(text: str, likely: Likely) -> float:
    return log_likelihood(likely, text) + math.log(likely(text, ""))


def _looks(network: torch.nn.Module, codes: NDArray[np.int64], line: WrittenLine) -> list[View]:
    cut = prepared(line.image)
    return [_look(network, codes, cut, *how) for how in _LOOKS] if cut is not None else []


def _shipped(line: WrittenLine) -> list[View]:
    """What the networks that ship say, of digits alone."""
    cut = prepared(line.image)
    if cut is None:
        return []
    return [view(registry.session(name), cut, _DIGITS, stretch=stretch) for name, stretch in _SHIPPED_LOOKS]


def _look(network: torch.nn.Module, codes: NDArray[np.int64], cut: GrayImage, stretch: float, slant: float) -> View:
    import torch

    height, width = cut.shape
    reach = abs(slant) * height
    size = (round((width + reach) * stretch / 16) * 16, height)
    scale = size[0] / (width + reach)
    shear = np.array([[scale, -scale * slant, scale * (slant * height / 2 + reach / 2)], [0, 1, 0]])
    picture = np.asarray(cv2.warpAffine(cut, shear, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    pictures = torch.from_numpy(_stacked([picture])).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        chances = network(pictures)[0].float()[:, codes].softmax(1)
    return View(chances.numpy(), ("", *_DIGITS))
