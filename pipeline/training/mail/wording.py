"""The words of simulated mail, in one file of data."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def _all() -> dict[str, Any]:
    text = resources.files("pipeline.training.mail").joinpath("wording.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def words(kind: str) -> Any:
    """A list or table of the wording."""
    return _all()[kind]
