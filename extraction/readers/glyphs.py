"""The reader of characters in boxes (ICR): one cell of a comb in, the characters that may stand there out.

A small convolutional network looks at two views of a cell: the glyph alone, and the cell as a whole, where a full stop
is low and an apostrophe high. What may stand in the field cuts the network's alphabet, and the rest is renormalised.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from extraction.readers.one_hand import as_one_hand
from models.definitions import Charset
from models.errors import Misconfigured
from models.image import FloatArray, GrayImage, components, gray_counts
from models.learned import registry
from models.text import Character

SIDE = 32
"""Side in pixels of both views of a cell."""
DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIGNS = "'-./"
BLANK = ""
"""The class of a cell in which nothing is written."""
SCRATCH = "\x18"
"""The class of a cell that was crossed out or written over: never an answer, it takes probability from the answers."""
CLASSES: tuple[str, ...] = (*DIGITS, *CAPITALS, *SIGNS, BLANK, SCRATCH)
"""The network's answers, in order."""
ALPHABETS: dict[Charset, frozenset[str]] = {
    Charset.DIGITS: frozenset(DIGITS) | {BLANK},
    Charset.ALPHA: frozenset(CAPITALS) | {"'", "-", BLANK},
    Charset.ALNUM: frozenset(DIGITS + CAPITALS) | {"'", "-", BLANK},
    Charset.TEXT: frozenset(DIGITS + CAPITALS + SIGNS) | {BLANK},
    Charset.EMAIL: frozenset(DIGITS + CAPITALS + SIGNS) | {BLANK},
}
"""What may stand in a field. Accented letters are read as their base letter."""

_ANSWERS = [place for place, name in enumerate(CLASSES) if name != SCRATCH]
_MUTE = np.array([name in (BLANK, SCRATCH) for name in CLASSES])
"""Classes in which one hand cannot be told from another."""
_PALE = 0.45
"""A cell whose ink is so much paler than what is usual on its page was not written in by the same pen."""
_DISBELIEF = 0.9
"""How likely such a cell is empty."""
_NOTHING = 8.0
"""Gray levels, three by three pixels together, that no stroke is as pale as: a cell without more is white."""
_FEWEST_WRITTEN = 6
"""Cells written in before there is a usual depth."""
_DOUBT = 0.9
"""A character in a box that is less sure than that is looked at once more."""
_GLYPH = 24
"""Pixels of the glyph view that the larger side of the ink takes; the rest is margin."""
_FAINT = 40
"""Gray levels between paper and ink below which a cell is not stretched further: paper noise must stay noise."""


