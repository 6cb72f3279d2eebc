"""Printed text by PP-OCRv6: whole pages by the tiny networks, the small one where it matters; and single lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np

from extraction.readers.ctc import Glyph, decode, masked, words_of
from extraction.readers.text_lines import LinePlace, cut_line, find_lines
from models.geometry import Box
from models.image import FloatArray, GrayImage, percentile
from models.learned import registry
from models.reading import Reading
from models.text import Character, PageText, TextLine, Word

Size = Literal["tiny", "small"]

HEIGHT = 48
"""Height of a line as the recognisers take it, pixels."""
_EMPTY = 0.99
"""Confidence that a zone without ink is empty."""

_COLUMN_GAP = 0.8
"""White this wide, in heights of the line (a little over one em), parts two columns."""
_TOUCHING = 0.2
"""Lines of one row closer than this, in heights, are one line that the detector broke."""

_WHOLE_LINE = 0.7
"""From this share of doubtful length on, the whole line is read again: context helps the small network."""

_KEY = re.compile(
    r"\d[.,]\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{5,}|(?:\d{2,4} ){2,}\d|[A-Z]{2}\d{2} ?[A-Z0-9]{4}"
)
"""What an error in costs money: amounts, dates, identifiers."""


@dataclass(frozen=True, slots=True)
class _Words:
    """A cut line as words, and who read it."""

    words: list[list[Glyph]]
    reader: str


class PrintedTextReader:
    """PP-OCRv6 on ONNX Runtime. Holds no state but settings; networks are loaded once per process."""

    def __init__(self, *, doubt: float = 0.9, key_doubt: float = 0.98) -> None:
        """Args:
        doubt: a line whose weakest character is under this is read again by the small network.
        key_doubt: the same for lines that look like amounts, dates or identifiers.
        """
        self._doubt = doubt
        self._key_doubt = key_doubt

    def read_page(self, image: GrayImage, dpi: float) -> PageText:
        """Read all print on an upright page.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper; skew up to a few degrees does no harm.
            dpi: of the image.
        Returns: lines top to bottom, left to right; boxes in pixels of `image`; source `ocr`.
        Raises: Misconfigured when weights are missing.
        """
        lines = []
        for place in find_lines(image, dpi):
            cut = cut_line(image, place, height=HEIGHT)
            lines.extend(_text_lines(self._read_twice(cut), place))
        height, width = image.shape
        return PageText(tuple(_mended(in_reading_order(lines))), width, height, dpi, "ocr")

    def read_line(self, image: GrayImage, alphabet: str | None = None, size: Size | None = None) -> Reading:
        """Read one line that a zone was cut around.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper; one line, blank around it does not matter.
            alphabet: the only characters that can stand there (a space only when listed); `None` = any.
            size: `small` reads handwriting and bad print better, `tiny` costs a fifth; `None` = tiny, and small where
                that is not sure of the whole line.
        Returns: `zone` is the image itself; no text with confidence 0.99 when there is no ink.
        Raises: Misconfigured when weights are missing.
        """
        height, width = image.shape
        zone = Box(0, 0, width, height)
        part = inked_line(image)
        if part is None:
            return Reading("", _EMPTY, zone, _reader(size or "tiny"))
        place = LinePlace((part.center_x, part.center_y), part.width, part.height, 0.0)
        cut = cut_line(image, place, height=HEIGHT)
        reader: Size = size or "tiny"
        glyphs = _trimmed(_recognise(cut, reader, alphabet=alphabet))
        if size is None and not self._surely_read(glyphs):
            reader = "small"
            glyphs = _trimmed(_recognise(cut, reader, alphabet=alphabet))
        text = "".join(glyph.best for glyph in glyphs)
        return Reading(text, _product(glyphs), zone, _reader(reader), _characters(glyphs, place))

    def _surely_read(self, glyphs: Sequence[Glyph]) -> bool:
        """Whether a line needs no second look; a sign may be dirt, of which the tiny network is too sure."""
        return _product(glyphs) >= self._key_doubt and all(g.best.isalnum() or g.best == " " for g in glyphs)

    def _read_twice(self, cut: GrayImage) -> _Words:
        """Read by the tiny network, and the stretch of doubtful words again by the small one."""
        tiny = words_of(_recognise(cut, "tiny"), cut)
        doubtful = self._doubtful(tiny)
        if not doubtful:
            return _Words(tiny, _reader("tiny"))
        first, last = doubtful[0], doubtful[-1]
        start = (tiny[first - 1][-1].end + tiny[first][0].start) / 2 if first else 0.0
        end = (tiny[last][-1].end + tiny[last + 1][0].start) / 2 if last + 1 < len(tiny) else 1.0
        if end - start > _WHOLE_LINE:
            small = words_of(_recognise(cut, "small"), cut)
            return _Words(small, _reader("small")) if small else _Words(tiny, _reader("tiny"))
        length = cut.shape[1]
        piece = np.ascontiguousarray(cut[:, int(start * length) : max(int(end * length), int(start * length) + 16)])
        again = [[_within(g, start, end) for g in word] for word in words_of(_recognise(piece, "small"), piece)]
        return _Words([*tiny[:first], *(again or tiny[first : last + 1]), *tiny[last + 1 :]], _reader("small"))

    def _doubtful(self, words: list[list[Glyph]]) -> list[int]:
        is_key = bool(_KEY.search(" ".join("".join(glyph.best for glyph in word) for word in words)))
        found = []
        for number, word in enumerate(words):
            matters = is_key and any(glyph.best.isdigit() for glyph in word)
            if min(glyph.probability for glyph in word) < (self._key_doubt if matters else self._doubt):
                found.append(number)
        return found


def in_reading_order(lines: Iterable[TextLine]) -> list[TextLine]:
    """Lines sorted into rows from the top, each row from the left; half of a height in common makes a row."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.box.center_y):
        row = rows[-1] if rows else []
        if row and _share_a_row(row[-1].box, line.box):
            row.append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box.x)]


