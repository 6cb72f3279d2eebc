"""What each type of value looks like in a comb or on a line: the strings that can be true, best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from string import ascii_uppercase, digits

from extraction import decoding
from extraction.decoding import FLOOR, Guess, cells_of, guesses, run_of, search
from extraction.email_addresses import emails
from extraction.words import Mixture, decode_place, decode_words, vocabulary
from models.reading import Reading
from models.text import Character
from models.values.kinds import kind
from models.values.places import check_postal_code, communes
from models.values.repair import repair

_ALNUM = digits + ascii_uppercase
_AGE_LIMIT = 116


def decode_comb(
    value_type: str, name: str, characters: Sequence[Character], *, today: date, postal_code: str | None = None
) -> list[Guess]:
    """The values that may stand in a comb, canonical, best first; "" = left empty.

    Args:
        value_type: key of `models.values.kinds`. name: of the field; tells birth dates from others.
        postal_code: of the same address, for towns.
    """
    empty = math.prod(character.probability("") for character in characters)
    if value_type == "date" and len(characters) in (6, 8):
        return _dates(name, characters, today)
    if value_type in _FILLED and 1 - _left_empty(characters) < _HARDLY:
        return [Guess("", 1.0)]
    if value_type == "city":
        found = decode_place(characters, postal_code)
    else:
        special = _serial if name == "meter_serial" else _SPECIAL.get(value_type, _words)
        found = special(characters)
    if value_type in _FILLED:
        return _all_or_nothing(found, characters)
    return _or_empty(found, empty, characters)


_FILLED = frozenset({"siret", "iban", "phone", "postal_code", "bic"})
"""Values that fill their comb or most of it: cells that all look empty are an empty field, not a short value."""
_FEWEST_WRITTEN = 5


_HARDLY = 1e-6
"""Probability under which no value is looked for in a comb that looks empty."""


def _left_empty(characters: Sequence[Character]) -> float:
    """Probability that a comb that would be filled is empty."""
    blanks = [min(max(character.probability(""), FLOOR), 1 - FLOOR) for character in characters]
    # The cells most likely written, as many as the shortest such value has.
    written = math.prod(1 - p for p in sorted(blanks)[:_FEWEST_WRITTEN])
    empty = math.prod(sorted(blanks)[:_FEWEST_WRITTEN])
    return empty / (empty + written)


def _all_or_nothing(found: Sequence[Guess], characters: Sequence[Character]) -> list[Guess]:
    share = _left_empty(characters)
    rest = [Guess(g.text, g.probability * (1 - share)) for g in found if g.text]
    return sorted([*rest, Guess("", share)], key=lambda g: -g.probability)


def _or_empty(found: Sequence[Guess], empty: float, characters: Sequence[Character]) -> list[Guess]:
    """The guesses beside the possibility that the field was left empty."""
    written = 1.0 - math.prod(0.5 + 0.5 * (character.probability("") > 0.5) for character in characters)
    if empty > 1e-3 or not found:
        share = empty / (empty + max(1e-12, (1 - empty) * written)) if found else empty
        rest = [Guess(g.text, g.probability * (1 - share)) for g in found if g.text]
        return sorted([*rest, Guess("", share)], key=lambda g: -g.probability)
    return [g for g in found if g.text]


def _dates(name: str, characters: Sequence[Character], today: date) -> list[Guess]:
    usual = _usual_days(name, today)
    if name == "birth_date":
        earliest = date(today.year - _AGE_LIMIT, 1, 1)
        return decoding.day(characters, earliest=earliest, latest=today, usual=usual, pivot=today.year % 100)
    ahead = 400 if name == "entry_date" else 31
    behind = 3650 if name == "entry_date" else 1500
    return decoding.day(
        characters,
        earliest=today - timedelta(days=behind),
        latest=today + timedelta(days=ahead),
        usual=usual,
        pivot=(today.year + 5) % 100,
    )


@lru_cache(maxsize=64)
def _usual_days(name: str, today: date) -> Callable[[date], float]:
    """How usual a day is in a field of that name; one function for all documents of a day."""

    def born(day: date) -> float:
        years = (today - day).days / 365.25
        return 1.0 if 18 <= years <= 90 else 0.15 if 16 <= years <= 100 else 0.003

    def entered(day: date) -> float:
        return 1.0 if -120 <= (today - day).days <= 400 else 0.05

    def written(day: date) -> float:
        age = (today - day).days
        return 1.0 if -2 <= age <= 120 else 0.15 if -20 <= age <= 400 else 0.01

    return {"birth_date": born, "entry_date": entered}.get(name, written)


def _number(characters: Sequence[Character]) -> list[Guess]:
    return decoding.number(characters)


def _index(characters: Sequence[Character]) -> list[Guess]:
    added: dict[str, float] = {}
    for guess in decoding.number(characters):
        text = guess.text.lstrip("0") or "0" if guess.text else ""
        added[text] = added.get(text, 0.0) + guess.probability
    return [Guess(text, p) for text, p in sorted(added.items(), key=lambda item: -item[1])]


def _phone(characters: Sequence[Character]) -> list[Guess]:
    cells = cells_of(characters)

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if not character.isdigit():
            return None
        if position == 0:
            return 0, 1.0 if character == "0" else 0.001
        if position == 1:
            return 0, 0.001 if character == "0" else 0.02 if character == "8" else 1.0
        return 0, 1.0

    paths, mass = search(cells, start=0, step=step, final=lambda state: 1.0)
    return guesses(paths, mass, decoding.illegible(cells))


def _postal_code(characters: Sequence[Character]) -> list[Guess]:
    cells = cells_of(characters)
    start, step, final = run_of(digits)
    paths, mass = search(cells, start=start, step=step, final=final, keep=12)
    known = communes()
    weighed = []
    for path in paths:
        possible = len(path.text) == 5 and not check_postal_code(path.text)
        listed = 1.0 if path.text in known else 0.35
        weighed.append(decoding.weighed(path, listed if possible else 0.002))
    total = sum(path.mass for path in weighed) + 0.02 * max(0.0, mass - sum(path.mass for path in paths))
    return guesses(sorted(weighed, key=lambda path: -path.mass), total, 0.35 * decoding.illegible(cells))


def _siret(characters: Sequence[Character]) -> list[Guess]:
    def residue(so_far: int, position: int, character: str) -> int:
        siren, whole = divmod(so_far, 10)
        value = int(character)
        # Luhn from the right: of 14 digits the even places double, of the first nine the odd ones.
        doubled = 2 * value - 9 * (2 * value > 9)
        whole = (whole + (doubled if position % 2 == 0 else value)) % 10
        if position < 9:
            siren = (siren + (doubled if position % 2 == 1 else value)) % 10
        return siren * 10 + whole

    return decoding.checked(
        characters, alphabets=[digits] * 14, residue=residue, start=0, right=lambda r: r == 0, odds=100
    )


def _iban(characters: Sequence[Character]) -> list[Guess]:
    french = _french_iban(characters)
    head = characters[0].probability("F") * characters[1].probability("R") if len(characters) > 1 else 0.0
    if french and (french[0].probability > 0.5 or head > 0.2):
        return french
    foreign = _foreign_iban(characters)
    if foreign and (not french or foreign[0].probability > 2 * french[0].probability):
        return foreign
    return french


_RIB = {c: int(c) for c in digits} | {
    letter: number % 9 + 1 if letter < "S" else (number + 1) % 9 + 1 for number, letter in enumerate(ascii_uppercase)
}
"""What a letter counts in a French account's key."""
_RIB_PLACES = tuple(
    factor * 10 ** (length - 1 - k) % 97
    for length, factor in zip((5, 5, 11, 2), (89, 15, 3, 1), strict=True)
    for k in range(length)
)
"""What a digit of bank, branch, account and key counts, modulo 97."""
_IN_ACCOUNT = range(14, 25)
_LETTER_IN_ACCOUNT = 0.0005
"""Against 0.1 for each digit: most accounts have no letter, and there are many letters."""