class Network(Protocol):
    """What the reader asks of a network: an ONNX Runtime session is one."""

    def run(self, output_names: list[str] | None, input_feed: dict[str, FloatArray]) -> list[FloatArray]:
        """Logits of shape (n, len(CLASSES)) for `cells` of shape (n, 2, SIDE, SIDE), and what they were made from:
        features of shape (n, any), by which cells are compared.
        """


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures that make the probabilities honest, one a charset; 1.0 leaves them."""

    temperatures: tuple[tuple[Charset, float], ...] = ()

    def temperature(self, charset: Charset) -> float:
        return next((t for c, t in self.temperatures if c is charset), 1.0)


def normalise(cell: GrayImage) -> FloatArray:
    """Two views of a cell, the same for training and for reading.

    Args:
        cell: gray cut of one cell, any size and resolution, left unchanged; without a pixel (off the page) it is empty.
    Returns: shape (2, SIDE, SIDE), 0 is paper and 1 is ink. First the glyph: the box around its ink, made square and
        centred, its aspect kept. Then the whole cell, aspect kept, centred.
    """
    return np.asarray(_normalised([cell])[0], np.float32)


def _normalised(cells: Sequence[GrayImage]) -> FloatArray:
    """`normalise` for many cells, shape (n, 2, SIDE, SIDE)."""
    seen = np.empty((len(cells), 2, SIDE, SIDE), np.float32)
    for number, cell in enumerate(cells):
        seen[number] = views(cell)
    seen /= np.float32(255)
    return seen


def views(cell: GrayImage) -> GrayImage:
    """The two views of `normalise` as bytes, 255 is ink: the form in which training keeps hundreds of thousands."""
    both = np.zeros((2, SIDE, SIDE), np.uint8)
    if cell.size == 0:
        return both
    ink = _stretched(cell)
    top, bottom, left, right = _ink_box(ink)
    size = max(bottom - top, right - left, round(0.3 * min(ink.shape)), 3)
    margin = size * SIDE / _GLYPH / 2
    both[0] = _square(ink, (left + right) / 2, (top + bottom) / 2, margin)
    height, width = ink.shape
    both[1] = _square(ink, width / 2, height / 2, max(height, width) / 2)
    return both


def _stretched(cell: GrayImage) -> GrayImage:
    """Ink 255 on paper 0, whatever the pen and the paper."""
    smooth = np.asarray(cv2.GaussianBlur(cell, (3, 3), 0.7), dtype=np.uint8)
    rim_y, rim_x = round(0.14 * cell.shape[0]), round(0.14 * cell.shape[1])
    # The ink is measured away from the rim: black box lines must not make a pencil look like paper.
    inner = smooth[rim_y : cell.shape[0] - rim_y, rim_x : cell.shape[1] - rim_x]
    paper = _quantile(smooth, 0.75)
    darkest = _quantile(inner, 0.01)
    return np.asarray(cv2.LUT(cell, _stretch(paper, max(paper - darkest, _FAINT))), dtype=np.uint8)


@lru_cache(maxsize=1024)
def _stretch(paper: int, depth: int) -> GrayImage:
    """What each gray level becomes, shape (256,); the cells of a page share a few of these tables."""
    floor = 0.12 * depth
    return np.asarray(np.clip((paper - np.arange(256) - floor) * (255 / (depth - floor)), 0, 255), np.uint8)


def _quantile(gray: GrayImage, share: float) -> int:
    counts = gray_counts(gray).cumsum()
    return int(counts.searchsorted(share * counts[-1]))


def _ink_box(ink: GrayImage) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of the writing, half open; the whole cell when nothing is written.

    Specks, remains of box lines and ends of the neighbours' strokes do not count when there is something better.
    """
    height, width = ink.shape
    mask = (ink > 110).astype(np.uint8)
    _drop_frame(mask)
    # Two or three parts as a rule: plain numbers are quicker than arrays.
    parts = [_Part(x, y, x + wide, y + tall, area) for x, y, wide, tall, area in components(mask)[1][1:].tolist()]
    if not parts:
        return 0, height, 0, width
    edge_x, edge_y = 0.14 * width, 0.14 * height
    largest = max(part.area for part in parts)
    inner = [
        part
        for part in parts
        if edge_x < part.right and part.left < width - edge_x and edge_y < part.bottom and part.top < height - edge_y
    ]
    # The end of a neighbour's stroke comes in from the side and stays there.
    aside = [
        (part.left == 0 and part.right < 0.4 * width) or (part.right == width and part.left > 0.6 * width)
        for part in inner
    ]
    written = max((part.area for part, away in zip(inner, aside, strict=True) if not away), default=0)
    least, least_aside = max(4.0, 0.04 * largest), 0.7 * written
    keep = [
        part
        for part, away in zip(inner, aside, strict=True)
        if part.area >= least and not (away and part.area < least_aside)
    ]
    keep = keep or [part for part in parts if part.area == largest]
    return (
        min(part.top for part in keep),
        max(part.bottom for part in keep),
        min(part.left for part in keep),
        max(part.right for part in keep),
    )


class _Part(NamedTuple):
    """A connected stroke, half open."""

    left: int
    top: int
    right: int
    bottom: int
    area: int


def _drop_frame(mask: GrayImage) -> None:
    """Blank the rows and columns at the rim that are ink nearly from end to end: they are box lines, not writing."""
    height, width = mask.shape
    rim_y, rim_x = max(1, round(0.12 * height)), max(1, round(0.12 * width))
    full_rows = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > 0.85 * width
    full_rows[rim_y : height - rim_y] = False
    full_columns = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() > 0.85 * height
    full_columns[rim_x : width - rim_x] = False
    mask[full_rows] = 0
    mask[:, full_columns] = 0


def _square(ink: GrayImage, center_x: float, center_y: float, half: float) -> GrayImage:
    """The square of `ink` around a point, paper outside the cell, brought to SIDE pixels."""
    height, width = ink.shape
    half = max(half, 1.0)
    x0, y0 = round(center_x - half), round(center_y - half)
    side = max(2, round(2 * half))
    x1, y1 = x0 + side, y0 + side
    cut = ink[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    padded = cv2.copyMakeBorder(
        cut, max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width), cv2.BORDER_CONSTANT, value=0
    )
    interpolation = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(padded, (SIDE, SIDE), interpolation=interpolation), dtype=np.uint8)