def _mended(lines: Iterable[TextLine]) -> list[TextLine]:
    """Join neighbours of one row that touch and are printed alike: the detector breaks skewed lines."""
    mended: list[TextLine] = []
    for line in lines:
        before = mended[-1] if mended else None
        if before is not None and _is_one_line(before.box, line.box):
            mended[-1] = _joined(before, line)
        else:
            mended.append(line)
    return mended


def _is_one_line(left: Box, right: Box) -> bool:
    low, high = sorted((left.height, right.height))
    gap = right.x - left.right
    return high < 1.4 * low and abs(left.center_y - right.center_y) < 0.3 * low and -0.6 * low < gap < _TOUCHING * low


def _joined(left: TextLine, right: TextLine) -> TextLine:
    space = Character(
        ((" ", 1.0),), Box(left.box.right, left.box.y, max(0.0, right.box.x - left.box.right), left.box.height)
    )
    return TextLine(
        text=f"{left.text} {right.text}",
        box=Box.around((left.box, right.box)),
        confidence=left.confidence * right.confidence,
        words=(*left.words, *right.words),
        characters=(*left.characters, space, *right.characters),
        reader=left.reader if left.reader == right.reader else _reader("small"),
    )


def _share_a_row(a: Box, b: Box) -> bool:
    return min(a.bottom, b.bottom) - max(a.y, b.y) > 0.5 * min(a.height, b.height)


def _recognise(cut: GrayImage, size: Size, *, alphabet: str | None = None) -> list[Glyph]:
    session = registry.session(f"ppocr-{size}-rec")
    values = cut.astype(np.float32)[None, None] * np.float32(1 / 255) - np.float32(0.5)
    probabilities: FloatArray = session.run(None, {"x": values})[0][0]
    classes = _classes(size)
    if alphabet is not None:
        probabilities = masked(probabilities, classes, alphabet)
    return decode(probabilities, classes)


