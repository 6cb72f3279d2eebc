"""What runs inside a reading process: one page from file to reading, one document from readings to fields."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from capture.sandbox import RasterPage
from models.errors import CaptureError, UnusableImage
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage
from models.reading import FieldValue, PageReading
from pipeline.engines import engines
from pipeline.recognition import Hint, read_content, read_page

PREVIEW_HEIGHT = 320
SNIPPET_MARGIN = 0.3
"""Share of the zone's height shown around it."""
SNIPPET_HEIGHT = 96
"""Least height of a snippet, pixels."""


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """One page read, with its pictures encoded."""

    reading: PageReading
    image: bytes
    """The upright page: PNG when it is black and white, JPEG otherwise."""
    suffix: str
    preview: bytes
    """JPEG, 320 pixels high."""


def encode_page(image: GrayImage) -> tuple[bytes, str]:
    """A page picture for screens and later readers: (bytes, suffix)."""
    bitonal = bool(np.isin(image[:: max(1, image.shape[0] // 200)], (0, 255)).all())
    suffix = ".png" if bitonal else ".jpg"
    options = [cv2.IMWRITE_PNG_BILEVEL, 1] if bitonal else [cv2.IMWRITE_JPEG_QUALITY, 88]
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise RuntimeError("the page picture could not be encoded")
    return data.tobytes(), suffix


def decode_page(content: bytes) -> GrayImage:
    """The gray picture stored by `encode_page`."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise RuntimeError(
            "a stored page picture cannot be decoded: run `depli journal verify` and check the image store"
        )
    gray: GrayImage = image.astype(np.uint8, copy=False)
    return gray


def _preview(image: GrayImage) -> bytes:
    scale = PREVIEW_HEIGHT / image.shape[0]
    small = cv2.resize(image, (max(1, round(image.shape[1] * scale)), PREVIEW_HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()


def read_scan(raster: RasterPage) -> PageOutcome:
    """Clean and read one page that the sandbox made a picture of, and encode its pictures."""
    page = read_page(raster, engines())
    image, suffix = encode_page(page.image)
    return PageOutcome(page.reading, image, suffix, _preview(page.image))


@dataclass(frozen=True, slots=True)
class PackedReading:
    """A page's reading as it is kept until its whole stack is read: in 40 kB, not in a thousand small objects."""

    outline: PageReading
    """What tells documents apart: without zones, words and characters, but with the text of its lines."""
    content: bytes
    """The whole reading, for `unpacked`."""


def packed(reading: PageReading) -> PackedReading:
    """Pack a reading. Only our own processes' bytes are unpacked again."""
    text = reading.text
    if text is not None:
        text = replace(text, lines=tuple(replace(line, words=(), characters=()) for line in text.lines))
    return PackedReading(replace(reading, zones={}, text=text), zlib.compress(pickle.dumps(reading, protocol=5), 1))


def unpacked(page: PackedReading) -> PageReading:
    """The whole reading."""
    reading: PageReading = pickle.loads(zlib.decompress(page.content))  # noqa: S301  (packed by a process of ours)
    return reading


def read_only(raster: RasterPage) -> PackedReading:
    """As `read_scan`, for `depli read`: nothing is kept but the reading; the raster file is removed."""
    try:
        return packed(read_page(raster, engines()).reading)
    except CaptureError:
        raise
    except Exception as error:
        # one page that trips a reader must not end a run over thousands
        raise UnusableImage(f"page {raster.number}: {type(error).__name__} while reading", code="crashed") from error
    finally:
        Path(raster.file).unlink(missing_ok=True)


def read_again(content: bytes, reading: PageReading, hint: Hint) -> PageReading:
    """Read a stored upright page again, with what a person said of it."""
    return read_content(decode_page(content), reading, engines(), hint=hint)


def cut_snippets(fields: Mapping[str, FieldValue], pages: Sequence[tuple[bytes, float]]) -> dict[str, bytes]:
    """The picture of each field's zone, PNG, by field name; fields without a place have none.

    Args:
        fields: of one document. pages: (stored picture, dpi) of its pages, in order.
    """
    pictures: dict[int, GrayImage] = {}
    snippets: dict[str, bytes] = {}
    for name, value in fields.items():
        if value.box is None or value.page is None or not 1 <= value.page <= len(pages):
            continue
        content, dpi = pages[value.page - 1]
        if value.page not in pictures:
            pictures[value.page] = decode_page(content)
        snippets[name] = _snippet(pictures[value.page], value.box.scaled(dpi / MM_PER_INCH))
    return snippets


def _snippet(page: GrayImage, zone: Box) -> bytes:
    margin = SNIPPET_MARGIN * zone.height
    box = Box(zone.x - 2 * margin, zone.y - margin, zone.width + 4 * margin, zone.height + 2 * margin)
    top, left = max(0, round(box.y)), max(0, round(box.x))
    cut = page[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]
    if cut.size == 0:
        cut = np.full((SNIPPET_HEIGHT, SNIPPET_HEIGHT), 255, np.uint8)
    if cut.shape[0] < SNIPPET_HEIGHT:
        scale = SNIPPET_HEIGHT / cut.shape[0]
        size = (max(1, round(cut.shape[1] * scale)), SNIPPET_HEIGHT)
        cut = cv2.resize(cut, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    levels = (cut // 16 * 17).astype(np.uint8)
    return cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()
