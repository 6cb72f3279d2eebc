"""`depli train icr`: makes the weights of the reader of characters in boxes.

Real pen trajectories and character images, and own drawings of what those lack, are written into simulated cells and
scanned; a small network learns from the same two views that the reader looks at. Writers held out measure it.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.readers.glyphs import BLANK, CLASSES, DIGITS, SCRATCH, SIDE, GlyphReader, probabilities, views
from models.definitions import Charset
from models.errors import Misconfigured
from models.image import FloatArray, GrayImage
from pipeline.training.cells import CellSimulator, Writing
from pipeline.training.comb_sheets import CombSimulator, Entry
from pipeline.training.pens import OWN_SHAPES, PenRecords, Strokes, fit, vary

if TYPE_CHECKING:
    import torch

Labels = NDArray[np.int64]

_GROUPS = {"digit": 0.43, "capital": 0.4, "sign": 0.045, "blank": 0.085, "scratch": 0.04}
"""Share of each group among the cells drawn one by one."""
_HELD_OUT = 12
"""One writer of so many is never trained on."""
_FOLDED = "abcdefghijkmnopqrstuvwxyz"
"""Lower-case letters read as their capital. Not l: it would make L of every I."""
_RARE_FOLDS = "gqb"
"""Their lower-case shape is a digit's: seen less often."""
_ACCENTED = "AEIOUC"


class Found(TypedDict):
    """What a training run hands over beside the weights."""

    sha256: str
    temperatures: dict[str, float]
    scores: dict[str, dict[str, float]]


_CARD = """# icr-glyphs: characters in boxes

What it does: reads one cell of a comb, digits, capitals (lower case and accents folded) and `' - . /`; says "nothing
is written" and keeps probability back for what is crossed out. Reader: `extraction/readers/glyphs.py`, which makes its
input.

- File: `icr-glyphs.onnx`, sha256 `{sha256}`
- Licence of the weights: EUPL-1.2, made by the Depli project
- Network: convolutional, two views of {side} x {side} pixels, first layer {width} channels
- Made by `depli train icr` (`pipeline/training/icr.py`): seed {seed}, {cells} cells, {minutes} minutes of training. The
  cells follow from the seed; how often they are seen depends on the machine: a new run is alike, not identical.

## Data

- UNIPEN train_r01_v07, categories 1a-1d (Guyon et al. 1994; deposit CC BY 4.0): pen trajectories, redrawn
- MNIST (LeCun, Cortes, Burges; CC BY-SA 3.0), a fifth of the training part: digit images
- optdigits (Alpaydin, Kaynak 1998; UCI, CC BY 4.0): digit images of Turkish writers
- own drawings of European shapes (1 with upstroke, loop or foot, crossed and wavy 7, slashed 0, open 4, 5 in two
  strokes, crossed Z and more), accents and scribbles

All of it is written into simulated combs by one hand each (boxes, combs, no lines at all; any darkness; neighbours'
strokes; folds and specks), scanned by simulation (150-300 dpi, blur, noise, JPEG, bitonal, faint ink) and cut by the
program that cuts real ones, with the lines and without; two fifths are lone cells, cut roughly, a quarter of them on
tinted or patterned paper. None of the data ships with the weights. One writer of twelve (images: one of twelve) was
held out; nothing of USPS, ORAND, CHoiCe, the French names or any customer's form was trained on.

## Limits

Cells are simulated, so real forms may be harder. I / 1, O / 0, S / 5, Z / 2 and U / V of unseen hands often cannot be
told apart by shape alone in mixed fields: use the alternatives with the field's rules.

## Scores

By writing never trained on; "pictures" are shown alone on white paper.
"""