@cache
def _classes(size: Size) -> tuple[str, ...]:
    metadata = registry.session(f"ppocr-{size}-rec").get_modelmeta().custom_metadata_map
    return ("", *metadata["characters"].split("\n"))


def _reader(size: Size) -> str:
    return f"pp-ocrv6-{size} latin"


def _text_lines(read: _Words, place: LinePlace) -> list[TextLine]:
    """The line, or its parts where the detector ran over the white between two columns."""
    parts: list[list[list[Glyph]]] = []
    for word in read.words:
        if parts and (word[0].start - parts[-1][-1][-1].end) * place.length < _COLUMN_GAP * place.height:
            parts[-1].append(word)
        else:
            parts.append([word])
    return [_text_line(part, place, read.reader, whole=len(parts) == 1) for part in parts]


def _text_line(words: list[list[Glyph]], place: LinePlace, reader: str, *, whole: bool) -> TextLine:
    made = tuple(_word(word, place) for word in words)
    spaced: list[Glyph] = []
    for word in words:
        if spaced:
            spaced.append(Glyph(((" ", 1.0),), spaced[-1].end, max(spaced[-1].end, word[0].start)))
        spaced.extend(word)
    text = " ".join(word.text for word in made)
    box = place.box if whole else _part(place, words[0][0].start, words[-1][-1].end)
    confidence = _product(glyph for word in words for glyph in word)
    return TextLine(text, box, confidence, made, _characters(spaced, place), reader)


def _trimmed(glyphs: list[Glyph]) -> list[Glyph]:
    """Without spaces at the ends."""
    inked = [number for number, glyph in enumerate(glyphs) if glyph.best != " "]
    return glyphs[inked[0] : inked[-1] + 1] if inked else []


def _within(glyph: Glyph, start: float, end: float) -> Glyph:
    """A glyph of a piece of a line, placed on the whole line."""
    length = end - start
    return Glyph(glyph.alternatives, start + glyph.start * length, start + glyph.end * length)


def _word(glyphs: Sequence[Glyph], place: LinePlace) -> Word:
    text = "".join(glyph.best for glyph in glyphs)
    return Word(text, _part(place, glyphs[0].start, glyphs[-1].end), _product(glyphs))


def _characters(glyphs: Iterable[Glyph], place: LinePlace) -> tuple[Character, ...]:
    return tuple(Character(glyph.alternatives, _part(place, glyph.start, glyph.end)) for glyph in glyphs)


def _part(place: LinePlace, start: float, end: float) -> Box:
    """The upright box around the share `start`..`end` of a line."""
    middle, length = (start + end) / 2 - 0.5, max(0.0, end - start) * place.length
    turn = math.radians(place.angle_deg)
    x = place.center[0] + math.cos(turn) * middle * place.length
    y = place.center[1] + math.sin(turn) * middle * place.length
    return LinePlace((x, y), length, place.height, place.angle_deg).box


def _product(glyphs: Iterable[Glyph]) -> float:
    return float(np.prod([glyph.probability for glyph in glyphs] or [0.0]))


def inked_line(image: GrayImage) -> Box | None:
    """The inked part of a zone with the margin the recognisers are used to; `None` without ink."""
    height, width = image.shape
    if min(height, width) < 4:
        return None
    paper = percentile(image, 80)
    dark = (cv2.blur(image, (3, 3)).astype(np.float32) < paper - 40).astype(np.uint8)
    rows, columns = np.flatnonzero(dark.sum(axis=1) >= 2), np.flatnonzero(dark.sum(axis=0) >= 2)
    if not rows.size or not columns.size:
        return None
    inked = Box(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))
    margin = max(2, round(0.15 * inked.height))
    x, y = max(0.0, inked.x - margin), max(0.0, inked.y - margin)
    return Box(x, y, min(width, inked.right + margin) - x, min(height, inked.bottom + margin) - y)
