"""Other ways to read the same pages, with what they cost and how much of what matters is in their text.

The peer, Open-Capture, cannot be started on a machine without its server. Its OCR step is pytesseract on a page: that
row stands for it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import resource
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image


@dataclass(frozen=True, slots=True)
class Read:
    """What one way made of the pages."""

    name: str
    texts: dict[Path, str]
    cpu_s: float
    pages: int
    skipped: str = ""
    """Why it was not measured."""


def cpu_s() -> float:
    """User and system time of this process and the children it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def read_by_others(paths: Sequence[Path]) -> list[Read]:
    """Each way on the same PDF scans, one after the other, drawn at 300 dpi by what that way draws with."""
    ways: dict[str, tuple[str, Callable[[Path], tuple[str, int]]]] = {
        "pdf2image + tesseract (CLI)": (_missing_program("tesseract", "pdftoppm"), _by_tesseract),
        "pdf2image + pytesseract": (_missing_program("tesseract", "pdftoppm"), _by_pytesseract),
        "OCRmyPDF": (_missing_program("ocrmypdf"), _by_ocrmypdf),
        "pdf2image + RapidOCR": (_missing_module("rapidocr"), _by_rapidocr),
    }
    return [_measured(name, missing, way, paths) for name, (missing, way) in ways.items()]


def _measured(name: str, missing: str, way: Callable[[Path], tuple[str, int]], paths: Sequence[Path]) -> Read:
    if missing:
        return Read(name, {}, 0.0, 0, missing)
    texts: dict[Path, str] = {}
    started, pages = cpu_s(), 0
    for path in paths:
        texts[path], count = way(path)
        pages += count
    return Read(name, texts, cpu_s() - started, pages)


def _missing_program(*names: str) -> str:
    missing = [name for name in names if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


def _missing_module(name: str) -> str:
    return "" if importlib.util.find_spec(name) else f"{name} not installed"


def _drawn(path: Path) -> list[Image.Image]:
    from pdf2image import convert_from_path

    return list(convert_from_path(str(path), dpi=300))


def _by_tesseract(path: Path) -> tuple[str, int]:
    texts = []
    with tempfile.TemporaryDirectory() as place:
        pictures = _drawn(path)
        for number, picture in enumerate(pictures):
            file = f"{place}/{number}.pgm"
            picture.convert("L").save(file)
            command = ["tesseract", file, "-", "-l", "fra"]
            answer = subprocess.run(  # noqa: S603
                command, check=False, capture_output=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
            )
            texts.append(answer.stdout.decode(errors="replace"))
    return "\n".join(texts), len(pictures)


def _by_pytesseract(path: Path) -> tuple[str, int]:
    import pytesseract

    pictures = _drawn(path)
    found = [
        pytesseract.image_to_data(picture, lang="fra", output_type=pytesseract.Output.DICT) for picture in pictures
    ]
    return "\n".join(" ".join(words["text"]) for words in found), len(pictures)


def _by_ocrmypdf(path: Path) -> tuple[str, int]:
    with tempfile.TemporaryDirectory() as place:
        command = ["ocrmypdf", "--quiet", "--language", "fra", "--output-type", "pdf", "--force-ocr"]
        side = Path(place) / "text.txt"
        subprocess.run(  # noqa: S603
            [*command, "--jobs", "1", "--sidecar", str(side), str(path), f"{place}/out.pdf"],
            check=False,
            capture_output=True,
        )
        text = side.read_text(errors="replace") if side.exists() else ""
    return text, text.count("\f") + 1


def _by_rapidocr(path: Path) -> tuple[str, int]:
    import numpy as np

    if not _rapid:
        module: Any = importlib.import_module("rapidocr")
        _rapid.append(module.RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1}))
    pictures = _drawn(path)
    answers = [_rapid[0](np.asarray(picture)) for picture in pictures]
    return "\n".join("\n".join(answer.txts or ()) for answer in answers), len(pictures)


_rapid: list[Any] = []
"""Its models are loaded once."""


def found_share(truths: Mapping[Path, Mapping[str, Any]], texts: Mapping[Path, str]) -> tuple[int, int]:
    """How many true values stand in the text of their document, in a usual notation: (found, all).

    Args:
        truths: field -> canonical value by document; ticks and signatures are no text and are left out.
    """
    found = seen = 0
    for path, fields in truths.items():
        text = _plain(texts.get(path, ""))
        for value in fields.values():
            if isinstance(value, str) and len(_plain(value)) >= _SHORTEST:
                seen += 1
                found += any(_plain(notation) in text for notation in notations(value))
    return found, seen


_SHORTEST = 4
"""Shorter values are found by chance."""


def notations(value: str) -> list[str]:
    """A canonical value as it may be printed."""
    date = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", value)
    if date:
        year, month, day = date.groups()
        return [value, day + month + year, day + month + year[2:]]
    return [value]


def _plain(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).upper()
    return re.sub(r"[^A-Z0-9]", "", bare)
