"""What a coder is shown for a field: proposed or blind, and which characters are doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum

from models.batch import Field
from models.text import Character
from models.values.kinds import kind

MARK_TYPES = frozenset({"choice", "choices", "flag", "document_kind"})
"""Answered with a key from a short list: seen at a glance on the paper, so always proposed."""


class EntryMode(StrEnum):
    """How a field is entered."""

    CONFIRM = "confirm"
    """The machine's value is proposed."""
    BLIND = "blind"
    """The input starts empty; the machine's value never leaves the server."""


def entry_mode(field: Field, *, propose_from: float) -> EntryMode:
    """Propose only what is probably right, and never a critical value that no check digit guards.

    A value of the random sample is never proposed: the answer is the evidence behind the promise about errors.
    """
    machine = field.machine
    if field.drawn or machine.value is None or machine.confidence is None or machine.confidence < propose_from:
        return EntryMode.BLIND
    guarded = field.value_type in MARK_TYPES or kind(field.value_type).has_check_digit
    if field.critical and not guarded:
        return EntryMode.BLIND
    return EntryMode.CONFIRM


def doubtful_places(shown: str, characters: Sequence[Character], *, below: float) -> list[int]:
    """Places in the shown value whose character the reader was not sure of, ascending.

    The readers' characters are laid along the shown text, which may be grouped or rewritten (dates): a character of the
    shown text that no reading supports is doubtful only inside a stretch that was replaced by one of the same length.
    """
    read = [(character.best, character.probability(character.best)) for character in characters if character.best]
    letters = [(place, letter) for place, letter in enumerate(shown) if letter.isalnum()]
    left = [letter.upper() for _, letter in letters]
    kept = [(best, p) for best, p in read if best.isalnum()]
    right = [best.upper() for best, _ in kept]
    doubtful: list[int] = []
    for change, a0, a1, b0, b1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if change == "equal":
            pairs = zip(range(a0, a1), range(b0, b1), strict=True)
            doubtful.extend(letters[a][0] for a, b in pairs if kept[b][1] < below)
        elif change == "replace" and a1 - a0 == b1 - b0:
            doubtful.extend(letters[a][0] for a in range(a0, a1))
    return sorted(doubtful)
