"""Running handwriting: lines of volunteers held out, lines composed of pen strokes, names on forms, cheque amounts."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from extraction.line_lexicons import proposals
from extraction.readers.handwritten import HandwrittenLineReader
from extraction.readers.printed import PrintedTextReader
from extraction.writing_models import writing_model
from models.image import GrayImage
from models.reading import Reading
from pipeline.benchmark.report import Report
from pipeline.processes import one_thread
from pipeline.training.line_texts import LineTexts
from pipeline.training.pens import PenRecords
from pipeline.training.running_hand import Hands, WrittenLine, is_held_out, labelled_lines, worn

_COMPOSED = 200
_OF_LARGE_SETS = 250
_SURE = 0.9
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'- "
_DIGITS = "0123456789"

Read = Callable[[GrayImage], Reading]


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """Lines with what they say, and how they are asked for."""

    name: str
    lines: Sequence[tuple[GrayImage, str]]
    alphabet: str | None = None
    value_type: str = "text"
    plain: bool = False
    """Truth without accents, case and blanks."""


def measure_lines(data: Path, report: Report) -> None:
    """Character error of the reader of handwriting, and of the reader of print it was made from."""
    one_thread()
    folder = data / "handwriting"
    written, printed = HandwrittenLineReader(), PrintedTextReader()
    rows = [
        "| set | lines | reader | character error | case ignored | whole lines right | sure (>= 0.9) "
        "| wrong among sure | CPU ms a line |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for material in _sets(folder):
        for name, read in _readers(material, written, printed).items():
            rows.append(_row(material, name, read))
    note = (
        "Writers never trained on: one of five volunteers of lines_fr, one of five of UNIPEN. names_fr and "
        "strings_orand were never trained on; their labels drop accents, and one in ten of names_fr is wrong or cut."
    )
    report.section("Handwritten lines", [note, "", *rows])


def _readers(material: _Set, written: HandwrittenLineReader, printed: PrintedTextReader) -> dict[str, Read]:
    alphabet, value_type = material.alphabet, material.value_type
    likely, propose = writing_model(value_type), proposals(value_type)
    return {
        "print (PP-OCRv6 tiny)": lambda image: printed.read_line(image, alphabet, "tiny"),
        "print (PP-OCRv6 small)": lambda image: printed.read_line(image, alphabet, "small"),
        "handwriting, picture alone": lambda image: written.read_line(image, alphabet),
        "handwriting": lambda image: written.read_line(image, alphabet, likely=likely, propose=propose),
    }


def _sets(folder: Path) -> list[_Set]:
    real = [
        (line.image, _usual(line.text)) for line in labelled_lines(folder / "lines_fr.zip") if is_held_out(line.writer)
    ]
    names = labelled_lines(folder / "names_fr.zip")
    amounts = labelled_lines(folder / "strings_orand.zip")
    hands = Hands(PenRecords(folder / "strokes_unipen.npz"), held_out=True)
    texts = LineTexts([text for _, text in real])
    return [
        _Set("lines_fr, writers held out", real),
        _Set("e-mail addresses composed", _composed(hands, texts.email, 7), _EMAIL, "email"),
        _Set("lines of all kinds composed", _composed(hands, texts.draw, 8), value_type="unknown"),
        _Set("names_fr", [(n.image, n.text) for n in _thinned(names)], _CAPITALS, "name", plain=True),
        _Set("strings_orand", [(a.image, a.text) for a in _thinned(amounts)], _DIGITS, "digits"),
    ]


_EMAIL = "abcdefghijklmnopqrstuvwxyz0123456789@._-+"


def _thinned(lines: Sequence[WrittenLine]) -> Sequence[WrittenLine]:
    return lines[:: max(1, len(lines) // _OF_LARGE_SETS)]


def _composed(hands: Hands, make: Callable[[np.random.Generator], str], seed: int) -> list[tuple[GrayImage, str]]:
    rng = np.random.default_rng(seed)
    lines: list[tuple[GrayImage, str]] = []
    while len(lines) < _COMPOSED:
        text = make(rng)
        image = hands.write(text, rng)
        if image is not None:
            lines.append((worn(image, rng), _usual(text)))
    return lines


def _row(material: _Set, name: str, read: Read) -> str:
    wrong = caseless = length = right = sure = wrong_sure = 0
    started = time.process_time()
    for image, wanted in material.lines:
        reading = read(image)
        text, truth = (_bare(t) if material.plain else _usual(t) for t in (reading.text, wanted))
        wrong += Levenshtein.distance(text, truth)
        caseless += Levenshtein.distance(text.lower(), truth.lower())
        length += len(truth)
        right += text == truth
        certain = (reading.confidence or 0.0) >= _SURE
        sure += certain
        wrong_sure += certain and text != truth
    cpu = 1000 * (time.process_time() - started) / len(material.lines)
    count = len(material.lines)
    return (
        f"| {material.name} | {count} | {name} | {wrong / length:.4f} | {caseless / length:.4f} | {right / count:.3f} "
        f"| {sure / count:.3f} | {wrong_sure} | {cpu:.0f} |"
    )


def _usual(text: str) -> str:
    return text.replace("’", "'")


def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.upper())
    return "".join(c for c in letters if c.isalnum())
