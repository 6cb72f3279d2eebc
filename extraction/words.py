"""French words in boxes: word lists and letter statistics that say which of many possible strings was written."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from extraction.decoding import FLOOR, Guess, cells_of
from models.text import Character
from models.values.places import communes, plain_names, plain_place

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'- 0123456789"
"""What may stand in a cell; the space stands for an empty cell inside the text."""
_TRIED = 8
"""Alternatives a cell that are followed: the lists decide among many."""
_UNTHOUGHT = 2 * FLOOR
"""Probability of a letter that the reader does not list: a hand may write one letter just like another."""
_LETTERS = 28
_CODE = {symbol: number for number, symbol in enumerate(SYMBOLS)}
_SPACE = _CODE[" "]
_KEPT = 4

Lattice = NDArray[np.float64]
"""Shape (cells, len(SYMBOLS)): probability of each symbol in each cell."""


@dataclass(frozen=True, slots=True)
class Option:
    """A string with its unnormalised mass: how likely it is to be written times how well the lattice fits it."""

    text: str
    mass: float


class Vocabulary:
    """Words with how likely each is, kept by length so that a lattice is compared with all of them at once."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        total = sum(weights.values())
        grouped: dict[int, list[tuple[str, float]]] = {}
        for word, weight in weights.items():
            if word and _CODE.keys() >= set(word):
                grouped.setdefault(len(word), []).append((word, weight / total))
        self._words = {n: [word for word, _ in group] for n, group in grouped.items()}
        coded = str.maketrans({symbol: chr(code) for symbol, code in _CODE.items()})
        self._codes = {
            n: np.frombuffer("".join(words).translate(coded).encode("ascii"), np.uint8).reshape(-1, n).astype(np.int16)
            for n, words in self._words.items()
        }
        self._prior = {n: np.array([weight for _, weight in group]) for n, group in grouped.items()}

    def options(self, lattice: Lattice) -> tuple[list[Option], float]:
        """The best words of the lattice's length, and the mass of all of that length."""
        return self._best(len(lattice), lattice, cut=False)

    def beginnings(self, lattice: Lattice) -> tuple[list[Option], float]:
        """The same for words that are longer than the lattice, cut at its end."""
        found: list[Option] = []
        mass = 0.0
        for length in self._words:
            if length > len(lattice) >= 2:
                options, total = self._best(length, lattice, cut=True)
                found.extend(options)
                mass += total
        return sorted(found, key=lambda option: -option.mass)[:_KEPT], mass

    def _best(self, length: int, lattice: Lattice, *, cut: bool) -> tuple[list[Option], float]:
        codes = self._codes.get(length)
        if codes is None:
            return [], 0.0
        n = len(lattice)
        masses = self._prior[length] * lattice[np.arange(n)[None, :], codes[:, :n]].prod(axis=1)
        top = np.argsort(-masses)[:_KEPT]
        words = self._words[length]
        return [Option(words[k][:n] if cut else words[k], float(masses[k])) for k in top], float(masses.sum())


