"""From a CTC recogniser's probabilities to characters, words and their places on the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.image import FloatArray, GrayImage

_ALTERNATIVES = 3
_SPACE_IN_HEIGHTS = 0.17
"""A gap without ink this wide, in heights of the cut line (about two x-heights), may be a space the net left out."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character of a line with what else it could be."""

    alternatives: tuple[tuple[str, float], ...]
    """Best first; the empty string stands for nothing."""
    start: float
    """Extent along the line, as a share 0..1 of its length."""
    end: float

    @property
    def best(self) -> str:
        return self.alternatives[0][0]

    @property
    def probability(self) -> float:
        return self.alternatives[0][1]


def masked(probabilities: FloatArray, classes: Sequence[str], alphabet: str) -> FloatArray:
    """Probabilities when only the characters of `alphabet` can stand there.

    Args:
        probabilities: shape (steps, classes), rows sum to 1. classes: class 0 is the CTC blank.
    Returns: the same shape, rows sum to 1; classes outside `alphabet` are 0.
    """
    allowed = np.array([not c or c in alphabet for c in classes], np.float32)
    kept = probabilities * allowed + np.float32(1e-9) * allowed
    return np.asarray(kept / kept.sum(axis=1, keepdims=True), np.float32)


def decode(probabilities: FloatArray, classes: Sequence[str]) -> list[Glyph]:
    """Best path of a CTC head: runs of one class are one character, blanks part them.

    Args:
        probabilities: shape (steps, classes). classes: class 0 is the blank (empty string).
    Returns: characters from left to right, spaces among them, each with up to three alternatives from the step where
        it is surest.
    Source: Graves et al., Connectionist Temporal Classification, ICML 2006 (best path decoding).
    """
    best = probabilities.argmax(axis=1)
    steps = len(best)
    edges = [int(edge) + 1 for edge in np.flatnonzero(np.diff(best))]
    glyphs: list[Glyph] = []
    for start, end in zip((0, *edges), (*edges, steps), strict=True):
        if start == end or best[start] == 0:
            continue
        peak = start + int(probabilities[start:end, best[start]].argmax())
        glyphs.append(Glyph(_alternatives(probabilities[peak], classes), start / steps, end / steps))
    return glyphs


def _alternatives(row: FloatArray, classes: Sequence[str]) -> tuple[tuple[str, float], ...]:
    first = int(row.argmax())
    if row[first] > 0.9995:
        return ((classes[first], float(row[first])),)
    top = np.argpartition(row, -_ALTERNATIVES)[-_ALTERNATIVES:]
    ranked = sorted(top, key=lambda k: -row[k])
    return tuple((classes[k], float(row[k])) for k in ranked if k == first or row[k] > 1e-4)


def words_of(glyphs: Sequence[Glyph], line: GrayImage) -> list[list[Glyph]]:
    """Cut a line into words: at the spaces that were read, and at gaps in the ink too wide to be inside a word.

    The small networks lose spaces between words more often than characters.

    Args:
        glyphs: from `decode`. line: the picture they were read from, shape (height, width).
    Returns: words without spaces; the outer ends of each are moved to the ink.
    """
    gaps = _ink_gaps(line)
    height_share = line.shape[0] / line.shape[1]
    inner, spaces = _usual_gaps(glyphs, gaps)
    limit = max(_SPACE_IN_HEIGHTS * height_share, 2.5 * inner, min(0.6 * spaces, 2 * _SPACE_IN_HEIGHTS * height_share))
    words: list[list[Glyph]] = [[]]
    for previous, glyph in zip((None, *glyphs), glyphs, strict=False):
        if glyph.best == " ":
            words.append([])
            continue
        if (
            previous is not None
            and words[-1]
            and _gap_between(previous, glyph, gaps) > limit * _reserve(previous, glyph)
        ):
            words.append([])
        words[-1].append(glyph)
    return [_snapped(word, gaps) for word in words if word]


def _reserve(left: Glyph, right: Glyph) -> float:
    """How much wider than usual a gap between two characters must be to be a space.

    Commas and points stand narrow in their white, and so does a 1 among digits of one width.
    """
    either = left.best + right.best
    return 2.0 if any(c in ".,'’" for c in either) or all(c.isdigit() for c in either) else 1.0


def _usual_gaps(glyphs: Sequence[Glyph], gaps: FloatArray) -> tuple[float, float]:
    """The line's own white between two letters and at the spaces that were read; 0 where too few tell."""
    letters = [_gap_between(a, b, gaps) for a, b in pairwise(glyphs) if a.best not in " .,:;" and b.best not in " .,:;"]
    spaces = [
        _gap_between(before, after, gaps)
        for before, at, after in zip(glyphs, glyphs[1:], glyphs[2:], strict=False)
        if at.best == " "
    ]
    return (
        float(np.median(letters)) if len(letters) >= 3 else 0.0,
        float(np.median(spaces)) if spaces else 0.0,
    )


def _ink_gaps(line: GrayImage) -> FloatArray:
    """Runs of columns without ink, shape (n, 2): start and end as shares of the length."""
    middle = line[line.shape[0] // 8 : -line.shape[0] // 8 or None]
    paper = float(np.percentile(middle, 85))
    darkness = np.maximum(0.0, paper - 30 - middle.astype(np.float32)).sum(axis=0)
    strong = float(np.percentile(darkness, 80))
    empty = darkness < max(20.0, 0.05 * strong)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    return np.asarray(edges.reshape(-1, 2) / line.shape[1], np.float32)


def _gap_between(left: Glyph, right: Glyph, gaps: FloatArray) -> float:
    """Width of the widest ink gap whose middle lies between two characters' centres."""
    a, b = (left.start + left.end) / 2, (right.start + right.end) / 2
    middles = gaps.mean(axis=1) if gaps.size else np.zeros(0, np.float32)
    inside = (middles > a) & (middles < b)
    return float((gaps[inside, 1] - gaps[inside, 0]).max()) if inside.any() else 0.0


def _snapped(word: list[Glyph], gaps: FloatArray) -> list[Glyph]:
    """Move the word's two ends to the ink: CTC steps say where a character is only to within its own width."""
    first, last = word[0], word[-1]
    a, b = (first.start + first.end) / 2, (last.start + last.end) / 2
    before = [float(end) for start, end in gaps if start < a and (start + end) / 2 <= a]
    after = [float(start) for start, end in gaps if end > b and (start + end) / 2 >= b]
    left = max(before, default=0.0)
    right = min(after, default=1.0)
    ends = list(word)
    ends[0] = Glyph(first.alternatives, min(left, first.end), first.end)
    ends[-1] = Glyph(last.alternatives, ends[-1].start, max(right, ends[-1].start))
    return ends
