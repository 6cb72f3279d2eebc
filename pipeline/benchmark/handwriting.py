"""Handwritten characters of public collections, and whole names in boxes."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from extraction.readers.glyphs import GlyphReader
from extraction.written_values import decode_comb
from models.definitions import Charset
from models.image import GrayImage
from pipeline.benchmark.report import Report
from pipeline.processes import one_thread

_SETS = (
    ("digits_mnist", Charset.DIGITS),
    ("digits_usps", Charset.DIGITS),
    ("digits_optdigits", Charset.DIGITS),
    ("digits_orand", Charset.DIGITS),
    ("digits_unipen", Charset.DIGITS),
    ("upper_unipen", Charset.ALPHA),
    ("chars_choice", Charset.DIGITS),
    ("chars_choice", Charset.ALPHA),
)
_MOST = 2000
"""Characters of a set that are read."""
_INK = 140
_SPECK_PX = 15


def measure_handwriting(data: Path, report: Report) -> None:
    """Characters by collection, then French names in boxes: letters, and whole names with the word lists."""
    folder = data / "handwriting"
    one_thread()
    reader = GlyphReader()
    rows = ["| set | characters | read rightly | sure (>= 0.9) | wrong among sure |", "|---|---|---|---|---|"]
    rows += [_characters(folder / f"{name}.npz", charset, reader) for name, charset in _SETS]
    note = "Samples of the development sets, some of it training material (held-out writers: see the model card)."
    note += " USPS, ORAND, CHoiCe and the French names were never trained on."
    report.section("Handwritten characters", [note, "", *rows, "", _names(folder / "names_fr.zip", reader)])


def _characters(file: Path, charset: Charset, reader: GlyphReader) -> str:
    with np.load(file) as content:
        images, labels = content["x"], content["y"].tolist()
    fitting = [k for k, c in enumerate(labels) if (c.isdigit() if charset is Charset.DIGITS else c.isupper())]
    chosen = fitting[:: max(1, len(fitting) // _MOST)]
    cells = [np.pad(255 - images[k], 6, constant_values=255).astype(np.uint8) for k in chosen]
    right = sure = wrong = 0
    for answer, k in zip(reader.read(cells, charset), chosen, strict=True):
        good = answer.best == labels[k]
        certain = answer.probability(answer.best) >= 0.9
        right += good
        sure += certain
        wrong += certain and not good
    name = f"{file.stem}, {'digits' if charset is Charset.DIGITS else 'capitals'}"
    return f"| {name} | {len(cells)} | {right / len(cells):.4f} | {sure / len(cells):.3f} | {wrong} |"


def _names(file: Path, reader: GlyphReader) -> str:
    letters = right = names = whole = listed = 0
    for name, cells in boxed_names(file):
        answers = reader.read(cells, Charset.ALPHA)
        read = "".join(answer.best or " " for answer in answers)
        letters += len(name)
        right += sum(a == b for a, b in zip(read, name, strict=True))
        names += 1
        whole += read == name
        guesses = decode_comb("name", "last_name", answers, today=date(2026, 1, 1))
        listed += bool(guesses) and guesses[0].text.replace(" ", "").replace("-", "") == name
    return (
        f"French names in boxes whose letters stand apart ({names} names; about 5 % of the labels are wrong): "
        f"letters {right / letters:.4f}, whole names {whole / names:.4f}, with the word lists {listed / names:.4f}."
    )


def boxed_names(file: Path) -> Iterator[tuple[str, list[GrayImage]]]:
    """The names of `names_fr.zip` that fall apart into as many pieces of ink as they have letters.

    Yields: the name in capitals without accents and blanks, and the pictures of its letters.
    """
    with zipfile.ZipFile(file) as archive:
        labels = next(name for name in archive.namelist() if name.endswith("labels.tsv"))
        folder = labels.removesuffix("labels.tsv")
        for line in archive.read(labels).decode().splitlines()[1:]:
            picture, text, *_ = line.split("\t")
            plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).upper()
            name = plain.replace(" ", "").replace("-", "")
            if not name:
                continue
            stored = np.frombuffer(archive.read(folder + picture), np.uint8)
            cells = _pieces(np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8))
            if len(cells) == len(name):
                yield name, cells


def _pieces(image: GrayImage) -> list[GrayImage]:
    """Runs of columns with ink, from left to right, each in a cell of the usual pitch; specks left out."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((image < _INK).astype(np.uint8), connectivity=8)
    runs: list[list[int]] = []
    for left, top, width, height, area in sorted(tuple(map(int, row)) for row in stats[1:] if row[4] >= 6):
        if runs and left <= runs[-1][1] + 1:
            runs[-1][1] = max(runs[-1][1], left + width)
            runs[-1][2:] = [min(runs[-1][2], top), max(runs[-1][3], top + height), runs[-1][4] + area]
        else:
            runs.append([left, left + width, top, top + height, area])
    runs = [run for run in runs if run[4] >= _SPECK_PX and run[3] - run[2] >= 0.2 * image.shape[0]]
    centers = [(run[0] + run[1]) / 2 for run in runs]
    half = max(8, round(float(np.median(np.diff(centers))) / 2)) if len(centers) > 1 else 9
    cells = []
    for (start, stop, *_), center in zip(runs, centers, strict=True):
        first, last = max(0, min(start - 2, round(center - half))), max(stop + 2, round(center + half))
        cell = image[:, first:last].copy()
        cell[:, : max(0, start - 2 - first)] = 255
        cell[:, stop + 2 - first :] = 255
        cells.append(cell)
    return cells