class GlyphReader:
    """Reads characters in boxes. One instance a worker; it holds no state between calls."""

    name = "glyphs"

    def __init__(
        self,
        *,
        networks: Sequence[Network] | None = None,
        calibration: Calibration | None = None,
        keep: int = 8,
        batch: int = 8,
    ) -> None:
        """
        Args:
            networks: their logits are averaged; the shipped ones when None.
            calibration: the one stored in the shipped weights when None.
            keep: the most alternatives a character has.
            batch: cells looked at together: what they are turned into must stay in the cache of a core.
        Raises: Misconfigured when the shipped weights are missing or not of this alphabet.
        """
        if networks is None:
            session = registry.session("icr-glyphs")
            networks = (session,)
            calibration = calibration or _stored_calibration(session.get_modelmeta().custom_metadata_map)
        self._networks = tuple(networks)
        self._calibration = calibration or Calibration()
        self._keep = keep
        self._batch = batch

    def read(self, cells: Sequence[GrayImage], charset: Charset) -> list[Character]:
        """The characters that may stand in each cell, best first.

        The probabilities of a character sum to less than 1 by what is believed to be crossed out or written over, and
        by what `keep` cut off. The empty string is the probability that nothing is written.

        Args:
            cells: gray cuts, 0 is ink; box lines may remain.
        Returns: one character a cell, in order.
        """
        return self.read_batch([(cells, charset)])[0]

    def read_batch(self, groups: Sequence[tuple[Sequence[GrayImage], Charset]]) -> list[list[Character]]:
        """`read` for many fields at once: the network is called for all of them together."""
        cells = [cell for group, _ in groups for cell in group]
        if not cells:
            return [[] for _ in groups]
        logits = self.logits(_normalised(cells))
        return self._characters(self._chances(logits, groups), groups)

    def read_hand(
        self, combs: Sequence[tuple[Sequence[GrayImage], Sequence[GrayImage], Charset]]
    ) -> list[list[Character]]:
        """The characters of combs that one person filled in, best first.

        What is read unsurely is looked at once more without its lines, then compared with what is read surely.

        Args:
            combs: of each its cells with the box lines, the same without, and what may stand in them. A cell without
                lines is taken from its sequence only when it is looked at.
        """
        groups = [(cells, charset) for cells, _, charset in combs]
        plain = [cell for cells, _, _ in combs for cell in cells]
        places = [(cells, place) for _, cells, _ in combs for place in range(len(cells))]

        def lineless(k: int) -> GrayImage:
            cells, place = places[k]
            return cells[place]

        if not plain:
            return [[] for _ in combs]
        depths = np.array([_ink_depth(cell) for cell in plain])
        white = depths < _NOTHING
        white[white] = [_is_white(lineless(k)) for k in np.flatnonzero(white).tolist()]
        comb_of = np.repeat(np.arange(len(combs)), [len(cells) for cells, _, _ in combs])
        logits, features = self._seen_but_white(plain, white, comb_of)
        chances = self._chances(logits, groups)
        again = np.flatnonzero(chances[:, _ANSWERS].max(axis=1) < _DOUBT)
        if len(again):
            second = logits.copy()
            second[again], features[again] = self._seen([lineless(k) for k in again.tolist()])
            chances[again] = (chances[again] + self._chances(second, groups)[again]) / 2
        chances = as_one_hand(chances, features, _MUTE)
        return self._characters(_without_faint(chances, depths), groups)

    def logits(self, cells: FloatArray) -> FloatArray:
        """Averaged logits, shape (n, len(CLASSES)), of normalised cells, shape (n, 2, SIDE, SIDE)."""
        return self._run(cells)[0]

    def _seen_but_white(
        self, cells: Sequence[GrayImage], white: NDArray[np.bool_], comb_of: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray]:
        """As `_seen`; of the white cells, a third of all on many forms, one a comb speaks for those of the page."""
        _, first = np.unique(comb_of[white], return_index=True)
        spoken = np.flatnonzero(white)[first]
        asked = np.concatenate((np.flatnonzero(~white), spoken))
        seen, own = self._seen([cells[k] for k in asked])
        logits = np.empty((len(cells), seen.shape[1]), np.float32)
        features = np.zeros((len(cells), own.shape[1]), np.float32)
        logits[asked], features[asked] = seen, own
        if len(spoken):
            logits[white] = logits[spoken].mean(axis=0)
        return logits, features

    def _seen(self, cells: Sequence[GrayImage]) -> tuple[FloatArray, FloatArray]:
        return self._run(_normalised(cells))

    def _run(self, cells: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Averaged logits, and the features of all networks side by side; no features where a network has none."""
        logits, features = [], []
        for start in range(0, len(cells), self._batch):
            feed = {"cells": cells[start : start + self._batch]}
            made = [network.run(None, feed) for network in self._networks]
            logits.append(np.mean([outputs[0] for outputs in made], axis=0))
            features.append(np.concatenate([outputs[-1] for outputs in made], axis=1))
        return np.concatenate(logits).astype(np.float32), np.concatenate(features).astype(np.float32)

    def _chances(self, logits: FloatArray, groups: Sequence[tuple[Sequence[GrayImage], Charset]]) -> FloatArray:
        """Probabilities over CLASSES of all cells of all groups, one below the other."""
        rows, start = [], 0
        for cells, charset in groups:
            part = logits[start : start + len(cells)]
            rows.append(probabilities(part, charset, self._calibration.temperature(charset)))
            start += len(cells)
        return np.concatenate(rows)

    def _characters(
        self, chances: FloatArray, groups: Sequence[tuple[Sequence[GrayImage], Charset]]
    ) -> list[list[Character]]:
        answers, start = [], 0
        for cells, charset in groups:
            answers.append([self._character(row, charset) for row in chances[start : start + len(cells)]])
            start += len(cells)
        return answers

    def _character(self, row: FloatArray, charset: Charset) -> Character:
        order = np.argsort(-row, kind="stable")[: self._keep + 1]
        alphabet = ALPHABETS[charset]
        listed = [(CLASSES[i], float(row[i])) for i in order if CLASSES[i] in alphabet]
        return Character(alternatives=tuple(listed[: self._keep]))


def _ink_depth(cell: GrayImage) -> float:
    """Gray levels between white and the darkest stroke in the middle of a cell on even white paper."""
    height, width = cell.shape
    inner = cell[height // 6 : height - height // 6, width // 6 : width - width // 6]
    return 255.0 - float(cv2.blur(inner, (3, 3)).min()) if inner.size else 0.0


def _is_white(lineless: GrayImage) -> bool:
    """Whether nothing is in a cell without its lines either, closer to them: what they leave behind is paler."""
    height, width = lineless.shape
    inner = lineless[height // 9 : height - height // 9, width // 9 : width - width // 9]
    return inner.size == 0 or float(cv2.blur(inner, (3, 3)).min()) > 255 - 2 * _NOTHING


def _without_faint(chances: FloatArray, depths: FloatArray) -> FloatArray:
    """Probabilities of one page's cells; what is much paler than its writing is taken for a stamp, a fold, a shadow.

    Args:
        chances: shape (n, len(CLASSES)), left unchanged. depths: shape (n,), of the ink in each cell.
    """
    written = ~_MUTE[chances.argmax(axis=1)]
    if written.sum() < _FEWEST_WRITTEN:
        return chances
    pale = written & (depths < _PALE * float(np.median(depths[written])))
    cleared = chances.copy()
    cleared[pale] *= 1 - _DISBELIEF
    cleared[pale, CLASSES.index(BLANK)] += _DISBELIEF * chances[pale].sum(axis=1)
    return cleared


def probabilities(logits: FloatArray, charset: Charset, temperature: float = 1.0) -> FloatArray:
    """Probabilities over CLASSES, shape (n, len(CLASSES)); what may not stand in the field has 0, scratch may stand."""
    allowed = np.array([name in ALPHABETS[charset] or name == SCRATCH for name in CLASSES])
    scaled = np.where(allowed, logits / temperature, -np.inf)
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def _stored_calibration(metadata: dict[str, str]) -> Calibration:
    if metadata.get("classes") != json.dumps(CLASSES):
        raise Misconfigured(
            "The weights icr-glyphs read another alphabet than this reader. Run `depli train icr` again."
        )
    stored: dict[str, float] = json.loads(metadata.get("temperatures", "{}"))
    return Calibration(tuple((Charset(name), value) for name, value in stored.items()))
