"""A reader of digit strings that learns from boxes: which digit, if any, has its middle in each column of the picture.

A network taught by texts alone finds out by itself where a digit ends; one that is shown the boxes errs otherwise, so
the two together are right where either alone is not. It first learns strings put together of digits of other
collections, then those of the collection at hand.

Measuring only, as all that learns from ORAND-CAR or USPS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from extraction.readers.handwritten import View
from models.image import FloatArray, GrayImage
from pipeline.benchmark.recombined import Sheet, places_by_label, taken_apart
from pipeline.training.running_hand import WrittenLine

HEIGHT = 56
"""Of a string as the network takes it, pixels."""
STRIDE = 4
"""Pixels of its width that one column stands for."""
CLASSES = ("", *"0123456789")
LOOKS = ((1.0, 1.0, 0.0), (0.85, 1.0, 0.0), (1.0, 0.88, 0.0), (0.85, 0.88, 0.0), (0.75, 0.8, 0.0))
"""Looks at each string: (stretch, height, slant); made smaller, a column sees more of what stands beside it."""
_COLLECTIONS = {"mnist": 0.25, "optdigits": 0.25, "usps": 0.1, "unipen": 0.4}
"""Digits of other collections, and the share of each."""
_CORE = 0.22
"""Columns so near a digit's middle, as a share of its width, are the digit; out to `_EDGE` times that they are open."""
_EDGE = 1.5
_OPEN = -1
_NARROWEST, _WIDEST = 24, 400
"""Pixels, of a string that is learned from."""
_POOL = 6
"""Batches whose strings are sorted by width together, so that little of them is padding."""
_WIDTHS = (24, 48, 96, 128)

