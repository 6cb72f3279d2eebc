"""Which pages of a PDF are one JPEG and nothing else, so that its gray picture can be decoded without drawing.

Runs only in the sandbox's child, as `capture.opening` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pikepdf

from models.image import GrayImage

_HARMLESS_KEYS = {
    "/BitsPerComponent", "/ColorSpace", "/Filter", "/Height", "/Interpolate", "/Length", "/Name", "/Subtype", "/Type",
    "/Width",
}  # fmt: skip
"""Of an image; any other (masks, decode arrays, optional content, parameters) may change what is shown."""
_PLACING = {"q", "Q", "cm", "Do"}
_LONGEST_CONTENT = 1000
"""Bytes that place one picture; longer contents do more."""
_END_OF_JPEG = b"\xff\xd9"


def plain_jpegs(path: Path, numbers: Sequence[int]) -> frozenset[int]:
    """Numbers of the pages (1-based) whose content places one JPEG, unmasked, untinted, unclipped; where is not asked.

    A damaged file has none: PDFium decides what is to be seen of it.
    """
    try:
        with pikepdf.Pdf.open(path) as pdf:
            return frozenset(number for number in numbers if _is_plain(pdf.pages[number - 1]))
    except Exception:
        # qpdf stumbles on what PDFium may still draw
        return frozenset()


def _is_plain(page: pikepdf.Page) -> bool:
    resources = page.resources
    if not set(resources.keys()) <= {"/XObject", "/ProcSet"} or "/Annots" in page:
        return False
    content = page.obj.get("/Contents")
    if not isinstance(content, pikepdf.Stream) or len(content.read_raw_bytes()) > _LONGEST_CONTENT:
        return False
    pictures = list(resources.get("/XObject", pikepdf.Dictionary()).values())
    if len(pictures) != 1 or not _is_plain_jpeg(pictures[0]):
        return False
    shown = [str(step.operator) for step in pikepdf.parse_content_stream(page)]
    return shown.count("Do") == 1 and set(shown) <= _PLACING


def _is_plain_jpeg(picture: pikepdf.Object) -> bool:
    if not set(picture.keys()) <= _HARMLESS_KEYS or picture.get("/Subtype") != "/Image":
        return False
    filters = picture.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    return names == ["/DCTDecode"] and picture.get("/ColorSpace") in ("/DeviceGray", "/DeviceRGB")


def gray_of_jpeg(content: bytes, size: tuple[int, int]) -> GrayImage | None:
    """The gray picture of a whole JPEG of the width and height expected, else `None`; colour is not even decoded."""
    if not content.rstrip(b"\x00\r\n").endswith(_END_OF_JPEG):
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    if picture is None or picture.shape != size[::-1]:
        return None
    gray: GrayImage = picture.astype(np.uint8, copy=False)
    return gray