def _french_iban(characters: Sequence[Character]) -> list[Guess]:
    """FR, check digits, bank, branch, account, key: the key makes all behind the check digits divisible by 97."""
    cells = cells_of(characters)
    if len(cells) < 27:
        return []
    # One digit misread breaks the key, so what is hardly thought of in two cells seldom matters: most are sure at once.
    found = _with_rib_key([_worth_a_thought(cell) for cell in cells])
    if found and found[0].probability > _SURE:
        return found
    found = _with_rib_key(cells)
    if found and found[0].probability > 0.5:
        return found
    # Nothing that the reader lists has a right key: it may be a digit that it does not list.
    for cell in sorted(cells[4:27], key=lambda cell: max(cell.values()))[:_RECONSIDERED]:
        for digit in digits:
            cell.setdefault(digit, FLOOR)
    return _with_rib_key(cells)


_SURE = 0.95
_HARDLY_THOUGHT_OF = 1e-3
"""Share of a cell's likeliest character, under which another is left out where all is sure anyway."""


def _worth_a_thought(cell: Mapping[str, float]) -> dict[str, float]:
    least = _HARDLY_THOUGHT_OF * max(cell.values())
    return {character: probability for character, probability in cell.items() if probability >= least}


_RECONSIDERED = 8
"""So many of the least sure cells may hold a digit that the reader does not list."""