Box = tuple[float, float, float, float]
"""x, y, width, height, pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxedString:
    """A string with the place of each of its digits."""

    image: GrayImage | FloatArray
    boxes: Sequence[Box]
    text: str


class _Residual(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.first_norm(self.first(seen)))
        return functional.relu(seen + self.second_norm(self.second(inner)))


def _halving(before: int, after: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class ColumnNetwork(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """Strings, shape (n, 1, HEIGHT, width), paper 0, ink 1; to logits of `CLASSES`, shape (n, 11, width / STRIDE)."""

    def __init__(self) -> None:
        super().__init__()
        one, two, three, four = _WIDTHS
        self.seen = nn.Sequential(
            _halving(1, one, (2, 2)), _Residual(one), _halving(one, two, (2, 2)), _Residual(two), _Residual(two),
            _halving(two, three, (2, 1)), _Residual(three), _Residual(three), _halving(three, four, (2, 1)),
            _Residual(four),
        )  # fmt: skip
        self.column = nn.Conv2d(four, 256, (HEIGHT // 14, 3), padding=(0, 1), bias=False)
        self.column_norm = nn.BatchNorm2d(256)
        self.beside, self.named, self.dropped = (
            nn.Conv1d(256, 192, 3, padding=1),
            nn.Conv1d(192, 11, 1),
            nn.Dropout(0.2),
        )

    def forward(self, strings: torch.Tensor) -> torch.Tensor:
        columns = functional.relu(self.column_norm(self.column(self.seen(strings)))).squeeze(2)
        named: torch.Tensor = self.named(self.dropped(functional.relu(self.beside(self.dropped(columns)))))
        return named


class Strings:
    """Puts strings together that nobody wrote, each digit with its place."""

    def __init__(
        self, digits: Path, lines: Sequence[WrittenLine] = (), *, kept: float = 0.0, foreign: float = 1.0
    ) -> None:
        """
        Args:
            digits: folder of the collections of single digits.
            lines: strings to learn from, `writer` holds the digits' boxes as JSON; none = other collections alone.
            kept: share of strings that stay as they are. foreign: share of digits that come from other collections.
        """
        self._lines = lines
        self._kept, self._foreign = kept, foreign
        self._pictures, self._labels, self._upto = _collected(digits)
        self._sheets = [taken_apart(line) for line in lines]
        self._by_label = places_by_label(self._sheets)
        self._known = sorted(self._by_label)

    def draw(self, rng: np.random.Generator) -> BoxedString:
        """A string as the network takes it: bent, scaled, worn and normalised."""
        while True:
            made = _varied(self._made(rng), rng)
            if made is not None:
                return made

    def _made(self, rng: np.random.Generator) -> BoxedString:
        kind = rng.random()
        if not self._lines:
            return self._composed(rng, 1.0)
        if kind < self._kept:
            line = self._lines[int(rng.integers(len(self._lines)))]
            return BoxedString(line.image, [(x, y, w, h) for x, y, w, h in json.loads(line.writer)], line.text)
        # Half the strings have no digit of another collection.
        foreign = 2 * self._foreign if rng.random() < 0.5 else 0.0
        return self._rewritten(rng, foreign) if rng.random() < 0.55 else self._composed(rng, foreign)

    def _digit(self, rng: np.random.Generator, sheet: Sheet | None, foreign: float) -> tuple[FloatArray, str]:
        """Ink of a digit, 1 where it is darkest, and which it is."""
        kind = rng.random()
        if kind < foreign:
            number = min(int(np.searchsorted(self._upto, rng.random())), len(self._pictures) - 1)
            return _inked(self._pictures[number]), str(self._labels[number])
        if sheet is not None and kind < foreign + 0.3 * (1 - foreign):
            own = sheet.digits[rng.integers(len(sheet.digits))]
            return own.ink / np.float32(sheet.dark), own.label
        places = self._by_label[self._known[rng.integers(len(self._known))]]
        number, place = places[rng.integers(len(places))]
        digit = self._sheets[number].digits[place]
        return digit.ink / np.float32(self._sheets[number].dark), digit.label

    def _rewritten(self, rng: np.random.Generator, foreign: float) -> BoxedString:
        """Other digits in the places of those of a string, on its paper."""
        sheet = self._sheets[rng.integers(len(self._sheets))]
        light = np.ones(sheet.paper.shape, np.float32)
        boxes: list[Box] = []
        text = ""
        for own, (left, top, wide, tall) in zip(sheet.digits, sheet.boxes, strict=True):
            box: Box = (left, top, wide, tall)
            ink, label = own.ink, own.label
            if rng.random() >= 0.35:
                ink, label = self._digit(rng, sheet, foreign)
                height = max(8.0, tall * float(np.exp(rng.normal(0, 0.1))))
                width = max(3.0, min(ink.shape[1] * height / ink.shape[0], max(wide + 5, 1.3 * wide)))
                x, y = left + wide / 2 - width / 2 + rng.uniform(-2, 2), top + tall - height + rng.uniform(-2, 2)
                box = (x, y, width, height)
                ink = ink * np.float32(min(0.95, sheet.dark * rng.uniform(0.85, 1.1)))
            _put(light, ink, box)
            boxes.append(box)
            text += label
        return BoxedString(np.asarray(sheet.paper * light, np.uint8), boxes, text)

    def _composed(self, rng: np.random.Generator, foreign: float) -> BoxedString:
        """Digits side by side, near or touching, on the paper of a string or on paper that is drawn."""
        count = int(rng.integers(2, 8))
        sheet = self._sheets[rng.integers(len(self._sheets))] if self._lines and rng.random() < 0.8 else None
        digits = [self._digit(rng, sheet, foreign) for _ in range(count)]
        high = int(rng.integers(42, 70))
        tall, base, slope = high * rng.uniform(0.4, 0.75), high * rng.uniform(0.7, 0.95), rng.normal(0, 0.04)
        gap, x, stretch = rng.uniform(-0.12, 0.45), rng.uniform(2, 25), rng.uniform(0.8, 1.25)
        boxes: list[Box] = []
        for ink, _ in digits:
            height = tall * float(np.exp(rng.normal(0, 0.13)))
            width = max(3.0, ink.shape[1] * height / ink.shape[0] * stretch)
            boxes.append((x, base + slope * x + rng.normal(0, 0.06) * high - height, width, height))
            x += width + tall * (gap + rng.normal(0, 0.1)) * 0.6
            x += tall * rng.uniform(0.15, 0.4) if rng.random() < 0.12 else 0.0
        size = (int(x + rng.uniform(3, 40)), high)
        if sheet is None:
            paper, dark = _paper(size, rng), rng.uniform(0.25, 0.75)
        else:
            paper, dark = cv2.resize(sheet.paper, size).astype(np.float32), sheet.dark * rng.uniform(0.8, 1.1)
        light = np.ones(paper.shape, np.float32)
        for (ink, _), box in zip(digits, boxes, strict=True):
            _put(light, np.minimum(ink * np.float32(dark), 0.95), box)
        if sheet is None:
            _separated(light, dark, (boxes[-1][0], base), rng)
        return BoxedString(
            np.clip(paper * light, 0, 255).astype(np.uint8), boxes, "".join(label for _, label in digits)
        )


def _collected(folder: Path) -> tuple[list[GrayImage], list[str], NDArray[np.float64]]:
    """Digits of other collections, ink 255; which they are; and up to where a draw between 0 and 1 means each."""
    pictures: list[GrayImage] = []
    labels: list[str] = []
    shares: list[NDArray[np.float64]] = []
    for name, share in _COLLECTIONS.items():
        stored = np.load(folder / f"digits_{name}.npz")
        pictures.extend(stored["x"])
        labels.extend(str(label) for label in stored["y"])
        shares.append(np.full(len(stored["x"]), share / len(stored["x"])))
    together = np.concatenate(shares)
    return pictures, labels, np.cumsum(together / together.sum())


def _inked(picture: GrayImage) -> FloatArray:
    """The part of a picture that holds ink, 0 to 1."""
    rows, columns = np.flatnonzero((picture > 60).any(axis=1)), np.flatnonzero((picture > 60).any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / np.float32(255)


def _put(light: FloatArray, ink: FloatArray, box: Box) -> None:
    """Take a digit's ink away from the light; what sticks out of the picture is cut off."""
    x, y = round(box[0]), round(box[1])
    size = (max(2, round(box[2])), max(3, round(box[3])))
    how = cv2.INTER_AREA if size[1] < ink.shape[0] else cv2.INTER_LINEAR
    scaled = cv2.resize(ink.astype(np.float32), size, interpolation=how)
    top, left = max(0, y), max(0, x)
    bottom, right = min(light.shape[0], y + size[1]), min(light.shape[1], x + size[0])
    if bottom > top and right > left:
        light[top:bottom, left:right] *= 1 - np.clip(scaled[top - y : bottom - y, left - x : right - x], 0, 0.95)


