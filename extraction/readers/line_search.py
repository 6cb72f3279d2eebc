"""Which texts a CTC lattice may spell, and how likely each is: more than its best path tells."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray

Likely = Callable[[str, str], float]
"""(text so far, character) -> how much likelier than usual such a character is there; 1.0 says nothing."""

_LEAST = 2e-3
"""A character less likely than this at a step is not followed there."""
_FLOOR = 1e-7


def folding(classes: Sequence[str], alphabet: str) -> tuple[FloatArray, tuple[str, ...]]:
    """How to turn the classes of a head into those of a field.

    A capital in a field of small letters counts as its small letter, an accented letter in a field without accents as
    its base: people write as they are used to. Where no blank can stand, a gap is an underscore or a point that went
    with the ruled line it was written on. What has no like in the field is dropped.

    Args:
        classes: class 0 is the CTC blank.
    Returns: shape (classes, field's classes), 0 to 1; and the field's classes, the blank first.
    """
    kept = ("", *dict.fromkeys(alphabet))
    place = {name: number for number, name in enumerate(kept)}
    matrix = np.zeros((len(classes), len(kept)), np.float32)
    matrix[0, 0] = 1.0
    for number, name in enumerate(classes[1:], start=1):
        like = next((form for form in _forms(name) if form in place), None)
        if like:
            matrix[number, place[like]] = 1.0
        elif name == " " and "_" in place:
            for sign, share in _IN_A_GAP.items():
                matrix[number, place[sign]] = share
    return matrix, kept


_IN_A_GAP = {"_": 0.7, ".": 0.3}
"""What a gap in an address may have held."""


def _forms(name: str) -> list[str]:
    base = unicodedata.normalize("NFD", name)[0] if name else name
    return [name, name.lower(), name.upper(), base, base.lower(), base.upper()]


def folded(probabilities: FloatArray, matrix: FloatArray) -> FloatArray:
    """Probabilities of a field's classes, shape (steps, field's classes), rows sum to 1."""
    kept = probabilities @ matrix + np.float32(1e-9)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True), np.float32)


def likeliest(
    probabilities: FloatArray, classes: Sequence[str], *, keep: int = 8, likely: Likely | None = None
) -> list[tuple[str, float]]:
    """The likeliest texts with the logarithm of their mass, best first: prefix beam search.

    Args:
        probabilities: shape (steps, classes), class 0 is the blank.
        likely: weighs each further character by what stands before it.
    Source: Hannun et al., First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
        DNNs, 2014 (prefix search).
    """
    # text -> mass that ends in a blank, mass that ends in its last character; scaled anew each step.
    alive: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    scale = 0.0
    for row in probabilities:
        blank = float(row[0])
        followed = [(classes[int(k)], float(row[k])) for k in np.flatnonzero(row > _LEAST) if k]
        grown: dict[str, tuple[float, float]] = {}
        if not followed and len(alive) > 0:
            alive = {text: ((a + b) * blank, 0.0) for text, (a, b) in alive.items()}
        else:
            _grow(alive, grown, blank, followed, likely)
            best = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))[: 2 * keep]
            alive = dict(best)
        largest = max(a + b for a, b in alive.values())
        if largest <= 0:
            return []
        scale += math.log(largest)
        alive = {text: (a / largest, b / largest) for text, (a, b) in alive.items()}
    added: dict[str, float] = {}
    for text, (a, b) in alive.items():
        added[text.strip()] = added.get(text.strip(), 0.0) + a + b
    ranked = sorted(added.items(), key=lambda item: -item[1])[:keep]
    return [(text, scale + math.log(mass)) for text, mass in ranked if mass > 0]


def _grow(
    alive: dict[str, tuple[float, float]],
    grown: dict[str, tuple[float, float]],
    blank: float,
    followed: Sequence[tuple[str, float]],
    likely: Likely | None,
) -> None:
    for text, (in_blank, in_last) in alive.items():
        both = in_blank + in_last
        before = grown.get(text, (0.0, 0.0))
        grown[text] = (before[0] + both * blank, before[1])
        last = text[-1:]
        for character, probability in followed:
            mass = both
            if character == last:
                before = grown[text]
                grown[text] = (before[0], before[1] + in_last * probability)
                mass = in_blank
            if character == " " and last in ("", " "):
                continue
            weight = probability if likely is None else probability * likely(text, character)
            longer = text + character
            before = grown.get(longer, (0.0, 0.0))
            grown[longer] = (before[0], before[1] + mass * weight)


def log_likelihood(likely: Likely, text: str) -> float:
    """Logarithm of how much likelier than usual a whole text is."""
    return sum(math.log(max(1e-9, likely(text[:k], character))) for k, character in enumerate(text))


def log_masses(probabilities: FloatArray, classes: Sequence[str], texts: Sequence[str]) -> NDArray[np.float64]:
    """Logarithms of the probability that the lattice spells exactly each of the texts, shape (texts,).

    Minus infinity for a text that it cannot spell: too long, or of characters that are no classes.

    Source: Graves et al., Connectionist Temporal Classification, ICML 2006 (forward variables).
    """
    targets = [_codes(classes, text) for text in texts]
    found = np.full(len(texts), -np.inf)
    known = [k for k, target in enumerate(targets) if target is not None]
    if not known:
        return found
    parts = [_states(target) for target in targets if target is not None]
    longest = max(len(labels) for labels, _ in parts)
    labels = np.zeros((len(parts), longest), np.int64)
    jump = np.zeros((len(parts), longest), np.float64)
    ends = np.array([len(own) for own, _ in parts])
    for k, (own, jumps) in enumerate(parts):
        labels[k, : len(own)], jump[k, : len(own)] = own, jumps
    floored = np.maximum(probabilities.astype(np.float64), _FLOOR)
    mass = np.zeros(labels.shape)
    mass[:, :2] = floored[0][labels[:, :2]]
    scale = np.zeros(len(parts))
    for row in floored[1:]:
        moved = mass.copy()
        moved[:, 1:] += mass[:, :-1]
        moved[:, 2:] += jump[:, 2:] * mass[:, :-2]
        mass = moved * row[labels]
        total = np.maximum(mass.sum(axis=1), 1e-300)
        mass /= total[:, None]
        scale += np.log(total)
    rows = np.arange(len(parts))
    ended = mass[rows, ends - 1] + np.where(ends > 1, mass[rows, np.maximum(ends - 2, 0)], 0.0)
    with np.errstate(divide="ignore"):
        found[known] = scale + np.log(ended)
    return found


def aligned(probabilities: FloatArray, target: NDArray[np.int64]) -> list[float] | None:
    """The step in the middle of each character on the likeliest path that spells `target`; `None` without room.

    Args:
        probabilities: shape (steps, classes). target: classes, shape (characters,).
    """
    if not len(target):
        return []
    labels, jump = _states(target)
    logs = np.log(np.maximum(probabilities[:, labels].astype(np.float64), _FLOOR))
    score = np.full(len(labels), -np.inf)
    score[:2] = logs[0, :2]
    back = np.zeros(logs.shape, np.int8)
    for step in range(1, len(logs)):
        one = np.concatenate(([-np.inf], score[:-1]))
        two = np.where(jump, np.concatenate(([-np.inf, -np.inf], score))[: len(score)], -np.inf)
        choices = np.stack((score, one, two))
        back[step] = choices.argmax(axis=0)
        score = choices.max(axis=0) + logs[step]
    state = len(labels) - 1 if score[-1] >= score[-2] else len(labels) - 2
    if not np.isfinite(score[state]):
        return None
    seen: dict[int, list[int]] = {}
    for step in range(len(logs) - 1, -1, -1):
        if state % 2:
            seen.setdefault(state // 2, []).append(step)
        state -= int(back[step, state])
    return [float(np.mean(seen[k])) for k in range(len(target))] if len(seen) == len(target) else None


def _codes(classes: Sequence[str], text: str) -> NDArray[np.int64] | None:
    place = {name: number for number, name in enumerate(classes) if name}
    codes = [place.get(character, -1) for character in text]
    return None if -1 in codes else np.array(codes, np.int64)


def _states(target: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with blanks between, and where a blank may be jumped over."""
    labels = np.zeros(2 * len(target) + 1, np.int64)
    labels[1::2] = target
    jump = np.zeros(len(labels), bool)
    jump[3::2] = target[1:] != target[:-1]
    return labels, jump