def _with_rib_key(cells: Sequence[Mapping[str, float]]) -> list[Guess]:
    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if position >= len(_RIB_PLACES):
            return (state, 1.0) if character == "" else None
        counts = _RIB.get(character)
        if counts is None or not isinstance(state, int):
            return None
        lettered, residue = divmod(state, 97)
        moved = (residue + counts * _RIB_PLACES[position]) % 97
        if character.isdigit():
            return 97 * lettered + moved, 0.1
        return (97 + moved, _LETTER_IN_ACCOUNT) if position + 4 in _IN_ACCOUNT else None

    def ended(lettered: bool) -> Callable[[Hashable], float]:
        return lambda state: float(state == 97 * lettered)

    body = cells[4:]
    found = decoding.searched(body, start=0, step=step)
    everything = found.mass(lambda state: 1.0)
    plain, plain_mass = found.likeliest(ended(False), keep=10), found.mass(ended(False))
    mixed = found.likeliest(ended(True), keep=8)
    country = cells[0].get("F", FLOOR) * cells[1].get("R", FLOOR)
    # Letters count otherwise in the key than in the check digits: only an account without any has always 76.
    whole = [_headed(path, "76", cells, country) for path in plain]
    whole += [_headed(path, _check_digits(path.text), cells, country) for path in mixed]
    mass = plain_mass * country * _pair(cells, "76") + sum(path.mass for path in whole[len(plain) :])
    head = sum(p for c, p in cells[2].items() if c.isdigit()) * sum(p for c, p in cells[3].items() if c.isdigit())
    wrong = max(0.0, everything * country * head - mass)
    wrong *= decoding.MISWRITTEN / ((1 - decoding.MISWRITTEN) * 97 * 97)
    unthought = everything * country * _pair(cells, "76") * decoding.surprise(body) / 97
    return guesses(sorted(whole, key=lambda path: -path.mass), mass, wrong + unthought)


def _headed(path: decoding.Path, check: str, cells: Sequence[Mapping[str, float]], country: float) -> decoding.Path:
    return decoding.Path(f"FR{check}{path.text}", path.mass * country * _pair(cells, check))


def _pair(cells: Sequence[Mapping[str, float]], check: str) -> float:
    return cells[2].get(check[0], FLOOR) * cells[3].get(check[1], FLOOR)


def _check_digits(bban: str) -> str:
    """ISO 13616: 98 less the remainder of the account with FR00 behind it."""
    return f"{98 - int(''.join(str(int(c, 36)) for c in bban + 'FR00')) % 97:02d}"


