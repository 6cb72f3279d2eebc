"""What people write on a line, letter by letter: how much likelier a character is after what stands before it.

A list of words says which letters can follow the letters of a word begun; triples of letters say the rest. Both are
soft: a word that no list holds is unlikely, not impossible.
"""

from __future__ import annotations

import copy
import gzip
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from string import ascii_lowercase, digits

import numpy as np
from numpy.typing import NDArray

from extraction.email_addresses import PROVIDERS, local_parts
from extraction.words import lists
from models.values.places import communes, unaccented

Likely = Callable[[str, str], float]
"""(text so far, character) -> how much likelier than usual such a character is there; 1.0 says nothing."""

_TRUST = 0.45
"""Power of what is usual, against what the picture says."""
_UNKNOWN = 0.05
"""Share of words that no list holds."""
_EVEN = 1 / 25
"""How likely a character is that nothing is known of; one that is as likely is neither favoured nor held back."""
_IN_TEXT = 0.6
"""Share of French words that is given by how often they come, the rest by the dictionary alone."""
_REMEMBERED = 200_000

_BEGUN = re.compile(r"[^\W\d_]*$")
_DIGITS_BEGUN = re.compile(r"[0-9]*$")


class Words:
    """Weighted words, asked for what may follow a beginning."""

    def __init__(self, words: Sequence[bytes], weights: NDArray[np.float64]) -> None:
        """Args:
        words: in UTF-8, ascending. weights: of each; need not add up to anything.
        """
        self._words = np.array(words)
        self._sums = np.concatenate(([0.0], np.cumsum(weights / weights.sum())))

    @staticmethod
    def of(weights: Mapping[str, float]) -> Words:
        """Words in any order."""
        ordered = sorted((word.encode("utf-8"), weight) for word, weight in weights.items() if word)
        return Words([word for word, _ in ordered], np.array([weight for _, weight in ordered]))

    def begun(self, start: str) -> float:
        """Share of the words that begin so."""
        key = start.encode("utf-8")
        # No UTF-8 text holds this byte: it stands behind everything that begins with `start`.
        return self._between(key, key + b"\xff")

    def ended(self, word: str) -> float:
        """Share of exactly this word."""
        key = word.encode("utf-8")
        return self._between(key, key + b"\x01")

    def _between(self, low: bytes, high: bytes) -> float:
        first = bisect_left(self._words, low)
        return float(self._sums[bisect_left(self._words, high, first)] - self._sums[first])


class WritingModel:
    """How likely characters are on a line of one kind."""

    def __init__(self, words: Words, triples: Mapping[str, int], *, accents: bool) -> None:
        """Args:
        words: in small letters. triples: counts of three characters in running text.
        accents: whether the words have theirs; otherwise é counts as e.
        """
        self._words, self._accents = words, accents
        self._triples = triples
        self._pairs: dict[str, int] = {}
        self._singles: dict[str, int] = {}
        for triple, count in triples.items():
            self._pairs[triple[1:]] = self._pairs.get(triple[1:], 0) + count
            self._singles[triple[2]] = self._singles.get(triple[2], 0) + count
        self._before_triple: dict[str, int] = {}
        for triple, count in triples.items():
            self._before_triple[triple[:2]] = self._before_triple.get(triple[:2], 0) + count
        self._total = sum(self._singles.values())
        self._known: dict[tuple[str, str, str], float] = {}

    def __call__(self, before: str, character: str) -> float:
        """How much likelier than usual a character is after a text; 1.0 is neither."""
        text, following = self._plain(before[-24:]), self._plain(character)
        found = _BEGUN.search(text)
        begun = found.group() if found else ""
        key = (begun, text[-2:], following)
        if key not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[key] = (self._probability(*key) / _EVEN) ** _TRUST
        return self._known[key]

    def _probability(self, begun: str, last_two: str, character: str) -> float:
        usual = self._by_letters(last_two, character)
        whole = self._words.begun(begun) if begun else 1.0
        if whole <= 0:
            return _UNKNOWN * usual
        if character.isalpha():
            listed = self._words.begun(begun + character) / whole
        else:
            ends = self._words.ended(begun) / whole if begun else 1.0
            listed = ends * min(1.0, 3 * usual)
        return _UNKNOWN * usual + (1 - _UNKNOWN) * listed

    def _by_letters(self, last_two: str, character: str) -> float:
        """Triples, backed by pairs, by single characters, by nothing."""
        context = f"  {last_two}"[-2:]
        p = (self._singles.get(character, 0) + 3 / 100) / (self._total + 3)
        p = (self._pairs.get(context[1] + character, 0) + 3 * p) / (self._singles.get(context[1], 0) + 3)
        return (self._triples.get(context + character, 0) + 3 * p) / (self._before_triple.get(context, 0) + 3)

    def _plain(self, text: str) -> str:
        low = text.lower()
        return low if self._accents else unaccented(low)