@dataclass
class Source:
    """Where the characters of one label and one collection come from."""

    collection: str
    draws: list[Callable[[np.random.Generator], Writing]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    _rising: NDArray[np.float64] | None = None

    def draw(self, rng: np.random.Generator) -> Writing:
        """One character, by weight."""
        if self._rising is None or len(self._rising) != len(self.weights):
            self._rising = np.cumsum(self.weights)
        place = int(np.searchsorted(self._rising, rng.uniform(0, self._rising[-1]), side="right"))
        return self.draws[min(place, len(self.draws) - 1)](rng)


class Corpus:
    """All writing by label, of the writers trained on or of those held out.

    Raises: Misconfigured when the folder lacks a collection.
    """

    def __init__(self, data: Path, *, held_out: bool) -> None:
        self._held_out = held_out
        self._sources: dict[str, dict[str, Source]] = {name: {} for name in CLASSES}
        for name in ("strokes_unipen", "digits_mnist", "digits_optdigits"):
            if not (data / f"{name}.npz").is_file():
                raise Misconfigured(f"{data} has no {name}.npz. Give the folder of the handwriting collections.")
        self._add_pens(PenRecords(data / "strokes_unipen.npz"))
        for name in ("digits_mnist", "digits_optdigits"):
            self._add_pictures(name, data / f"{name}.npz")
        if not held_out:
            self._add_own_shapes()

    def write(self, label: str, rng: np.random.Generator, collection: str | None = None) -> Writing:
        """One character of `label`, by chance from all collections that have it, or from one."""
        sources = self._sources[label]
        if collection is None:
            names = sorted(sources)
            shares = np.array([_SHARES[name] for name in names])
            collection = names[rng.choice(len(names), p=shares / shares.sum())]
        return sources[collection].draw(rng)

    def labels(self, collection: str | None = None) -> list[str]:
        """Labels for which there is something to draw."""
        return [name for name, found in self._sources.items() if (collection in found if collection else found)]

    def _source(self, label: str, collection: str) -> Source:
        return self._sources[label].setdefault(collection, Source(collection))

    def _add_pens(self, records: PenRecords) -> None:
        counts: dict[tuple[str, str], int] = {}
        for label, writer in zip(records.labels, records.writers, strict=True):
            counts[label, writer] = counts.get((label, writer), 0) + 1
        for index, (label, writer) in enumerate(zip(records.labels, records.writers, strict=True)):
            if is_held_out(writer) is not self._held_out:
                continue
            # Writers who gave hundreds of characters must not teach their hand alone.
            weight = counts[label, writer] ** -0.6
            draw = _pen_draw(records, index, accents=label in _ACCENTED)
            if label in _FOLDED:
                source = self._source(label.upper(), "lower")
                weight *= 0.3 if label in _RARE_FOLDS else 1.0
            elif label in self._sources:
                source = self._source(label, "pens")
            else:
                continue
            source.draws.append(draw)
            source.weights.append(weight)

    def _add_pictures(self, name: str, file: Path) -> None:
        with np.load(file) as stored:
            pictures, labels = stored["x"], stored["y"].tolist()
        for index, label in enumerate(labels):
            if is_held_out(f"{name}:{index}") is not self._held_out:
                continue
            source = self._source(label, name)
            source.draws.append(_picture_draw(pictures[index]))
            source.weights.append(1.0)

    def _add_own_shapes(self) -> None:
        for label, shapes in OWN_SHAPES.items():
            source = self._source(label, "own")
            for shape in shapes:
                source.draws.append(_shape_draw(shape))
                source.weights.append(1.0)


_SHARES = {"pens": 1.0, "lower": 0.13, "digits_mnist": 0.35, "digits_optdigits": 0.35, "own": 0.25}
"""How often each collection is drawn from, within a label that it has."""


def is_held_out(writer: str) -> bool:
    return hashlib.sha256(writer.encode()).digest()[0] % _HELD_OUT == 0


def _pen_draw(records: PenRecords, index: int, *, accents: bool) -> Callable[[np.random.Generator], Writing]:
    def draw(rng: np.random.Generator) -> Writing:
        strokes = vary(records.strokes(index), rng)
        if accents and rng.random() < 0.12:
            strokes = _accented(strokes, records.labels[index], rng)
        return Writing(strokes=strokes)

    return draw


def _picture_draw(picture: GrayImage) -> Callable[[np.random.Generator], Writing]:
    return lambda _: Writing(picture=np.asarray(picture / 255, dtype=np.float32))


def _shape_draw(shape: Callable[[np.random.Generator], Strokes]) -> Callable[[np.random.Generator], Writing]:
    return lambda rng: Writing(strokes=vary(shape(rng), rng))


def _accented(strokes: Strokes, label: str, rng: np.random.Generator) -> Strokes:
    """The letter with an accent or a cedilla: French forms hold them, and they are read as the base letter."""
    base = fit(strokes)
    width = float(np.concatenate(base)[:, 0].max())
    x, reach = width / 2 + rng.normal(0, 0.06), rng.uniform(0.08, 0.2)
    if label == "C":
        hook = np.array([(x, 1.0), (x + 0.06, 1.08), (x - reach / 2, 1.2)], dtype=np.float32)
        return [*base, hook]
    y, rise = -rng.uniform(0.06, 0.2), rng.uniform(0.04, 0.18)
    kind = rng.integers(4)
    acute = np.array([(x - reach, y), (x + reach, y - rise)], dtype=np.float32)
    grave = np.array([(x - reach, y - rise), (x + reach, y)], dtype=np.float32)
    roof = np.array([(x - reach, y), (x, y - rise), (x + reach, y)], dtype=np.float32)
    dots = [np.array([(x + side * reach, y)], dtype=np.float32) for side in (-1, 1)]
    return [*base, *((acute,), (grave,), (roof,), dots)[kind]]


def scribble(rng: np.random.Generator) -> Strokes:
    """What people put over a character that they want gone: a zigzag, a cross, several strokes."""
    kind = rng.integers(3)
    if kind == 0:
        turns = int(rng.integers(5, 12))
        x = np.linspace(rng.uniform(0, 0.2), rng.uniform(0.8, 1), turns)
        y = np.where(np.arange(turns) % 2, rng.uniform(0.7, 1), rng.uniform(0, 0.3)) + rng.normal(0, 0.06, turns)
        zigzag = np.stack((x, y), axis=1)
        return [(zigzag if rng.random() < 0.5 else zigzag[:, ::-1]).astype(np.float32)]
    if kind == 1:
        jitter = rng.normal(0, 0.08, (4, 2))
        ends = np.array([(0, 0), (1, 1), (1, 0), (0, 1)]) + jitter
        return [ends[:2].astype(np.float32), ends[2:].astype(np.float32)]
    heights = rng.uniform(0.2, 0.8, int(rng.integers(3, 6)))
    return [
        np.array([(rng.uniform(-0.05, 0.15), y), (rng.uniform(0.85, 1.05), y + rng.normal(0, 0.1))], np.float32)
        for y in heights
    ]


class _Pools:
    """What may be drawn, by group."""

    def __init__(self, corpus: Corpus) -> None:
        have = corpus.labels()
        self.digits = [c for c in DIGITS if c in have]
        self.capitals = [c for c in have if c.isalpha()]
        self.signs = [c for c in have if c and c in "'-./"]
        self.characters = [*self.digits, *self.capitals]


def lone_cells(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[GrayImage, str]]:
    """Endless cells drawn one by one, cut roughly, on any paper; with their labels."""
    simulator, pools = CellSimulator(rng), _Pools(corpus)
    groups = [pools.digits, pools.capitals, pools.signs, [BLANK], [SCRATCH]]
    shares = np.array(list(_GROUPS.values()))
    while True:
        pool = groups[rng.choice(len(groups), p=shares / shares.sum())]
        label = pool[rng.integers(len(pool))]
        around: tuple[Writing, ...] = ()
        if rng.random() < 0.25:
            around = tuple(corpus.write(_one_of(pools.characters, rng), rng) for _ in range(2))
            around = around if rng.random() < 0.5 else (around[0], Writing())
        entry = _entry(corpus, label, pools, rng)
        yield simulator.cell(entry.writing, label=label, neighbours=around, scribble=entry.scribble), label


def comb_cells(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[GrayImage, str]]:
    """Endless cells of whole combs, cut as the product cuts them, with their labels.

    A cell is shown with its box lines and, less often, once more without them: the reader sees both.
    """
    simulator, pools = CombSimulator(rng), _Pools(corpus)
    while True:
        kind = rng.choice(3, p=(0.42, 0.43, 0.15))
        pool = (pools.digits, pools.capitals, pools.characters)[kind]
        labels = []
        for _ in range(int(rng.integers(3, 11))):
            chance = rng.random()
            if chance < _EMPTY:
                labels.append(BLANK)
            elif chance < _EMPTY + _STRUCK:
                labels.append(SCRATCH)
            elif chance < _EMPTY + _STRUCK + _SIGN and pools.signs:
                labels.append(_one_of(pools.signs, rng))
            else:
                labels.append(_one_of(pool, rng))
        entries = [_entry(corpus, label, pools, rng) for label in labels]
        for (plain, lineless), label in zip(simulator.cells(entries), labels, strict=True):
            yield plain, label
            if rng.random() < _SEEN_AGAIN:
                yield lineless, label


_EMPTY, _STRUCK, _SIGN = 0.08, 0.035, 0.045
"""Shares of the cells of a comb."""
_SEEN_AGAIN = 0.4
_LONE = 0.4
"""Share of cells that are drawn one by one, on more kinds of paper than a comb is: 0.2 cost digits on cheques."""


def _one_of(pool: Sequence[str], rng: np.random.Generator) -> str:
    return pool[int(rng.integers(len(pool)))]


def _entry(corpus: Corpus, label: str, pools: _Pools, rng: np.random.Generator) -> Entry:
    if label == BLANK:
        return Entry(Writing(), label)
    if label == SCRATCH:
        return Entry(corpus.write(_one_of(pools.characters, rng), rng), label, scribble(rng))
    return Entry(corpus.write(label, rng), label)


def cells(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[GrayImage, str]]:
    """Endless training cells with their labels."""
    lone, in_combs = lone_cells(corpus, rng), comb_cells(corpus, rng)
    while True:
        yield next(lone if rng.random() < _LONE else in_combs)


def render(corpus: Corpus, count: int, seed: int) -> tuple[GrayImage, Labels]:
    """`count` cells as the network sees them: shape (count, 2, SIDE, SIDE), and their places in CLASSES."""
    return _viewed(cells(corpus, np.random.default_rng(seed)), count)


def _viewed(drawn: Iterator[tuple[GrayImage, str]], count: int) -> tuple[GrayImage, Labels]:
    places = {name: place for place, name in enumerate(CLASSES)}
    images = np.empty((count, 2, SIDE, SIDE), np.uint8)
    labels = np.empty(count, np.int64)
    for index, (cell, label) in zip(range(count), drawn, strict=False):
        images[index] = views(cell)
        labels[index] = places[label]
    return images, labels


class Drawing:
    """Training cells drawn by a process of its own while the network already learns from the first of them.

    Shard after shard, each from a seed of its own: the cells depend on the seed alone. Shards that the folder has are
    taken as they are.
    """

    def __init__(self, data: Path, folder: Path, count: int, seed: int) -> None:
        self._folder, self._shards = folder, -(-count // _SHARD)
        self.images: GrayImage = np.empty((self._shards * _SHARD, 2, SIDE, SIDE), np.uint8)
        self.labels: Labels = np.empty(self._shards * _SHARD, np.int64)
        self.ready = 0
        folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_draw_shards, args=(data, folder, self._shards, seed), daemon=True)
        self._process.start()

    def collect(self) -> int:
        """Take over the shards that are complete.

        Returns: how many cells there are now.
        Raises: RuntimeError when the drawing process died.
        """
        while self.ready < len(self.images):
            file = self._folder / f"{self.ready // _SHARD}.npz"
            if not file.is_file():
                if self._process.exitcode:
                    raise RuntimeError(f"The process that draws training cells ended with {self._process.exitcode}.")
                break
            with np.load(file) as stored:
                self.images[self.ready : self.ready + _SHARD] = stored["images"]
                self.labels[self.ready : self.ready + _SHARD] = stored["labels"]
            self.ready += _SHARD
        return self.ready


_SHARD = 10_000


def _draw_shards(data: Path, folder: Path, shards: int, seed: int) -> None:
    cv2.setNumThreads(1)
    corpus = Corpus(data, held_out=False)
    for shard in range(shards):
        if (folder / f"{shard}.npz").is_file():
            continue
        images, labels = render(corpus, _SHARD, seed * 100_003 + shard)
        np.savez(folder / "part.npz", images=images, labels=labels)
        (folder / "part.npz").rename(folder / f"{shard}.npz")


def network(width: int) -> torch.nn.Module:
    """The network: `cells` (n, 2, SIDE, SIDE) -> `logits` (n, len(CLASSES)); about 0.7 million weights at width 32."""
    from torch import Tensor, cat, nn

    def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )

    class GlyphNetwork(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
        def __init__(self) -> None:
            super().__init__()
            middle = width * 3 // 2
            self.glyph = nn.Sequential(
                block(1, width), block(width, width, 2), block(width, middle), block(middle, middle), nn.MaxPool2d(2),
                block(middle, width * 3), block(width * 3, width * 3), nn.MaxPool2d(2), block(width * 3, width * 4),
                nn.Flatten(),
            )  # fmt: skip
            self.cell = nn.Sequential(block(1, 12, 2), block(12, 24, 2), block(24, 24, 2), nn.Flatten())
            self.head = nn.Sequential(
                nn.Dropout(0.15), nn.Linear(width * 4 * 16 + 24 * 16, 192), nn.ReLU(inplace=True), nn.Dropout(0.15),
                nn.Linear(192, len(CLASSES)),
            )  # fmt: skip

        def forward(self, cells: Tensor) -> Tensor:
            scores: Tensor = self.head(cat((self.glyph(cells[:, :1]), self.cell(cells[:, 1:])), dim=1))
            return scores

    return GlyphNetwork()


def fit_network(
    drawing: Drawing, *, seed: int, minutes: float, width: int, keep: Path | None = None
) -> torch.nn.Module:
    """Train for `minutes`; the learning rate follows the clock, the weights returned are their running average.

    The loss looks at the whole alphabet and, half as much, at the alphabet of a field that allows the label: that is
    how the reader cuts it. A dash or full stop in a field of digits counts as nothing written. Labels are smoothed for
    the first three quarters of the time; from the second quarter on, cells that the network holds for plainly another
    character weigh little: the collections hold wrong labels.

    Args:
        keep: where the running average is saved every now and then.
    """
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while drawing.collect() < min(_FIRST, len(drawing.images)):
        time.sleep(1)
    model = network(width)
    model = model.to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.02)
    masks = _field_masks()
    begun, steps, running = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, steps / 300) * (0.5 + 0.5 * np.cos(np.pi * done))
        chosen = np.sort(rng.integers(0, drawing.ready, _BATCH))
        batch, truth = _shaken(drawing.images[chosen], rng), drawing.labels[chosen]
        cut, cut_truth = _cut_to_fields(truth, masks, rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(batch.to(memory_format=torch.channels_last)).float()
        smoothing = 0.02 if done < 0.75 else 0.0
        loss = cross_entropy(logits, torch.from_numpy(truth), label_smoothing=smoothing, reduction="none")
        field_loss = cross_entropy(
            logits.masked_fill(torch.from_numpy(~cut), -30.0), torch.from_numpy(cut_truth), reduction="none"
        )
        each = loss + 0.5 * field_loss
        if done > 0.25:
            each = torch.where(loss.detach() > _IMPLAUSIBLE, 0.1 * each, each)
        optimizer.zero_grad(set_to_none=True)
        each.mean().backward()
        optimizer.step()
        average.update_parameters(model)
        steps, running = steps + 1, 0.98 * running + 0.02 * float(loss.detach().mean())
        if steps % 100 == 0:
            drawing.collect()
            print(
                f"{100 * done:.0f} % of the time, {steps * _BATCH} cells of {drawing.ready}, loss {running:.3f}",
                flush=True,
            )
            if keep is not None:
                torch.save(average.module.state_dict(), keep)
    trained: torch.nn.Module = average.module
    return trained.eval()


_FIRST = 40_000
"""Cells drawn before training begins."""
_BATCH = 128
_RATE = 3e-3
"""Highest learning rate."""
_IMPLAUSIBLE = 4.6
"""Loss of a label that the network gives one chance in a hundred."""


def _field_masks() -> list[NDArray[np.bool_]]:
    zeros = np.zeros((1, len(CLASSES)), np.float32)
    return [probabilities(zeros, charset)[0] > 0 for charset in (Charset.DIGITS, Charset.ALPHA, Charset.ALNUM)]


def _cut_to_fields(
    truth: Labels, masks: list[NDArray[np.bool_]], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Labels]:
    """For each cell the alphabet of a field that could hold it, and the answer there."""
    every = np.stack([*masks, np.ones(len(CLASSES), bool)])
    first = rng.integers(0, 3, len(truth))
    choice = np.where(every[first, truth], first, np.where(every[0, truth], 0, np.where(every[1, truth], 1, 3)))
    answer = truth.copy()
    mute = np.isin(truth, [CLASSES.index("-"), CLASSES.index(".")]) & (rng.random(len(truth)) < 0.5)
    choice[mute], answer[mute] = 0, CLASSES.index(BLANK)
    return every[choice], answer


def _shaken(batch: GrayImage, rng: np.random.Generator) -> torch.Tensor:
    """A batch as floats, each cell moved, turned, slanted, bent, dimmed, thickened: cheap, so none is seen twice alike.

    The glyph view is changed more than the view of the cell, in which places mean something.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample, interpolate

    count = len(batch)
    linear = np.tile(np.eye(2, 3, dtype=np.float32), (2 * count, 1, 1))
    linear[:, :2, :2] += rng.normal(0, 0.045, (2 * count, 2, 2)).astype(np.float32)
    linear[:, :, 2] = rng.uniform(-0.07, 0.07, (2 * count, 2)).astype(np.float32)
    linear[:count, 0, 1] += rng.normal(0, 0.06, count).astype(np.float32)
    views_apart = torch.from_numpy(np.ascontiguousarray(batch.transpose(1, 0, 2, 3)).reshape(-1, 1, SIDE, SIDE))
    grid = affine_grid(torch.from_numpy(linear), [2 * count, 1, SIDE, SIDE], align_corners=False)
    bends = rng.normal(0, _BEND, (2 * count, 2, _KNOTS, _KNOTS)).astype(np.float32)
    bends[count:] *= 0.4
    grid = grid + interpolate(torch.from_numpy(bends), (SIDE, SIDE), mode="bicubic", align_corners=True).movedim(1, 3)
    moved = grid_sample(views_apart.float() / 255, grid, mode="bilinear", align_corners=False)
    shaken = moved.reshape(2, count, SIDE, SIDE).transpose(0, 1).clamp_min(1e-6)
    power = torch.from_numpy(np.exp(rng.normal(0, 0.25, (count, 1, 1, 1))).astype(np.float32))
    dim = torch.from_numpy(rng.uniform(0.75, 1.0, (count, 1, 1, 1)).astype(np.float32))
    return shaken.pow(power) * dim


_BEND = 0.05
"""How far a picture is pushed about at its knots, in half sides of the picture (standard deviation)."""
_KNOTS = 5
"""A row and a column of them."""


def calibrate(logits: FloatArray, labels: Labels) -> dict[str, float]:
    """The temperature of each charset that makes the truth of cells held out most likely."""
    found: dict[str, float] = {}
    for charset in (Charset.DIGITS, Charset.ALPHA, Charset.ALNUM, Charset.TEXT):
        allowed = probabilities(np.zeros((1, len(CLASSES)), np.float32), charset)[0] > 0
        inside = allowed[labels]
        if not inside.any():
            found[charset.value] = 1.0
            continue
        rows, truth = logits[inside], labels[inside]
        grid = np.exp(np.linspace(np.log(0.4), np.log(3.0), 60))
        losses = [
            -float(np.log(np.maximum(probabilities(rows, charset, t)[np.arange(len(truth)), truth], 1e-9)).mean())
            for t in grid
        ]
        found[charset.value] = round(float(grid[int(np.argmin(losses))]), 4)
    found[Charset.EMAIL.value] = found[Charset.TEXT.value]
    return found


def export(model: torch.nn.Module, file: Path, temperatures: dict[str, float], notes: dict[str, str]) -> None:
    """Write the network as ONNX with a free batch size; alphabet, temperatures and notes go into its metadata.

    Beside the logits it gives what they were made from, by which the reader compares cells of one hand.
    """
    import onnx
    import torch

    from pipeline.training.onnx_graph import exported

    example = torch.zeros(2, 2, SIDE, SIDE)
    plain = model.float().to(memory_format=torch.contiguous_format)
    proto = exported(plain, (example,), (["cells"], ["logits"]), {"cells": {0: torch.export.Dim("n")}})
    last = [node for node in proto.graph.node if node.op_type == "Gemm"][-1]
    shape = onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None)
    proto.graph.output.append(shape)
    stored = {"classes": json.dumps(CLASSES), "temperatures": json.dumps(temperatures), **notes}
    onnx.helper.set_model_props(proto, stored)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(proto, str(file))


def measure_cells(reader: GlyphReader, images: GrayImage, labels: Labels) -> dict[str, float]:
    """Share read rightly of held-out writers in simulated cells, by what the field allows, and by digit."""
    logits = reader.logits(np.asarray(images / np.float32(255), dtype=np.float32))
    scores: dict[str, float] = {}
    digits = labels < 10
    letters = (labels >= 10) & (labels < 36)
    for name, inside, charset in (
        ("digits in a digit field", digits, Charset.DIGITS),
        ("capitals in a letter field", letters, Charset.ALPHA),
        ("digits and capitals in a mixed field", digits | letters, Charset.ALNUM),
        ("blank cells in a digit field", labels == CLASSES.index(BLANK), Charset.DIGITS),
        ("blank cells in a letter field", labels == CLASSES.index(BLANK), Charset.ALPHA),
        ("scratched cells kept from answering at 0.9", labels == CLASSES.index(SCRATCH), Charset.ALNUM),
    ):
        answers = probabilities(logits[inside], charset)
        if name.startswith("scratched"):
            scores[name] = float((answers[:, :-1].max(axis=1) < 0.9).mean())
        else:
            scores[name] = float((answers.argmax(axis=1) == labels[inside]).mean())
    for digit in range(10):
        answers = probabilities(logits[labels == digit], Charset.DIGITS)
        scores[f"digit {digit}"] = float((answers.argmax(axis=1) == digit).mean())
    return scores


def measure_pictures(reader: GlyphReader, file: Path, *, only_held_out: bool) -> dict[str, float]:
    """Share read rightly of a collection of character pictures, each shown on white in the middle of a large cell."""
    with np.load(file) as stored:
        pictures, labels, writers = stored["x"], stored["y"].tolist(), stored["writer"].tolist()
    chosen = [
        i
        for i, label in enumerate(labels)
        if label in CLASSES and (not only_held_out or is_held_out(writers[i] or f"{file.stem}:{i}"))
    ]
    groups = {
        Charset.DIGITS: [i for i in chosen if labels[i] in DIGITS],
        Charset.ALPHA: [i for i in chosen if labels[i].isalpha()],
    }
    right: dict[str, list[bool]] = {}
    for charset, members in groups.items():
        shown = [_on_paper(pictures[i]) for i in members]
        for i, answer in zip(members, reader.read(shown, charset), strict=True):
            right.setdefault(labels[i], []).append(answer.best == labels[i])
    every = [value for values in right.values() for value in values]
    return {"all": float(np.mean(every)), **{name: float(np.mean(right[name])) for name in sorted(right)}}


def _on_paper(picture: GrayImage) -> GrayImage:
    large = cv2.resize(np.pad(picture, 4), (72, 72), interpolation=cv2.INTER_CUBIC)
    return np.asarray(255 - large, dtype=np.uint8)


def measure(
    data: Path, reader: GlyphReader, held: Mapping[str, tuple[GrayImage, Labels]]
) -> dict[str, dict[str, float]]:
    """Scores by set: writers held out, and collections never trained on where the folder has them."""
    scores = {name: measure_cells(reader, images, labels) for name, (images, labels) in held.items()}
    for name, held_out in (
        ("digits_mnist", True), ("digits_optdigits", True), ("digits_unipen", True), ("upper_unipen", True),
        ("digits_usps", False), ("digits_orand", False),
    ):  # fmt: skip
        file = data / f"{name}.npz"
        if file.is_file():
            scores[name + (", held out" if held_out else ", never trained on")] = measure_pictures(
                reader, file, only_held_out=held_out
            )
    return scores


def model_card(found: Found, settings: Mapping[str, str]) -> str:
    """The card that goes beside the weights: data, licence, scores by set and by digit, how to make them again."""
    text = [_CARD.format(**settings, sha256=found["sha256"])]
    for name, scores in found["scores"].items():
        text.append(f"\n### {name}\n\n| what | read rightly |\n|---|---|")
        text.extend(f"| {what} | {100 * share:.2f} % |" for what, share in scores.items())
    temperatures = ", ".join(f"{name} {value:g}" for name, value in found["temperatures"].items())
    text.append(f"\n## Calibration\n\nTemperatures fitted on the writers held out: {temperatures}.\n")
    return "\n".join(text)


def train_icr(
    data: Path,
    out: Path,
    seed: int = 1,
    minutes: float = 90.0,
    *,
    count: int = 470_000,
    width: int = 32,
    cells_folder: Path | None = None,
) -> None:
    """Make `icr-glyphs.onnx` and its scores `icr-glyphs.json` in the folder `out`.

    Drawing goes on beside the training, on a core of its own: about a millisecond a cell. The cells depend on the seed
    alone; how many of them are seen in `minutes` depends on the machine.

    Args:
        data: folder with strokes_unipen.npz, digits_mnist.npz and digits_optdigits.npz.
        count: cells drawn.
        width: channels of the first layer.
        cells_folder: where cells are kept for another run; nowhere when None.
    Raises: Misconfigured when `data` lacks a collection or torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise Misconfigured("Training needs torch. Install it with `pip install depli[train]`.") from error
    cv2.setNumThreads(1)
    held_out = Corpus(data, held_out=True)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cells-", dir=out) as folder:
        drawing = Drawing(data, cells_folder or Path(folder), count, seed)
        model = fit_network(drawing, seed=seed, minutes=minutes, width=width, keep=out / "icr-glyphs-so-far.pt")
    held = {
        "combs, writers held out": _viewed(comb_cells(held_out, np.random.default_rng(seed + 1)), 12_000),
        "lone cells, writers held out": _viewed(lone_cells(held_out, np.random.default_rng(seed + 2)), 6_000),
    }
    images, labels = held["combs, writers held out"]
    with torch.no_grad():
        parts = [
            model(torch.from_numpy(images[i : i + 500].astype(np.float32) / 255)) for i in range(0, len(images), 500)
        ]
    temperatures = calibrate(torch.cat(parts).numpy(), labels)
    settings = {
        "seed": f"{seed}",
        "minutes": f"{minutes:g}",
        "cells": f"{count}",
        "width": f"{width}",
        "side": f"{SIDE}",
    }
    file = out / "icr-glyphs.onnx"
    export(model, file, temperatures, settings)
    _write_found(data, file, held, temperatures, settings)


def _write_found(
    data: Path,
    file: Path,
    held: Mapping[str, tuple[GrayImage, Labels]],
    temperatures: dict[str, float],
    settings: Mapping[str, str],
) -> None:
    """The scores and the card beside the weights."""
    import onnxruntime

    reader = GlyphReader(networks=(onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]),))
    found: Found = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "temperatures": temperatures,
        "scores": measure(data, reader, held),
    }
    file.with_suffix(".json").write_text(json.dumps(found, indent=1))
    file.with_suffix(".md").write_text(model_card(found, settings), encoding="utf-8")
