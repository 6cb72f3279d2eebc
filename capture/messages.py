"""What the sandbox and its child say to one another, as JSON: the asking side loads nothing that opens files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from capture.sources import Limits, RasterPage, SourceInfo


@dataclass(frozen=True, slots=True)
class Task:
    """What the parent asks for."""

    work: str
    """`inspect`, `raster`, `open` (both), `expand` or `probe`."""
    path: Path
    limits: Limits
    out: Path | None = None
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child says; the parent believes nothing of it unchecked."""

    code: str | None = None
    """Why the file is refused; `None` when it is not."""
    why: str = ""
    info: SourceInfo | None = None
    pages: tuple[RasterPage, ...] = ()
    members: tuple[tuple[str, str], ...] = ()
    """Shown name, and name of the file in the task's folder."""
    holds: dict[str, bool] | None = None
    """Protections that hold."""


def to_json(message: Task | Answer) -> bytes:
    """JSON for the pipe."""
    return msgspec.json.encode(message, enc_hook=str)


def task_from_json(content: bytes) -> Task:
    """Raises: msgspec.ValidationError."""
    return msgspec.json.decode(content, type=Task, dec_hook=_path)


def answer_from_json(content: bytes) -> Answer:
    """Raises: msgspec.DecodeError or ValidationError when the content is not an answer."""
    return msgspec.json.decode(content, type=Answer, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"not a {kind.__name__}")
