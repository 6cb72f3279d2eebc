"""What the sandbox's child does with a task. Everything it may need is imported here, before the child is confined."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import pdf2image  # noqa: F401 - used by capture.opening when poppler is needed
import pikepdf  # noqa: F401 - used by capture.opening
from PIL import Image

from capture import opening
from capture.confinement import confine, probe
from capture.sources import Limits, RasterPage, SourceInfo
from models.errors import UnusableImage

cv2.setNumThreads(1)
Image.init()


@dataclass(frozen=True, slots=True)
class Task:
    """What the parent asks for."""

    work: str
    """`inspect`, `raster`, `expand` or `probe`."""
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


def handle(request: bytes) -> bytes:
    """Confine this process, do the task, answer."""
    task = task_from_json(request)
    held = confine(task.limits, readable=task.path, writable=task.out)
    if task.work == "probe":
        return to_json(Answer(holds=held | probe(task.path.parent / "secret")))
    try:
        return to_json(_work(task))
    except UnusableImage as error:
        answer = Answer(error.code, str(error))
    except MemoryError:
        answer = Answer("memory", "too much memory")
    except RecursionError:
        answer = Answer("crashed", "nested too deeply")
    except Exception as error:
        answer = Answer("crashed", type(error).__name__)
    return to_json(answer)


def _work(task: Task) -> Answer:
    if task.work == "inspect":
        return Answer(info=opening.inspect(task.path, task.limits))
    if task.out is None:
        raise ValueError(f"{task.work} needs a folder")
    if task.work == "raster":
        return Answer(pages=tuple(opening.raster(task.path, task.numbers, task.out, task.limits)))
    taken = opening.expand(task.path, task.out, task.limits)
    return Answer(members=tuple((name, file.name) for name, file in taken))
