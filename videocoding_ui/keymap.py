"""The key map: one file for the screens, the help page and the tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

_FILE = Path(__file__).parent / "static" / "keys.json"


class KeyRow(TypedDict):
    """One key of one screen."""

    screen: str
    action: str
    keys: list[str]
    """As `KeyboardEvent.key`, with `Ctrl+`, `Shift+`, `Alt+` in front, in that order."""
    shown: str
    """As printed on a French keyboard."""
    words: str
    """What it does, a msgid of the catalogue."""


@cache
def key_map() -> Sequence[KeyRow]:
    """Every key in the order of the help page."""
    rows: list[KeyRow] = json.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(rows)
