"""What the sandbox's child does with a task. Everything it may need is imported here, before the child is confined."""

from __future__ import annotations

import cv2
import pdf2image  # noqa: F401 - used by capture.opening when poppler is needed
import pikepdf  # noqa: F401 - used by capture.opening
from PIL import Image

from capture import opening
from capture.confinement import confine, probe
from capture.messages import Answer, Task, task_from_json, to_json
from models.errors import UnusableImage

cv2.setNumThreads(1)
Image.init()


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
    if task.work == "open":
        info = opening.inspect(task.path, task.limits)
        numbers = [number for number in task.numbers if number <= info.pages]
        return Answer(
            info=info, pages=tuple(opening.raster(task.path, numbers, task.out, task.limits) if numbers else ())
        )
    if task.work == "raster":
        return Answer(pages=tuple(opening.raster(task.path, task.numbers, task.out, task.limits)))
    taken = opening.expand(task.path, task.out, task.limits)
    return Answer(members=tuple((name, file.name) for name, file in taken))
