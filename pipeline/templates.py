"""Form templates from their folders: `fields.json` and a picture of the blank, a PDF or an image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
from PIL import Image, ImageSequence, UnidentifiedImageError

from models.definitions import FormDefinition
from models.errors import Misconfigured
from models.geometry import MM_PER_INCH
from models.image import GrayImage
from models.templates import FormTemplate

TEMPLATE_DPI = 200.0
PICTURES = ("blank.pdf", "blank.png", "blank.tif", "blank.tiff", "blank.jpg", "blank.jpeg")


def load_templates(folder: Path) -> tuple[FormTemplate, ...]:
    """The forms of a folder: the folder itself when it holds a `fields.json`, else each subfolder that does.

    Raises: Misconfigured when there is no form, or naming the file at fault.
    """
    if (folder / "fields.json").is_file():
        return (load_template(folder),)
    if not folder.is_dir():
        raise Misconfigured(f"{folder}: no such folder of forms. Correct the setting or make the folder.")
    return tuple(load_template(each) for each in sorted(folder.iterdir()) if (each / "fields.json").is_file())


def load_template(folder: Path) -> FormTemplate:
    """One form.

    Raises: Misconfigured, naming the file at fault and the remedy.
    """
    described = folder / "fields.json"
    try:
        data = json.loads(described.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{described}: cannot be read ({error}). Restore the file.") from error
    definition = FormDefinition.from_json(data, source=str(described))
    picture = next((folder / name for name in PICTURES if (folder / name).is_file()), None)
    if picture is None:
        raise Misconfigured(f"{folder}: no picture of the blank form. Add one of {', '.join(PICTURES)}.")
    blanks = _from_pdf(picture) if picture.suffix == ".pdf" else _from_image(picture)
    sized = tuple(_to_size(blank, definition.page_mm, picture) for blank in blanks)
    if len(sized) < definition.pages:
        raise Misconfigured(f"{picture}: {len(sized)} page(s), but fields.json has zones on page {definition.pages}.")
    return FormTemplate(replace(definition, blank_pages=len(sized)), sized, TEMPLATE_DPI)


def _from_pdf(picture: Path) -> list[GrayImage]:
    try:
        document = pypdfium2.PdfDocument(picture)
    except pypdfium2.PdfiumError as error:
        raise Misconfigured(f"{picture}: not a readable PDF ({error}). Export the blank form again.") from error
    try:
        scale = TEMPLATE_DPI / 72
        return [np.array(page.render(scale=scale, grayscale=True).to_pil().convert("L")) for page in document]
    finally:
        document.close()


def _from_image(picture: Path) -> list[GrayImage]:
    try:
        with Image.open(picture) as image:
            return [np.array(frame.convert("L"), dtype=np.uint8) for frame in ImageSequence.Iterator(image)]
    except (OSError, UnidentifiedImageError) as error:
        raise Misconfigured(f"{picture}: not a readable image ({error}). Save the blank form again.") from error


def _to_size(blank: GrayImage, page_mm: Sequence[float], picture: Path) -> GrayImage:
    """The blank at `TEMPLATE_DPI`, whatever it was drawn or scanned at.

    Raises: Misconfigured when its shape is not that of the page.
    """
    width, height = (round(side * TEMPLATE_DPI / MM_PER_INCH) for side in page_mm)
    if abs(blank.shape[1] / blank.shape[0] / (width / height) - 1) > 0.02:
        raise Misconfigured(f"{picture}: its shape is not that of a page of {page_mm[0]:g} x {page_mm[1]:g} mm.")
    if max(abs(blank.shape[1] - width), abs(blank.shape[0] - height)) <= 2:
        return np.ascontiguousarray(blank)
    how = cv2.INTER_AREA if blank.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(blank, (width, height), interpolation=how), np.uint8)