class LetterModel:
    """Letter statistics: how likely a letter is after the two before it, in French names."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        side = _LETTERS + 1
        known = str.maketrans({symbol: chr(code) for symbol, code in _CODE.items() if code < _LETTERS})
        edge = chr(_LETTERS)
        # all words at once: one by one they would take a tenth of a second of every start
        words = re.sub(f"[^\0-{edge}]", "", edge.join(weights).translate(known)).split(edge)
        codes = np.frombuffer("".join(f"{edge}{edge}{word}{edge}" for word in words).encode("ascii"), np.uint8)
        # three codes in a row from each place on but the last two of a word
        lengths = np.array([len(word) + 3 for word in words])
        starts = np.delete(np.arange(len(codes)), np.concatenate([lengths.cumsum() - 1, lengths.cumsum() - 2]))
        shares = np.repeat(np.fromiter(weights.values(), np.float64), lengths - 2)
        places = np.ravel_multi_index((codes[starts], codes[starts + 1], codes[starts + 2]), (side, side, side))
        counts = np.bincount(places, shares, minlength=side**3).reshape(side, side, side)
        single = counts.sum(axis=(0, 1)) + 1e-3 * counts.sum()
        single /= single.sum()
        pairs = counts.sum(axis=0)
        strength = 0.002 * counts.sum()
        after_one = (pairs + strength * single) / (pairs.sum(axis=1, keepdims=True) + strength)
        strength = 0.0004 * counts.sum()
        self._after = (counts + strength * after_one[None]) / (counts.sum(axis=2, keepdims=True) + strength)

    def options(self, lattice: Lattice, *, open_end: bool = False) -> tuple[list[Option], float]:
        """The likeliest strings of letters, and the mass of all of the lattice's length."""
        letters = lattice[:, :_LETTERS]
        alive = np.zeros((_LETTERS + 1, _LETTERS + 1))
        alive[_LETTERS, _LETTERS] = 1.0
        beam: list[tuple[float, tuple[int, ...]]] = [(1.0, (_LETTERS, _LETTERS))]
        for row in letters:
            following = np.zeros_like(alive)
            following[:, :_LETTERS] = np.einsum("ab,abc->bc", alive, self._after[:, :, :_LETTERS]) * row
            alive = following
            likely = np.flatnonzero(row > 5 * FLOOR) if (row > 5 * FLOOR).any() else np.argsort(-row)[:3]
            beam = sorted(
                (
                    (mass * float(self._after[path[-2], path[-1], k] * row[k]), (*path, int(k)))
                    for mass, path in beam
                    for k in likely
                ),
                reverse=True,
            )[:40]
        ends = np.ones(self._after.shape[:2]) if open_end else self._after[:, :, _LETTERS]
        found = [
            Option("".join(SYMBOLS[k] for k in path[2:]), mass * float(ends[path[-2], path[-1]])) for mass, path in beam
        ]
        return sorted(found, key=lambda option: -option.mass)[:_KEPT], float((alive * ends).sum())


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a word of a field is: one of several lists, letters without a list, or a number."""

    lists: tuple[tuple[Vocabulary, float], ...]
    letters: float
    numbers: float = 0.0


def decode_words(characters: Sequence[Character], mixtures: Sequence[Mixture]) -> list[Guess]:
    """The words in a comb, one after the other; an empty cell between two is a space.

    A cell that only looks empty (a thin stroke on a printed line) parts a word, a speck in the paper behind adds one:
    where that would explain the comb much better, it is believed.

    Args:
        mixtures: for the first word, the second, ...; the last one also for all that follow.
    """
    cells = cells_of(characters, _TRIED)
    lattice = lattice_of(cells)
    empty = [next(iter(cell)) == "" for cell in cells]
    as_seen = _words_in(cells, lattice, empty, mixtures)
    others = [_words_in(cells, lattice, changed, mixtures) for changed in _otherwise(cells, empty, as_seen)]
    whole = as_seen.mass + sum(other.mass for other in others)
    if not others or whole <= 0:
        return as_seen.guesses
    added: dict[str, float] = {}
    for line in (as_seen, *others):
        for guess in line.guesses:
            added[guess.text] = added.get(guess.text, 0.0) + line.mass / whole * guess.probability
    return [Guess(text, p) for text, p in sorted(added.items(), key=lambda item: -item[1])[: 2 * _KEPT]]


@dataclass(frozen=True, slots=True)
class _Line:
    """The words of a comb when it is settled which cells are empty."""

    guesses: list[Guess]
    mass: float
    """How likely such words are and how well the cells fit them, to compare with other lines of the same cells."""
    runs: list[tuple[int, int]]
    listed: list[bool]
    """Of each run: whether it is likelier a word of a list than any letters."""


def _words_in(
    cells: Sequence[Mapping[str, float]], lattice: Lattice, empty: Sequence[bool], mixtures: Sequence[Mixture]
) -> _Line:
    blanks = math.prod(cell.get("", FLOOR) for cell, blank in zip(cells, empty, strict=True) if blank)
    texts: list[Guess] = [Guess("", blanks)]
    mass, listed, runs = blanks, [], _runs(empty)
    for number, (start, stop) in enumerate(runs):
        mixture = mixtures[min(number, len(mixtures) - 1)]
        word = _word(lattice[start:stop], mixture, cut=stop == len(cells))
        mass *= word.mass
        listed.append(word.listed > 0.5)
        texts = [
            Guess(f"{before.text} {after.text}".strip(), before.probability * after.probability)
            for before in texts
            for after in word.guesses
        ]
        texts = sorted(texts, key=lambda guess: -guess.probability)[: 2 * _KEPT]
    return _Line(texts, mass, runs, listed)


_STRAY_GAP = 3
"""A lone mark so many empty cells behind the text is rather dirt or a printed line than a word."""
_STRAYS = frozenset("I1'-/.LJT")
_DIRT = 0.8
"""How likely it is dirt, behind the name of a town."""
_SURELY_EMPTY = 0.98


def _otherwise(cells: Sequence[Mapping[str, float]], empty: Sequence[bool], seen: _Line) -> list[list[bool]]:
    """Other opinions of which cells are empty that are worth a thought: each changes one cell."""
    found = []
    for number, (start, _) in enumerate(seen.runs):
        before = start - 1
        alone = before == 0 if number == 0 else seen.runs[number - 1][1] == before
        if not alone:
            continue
        strange = not all(seen.listed[max(0, number - 1) : number + 1])
        if strange or cells[before].get("", 0.0) < _SURELY_EMPTY:
            found.append([blank and k != before for k, blank in enumerate(empty)])
    stray = _stray(cells, seen.runs)
    if stray is not None:
        found.append([blank or k == stray for k, blank in enumerate(empty)])
    return found[:_KEPT]


def _stray(cells: Sequence[Mapping[str, float]], runs: Sequence[tuple[int, int]]) -> int | None:
    """The cell of a lone mark far behind the text."""
    if len(runs) < 2:
        return None
    (_, last), (start, stop) = runs[-2:]
    lone = stop - start == 1 and start - last >= _STRAY_GAP and next(iter(cells[start])) in _STRAYS
    return start if lone else None


def decode_place(characters: Sequence[Character], postal_code: str | None) -> list[Guess]:
    """The name of a town: one of the communes of the post code if one fits, of France, or any words."""
    words = decode_words(characters, (Mixture(((_place_words(), 0.6),), 0.4),))
    town = _town_in(characters)
    if town is None:
        return words
    near, near_mass = _communes_of(postal_code).options(town.lattice) if postal_code else ([], 0.0)
    total = _OF_THE_CODE * near_mass + town.anyhow
    if total <= 0:
        return words
    added: dict[str, float] = {}
    for option in near:
        added[option.text] = added.get(option.text, 0.0) + _OF_THE_CODE * option.mass / total * town.outside
    for option in town.communes:
        added[option.text] = added.get(option.text, 0.0) + _OF_FRANCE * option.mass / total * town.outside
    for guess in words:
        added[guess.text] = added.get(guess.text, 0.0) + _UNLISTED * town.free_mass / total * guess.probability
    return [Guess(text, p) for text, p in sorted(added.items(), key=lambda item: -item[1])][: 2 * _KEPT]


def fit_of_postal_code(characters: Sequence[Character]) -> Callable[[str], float]:
    """How many times likelier the cells of a town are behind a given post code than behind one of no town that fits.

    The factor is at least 1 and bounded: people do write a neighbouring town's code.
    """
    town = _town_in(characters)
    if town is None or town.anyhow <= 0:
        return lambda postal_code: 1.0

    def fit(postal_code: str) -> float:
        _, mass = _communes_of(postal_code).options(town.lattice)
        return min(_SUREST_FIT, 1.0 + _OF_THE_CODE * mass / town.anyhow)

    return fit


_OF_THE_CODE, _OF_FRANCE, _UNLISTED = 0.45, 0.35, 0.2
"""How often a town is a commune of its post code, any commune, or neither."""
_SUREST_FIT = 300.0


@dataclass(frozen=True, slots=True)
class _Town:
    """Cells in which the name of a town is written."""

    lattice: Lattice
    outside: float
    """Probability that the cells before and after are empty."""
    communes: list[Option]
    """Of all France."""
    free_mass: float
    """Of words that are no commune."""
    anyhow: float
    """Likelihood of the cells whatever the post code."""


def _town_in(characters: Sequence[Character]) -> _Town | None:
    cells = cells_of(characters, _TRIED)
    empty = [next(iter(cell)) == "" for cell in cells]
    runs = _runs(empty)
    if not runs:
        return None
    stray = _stray(cells, runs)
    first, last = runs[0][0], (runs[-1] if stray is None else runs[-2])[1]
    lattice = lattice_of(cells[first:last])
    blanks = (cell.get("", FLOOR) for k, cell in enumerate(cells) if not first <= k < last and k != stray)
    outside = math.prod(blanks) * (1.0 if stray is None else _DIRT)
    communes_here, mass = _all_communes().options(lattice)
    free = _free_mass(lattice, [k for k in range(last - first) if empty[first + k]])
    return _Town(lattice, outside, communes_here, free, _OF_FRANCE * mass + _UNLISTED * free)


def _free_mass(lattice: Lattice, spaces: Sequence[int]) -> float:
    """The mass of all words that may stand in a lattice with spaces at known places."""
    empty = [k in spaces for k in range(len(lattice))]
    mass = 1.0
    for start, stop in _runs(empty):
        _, letters = letter_model().options(lattice[start:stop])
        _, listed = _place_words().options(lattice[start:stop])
        mass *= 0.6 * listed + 0.4 * letters
    return mass * 0.3


def lattice_of(cells: Sequence[Mapping[str, float]]) -> Lattice:
    """Cells as an array; an empty cell is a space, and a hyphen in a name may be one too."""
    lattice = np.full((len(cells), len(SYMBOLS)), _UNTHOUGHT)
    for row, cell in zip(lattice, cells, strict=True):
        for character, probability in cell.items():
            code = _CODE.get(character, _SPACE if character == "" else -1)
            if code >= 0:
                row[code] = max(row[code], probability)
    return lattice


def _runs(empty: Sequence[bool]) -> list[tuple[int, int]]:
    """(start, stop) of the runs of cells that are written in."""
    runs, start = [], None
    for k, blank in enumerate((*empty, True)):
        if blank and start is not None:
            runs.append((start, k))
            start = None
        elif not blank and start is None:
            start = k
    return runs


@dataclass(frozen=True, slots=True)
class _Word:
    guesses: list[Guess]
    mass: float
    listed: float
    """Share of the mass that comes from lists and numbers."""


def _word(lattice: Lattice, mixture: Mixture, *, cut: bool) -> _Word:
    added: dict[str, float] = {}
    whole = 0.0

    def add(options: Iterable[Option], mass: float, weight: float) -> None:
        nonlocal whole
        whole += weight * mass
        for option in options:
            added[option.text] = added.get(option.text, 0.0) + weight * option.mass

    for vocabulary, weight in mixture.lists:
        add(*vocabulary.options(lattice), weight)
        if cut:
            add(*vocabulary.beginnings(lattice), 0.5 * weight)
    for before, share in _elisions(lattice):
        for vocabulary, weight in mixture.lists:
            options, mass = vocabulary.options(lattice[2:])
            add([Option(before + o.text, share * o.mass) for o in options], share * mass, weight)
    if mixture.numbers:
        options, mass = _numbers(lattice)
        add(options, mass, mixture.numbers)
    listed = whole
    add(*letter_model().options(lattice, open_end=cut), mixture.letters)
    ranked = sorted(added.items(), key=lambda item: -item[1])[:_KEPT]
    guesses = [Guess(text, mass / whole) for text, mass in ranked if whole > 0]
    return _Word(guesses, whole, listed / whole if whole > 0 else 0.0)


_ELIDED = 0.05
"""Share of words that L' or D' is written before, once each."""


def _elisions(lattice: Lattice) -> list[tuple[str, float]]:
    """L' and D' where a word may begin with them, and how likely that is."""
    if len(lattice) < 5 or lattice[1, _CODE["'"]] < 0.2:
        return []
    return [(f"{c}'", _ELIDED * float(lattice[0, _CODE[c]] * lattice[1, _CODE["'"]])) for c in "LD"]


def _numbers(lattice: Lattice) -> tuple[list[Option], float]:
    """House numbers: few digits; each further one is less likely."""
    figures = lattice[:, -10:]
    prior = (0.3, 0.4, 0.25, 0.05)[min(len(lattice), 4) - 1] / 10 ** len(lattice)
    best = figures.argmax(axis=1)
    options = [Option("".join(str(k) for k in best), prior * float(figures.max(axis=1).prod()))]
    # The runner-up: the least sure digit changed.
    ranked = np.sort(figures, axis=1)
    weakest = int((ranked[:, -2] / ranked[:, -1]).argmax())
    other = best.copy()
    other[weakest] = int(np.argsort(figures[weakest])[-2])
    options.append(
        Option("".join(str(k) for k in other), options[0].mass * float(ranked[weakest, -2] / ranked[weakest, -1]))
    )
    return options, prior * float(figures.sum(axis=1).prod())


@cache
def lists() -> dict[str, list[str]]:
    """The shipped lists by name, most frequent first."""
    folder = resources.files("extraction")
    found: dict[str, list[str]] = {}
    for line in gzip.decompress(folder.joinpath("names_fr.csv.gz").read_bytes()).decode().splitlines():
        kind, _, name = line.partition(";")
        found.setdefault(kind, []).append(name)
    by_hand: dict[str, str] = json.loads(folder.joinpath("words_fr.json").read_text(encoding="utf-8"))
    found.update({kind: words.split() for kind, words in by_hand.items()})
    return found


def _ranked(words: Iterable[str], flat: float) -> dict[str, float]:
    """Weights after Zipf: the n-th word 1 / (n + flat). Names of several words count for each of them."""
    weights: dict[str, float] = {}
    for rank, entry in enumerate(words):
        for word in entry.split():
            weights[word] = weights.get(word, 0.0) + 1 / (rank + flat)
    return weights


@cache
def vocabulary(*names: str) -> Vocabulary:
    """Lists of `names_fr.csv.gz` and `words_fr.json` put together."""
    weights: dict[str, float] = {}
    for name in names:
        own = _ranked(lists()[name], 30.0 if name in ("surname", "first") else 12.0)
        total = sum(own.values())
        for word, weight in own.items():
            weights[word] = weights.get(word, 0.0) + weight / total
    return Vocabulary(weights)


@cache
def _all_communes() -> Vocabulary:
    return Vocabulary(dict.fromkeys(plain_names().values(), 1.0))


@cache
def _communes_of(postal_code: str) -> Vocabulary:
    return Vocabulary({plain_place(name): 1.0 for name in communes().get(postal_code, ())})


@cache
def _place_words() -> Vocabulary:
    weights: dict[str, float] = {"ST": 1500.0, "STE": 300.0, "CEDEX": 300.0}
    plain = plain_names()
    for names in communes().values():
        for name in names:
            for word in plain[name].split():
                weights[word] = weights.get(word, 0.0) + 1.0
    return Vocabulary(weights)


@cache
def letter_model() -> LetterModel:
    """Letter statistics of names of people, towns and streets."""
    weights: dict[str, float] = {}
    for name, share in (("surname", 0.5), ("first", 0.25)):
        own = _ranked(lists()[name], 200.0)
        total = sum(own.values())
        for word, weight in own.items():
            weights[word] = weights.get(word, 0.0) + share * weight / total
    parts = [word for town in set(plain_names().values()) for word in town.split()]
    for word in parts:
        weights[word] = weights.get(word, 0.0) + 0.25 / len(parts)
    return LetterModel(weights)