def _foreign_iban(characters: Sequence[Character]) -> list[Guess]:
    def residue(so_far: int, character: str) -> int:
        for digit in str(int(character, 36)):
            so_far = (so_far * 10 + int(digit)) % 97
        return so_far

    cells = cells_of(characters)

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        so_far, moved, ended = state if isinstance(state, tuple) else (0, "", False)
        if character == "":
            return ((so_far, moved, True), 1.0) if position >= 15 else None
        if ended or character not in _ALNUM:
            return None
        if position < 4:
            if (position < 2) != character.isalpha():
                return None
            return (so_far, moved + character, False), 0.04 if position < 2 else 0.1
        return (residue(so_far, character), moved, False), 0.1 if character.isdigit() else 0.002

    def right(state: Hashable) -> float:
        so_far, moved, _ = state if isinstance(state, tuple) else (0, "", False)
        for character in moved:
            so_far = residue(so_far, character)
        return float(so_far == 1)

    found = decoding.searched(cells, start=(0, "", False), step=step)
    everything, mass = found.mass(lambda state: 1.0), found.mass(right)
    valid = [path for path in found.likeliest(right, keep=4) if not kind("iban").check(path.text)]
    if not valid:
        return []
    wrong = max(0.0, everything - mass) * decoding.MISWRITTEN / ((1 - decoding.MISWRITTEN) * 97)
    return guesses(valid, mass, wrong)


