"""Lighter pictures of pages, for receivers that limit the size of a file. The archive keeps the full ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from models.handover import ReleasedPage


@dataclass(frozen=True, slots=True)
class Lightness:
    """How far a picture is made lighter."""

    dpi: float
    jpeg_quality: int | None
    """`None` = black and white, CCITT group 4 in the PDF."""


STEPS = (Lightness(200, 70), Lightness(150, 50), Lightness(200, None), Lightness(150, None))
"""From the best to the lightest; words stay searchable at every step."""

PAPER_ABOVE = 160
"""Gray level that parts ink from paper in the black-and-white steps; cleaned pages have white paper."""


def lightest_needed(
    pages: Sequence[ReleasedPage], make: Callable[[Sequence[ReleasedPage]], bytes], *, below_bytes: int
) -> bytes:
    """What `make` gives of the pages as they are, or of the first lighter pictures that come out below the limit.

    Returns: the lightest when none does: the caller's own rule on size then speaks.
    """
    made = make(pages)
    for step in STEPS:
        if len(made) < below_bytes:
            break
        made = make([_lighter(page, step) for page in pages])
    return made


def _lighter(page: ReleasedPage, step: Lightness) -> ReleasedPage:
    with Image.open(io.BytesIO(page.image())) as picture:
        scale = min(1.0, step.dpi / page.dpi)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        gray = picture.convert("L")
        small = gray if size == gray.size else gray.resize(size, Image.Resampling.LANCZOS)
        target = io.BytesIO()
        if step.jpeg_quality is None:
            small.point(lambda level: 255 if level > 160 else 0).convert("1", dither=Image.Dither.NONE).save(
                target, "PNG"
            )
        else:
            small.save(target, "JPEG", quality=step.jpeg_quality)
        content, dpi = target.getvalue(), page.dpi * size[0] / picture.width
    return replace(page, image=lambda: content, dpi=dpi)