class AddressModel:
    """How likely characters are in an e-mail address: names, then a provider."""

    _SIGNS: Mapping[str, float] = {"@": 0.5, ".": 0.16, "_": 0.1, "-": 0.08, "+": 0.002}
    """What follows the end of a name; digits share the rest."""
    _AFTER_NUMBER: Mapping[str, float] = {"@": 0.9, ".": 0.025, "_": 0.025, "-": 0.025}

    _JOINED = 0.35
    """Share of names that another follows without a sign between them."""

    _OWN = 0.6
    """Share of the names in an address that are the writer's own, where those are known."""

    def __init__(self, names: Mapping[str, float], providers: Mapping[str, float]) -> None:
        """Args:
        names, providers: how often each comes; need not add up to anything.
        """
        self._providers = Words.of(providers)
        self._kinds: tuple[tuple[float, Words, Mapping[str, float]], ...] = ((1.0, *_with_initials(names)),)
        self._made: Collection[str] = ()
        self._known: dict[tuple[str, bool, str], float] = {}
        self._masses: dict[str, tuple[float, float]] = {}
        self._starts: dict[str, tuple[float, ...]] = {}

    def of(self, names: Sequence[str]) -> AddressModel:
        """The model for somebody of these names, in small letters without accents."""
        if not names:
            return self
        own = copy.copy(self)
        _, words, shares = self._kinds[0]
        own._kinds = ((1 - self._OWN, words, shares), (self._OWN, *_with_initials(dict.fromkeys(names, 1.0))))
        own._made = local_parts(names)
        own._known, own._masses, own._starts = {}, {}, {}
        return own

    def __call__(self, before: str, character: str) -> float:
        """How much likelier than usual a character is after the beginning of an address; 1.0 is neither."""
        local, at, domain = before.partition("@")
        found = _BEGUN.search(local)
        number = _DIGITS_BEGUN.search(local)
        run = (number.group() if number else "") or (found.group() if found else "")
        key = (domain if at else run, bool(at), character)
        if key not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            chance = self._in_domain(domain, character) if at else self._in_local(key[0], character)
            self._known[key] = (chance / _EVEN) ** _TRUST
        made = character == "@" and not at and local.rstrip(digits).rstrip("._-") in self._made
        return self._known[key] * (_OF_OWN_NAMES if made else 1.0)

    def _in_domain(self, domain: str, character: str) -> float:
        if character == "@":
            return 1e-4
        whole = self._providers.begun(domain) if domain else 1.0
        listed = self._providers.begun(domain + character) / whole if whole > 0 else 0.0
        return 0.1 * _EVEN + 0.9 * listed

    def _in_local(self, run: str, character: str) -> float:
        if run[:1].isdigit():
            further = _further(run)
            return further / 10 if character.isdigit() else (1 - further) * self._AFTER_NUMBER.get(character, 0.003)
        begun, ended = self._of_names(run)
        if character.isalpha():
            listed = self._of_names(run + character)[0] / begun if begun > 0 else 0.0
            return 0.2 * _EVEN + 0.8 * listed
        share = self._SIGNS.get(character, 0.016)
        ends = min(1.0, ended / begun) if run and begun > 0 else 0.3
        return 0.3 * share + 0.7 * share * ends

    def _of_names(self, run: str) -> tuple[float, float]:
        """The share of letters that begin like `run`, names one after the other, and of those that may end there."""
        if run not in self._masses:
            if len(self._masses) > _REMEMBERED:
                self._masses.clear()
                self._starts.clear()
            starts = self._starting(run)
            begun = sum(start * self._begun(run[k:]) for k, start in enumerate(starts) if start)
            self._masses[run] = begun, starts[-1] / self._JOINED
        return self._masses[run]

    def _starting(self, run: str) -> tuple[float, ...]:
        """How likely a name begins at each place of letters, their end included."""
        if not run:
            return (1.0,)
        found = self._starts.get(run)
        if found is None:
            before = self._starting(run[:-1])
            ended = sum(start * self._share(run[k:]) for k, start in enumerate(before) if start)
            found = self._starts[run] = (*before, self._JOINED * ended)
        return found

    def _share(self, name: str) -> float:
        share = 0.0
        for weight, _, own in self._kinds:
            share += weight * own.get(name, 0.0)
        return share

    def _begun(self, start: str) -> float:
        return sum(share * words.begun(start) for share, words, _ in self._kinds) if start else 1.0


