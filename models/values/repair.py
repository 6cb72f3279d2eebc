"""Repair of one misread character in a value that carries a check digit."""

from __future__ import annotations

import re

from models.values.kinds import kind

_LETTERS, _DIGITS = "OISBZG", "015826"
_SWAPS = dict(zip(_LETTERS + _DIGITS, _DIGITS + _LETTERS, strict=True))


def repair(value_type: str, text: str) -> str | None:
    """The canonical value after the one look-alike swap (O/0, I/1, S/5, B/8, Z/2, G/6) that makes the key right.

    `None` when the text is right as it stands, when no swap or more than one would do, or when the type has no check
    digit. The caller flags the field `repaired`: a person is told.
    """
    known = kind(value_type)
    compact = re.sub(r"[\s.\-]+", "", text).upper()
    if not known.has_check_digit or _stands(value_type, compact) is not None:
        return None
    found = set()
    for place, character in enumerate(compact):
        other = _SWAPS.get(character)
        if other:
            value = _stands(value_type, compact[:place] + other + compact[place + 1 :])
            if value is not None:
                found.add(value)
    return found.pop() if len(found) == 1 else None


def _stands(value_type: str, text: str) -> str | None:
    known = kind(value_type)
    value = known.parse(text)
    return value if value is not None and not known.check(value) else None