def _paper(size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Paper with the waves, the grain and the ruled line of a cheque."""
    width, height = size
    paper = np.full((height, width), rng.uniform(140, 235), np.float32)
    if rng.random() < 0.7:
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        slope, often = rng.uniform(-0.6, 0.6), rng.uniform(0.5, 1.6)
        wave = 6 * np.sin(columns / rng.uniform(6, 30) + rng.uniform(0, 6)) * rng.random()
        paper += rng.uniform(2, 14) * np.sin((rows + slope * columns + wave) * often)
    grain = rng.normal(0, 1, (height, width)).astype(np.float32)
    paper += cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 1.2)) * rng.uniform(3, 14)
    if rng.random() < 0.4:
        row = int(rng.integers(int(height * 0.75), height))
        paper[row : row + int(rng.integers(1, 3))] *= rng.uniform(0.5, 0.85)
    return paper


def _separated(light: FloatArray, dark: float, last: tuple[float, float], rng: np.random.Generator) -> None:
    """Points on the line, and dashes by the last digit."""
    height, width = light.shape
    for _ in range(int(rng.integers(0, 3))):
        x, y = int(rng.integers(2, width - 2)), int(min(height - 2, last[1] + rng.uniform(-3, 4)))
        if rng.random() < 0.6:
            cv2.circle(light, (x, y), 1, (1 - dark,), -1)
        elif x > last[0] - 20:
            tip = (min(width - 1, x + int(rng.integers(4, 14))), int(height * 0.5 + rng.uniform(-2, 2)))
            cv2.line(light, (x, int(height * 0.5)), tip, (1 - dark,), 1)


def _varied(made: BoxedString, rng: np.random.Generator) -> BoxedString | None:
    """The string as another hand, pen and scan might have it; `None` when it cannot be learned from so."""
    height, width = made.image.shape
    scale = HEIGHT / height
    tall, wide = scale * np.exp(rng.normal(0, 0.1)), scale * np.exp(rng.normal(0, 0.16))
    slant, turn = rng.normal(0, 0.14), rng.normal(0, 0.025)
    linear = np.array([[wide, -slant * tall], [turn * wide, tall]])
    middle = np.array([width / 2, height / 2])
    corners = (np.array([[0, 0], [width, 0], [0, height], [width, height]]) - middle) @ linear.T
    left, right = corners[:, 0].min(), corners[:, 0].max()
    before, behind = (int(rng.integers(0, 16)) for _ in range(2))
    size = (int(right - left) + before + behind, HEIGHT)
    if not _NARROWEST <= size[0] <= _WIDEST:
        return None
    shift = np.array([-left + before, HEIGHT / 2 + rng.normal(0, 2.0)]) - linear @ middle
    matrix = np.c_[linear, shift]
    boxes = []
    for x, y, w, h in made.boxes:
        center = matrix @ np.array([x + w / 2, y + h / 2, 1])
        boxes.append((center[0] - w * wide / 2, 0.0, w * wide, h))
    centers = np.array([x + w / 2 for x, _, w, _ in boxes])
    how = cv2.INTER_AREA if scale < 0.8 else cv2.INTER_LINEAR
    seen = cv2.warpAffine(made.image, matrix.astype(np.float32), size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    worn = _worn(np.asarray(seen, np.uint8), rng)
    if (np.diff(centers) < 1.5 * STRIDE).any():
        return None
    return BoxedString(_normalised(worn), boxes, made.text)


def _worn(picture: GrayImage, rng: np.random.Generator) -> GrayImage:
    """Strokes moved a little, thicker or thinner, softer, paler, with grain."""
    height, width = picture.shape
    if rng.random() < 0.5:
        strength = rng.uniform(0.5, 2.2)
        moves = rng.normal(0, 1, (2, height, width)).astype(np.float32).transpose(1, 2, 0)
        moves = np.asarray(cv2.GaussianBlur(moves, (0, 0), 7), np.float32)
        moves *= strength / max(1e-3, moves.std())
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        picture = np.asarray(
            cv2.remap(
                picture, columns + moves[..., 0], rows + moves[..., 1], cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )  # fmt: skip
    gray = picture.astype(np.float32)
    if rng.random() < 0.25:
        pen = np.ones((2, 2), np.uint8)
        gray = np.asarray(cv2.erode(gray, pen) if rng.random() < 0.5 else cv2.dilate(gray, pen), np.float32)
    soft = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.2, 0.9))
    paper = np.median(soft)
    pale = paper + (soft - paper) * rng.uniform(0.6, 1.2)
    return np.asarray((pale + rng.normal(0, rng.uniform(0, 6), pale.shape)).clip(0, 255), np.float32)


def _normalised(picture: GrayImage | FloatArray) -> FloatArray:
    """Paper 0, the darkest strokes about 1."""
    paper, darkest = float(np.median(picture)), float(np.percentile(picture, 2))
    return ((paper - picture.astype(np.float32)) / max(25.0, paper - darkest)).clip(-1.5, 1.8)


def columns_of(boxes: Sequence[Box], text: str, width: int) -> NDArray[np.int64]:
    """The class of each column, `_OPEN` where it may be either; shape (width / STRIDE,)."""
    middles = (np.arange(width // STRIDE) + 0.5) * STRIDE
    classes = np.zeros(len(middles), np.int64)
    nearest = np.full(len(middles), np.inf)
    for (x, _, wide, _), digit in zip(boxes, text, strict=True):
        away = np.abs(middles - (x + wide / 2)) / max(_CORE * wide, 0.75 * STRIDE)
        own = (away <= 1) & (away < nearest)
        classes[own], nearest[own] = CLASSES.index(digit), away[own]
        classes[(away > 1) & (away < _EDGE) & (classes == 0)] = _OPEN
    return classes


def train_columns(
    network: ColumnNetwork, strings: Strings, *, steps: int, rate: float, seed: int, batch: int = 24
) -> ColumnNetwork:
    """The running average of the network while it trains on; the network itself is changed."""
    torch.manual_seed(seed)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=0.02)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.985), use_buffers=True
    )
    network.train()
    importance = torch.ones(len(CLASSES))
    importance[0] = 0.5
    source = _batches(strings, np.random.default_rng(seed), batch)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-6
        pictures, columns, texts = next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(pictures)
        logits = logits.float()
        loss = functional.cross_entropy(logits, columns, weight=importance, ignore_index=_OPEN, label_smoothing=0.03)
        loss = loss + 0.1 * _spelt(logits, texts)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        average.update_parameters(network)
    trained: ColumnNetwork = average.module
    trained.eval()
    return trained


def _spelt(logits: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
    """Connectionist temporal classification: two equal digits side by side are two."""
    targets = torch.tensor([CLASSES.index(digit) for text in texts for digit in text])
    lengths = torch.tensor([len(text) for text in texts])
    sizes = torch.full((len(texts),), logits.shape[2])
    chances = logits.log_softmax(1).permute(2, 0, 1)
    return functional.ctc_loss(chances, targets, sizes, lengths, zero_infinity=True)


def _batches(
    strings: Strings, rng: np.random.Generator, size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[str]]]:
    while True:
        pool = sorted((strings.draw(rng) for _ in range(_POOL * size)), key=lambda each: each.image.shape[1])
        for group in rng.permutation(_POOL):
            drawn = pool[group * size : (group + 1) * size]
            width = max(-(-each.image.shape[1] // 16) * 16 for each in drawn)
            pictures = np.zeros((size, 1, HEIGHT, width), np.float32)
            for place, each in enumerate(drawn):
                pictures[place, 0, :, : each.image.shape[1]] = each.image
            columns = np.stack([columns_of(each.boxes, each.text, width) for each in drawn])
            yield _tensor(pictures), torch.from_numpy(columns), [each.text for each in drawn]


def _tensor(pictures: FloatArray) -> torch.Tensor:
    return torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last)


def looks_at(network: ColumnNetwork, image: GrayImage) -> list[View]:
    """What the network says of a string, stretched and slanted in some ways."""
    found = []
    height, width = image.shape
    scale = HEIGHT / height
    middle = np.array([width / 2, height / 2])
    for stretch, tall, slant in LOOKS:
        linear = np.array([[scale * stretch, -slant * scale * tall], [0, scale * tall]])
        wide = int(width * scale * stretch + abs(slant) * HEIGHT) + 16
        size = (-(-wide // 16) * 16, HEIGHT)
        matrix = np.c_[linear, np.array([size[0] / 2, HEIGHT / 2]) - linear @ middle]
        seen = cv2.warpAffine(
            image, matrix.astype(np.float32), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        with torch.no_grad():
            chances = network(_tensor(_normalised(np.asarray(seen, np.uint8))[None, None]))[0].T.softmax(1)
        found.append(View(chances.numpy(), CLASSES))
    return found