def _further(number: str) -> float:
    """How likely a number in an address has one more digit: a county, a year of two or four digits, a post code."""
    if number[:2] in ("19", "20") and len(number) in (2, 3):
        return 0.6 if len(number) == 2 else 0.9
    return (0.7, 0.15, 0.2, 0.05)[len(number) - 1] if len(number) < 5 else 0.03


def _with_initials(names: Mapping[str, float]) -> tuple[Words, dict[str, float]]:
    """Names and their first letters, which stand for them in addresses; and the share of each."""
    total = sum(names.values())
    letters = sorted({name[0] for name in names}) if len(names) < len(ascii_lowercase) else ascii_lowercase
    every = {**dict.fromkeys(letters, _INITIALS * total / len(letters)), **names}
    whole = sum(every.values())
    return Words.of(every), {name: weight / whole for name, weight in every.items()}


_INITIALS = 0.05
_OF_OWN_NAMES = 4.0
"""How much likelier an address is that the writer's names make up as people do, numbers aside."""


def writing_model(value_type: str, names: Sequence[str] = ()) -> Likely | None:
    """The model of what is written for a type of value; `None` where anything may stand.

    Args:
        names: of the writer, in small letters without accents; addresses are mostly made of them.
    """
    if value_type == "email":
        return _addresses().of(names)
    maker = _MODELS.get(value_type)
    return maker() if maker else None


@cache
def _french() -> WritingModel:
    # in ascending order: half a million rows are not sorted again in each process
    words = _shipped()[1].split(b"\n")
    counts = np.zeros(len(words))
    for place in [place for place, row in enumerate(words) if b" " in row]:
        words[place], count = words[place].split(b" ")
        counts[place] = int(count)
    shares = (1 - _IN_TEXT) / len(words) + _IN_TEXT / counts.sum() * counts
    return WritingModel(Words(words, shares), _triples(), accents=True)


def _shipped() -> tuple[bytes, bytes]:
    """Rows of three letters with their count, and rows of words, those that come in text with their count."""
    packed = resources.files("extraction").joinpath("french.txt.gz").read_bytes()
    head, _, tail = gzip.decompress(packed).partition(b"\n\n")
    return head, tail


@cache
def _triples() -> dict[str, int]:
    return {row[:3]: int(row[3:]) for row in _shipped()[0].decode("utf-8").split("\n")}


@cache
def _names() -> WritingModel:
    return WritingModel(Words.of(_people()), _triples(), accents=False)


@cache
def _places() -> WritingModel:
    weights: dict[str, float] = {}
    for names in communes().values():
        for name in names:
            for word in _letters(name):
                weights[word] = weights.get(word, 0.0) + 1.0
    weights.update(st=1500.0, ste=300.0, cedex=300.0)
    return WritingModel(Words.of(weights), _triples(), accents=False)


@cache
def _streets() -> WritingModel:
    weights = {word: 0.35 * weight for word, weight in _people().items()}
    for kind, share in (("type", 0.35), ("link", 0.25), ("street", 0.4)):
        for word, weight in _ranked(lists()[kind], 12.0).items():
            weights[word] = weights.get(word, 0.0) + share * weight
    return WritingModel(Words.of(weights), _triples(), accents=False)


@cache
def _addresses() -> AddressModel:
    providers = {name: 1 / (rank + 3) for rank, name in enumerate(PROVIDERS)}
    return AddressModel(_people(), providers)


@cache
def _people() -> dict[str, float]:
    weights: dict[str, float] = {}
    for kind, share in (("surname", 0.5), ("first", 0.45), ("particle", 0.04), ("firm", 0.01)):
        for word, weight in _ranked(lists()[kind], 60.0).items():
            weights[word] = weights.get(word, 0.0) + share * weight
    weights.update(m=0.01, mr=0.01, mme=0.015, mlle=0.003, et=0.01)
    return weights


def _ranked(names: list[str], flat: float) -> dict[str, float]:
    """Weights after Zipf, adding up to about 1: the n-th name 1 / (n + flat)."""
    weights: dict[str, float] = {}
    for rank, name in enumerate(names):
        for word in _letters(name):
            weights[word] = weights.get(word, 0.0) + 1 / (rank + flat)
    total = sum(weights.values())
    return {word: weight / total for word, weight in weights.items()}


def _letters(name: str) -> list[str]:
    plain = unaccented(name).lower()
    return [plain] if plain.isalpha() and plain.isascii() else re.findall(r"[a-z]+", plain)


_MODELS: Mapping[str, Callable[[], Likely]] = {
    "text": _french,
    "name": _names,
    "city": _places,
    "street": _streets,
}