def _bic(characters: Sequence[Character]) -> list[Guess]:
    cells = cells_of(characters)

    def step(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if character == "":
            return ("end", 1.0) if position >= 8 else None
        if state == "end" or position >= 11:
            return None
        if position < 6:
            if not character.isalpha():
                return None
            usual = character == "FR"[position - 4] if position >= 4 else True
            return "in", 1.0 if usual else 0.05
        if position < 8:
            return "in", 1.0 if character.isalpha() else 0.4
        return "in", 1.0

    paths, mass = search(cells, start="in", step=step, final=lambda state: 1.0, keep=12)
    return guesses([path for path in paths if len(path.text) in (8, 11)], mass)


_SERIAL = ("L", "D", "D", "L", "L", "D", "D", "D", "D", "D", "D")
"""Usual shape of a meter's number: maker, year, size and class, six digits (EN 14154 practice in France)."""

_PLAIN = 1.6
"""What each digit of a number without letters counts for it, against any letters and digits."""


def _serial(characters: Sequence[Character]) -> list[Guess]:
    """A meter's number is mostly of the usual shape, else often of digits only, but may be any run of both."""
    cells = cells_of(characters)
    usual_of = {"L": ascii_uppercase, "D": digits}

    def shaped(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        if position >= len(_SERIAL):
            return (state, 1.0) if character == "" else None
        if not character or character not in usual_of[_SERIAL[position]]:
            return None
        return state, 36 / len(usual_of[_SERIAL[position]])

    start, step, final = run_of(_ALNUM + "-/.")
    free, free_mass = search(cells, start=start, step=step, final=final)

    def of_digits(state: Hashable, position: int, character: str) -> tuple[Hashable, float] | None:
        moved = step(state, position, character)
        if moved is None or not character:
            return moved
        return (moved[0], _PLAIN * moved[1]) if character.isdigit() else None

    plain, plain_mass = search(cells, start=start, step=of_digits, final=final)
    shapes = [(0.2, free, free_mass), (0.15, plain, plain_mass)]
    if len(cells) >= len(_SERIAL):
        fitting, fitting_mass = search(cells, start=0, step=shaped, final=lambda state: 1.0)
        shapes.append((0.65, fitting, fitting_mass))
    both = [decoding.weighed(path, share) for share, paths, _ in shapes for path in paths]
    return guesses(sorted(both, key=lambda p: -p.mass), sum(share * mass for share, _, mass in shapes))


def _reference(characters: Sequence[Character]) -> list[Guess]:
    return decoding.run(characters, _ALNUM + "-/.")


def decode_name(characters: Sequence[Character]) -> list[Guess]:
    """Names of people and firms that may stand in a comb, best first."""
    people = (vocabulary("surname"), 0.42), (vocabulary("first"), 0.36), (vocabulary("particle", "firm"), 0.08)
    return decode_words(characters, (Mixture(people, 0.14),))


def _street(characters: Sequence[Character]) -> list[Guess]:
    """House number, kind of street, its name."""
    types, links = vocabulary("type"), vocabulary("link")
    names = vocabulary("street")
    people = vocabulary("surname", "first", "title")
    start = Mixture(((types, 0.12), (links, 0.02), (names, 0.01), (people, 0.01)), 0.01, numbers=0.83)
    early = Mixture(((types, 0.6), (links, 0.25), (names, 0.06), (people, 0.05)), 0.03, numbers=0.01)
    late = Mixture(((types, 0.03), (links, 0.4), (names, 0.3), (people, 0.17)), 0.08, numbers=0.02)
    return decode_words(characters, (start, early, late))


def _words(characters: Sequence[Character]) -> list[Guess]:
    """Any words and numbers."""
    people = vocabulary("surname", "first", "street", "link", "type")
    return decode_words(characters, (Mixture(((people, 0.5),), 0.3, numbers=0.2),))


_SPECIAL: Mapping[str, Callable[[Sequence[Character]], list[Guess]]] = {
    "index": _index,
    "digits": _number,
    "phone": _phone,
    "postal_code": _postal_code,
    "siret": _siret,
    "reference": _reference,
    "iban": _iban,
    "bic": _bic,
    "name": decode_name,
    "street": _street,
}


def decode_line(value_type: str, name: str, reading: Reading, *, today: date) -> list[Guess]:
    """The values that a line of print or writing may mean, canonical, best first."""
    confidence = reading.confidence if reading.confidence is not None else 0.5
    text = " ".join(reading.text.split())
    if not text:
        return [Guess("", confidence)]
    if reading.alternatives:
        return _of_alternatives(value_type, reading.alternatives)
    if value_type == "email":
        return emails(text, confidence)
    value = kind(value_type).parse(text.strip(" .,;:_-") if value_type in ("city", "name") else text)
    if value is None:
        return [Guess(text, 0.2 * confidence)]
    if name == "meter_serial":
        return [_usual_serial(Guess(value, confidence))]
    if kind(value_type).check(value) and (mended := repair(value_type, value)):
        return [Guess(mended, 0.9 * confidence), Guess(value, 0.02)]
    return [Guess(value, confidence)]


_NO_VALUE = 0.1
"""How likely a text without a value is to have been meant, against one with a value that fits the writing as well."""


def _of_alternatives(value_type: str, alternatives: Sequence[tuple[str, float]]) -> list[Guess]:
    """Values from whole texts with their probabilities; a text that is none is unlikely to be what was meant."""
    added: dict[str, float] = {}
    mass = max(0.0, 1.0 - sum(probability for _, probability in alternatives))
    for text, probability in alternatives:
        value = kind(value_type).parse(text.strip(" .,;:_-") if value_type in ("city", "name") else text)
        mass += probability if value is not None else _NO_VALUE * probability
        if value is not None:
            added[value] = added.get(value, 0.0) + probability
    if mass <= 0:
        return []
    ranked = sorted(added.items(), key=lambda item: -item[1])
    found = [Guess(value, weight / mass) for value, weight in ranked]
    return found or [Guess(alternatives[0][0], 0.2 * alternatives[0][1])]


_LOOK_ALIKE = {
    "L": {"0": "O", "1": "I", "5": "S", "8": "B", "2": "Z", "6": "G"},
    "D": {"O": "0", "D": "0", "Q": "0", "I": "1", "L": "1", "S": "5", "B": "8", "Z": "2", "G": "6"},
}


def _usual_serial(read: Guess) -> Guess:
    """A printed meter number of the usual length takes the usual shape where only look-alikes differ from it."""
    text = read.text
    if len(text) == len(_SERIAL) - 1 and _shape_of(text) == _SERIAL[1:]:
        # A thin I before digits is easily lost.
        return Guess(f"I{text}", 0.5 * read.probability)
    if len(text) != len(_SERIAL) or _shape_of(text) == _SERIAL:
        return read
    mended = [
        c if _shape_of(c) == (wanted,) else _LOOK_ALIKE[wanted].get(c) for c, wanted in zip(text, _SERIAL, strict=True)
    ]
    if any(c is None for c in mended):
        return read
    return Guess("".join(c or "" for c in mended), 0.95 * read.probability)


def _shape_of(text: str) -> tuple[str, ...]:
    return tuple("D" if c.isdigit() else "L" for c in text)
