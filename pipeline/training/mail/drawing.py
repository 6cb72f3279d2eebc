"""Paper to draw on in millimetres, fonts, and what a drawing function returns."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pypdfium2 as pdfium
import reportlab
from numpy.typing import NDArray
from PIL import Image, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from models.geometry import MM_PER_INCH

DRAWN_DPI = 300
POINTS_PER_MM = 72 / MM_PER_INCH
A4_MM = (210.0, 297.0)
Colour = tuple[float, float, float]
"""Red, green, blue, each 0..1."""
BLACK: Colour = (0.0, 0.0, 0.0)
_ALPHABET = "AZazéèêëàâçùûîïôÉÀœ€°«»0123456789"


@dataclass(slots=True)
class Drawn:
    """A letter as it left its sender, before any scanner."""

    pages: list[NDArray[np.uint8]]
    """Gray (height, width) or BGR (height, width, 3), 300 dpi; empty when only the PDF was asked for."""
    truth: dict[str, Any]
    """`document_type`, `form`, `fields` as in a line of truth.jsonl."""
    pdf: bytes | None = None
    """The same pages as a program would have sent them, with a text layer."""


@dataclass(frozen=True, slots=True)
class Family:
    """A typeface by the names of its cuts, as reportlab knows them."""

    name: str
    regular: str
    bold: str
    monospaced: bool = False


_STANDARD = (
    Family("Helvetica", "Helvetica", "Helvetica-Bold"),
    Family("Times", "Times-Roman", "Times-Bold"),
    Family("Courier", "Courier", "Courier-Bold", monospaced=True),
)
"""Fonts every PDF reader has; drawn with the ones that pdfium carries."""


def families(folder: Path | None = None) -> tuple[Family, ...]:
    """Typefaces to draw with: the standard ones, reportlab's, the system's, and those of `folder` (TrueType)."""
    places = [Path(reportlab.__file__).parent / "fonts", Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]
    return _families(tuple(places if folder is None else [*places, folder]))


@cache
def _families(places: tuple[Path, ...]) -> tuple[Family, ...]:
    cuts: dict[str, dict[str, Path]] = {}
    for file in (file for place in places if place.is_dir() for file in sorted(place.rglob("*.ttf"))):
        try:
            family, style = ImageFont.truetype(str(file)).getname()
        except OSError:
            continue
        if family and style:
            cuts.setdefault(family, {}).setdefault(style.lower(), file)
    found = list(_STANDARD)
    for family, styles in sorted(cuts.items()):
        regular = next((styles[s] for s in ("regular", "book", "roman", "medium") if s in styles), None)
        bold = next((styles[s] for s in ("bold", "semibold", "demi") if s in styles), regular)
        names = [_registered(file) for file in (regular, bold) if file is not None]
        if len(names) == 2 and all(names):
            found.append(Family(family, names[0], names[1], monospaced="mono" in family.lower()))
    return tuple(found)


def _registered(file: Path) -> str:
    """The name under which reportlab knows a font file, empty when it cannot draw French with it."""
    name = f"drawn-{file.stem}"
    try:
        font = TTFont(name, str(file))
    except (TTFError, OSError):
        return ""
    if any(ord(letter) not in font.face.charToGlyph for letter in _ALPHABET):
        return ""
    pdfmetrics.registerFont(font)
    return name


@dataclass
class Paper:
    """Pages drawn on in millimetres from the top left corner; text stands on its baseline."""

    width_mm: float = A4_MM[0]
    height_mm: float = A4_MM[1]
    page: int = 1
    _file: io.BytesIO = field(default_factory=io.BytesIO)
    _canvas: Canvas = field(init=False)

    def __post_init__(self) -> None:
        size = (self.width_mm * POINTS_PER_MM, self.height_mm * POINTS_PER_MM)
        self._canvas = Canvas(self._file, pagesize=size, pageCompression=1, invariant=1)

    def text(
        self,
        x_mm: float,
        y_mm: float,
        words: str,
        *,
        font: str,
        size_pt: float,
        align: Literal["left", "right", "center"] = "left",
        colour: Colour = BLACK,
        turned_deg: float = 0.0,
        spread_pt: float = 0.0,
    ) -> None:
        """Write one line; `x_mm` is its left end, right end or middle."""
        canvas = self._canvas
        canvas.saveState()
        canvas.translate(x_mm * POINTS_PER_MM, (self.height_mm - y_mm) * POINTS_PER_MM)
        canvas.rotate(turned_deg)
        canvas.setFillColorRGB(*colour)
        width = pdfmetrics.stringWidth(words, font, size_pt) + spread_pt * max(0, len(words) - 1)
        line = canvas.beginText({"left": 0.0, "right": -width, "center": -width / 2}[align], 0)
        line.setFont(font, size_pt)
        line.setCharSpace(spread_pt)
        line.textOut(words)
        canvas.drawText(line)
        canvas.restoreState()

    def rule(
        self, x_mm: float, y_mm: float, to_x_mm: float, to_y_mm: float, *, pt: float = 0.6, colour: Colour = BLACK,
        dash: bool = False,
    ) -> None:  # fmt: skip
        """Draw a straight line."""
        canvas = self._canvas
        canvas.saveState()
        canvas.setStrokeColorRGB(*colour)
        canvas.setLineWidth(pt)
        if dash:
            canvas.setDash(2, 2)
        canvas.line(*self._place(x_mm, y_mm), *self._place(to_x_mm, to_y_mm))
        canvas.restoreState()

    def box(
        self, x_mm: float, y_mm: float, width_mm: float, height_mm: float, *, fill: Colour | None = None,
        stroke: Colour | None = BLACK, pt: float = 0.6, round_mm: float = 0.0,
    ) -> None:  # fmt: skip
        """Draw a rectangle, its top left corner at (x, y)."""
        canvas = self._canvas
        canvas.saveState()
        canvas.setLineWidth(pt)
        if fill is not None:
            canvas.setFillColorRGB(*fill)
        if stroke is not None:
            canvas.setStrokeColorRGB(*stroke)
        x, y = self._place(x_mm, y_mm + height_mm)
        canvas.roundRect(
            x, y, width_mm * POINTS_PER_MM, height_mm * POINTS_PER_MM, round_mm * POINTS_PER_MM,
            stroke=int(stroke is not None), fill=int(fill is not None),
        )  # fmt: skip
        canvas.restoreState()

    def ellipse(
        self, x_mm: float, y_mm: float, width_mm: float, height_mm: float, *, fill: Colour | None = None,
        stroke: Colour | None = BLACK, pt: float = 0.8,
    ) -> None:  # fmt: skip
        """Draw an ellipse into the rectangle whose top left corner is at (x, y)."""
        canvas = self._canvas
        canvas.saveState()
        canvas.setLineWidth(pt)
        if fill is not None:
            canvas.setFillColorRGB(*fill)
        if stroke is not None:
            canvas.setStrokeColorRGB(*stroke)
        canvas.ellipse(
            *self._place(x_mm, y_mm + height_mm), *self._place(x_mm + width_mm, y_mm),
            stroke=int(stroke is not None), fill=int(fill is not None),
        )  # fmt: skip
        canvas.restoreState()

    def curve(self, points_mm: Iterable[tuple[float, float]], *, pt: float, colour: Colour) -> None:
        """Draw a pen stroke through points."""
        canvas = self._canvas
        canvas.saveState()
        canvas.setStrokeColorRGB(*colour)
        canvas.setLineWidth(pt)
        canvas.setLineCap(1)
        path = canvas.beginPath()
        for number, point in enumerate(points_mm):
            (path.lineTo if number else path.moveTo)(*self._place(*point))
        canvas.drawPath(path, stroke=1, fill=0)
        canvas.restoreState()

    def picture(self, x_mm: float, y_mm: float, pixels: NDArray[np.uint8], *, width_mm: float) -> float:
        """Place a gray or BGR picture, its top left corner at (x, y); returns its height in mm."""
        height_mm: float = width_mm * pixels.shape[0] / pixels.shape[1]
        image = Image.fromarray(pixels if pixels.ndim == 2 else pixels[:, :, ::-1].copy())
        x, y = self._place(x_mm, y_mm + height_mm)
        self._canvas.drawImage(ImageReader(image), x, y, width_mm * POINTS_PER_MM, height_mm * POINTS_PER_MM, mask=None)

        return height_mm

    def next_page(self) -> None:
        """Go on with an empty page."""
        self._canvas.showPage()
        self.page += 1

    def finish(self) -> bytes:
        """The pages as a PDF."""
        self._canvas.save()
        return self._file.getvalue()

    def _place(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        return x_mm * POINTS_PER_MM, (self.height_mm - y_mm) * POINTS_PER_MM


def width_mm(words: str, font: str, size_pt: float) -> float:
    """How wide a line is."""
    points: float = pdfmetrics.stringWidth(words, font, size_pt)
    return points / POINTS_PER_MM


def wrapped(words: str, font: str, size_pt: float, room_mm: float) -> list[str]:
    """A text in lines no wider than `room_mm`; a word that is wider stands alone."""
    lines: list[str] = []
    for paragraph in words.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and width_mm(longer, font, size_pt) > room_mm:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines


def pictures(pdf: bytes, *, colour: bool, dpi: float = DRAWN_DPI) -> list[NDArray[np.uint8]]:
    """The pages of a PDF as gray or BGR arrays."""
    document = pdfium.PdfDocument(pdf)
    try:
        return [_picture(page, colour=colour, dpi=dpi) for page in document]
    finally:
        document.close()


def _picture(page: Any, *, colour: bool, dpi: float) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = page.render(scale=dpi / 72, grayscale=not colour).to_numpy().copy()
    return pixels if colour else pixels.reshape(pixels.shape[:2])
