"""Running handwriting on one line: what may be written there, with its probability."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from extraction.readers.line_search import Likely, aligned, folded, folding, likeliest, log_likelihood, log_masses
from extraction.readers.printed import inked_line
from extraction.readers.text_lines import LinePlace, cut_line
from models.geometry import Box
from models.image import FloatArray, GrayImage
from models.learned import registry
from models.reading import Reading
from models.text import Character

if TYPE_CHECKING:
    import onnxruntime

Propose = Callable[[Sequence[str]], Iterable[str]]
"""From texts that were read to texts that are meant, because people mostly write such."""

HEIGHT = 48
"""Height of a line as the networks take it, pixels."""
NAME = "handwritten-lines"
PRINT = "ppocr-small-rec"
"""The reader of print that it was trained from: it errs otherwise, and reads neat hands best."""
STRETCH = 1.3
"""Handwriting is narrower than the print that one expects."""
_DOUBT = 0.9
"""A line that is less sure is shown to the reader of print too."""
VIEW_SHARES = (0.7, 0.3)
"""What this network's opinion of a text counts, and that of the reader of print, which errs more often."""
_UNNAMED = 0.15
"""Power of the share that named texts have by the picture: much of the rest is texts that nobody would write."""
_EMPTY = 0.99
"""Confidence that a zone without ink is empty."""
_KEPT = 8
_ALTERNATIVES = 4


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a network says of one look at the line."""

    probabilities: FloatArray
    """Shape (steps, classes), rows sum to 1."""
    classes: tuple[str, ...]
    """Class 0 is the CTC blank."""


class HandwrittenLineReader:
    """PP-OCRv6 small, trained further on running handwriting, and where it is unsure also as it was; ONNX Runtime."""

    def __init__(self, session: onnxruntime.InferenceSession | None = None, *, sharpness: float | None = None) -> None:
        """Args:
        session: the network to use in place of the registered one.
        sharpness: power that makes probabilities honest, in place of the one that the network brings.
        """
        self._session = session
        self._given_sharpness = sharpness
        self.name = NAME

    def read_line(
        self,
        image: GrayImage,
        alphabet: str | None = None,
        *,
        likely: Likely | None = None,
        propose: Propose | None = None,
    ) -> Reading:
        """Read one line that a zone was cut around.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper; one line, blank around it does not matter.
            alphabet: the only characters that can stand there (a space only when listed); `None` = any.
            likely: what people write on such a line. propose: names texts to be weighed beside those that were read.
        Returns: `zone` is the image itself; `alternatives` are whole texts with their probabilities; no text with
            confidence 0.99 when there is no ink.
        Raises: Misconfigured when weights are missing.
        """
        height, width = image.shape
        zone = Box(0, 0, width, height)
        part = inked_line(image)
        if part is None:
            return Reading("", _EMPTY, zone, self.name)
        line = _cut(image, part)
        views = [view(self._network, line, alphabet)]
        weighed = weigh(views, likely, propose, sharpness=self._sharpness)
        if not weighed or weighed[0][1] < _DOUBT:
            views.append(view(registry.session(PRINT), line, alphabet, stretch=STRETCH))
            weighed = weigh(views, likely, propose, sharpness=self._sharpness, shares=VIEW_SHARES)
        if not weighed:
            return Reading("", 0.0, zone, self.name)
        text, confidence = weighed[0]
        characters = _characters(views[0], text, part)
        return Reading(text, confidence, zone, self.name, characters, alternatives=tuple(weighed[:_KEPT]))

    @property
    def _network(self) -> onnxruntime.InferenceSession:
        return self._session or registry.session(NAME)

    @property
    def _sharpness(self) -> float:
        if self._given_sharpness is not None:
            return self._given_sharpness
        return float(self._network.get_modelmeta().custom_metadata_map["sharpness"])


def view(
    network: onnxruntime.InferenceSession, line: GrayImage, alphabet: str | None = None, *, stretch: float = 1.0
) -> View:
    """What a network says of a prepared line.

    Args:
        line: from `prepared`. alphabet: the only characters that can stand there. stretch: of the line's width.
    """
    size = (round(line.shape[1] * stretch / 16) * 16, line.shape[0])
    look = line if stretch == 1.0 else cv2.resize(line, size, interpolation=cv2.INTER_LINEAR)
    values = look.astype(np.float32)[None, None] * np.float32(1 / 255) - np.float32(0.5)
    probabilities: FloatArray = network.run(None, {"x": values})[0][0]
    classes = _classes(network.get_modelmeta().custom_metadata_map["characters"])
    if alphabet is None:
        return View(probabilities, classes)
    matrix, kept = _folding(classes, alphabet)
    return View(folded(probabilities, matrix), kept)


@cache
def _classes(characters: str) -> tuple[str, ...]:
    return ("", *characters.split("\n"))


@cache
def _folding(classes: tuple[str, ...], alphabet: str) -> tuple[FloatArray, tuple[str, ...]]:
    return folding(classes, alphabet)


def weigh(
    views: Sequence[View],
    likely: Likely | None,
    propose: Propose | None,
    *,
    sharpness: float,
    shares: Sequence[float] | None = None,
) -> list[tuple[str, float]]:
    """Texts with their probabilities, best first: each view names some, all views weigh all.

    Args:
        likely, propose: as for `HandwrittenLineReader.read_line`.
        sharpness: power that makes probabilities honest, fitted on writers held out.
        shares: what each view counts; all the same when `None`.
    """
    named = dict.fromkeys(
        text for look in views for text, _ in likeliest(look.probabilities, look.classes, likely=likely)
    )
    seen = _log_means(views, list(named), shares)
    if propose is not None:
        ranked = sorted(seen, key=lambda text: -seen[text])
        seen.update(_log_means(views, [text for text in dict.fromkeys(propose(ranked)) if text not in seen], shares))
    if not seen:
        return []
    # Where the views disagree, or texts nobody named are likely, the sum stays under 1: some of that is doubt.
    named_share = min(1.0, sum(math.exp(sharpness * mass) for mass in seen.values())) ** _UNNAMED
    meant = {text: mass + (log_likelihood(likely, text) if likely else 0.0) for text, mass in seen.items()}
    largest = max(meant.values())
    weights = {text: math.exp(sharpness * (mass - largest)) for text, mass in meant.items()}
    whole = sum(weights.values()) / named_share
    return sorted(((text, weight / whole) for text, weight in weights.items()), key=lambda item: -item[1])


def _log_means(views: Sequence[View], texts: Sequence[str], shares: Sequence[float] | None) -> dict[str, float]:
    """Logarithm of how likely each text is by the picture, the mean of all views; without those that cannot be."""
    if not texts:
        return {}
    logs = [log_masses(look.probabilities, look.classes, texts) for look in views]
    means = np.average(logs, axis=0, weights=shares)
    return {text: float(mean) for text, mean in zip(texts, means, strict=True) if mean > -np.inf}


def prepared(image: GrayImage) -> GrayImage | None:
    """The line as the network takes it, shape (HEIGHT, width); `None` without ink."""
    part = inked_line(image)
    return None if part is None else _cut(image, part)


def _cut(image: GrayImage, part: Box) -> GrayImage:
    return cut_line(image, LinePlace((part.center_x, part.center_y), part.width, part.height, 0.0), height=HEIGHT)


def _characters(view: View, text: str, part: Box) -> tuple[Character, ...]:
    """The characters of a text with their places and what else could stand there."""
    codes = np.array([view.classes.index(character, 1) for character in text], np.int64)
    steps = aligned(view.probabilities, codes)
    if steps is None:
        return tuple(Character(((character, 0.5),)) for character in text)
    width = part.width / len(view.probabilities)
    characters = []
    for code, step in zip(codes, steps, strict=True):
        row = view.probabilities[max(0, round(step) - 1) : round(step) + 2].max(axis=0)
        row = row / row.sum()
        top = [int(k) for k in np.argsort(-row)[:_ALTERNATIVES] if k not in (0, code) and row[k] > 1e-3]
        found = ((view.classes[code], float(row[code])), *((view.classes[k], float(row[k])) for k in top))
        box = Box(part.x + step * width, part.y, width, part.height)
        characters.append(Character(found, box))
    return tuple(characters)
