"""Pages as pixels at the resolution of drawing, and ink put on them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry import MM_PER_INCH
from models.image import GrayImage
from pipeline.training.mail.drawing import DRAWN_DPI

PX_PER_MM = DRAWN_DPI / MM_PER_INCH

Page = NDArray[np.uint8]
"""Gray, shape (height, width), or colour, shape (height, width, 3), blue first; 0 ink, 255 paper."""


def inked(page: Page, ink: NDArray[np.floating[Any]] | cv2.typing.MatLike, colour: tuple[float, float, float]) -> Page:
    """A colour page with ink on it; ink darkens what is printed, as a pen does.

    Args:
        ink: shape (height, width), 0 none to 1 full. colour: of the ink, blue first, 0..255.
    """
    coloured = page if page.ndim == 3 else cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)
    rows, columns = np.nonzero(ink > 0.004)
    written = np.array(coloured, np.uint8)
    if len(rows):
        part = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        passed = 1 - ink[part][..., None] * (1 - np.array(colour, np.float32) / 255)
        written[part] = np.round(written[part] * passed).astype(np.uint8)
    return written


def gray(page: Page) -> GrayImage:
    """The page without its colours."""
    return np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.uint8) if page.ndim == 3 else page
