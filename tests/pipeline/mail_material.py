"""Small collections of handwriting and a small form, for tests of the simulated mail."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np

from pipeline.training.mail.drawing import Paper


def handwriting(folder: Path, writers: int = 40) -> Path:
    """Collections of the real format; every writer draws every character as a cross of strokes."""
    labels = [*string.ascii_letters, *string.digits, *"-.,'/@+&:()"]
    cross = np.array([(0, 0), (255, 255), (255, 0), (0, 255)], np.uint8)
    count = len(labels) * writers
    np.savez(
        folder / "strokes_unipen.npz",
        points=np.tile(cross, (count, 1)),
        stroke_len=np.full(count * 2, 2, np.uint16),
        n_strokes=np.full(count, 2, np.uint8),
        y=np.array(labels * writers),
        writer=np.repeat([f"w{number}" for number in range(writers)], len(labels)),
    )
    pictures = np.zeros((240, 28, 28), np.uint8)
    pictures[:, 6:22, 12:16] = 255
    for name in ("digits_mnist", "digits_optdigits"):
        np.savez(folder / f"{name}.npz", x=pictures, y=np.array(list("0123456789") * 24), writer=np.full(240, ""))
    return folder


def small_form(folder: Path) -> Path:
    """A card with one zone of each kind."""
    cells = [[20 + 8 * k, 20, 8, 10] for k in range(6)]
    fields = [
        {"page": 1, "name": "meter_index", "kind": "comb", "charset": "digits", "cells": cells, "required": True},
        {"page": 1, "name": "city", "kind": "line", "charset": "text", "box": [20, 40, 60, 8], "required": True},
        {"page": 1, "name": "remark", "kind": "checkbox", "value": "leak_suspected", "box": [20, 55, 4, 4]},
        {"page": 1, "name": "subscriber_reference", "kind": "printed", "charset": "digits", "box": [90, 20, 40, 6]},
        {"page": 1, "name": "barcode", "kind": "barcode", "symbology": "code128", "box": [85, 35, 55, 12]},
        {"page": 1, "name": "signature", "kind": "signature", "box": [90, 60, 50, 25]},
    ]
    described = {
        "id": "card",
        "family": "t_card",
        "title": "Carte",
        "page_mm": [148, 105],
        "pages": 1,
        "fields": fields,
    }
    sheet = Paper(148, 105)
    sheet.text(20, 12, "RELEVÉ DE COMPTEUR", font="Helvetica-Bold", size_pt=12)
    for x, y, width, height in cells:
        sheet.box(x, y, width, height)
    sheet.box(20, 55, 4, 4)
    (folder / "fields.json").write_text(json.dumps(described))
    (folder / "blank.pdf").write_bytes(sheet.finish())
    return folder
