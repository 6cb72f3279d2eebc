"""From the characters that may stand in each cell to the value that can be true, and how sure that is.

Every search runs over all strings of the lattice at once, so that the probability of the best one is its share of all
that could have been written, not a score.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.text import Character

FLOOR = 2e-4
"""Probability of a character the reader does not list: readers are wrong in ways they do not foresee."""
MISWRITTEN = 0.02
"""Share of people who write a number whose check digits are wrong, or a day that does not exist."""
_NEGLIGIBLE = 1e-9
"""A month so much less likely than the likeliest is not looked at day by day."""
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


def search(
    cells: Sequence[Mapping[str, float]],
    *,
    start: Hashable,
    step: Step,
    final: Final,
    keep: int = 4,
    widest: int = 400,
    blank: str = "",
) -> tuple[list[Path], float]:
    """The likeliest strings that a rule allows, and the probability of all that it allows together.

    Forward algorithm over (position, state); exact while no more than `widest` states live at once.

    Args:
        cells: character -> probability for each cell; "" is an empty cell, written into the text as `blank`.
        keep: strings kept a state.
    Returns: strings best first with their mass, and the mass of all.
    """
    alive: dict[Hashable, tuple[float, list[Path]]] = {start: (1.0, [Path("", 1.0)])}
    for position, cell in enumerate(cells):
        following: dict[Hashable, tuple[float, list[Path]]] = {}
        for state, (total, paths) in alive.items():
            for character, probability in cell.items():
                moved = step(state, position, character)
                if moved is None:
                    continue
                target, weight = moved
                factor = probability * weight
                written = character or blank
                before = following.get(target)
                if before is not None and len(before[1]) == keep and paths[0].mass * factor <= before[1][-1].mass:
                    following[target] = (before[0] + total * factor, before[1])
                    continue
                grown = [Path(path.text + written, path.mass * factor) for path in paths]
                if before is None:
                    following[target] = (total * factor, grown)
                else:
                    merged = sorted((*before[1], *grown), key=lambda path: -path.mass)[:keep]
                    following[target] = (before[0] + total * factor, merged)
        if len(following) > widest:
            best = sorted(following.items(), key=lambda item: -item[1][0])[:widest]
            following = dict(best)
        alive = following
    ended: list[Path] = []
    mass = 0.0
    for state, (total, paths) in alive.items():
        weight = final(state)
        if weight > 0:
            mass += total * weight
            ended.extend(Path(path.text, path.mass * weight) for path in paths)
    ended.sort(key=lambda path: -path.mass)
    return ended[: 4 * keep], mass


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


def run_of(characters: str, *, gap: float = 0.0) -> tuple[Hashable, Step, Final]:
    """Rule: one run of `characters`, with empty cells before and behind it; `gap` weighs an empty cell inside.

    State: 0 before the run, 1 in it, 2 behind it, 3 in it again after a gap.
    """
    allowed = frozenset(characters)

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if character == "":
            return (0, 1.0) if state == 0 else (2, 1.0)
        if character not in allowed:
            return None
        if state == 2:
            return (3, gap) if gap > 0 else None
        return (1 if state in (0, 1) else 3), 1.0

    return 0, step, lambda state: 1.0


def run(characters: Sequence[Character], alphabet: str, *, keep: int = 4) -> list[Guess]:
    """One run of characters; "" when nothing is written.

    What looks like an empty cell inside the run is a character nobody can read: it takes its share of the probability.
    """
    cells = cells_of(characters)
    start, step, final = run_of(alphabet)
    paths, mass = search(cells, start=start, step=step, final=final, keep=keep)
    start, step, final = run_of(alphabet, gap=1.0)
    _, everything = search(cells, start=start, step=step, final=final, keep=1)
    return guesses(paths, mass, max(0.0, everything - mass))


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
        if character == "" or character not in alphabets[position]:
            return None
        return residue(int(str(state)), position, character), 1.0

    _, everything = search(cells, start=start, step=step, final=lambda state: 1.0, keep=1)
    paths, mass = search(cells, start=start, step=step, final=lambda state: float(right(int(str(state)))))
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
    empty = 1.0
    for cell in cells:
        empty *= cell.get("", FLOOR)
    days = _pair(cells[0], cells[1])
    months = _pair(cells[2], cells[3])
    years = _years(cells[4:], pivot)
    negligible = _NEGLIGIBLE * max(months.values()) * max(years.values())
    weights: dict[str, float] = {}
    norm = 0.0
    for year in range(earliest.year, latest.year + 1):
        for month in range(1, 13):
            try:
                middle = date(year, month, 15)
            except ValueError:
                continue
            if middle < earliest - timedelta(days=31) or middle > latest + timedelta(days=31):
                continue
            norm += 30.4 * usual(middle)
            likely = months.get(month, 0.0) * years.get(year, 0.0)
            if likely < negligible:
                continue
            for number_of_day, probability in days.items():
                try:
                    written = date(year, month, number_of_day)
                except ValueError:
                    continue
                if earliest <= written <= latest:
                    weights[written.isoformat()] = likely * probability * usual(written)
    total = sum(weights.values()) / max(norm, 1e-9) * (1 - MISWRITTEN)
    # A string of digits that is no day of the window, one of 10 ** n.
    digits = 1.0
    for cell in cells:
        digits *= sum(p for c, p in cell.items() if c.isdigit())
    other = MISWRITTEN * digits / 10 ** len(cells)
    blank = empty / 10 ** len(cells) * 50
    whole = total + other + blank
    if whole <= 0:
        return []
    ranked = sorted(weights.items(), key=lambda item: -item[1])[:8]
    found = [Guess(text, value / max(norm, 1e-9) * (1 - MISWRITTEN) / whole) for text, value in ranked]
    return sorted([*found, Guess("", blank / whole)], key=lambda guess: -guess.probability)


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
