"""From the characters that may stand in each cell to the value that can be true, and how sure that is.

Every search runs over all strings of the lattice at once, so that the probability of the best one is its share of all
that could have been written, not a score.
"""

from __future__ import annotations

import calendar
import heapq
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from models.text import Character

FLOOR = 2e-4
"""Probability of a character the reader does not list: readers are wrong in ways they do not foresee."""
MISWRITTEN = 0.02
"""Share of people who write a number whose check digits are wrong, or a day that does not exist."""
_NEGLIGIBLE = 1e-7
"""A month so much less likely than the likeliest is not looked at day by day, nor is any day of an empty field."""
_TRIED = 6
"""Alternatives a cell that are followed when nothing else is said."""

Step = Callable[[Hashable, int, str], "tuple[Hashable, float] | None"]
"""(state, position, character) -> (next state, how likely such a character is there), `None` when it cannot be."""
Final = Callable[[Hashable], float]
"""How likely it is that what was written ends in this state; 0 when it cannot."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A string that may have been written; its probability among all that may have been."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Path:
    """A string with its mass, not yet a probability."""

    text: str
    mass: float


def cells_of(characters: Sequence[Character], tried: int = _TRIED) -> list[dict[str, float]]:
    """The lattice as one mapping a cell, character -> probability, best first; never empty.

    Args:
        tried: alternatives a cell that are followed.
    """
    cells = []
    for character in characters:
        listed = {c: max(p, FLOOR) for c, p in character.alternatives[:tried]}
        listed.setdefault("", FLOOR)
        cells.append(listed)
    return cells


_Way = tuple[float, Hashable, str, float]
"""How a state is reached: mass of the likeliest string that comes so, state before, what is written, its factor."""


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """All strings that a rule allows over a lattice, by the state they end in."""

    ends: Mapping[Hashable, float]
    """State -> mass of all strings that end in it."""
    ways: Sequence[Mapping[Hashable, list[_Way]]]
    """Of each cell, by the state behind it: the ways there."""

    def mass(self, final: Final) -> float:
        """The probability of all strings together."""
        return sum(total * final(state) for state, total in self.ends.items())

    def likeliest(self, final: Final, *, keep: int) -> list[Path]:
        """Strings best first, at most `keep` that end in one state and `4 * keep` in all.

        They are followed from their ends: the mass of the likeliest string to each state says which comes next.
        """
        if not self.ways:
            return [Path("", total * final(state)) for state, total in self.ends.items() if final(state) > 0]
        queue: list[tuple[float, int, Hashable, int, Hashable, int, str, float]] = []
        ordered: dict[tuple[int, Hashable], list[_Way]] = {}
        # Of equal strings the one begun last comes first, or all of a thousand would be followed side by side.
        turn = itertools.count(0, -1)

        def ways_to(position: int, state: Hashable) -> list[_Way]:
            if (position, state) not in ordered:
                ordered[position, state] = sorted(self.ways[position][state], key=lambda way: -way[0])
            return ordered[position, state]

        last = len(self.ways) - 1
        for end in self.ends:
            weight = final(end)
            if weight > 0:
                best = -ways_to(last, end)[0][0] * weight
                heapq.heappush(queue, (best, next(turn), end, last, end, 0, "", weight))
        found: list[Path] = []
        counted: dict[Hashable, int] = {}
        while queue and len(found) < 4 * keep:
            bound, _, end, position, state, place, text, mass = heapq.heappop(queue)
            if counted.get(end, 0) == keep:
                continue
            ways = ways_to(position, state)
            if place + 1 < len(ways):
                further = max(bound, -ways[place + 1][0] * mass)
                heapq.heappush(queue, (further, next(turn), end, position, state, place + 1, text, mass))
            _, before, written, factor = ways[place]
            if position:
                item = (bound, next(turn), end, position - 1, before, 0, written + text, mass * factor)
                heapq.heappush(queue, item)
            else:
                found.append(Path(written + text, mass * factor))
                counted[end] = counted.get(end, 0) + 1
        return sorted(found, key=lambda path: -path.mass)


def searched(
    cells: Sequence[Mapping[str, float]], *, start: Hashable, step: Step, widest: int = 400, blank: str = ""
) -> Searched:
    """Follow a rule over a lattice: forward algorithm over (position, state).

    Exact while no more than `widest` states live at once.

    Args:
        cells: character -> probability for each cell; "" is an empty cell, written into the text as `blank`.
    """
    alive: dict[Hashable, tuple[float, float]] = {start: (1.0, 1.0)}
    ways: list[Mapping[Hashable, list[_Way]]] = []
    for position, cell in enumerate(cells):
        totals: dict[Hashable, float] = {}
        came: dict[Hashable, list[_Way]] = {}
        for state, (total, best) in alive.items():
            for character, probability in cell.items():
                moved = step(state, position, character)
                if moved is None:
                    continue
                target, weight = moved
                factor = probability * weight
                way = (best * factor, state, character or blank, factor)
                if target in totals:
                    totals[target] += total * factor
                    came[target].append(way)
                else:
                    totals[target] = total * factor
                    came[target] = [way]
        kept = totals if len(totals) <= widest else heapq.nlargest(widest, totals, key=totals.__getitem__)
        alive = {state: (totals[state], max(way[0] for way in came[state])) for state in kept}
        ways.append(came)
    return Searched({state: total for state, (total, _) in alive.items()}, ways)


def search(
    cells: Sequence[Mapping[str, float]], *, start: Hashable, step: Step, final: Final, keep: int = 4
) -> tuple[list[Path], float]:
    """The likeliest strings that a rule allows, and the probability of all that it allows together: see `searched`."""
    found = searched(cells, start=start, step=step)
    return found.likeliest(final, keep=keep), found.mass(final)


def guesses(paths: Sequence[Path], mass: float, other: float = 0.0) -> list[Guess]:
    """Strings with their share of `mass` and of what else may be true; equal texts are added up."""
    whole = mass + other
    added: dict[str, float] = {}
    for path in paths:
        added[path.text] = added.get(path.text, 0.0) + path.mass
    ranked = sorted(added.items(), key=lambda item: -item[1])
    return [Guess(text, min(1.0, value / whole)) for text, value in ranked if whole > 0]


def weighed(path: Path, weight: float) -> Path:
    """The same string, likelier or less."""
    return Path(path.text, path.mass * weight)


def run_of(characters: str, *, gaps: bool = False) -> tuple[Hashable, Step, Final]:
    """Rule: one run of `characters`, with empty cells before and behind it; with `gaps`, empty cells inside as well.

    State: 0 before the run, 1 in it, 2 behind it, `_BROKEN` from the first character behind a gap on.
    """
    allowed = frozenset(characters)

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if character == "":
            return (state if state in (0, _BROKEN) else 2), 1.0
        if character not in allowed:
            return None
        if state in (0, 1):
            return 1, 1.0
        return (_BROKEN, 1.0) if gaps else None

    return 0, step, lambda state: 1.0


_BROKEN = 3


def run(characters: Sequence[Character], alphabet: str, *, keep: int = 4) -> list[Guess]:
    """One run of characters; "" when nothing is written.

    What looks like an empty cell inside the run is a character nobody can read: it takes its share of the probability.
    """
    start, step, final = run_of(alphabet, gaps=True)
    found = searched(cells_of(characters), start=start, step=step)

    def unbroken(state: Hashable) -> float:
        return float(state != _BROKEN)

    mass = found.mass(unbroken)
    return guesses(found.likeliest(unbroken, keep=keep), mass, max(0.0, found.mass(final) - mass))


def number(characters: Sequence[Character]) -> list[Guess]:
    """Digits in one run; "" when nothing is written."""
    return run(characters, "0123456789")


def surprise(cells: Sequence[Mapping[str, float]]) -> float:
    """Probability that some cell holds what the reader gave no thought to; more where it is unsure anyway.

    A check digit turns such an error into another value whose digits are right once in `odds` times.
    """
    doubts = sum(1 - max(cell.values(), default=0.0) for cell in cells)
    return min(0.5, 0.003 * len(cells) + 0.1 * doubts)


def illegible(cells: Sequence[Mapping[str, float]]) -> float:
    """The mass that a search without empty cells leaves out: some cell among written ones looks empty."""
    whole = filled = 1.0
    for cell in cells:
        total = sum(cell.values())
        whole *= total
        filled *= total - cell.get("", 0.0)
    return max(0.0, whole - filled)


def checked(
    characters: Sequence[Character],
    *,
    alphabets: Sequence[str],
    residue: Callable[[int, int, str], int],
    start: int,
    right: Callable[[int], bool],
    odds: float,
) -> list[Guess]:
    """Strings of one fixed shape whose check digits are right, against all of that shape whose are not.

    Args:
        alphabets: what may stand in each cell. residue: (so far, position, character) -> new residue.
        right: whether the last residue is the one of a true value. odds: how many strings of the shape there are for
            one that is right (97, 10).
    Returns: guesses; a written value with wrong check digits takes its share of the probability away.
    """
    cells = cells_of(characters)[: len(alphabets)]
    if len(cells) < len(alphabets):
        return []

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if character == "" or character not in alphabets[position] or not isinstance(state, int):
            return None
        return residue(state, position, character), 1.0

    found = searched(cells, start=start, step=step)

    def valid(state: Hashable) -> float:
        return float(isinstance(state, int) and right(state))

    everything, mass = found.mass(lambda state: 1.0), found.mass(valid)
    paths = found.likeliest(valid, keep=4)
    wrong = max(0.0, everything - mass) * MISWRITTEN / ((1 - MISWRITTEN) * odds)
    return guesses(paths, mass, wrong + everything * surprise(cells) / odds)


def day(
    characters: Sequence[Character], *, earliest: date, latest: date, usual: Callable[[date], float], pivot: int
) -> list[Guess]:
    """A day written DDMMYYYY or DDMMYY, as ISO dates; the calendar and the window say what can be.

    Args:
        earliest, latest: days outside cannot be. usual: weight of a day; need not add up to anything.
        pivot: two-digit years up to it are of this century, above it of the last.
    Returns: guesses; "" when nothing is written.
    """
    cells = cells_of(characters)
    if len(cells) not in (6, 8):
        return []
    days = _pair(cells[0], cells[1])
    months = _pair(cells[2], cells[3])
    years = _years(cells[4:], pivot)
    weights: list[tuple[float, date]] = []
    window = _months(earliest, latest, usual)
    norm = 30.4 * sum(weight for *_, weight in window)
    by_month = [(months.get(month, 0.0) * years.get(year, 0.0), weight) for year, month, weight in window]
    digits = blank = 1.0
    for cell in cells:
        digits *= sum(p for c, p in cell.items() if c.isdigit())
        blank *= cell.get("", FLOOR)
    # A string of digits that is no day of the window, one of 10 ** n.
    other = MISWRITTEN * digits / 10 ** len(cells)
    blank *= 50 / 10 ** len(cells)
    some_day = sum(likely * weight for likely, weight in by_month) * sum(days.values()) / max(norm, 1e-9)
    if some_day + other < _NEGLIGIBLE * blank:
        return [Guess("", 1.0)]
    negligible = _NEGLIGIBLE * max((likely * weight for likely, weight in by_month), default=0.0)
    for (year, month, _), (likely, weight) in zip(window, by_month, strict=True):
        if likely * weight < negligible:
            continue
        for number_of_day in range(1, calendar.monthrange(year, month)[1] + 1):
            written = date(year, month, number_of_day)
            if earliest <= written <= latest:
                weights.append((likely * days[number_of_day] * usual(written), written))
    total = sum(weight for weight, _ in weights) / max(norm, 1e-9) * (1 - MISWRITTEN)
    whole = total + other + blank
    if whole <= 0:
        return []
    found = [
        Guess(written.isoformat(), weight / max(norm, 1e-9) * (1 - MISWRITTEN) / whole)
        for weight, written in heapq.nlargest(8, weights, key=lambda item: item[0])
    ]
    return sorted([*found, Guess("", blank / whole)], key=lambda guess: -guess.probability)


@lru_cache(maxsize=64)
def _months(earliest: date, latest: date, usual: Callable[[date], float]) -> tuple[tuple[int, int, float], ...]:
    """Year, month and usual weight of the months whose middle is in a window or at most 31 days from it."""
    near = timedelta(days=31)
    middles = (date(year, month, 15) for year in range(earliest.year, latest.year + 1) for month in range(1, 13))
    return tuple((day.year, day.month, usual(day)) for day in middles if earliest - near <= day <= latest + near)


def _pair(tens: Mapping[str, float], ones: Mapping[str, float]) -> dict[int, float]:
    found = {}
    for first in "0123456789":
        for second in "0123456789":
            found[int(first + second)] = tens.get(first, FLOOR) * ones.get(second, FLOOR)
    # A one-digit day written in either cell of two.
    for digit in "123456789":
        lone = ones.get("", FLOOR) * tens.get(digit, FLOOR) + tens.get("", FLOOR) * ones.get(digit, FLOOR)
        found[int(digit)] = found.get(int(digit), 0.0) + lone
    return found


def _years(cells: Sequence[Mapping[str, float]], pivot: int) -> dict[int, float]:
    if len(cells) == 2:
        pairs = _pair(cells[0], cells[1])
        return {(2000 if number <= pivot else 1900) + number: p for number, p in pairs.items()}
    high, low = _pair(cells[0], cells[1]), _pair(cells[2], cells[3])
    return {100 * century + number: high[century] * p for century in (19, 20) for number, p in low.items()}
