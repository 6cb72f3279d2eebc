"""Handwritten characters of public collections."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.definitions import Charset
from pipeline.benchmark.report import Report
from pipeline.engines import one_thread


def measure_handwriting(data: Path, report: Report) -> None:
    folder = data / "handwriting"
    from extraction.readers.glyphs import GlyphReader

    one_thread()
    reader = GlyphReader()
    rows = ["| set | characters | read rightly | sure (>= 0.9) | wrong among sure |", "|---|---|---|---|---|"]
    for name, charset in (
        ("digits_mnist", Charset.DIGITS),
        ("digits_usps", Charset.DIGITS),
        ("digits_optdigits", Charset.DIGITS),
        ("digits_orand", Charset.DIGITS),
        ("digits_unipen", Charset.DIGITS),
        ("upper_unipen", Charset.ALPHA),
    ):
        with np.load(folder / f"{name}.npz") as content:
            images, labels = content["x"], content["y"]
        step = max(1, len(images) // 2000)
        cells = [np.pad(255 - image, 6, constant_values=255).astype(np.uint8) for image in images[::step]]
        answers = reader.read(cells, charset)
        right = sure = wrong = 0
        for answer, label in zip(answers, labels[::step], strict=True):
            good = answer.best == str(label)
            certain = answer.probability(answer.best) >= 0.9
            right += good
            sure += certain
            wrong += certain and not good
        rows.append(f"| {name} | {len(cells)} | {right / len(cells):.4f} | {sure / len(cells):.3f} | {wrong} |")
    note = "Samples of the development sets, some of it training material (held-out writers: see the model card)."
    note += " USPS and ORAND were never trained on."
    report.section("Handwritten characters", [note, "", *rows])
