"""The text layer of a born-digital PDF page as words with boxes."""

from __future__ import annotations

import ctypes
import unicodedata

import pypdfium2
import pypdfium2.raw as pdfium_c

from models.geometry import Box
from models.text import PageText, TextLine, Word

MIN_CHARACTERS = 30
"""A page with fewer is read from its picture."""
MAX_CHARACTERS = 60_000
MAX_STRANGE = 0.05
"""Share of characters without meaning (private use, replacement) above which the layer is not believed."""


def page_text(page: pypdfium2.PdfPage, *, dpi: float, size: tuple[int, int]) -> PageText | None:
    """The words of a page, in pixels of its picture at `dpi`; `None` when the layer is absent or not to be believed.

    Args:
        size: width and height of the picture.
    """
    layer = page.get_textpage()
    count = layer.count_chars()
    if not MIN_CHARACTERS <= count <= MAX_CHARACTERS or page.get_rotation() != 0:
        return None
    words = _words(layer, count, page.get_size()[1], dpi / 72)
    letters = "".join(word.text for word in words)
    strange = sum(unicodedata.category(c) in ("Co", "Cn", "Cc") or c == "\ufffd" for c in letters)
    if len(letters) < MIN_CHARACTERS or strange > MAX_STRANGE * len(letters):
        return None
    return PageText(tuple(_lines(words)), size[0], size[1], dpi, "text-layer")


def _words(layer: pypdfium2.PdfTextPage, count: int, height_pt: float, scale: float) -> list[Word]:
    words: list[Word] = []
    letters: list[str] = []
    inks: list[Box] = []
    before: Box | None = None

    def end_word() -> None:
        if letters and inks:
            words.append(Word("".join(letters), Box.around(inks), 1.0))
        letters.clear()
        inks.clear()

    for index in range(count):
        character = chr(pdfium_c.FPDFText_GetUnicode(layer.raw, index))
        if "\ud800" <= character <= "\udfff":
            character = "\ufffd"  # half of a rare character: cannot be written as text
        if character.isspace() or character == "\x00":
            end_word()
            continue
        ink = _ink(layer, index, height_pt, scale)
        if ink is None:
            continue
        room = _room(layer, index, height_pt, scale) or ink
        if letters and before is not None and _apart(before, room):
            end_word()
        letters.append(character)
        inks.append(ink)
        before = room
    end_word()
    return words


def _ink(layer: pypdfium2.PdfTextPage, index: int, height_pt: float, scale: float) -> Box | None:
    """The box around what is seen of a character, in pixels."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not pdfium_c.FPDFText_GetCharBox(layer.raw, index, left, right, bottom, top):
        return None
    return _box(left.value, right.value, bottom.value, top.value, height_pt, scale)


def _room(layer: pypdfium2.PdfTextPage, index: int, height_pt: float, scale: float) -> Box | None:
    """The place the font gives a character: a comma's is as high as a figure's, and reaches to the next one."""
    place = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(layer.raw, index, place):
        return None
    return _box(place.left, place.right, place.bottom, place.top, height_pt, scale)


def _box(left: float, right: float, bottom: float, top: float, height_pt: float, scale: float) -> Box:
    return Box(left * scale, (height_pt - top) * scale, max(0.0, right - left) * scale, max(0.0, top - bottom) * scale)


def _apart(before: Box, box: Box) -> bool:
    """Two characters that do not belong to one word: another line, or a gap wider than most of a letter."""
    tall = max(before.height, box.height, 1.0)
    return (
        box.center_y > before.bottom + 0.1 * tall
        or box.center_y < before.y - 0.1 * tall
        or box.x - before.right > 0.4 * tall
        or before.x - box.right > 0.2 * tall
    )


def _lines(words: list[Word]) -> list[TextLine]:
    """Words of one height side by side are a line, unless a wide gap divides them."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.box.center_y, w.box.x)):
        row = next((r for r in reversed(rows[-6:]) if _same_row(r[-1], word)), None)
        if row is None:
            rows.append([word])
        else:
            row.append(word)
    lines: list[TextLine] = []
    for row in rows:
        row.sort(key=lambda w: w.box.x)
        part = [row[0]]
        for word in row[1:]:
            if word.box.x - part[-1].box.right > 2.0 * max(word.box.height, part[-1].box.height):
                lines.append(_line(part))
                part = []
            part.append(word)
        lines.append(_line(part))
    return sorted(lines, key=lambda line: (round(line.box.center_y / 4), line.box.x))


def _same_row(one: Word, other: Word) -> bool:
    tall = max(one.box.height, other.box.height, 1.0)
    return abs(one.box.center_y - other.box.center_y) < 0.5 * tall


def _line(words: list[Word]) -> TextLine:
    return TextLine(
        " ".join(word.text for word in words),
        Box.around(word.box for word in words),
        1.0,
        tuple(words),
        reader="text-layer",
    )
