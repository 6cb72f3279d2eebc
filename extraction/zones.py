"""Read the zones of a form's page: each by the reader its kind asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from extraction.combs import Comb, cut_comb
from extraction.email_addresses import name_parts
from extraction.line_lexicons import proposals
from extraction.readers import marks
from extraction.readers.line_search import Likely
from extraction.registration import Placement
from extraction.writing_models import writing_model
from extraction.written_values import decode_name
from models.definitions import Charset, Zone, ZoneKind, field_definition
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage, percentile
from models.reading import Barcode, Reading
from models.templates import FormTemplate
from models.text import Character

LINE_PX_PER_MM = 8.0
"""Resolution at which lines are cut for the text reader: 200 dpi."""
_ACCENTED = "ÀÂÄÇÈÉÊËÎÏÔÖÙÛÜŸŒ"
ALPHABETS: dict[Charset, str] = {
    Charset.DIGITS: "0123456789",
    Charset.ALPHA: f"ABCDEFGHIJKLMNOPQRSTUVWXYZ{_ACCENTED}'- ",
    Charset.ALNUM: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'- ",
    Charset.EMAIL: "abcdefghijklmnopqrstuvwxyz0123456789@._-+",
}
"""The characters that may stand in a line of print or of running writing; a charset not listed: any."""
Propose = Callable[[Sequence[str]], Iterable[str]]
"""From texts that were read to texts that may be meant."""
_SYMBOLOGIES = {"code128": "Code128", "code39": "Code39", "qr": "QRCode", "datamatrix": "DataMatrix"}


class GlyphsReader(Protocol):
    """Reads characters in boxes."""

    name: str

    def read_hand(
        self, combs: Sequence[tuple[Sequence[GrayImage], Sequence[GrayImage], Charset]]
    ) -> list[list[Character]]:
        """The characters that may stand in each cell of combs filled in by one person, best first; "" is an empty cell.

        Each comb: its cells with the box lines, the same without, and what may stand in them.
        """


class LineReader(Protocol):
    """Reads one line of text."""

    def read_line(self, image: GrayImage, alphabet: str | None = None) -> Reading:
        """The text of a line cut out of its page."""


class WrittenLineReader(Protocol):
    """Reads one line of running handwriting."""

    def read_line(
        self,
        image: GrayImage,
        alphabet: str | None = None,
        *,
        likely: Likely | None = None,
        propose: Propose | None = None,
    ) -> Reading:
        """The text of a line cut out of its page.

        Args:
            likely: what people write on such a line. propose: names texts that may be meant by what is read.
        """


@dataclass(frozen=True, slots=True)
class ZoneReaders:
    """The readers zones are given to."""

    glyphs: GlyphsReader
    printed: LineReader
    written: WrittenLineReader | None = None
    """Running handwriting; without one it is read as print."""
    second: LineReader | None = None
    """An independent reader of print, asked for what the first is unsure of."""


def zone_key(zone: Zone) -> str:
    """The name under which a zone's reading is kept: the field, and the value for a box to tick."""
    return f"{zone.name}={zone.value}" if zone.kind is ZoneKind.CHECKBOX else zone.name


def read_zones(
    page: GrayImage,
    *,
    dpi: float,
    template: FormTemplate,
    number: int,
    placed: Placement,
    readers: ZoneReaders,
    barcodes: Sequence[Barcode] = (),
) -> dict[str, Reading]:
    """Read every zone of one page of a form.

    Args:
        page: the upright page, shape (height, width), uint8, 0 ink, 255 paper. dpi: of the page.
        number: of the form's page, from 1. placed: where it lies, as `extraction.registration.refine` found.
        barcodes: those already found on the page, boxes in its pixels.
    Returns: readings by `zone_key`, boxes in pixels of `page`. The text of a comb has a space for an empty cell
        between two that are written in; of a checkbox or signature it is "true" or "false".
    """
    zones = template.definition.zones_on(number)
    if not zones:
        return {}
    sheet = _Sheet(page, template, number, placed)
    read: dict[str, Reading] = {}
    combs = [zone for zone in zones if zone.kind is ZoneKind.COMB]
    read.update(_read_combs(sheet, combs, readers.glyphs))
    for zone in zones:
        if zone.kind is ZoneKind.CHECKBOX:
            read[zone_key(zone)] = _read_tick(sheet, zone)
        elif zone.kind is ZoneKind.SIGNATURE:
            read[zone_key(zone)] = _read_signature(sheet, zone)
        elif zone.kind is ZoneKind.BARCODE:
            read[zone_key(zone)] = _read_barcode(sheet, zone, barcodes)
        elif zone.kind in (ZoneKind.PRINTED, ZoneKind.LINE) and zone.charset is not Charset.EMAIL:
            read[zone_key(zone)] = _read_text(sheet, zone, readers)
    for zone in zones:
        if zone.kind in (ZoneKind.PRINTED, ZoneKind.LINE) and zone.charset is Charset.EMAIL:
            # Addresses last: they are mostly made of the names on the same page.
            read[zone_key(zone)] = _read_text(sheet, zone, readers, names=_names_on(zones, read))
    hidden = _hidden(sheet, zones)
    return {key: _unseen(read[key]) if key in hidden else read[key] for key in map(zone_key, zones)}


def _names_on(zones: Sequence[Zone], read: Mapping[str, Reading]) -> tuple[str, ...]:
    """The names that were read with some confidence, taken apart as addresses are made of them."""
    names = []
    for zone in zones:
        reading = read.get(zone_key(zone))
        if reading is None or field_definition(zone.name, zones=(zone,)).value_type != "name":
            continue
        if zone.kind is ZoneKind.COMB:
            names += [guess.text for guess in decode_name(reading.characters)[:1] if guess.probability > _SURE_OF_NAME]
        elif (reading.confidence or 0.0) > _SURE_OF_NAME:
            names.append(reading.text)
    return name_parts(names)


_SURE_OF_NAME = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """A page with the form that was laid over it."""

    page: GrayImage
    template: FormTemplate
    number: int
    placed: Placement

    def cut(self, area: Box, px_per_mm: float) -> GrayImage:
        return self.placed.cut(self.page, area, px_per_mm=px_per_mm)

    def blank(self, area: Box, px_per_mm: float) -> GrayImage:
        """The same part of the blank form; not to be changed."""
        return _blank(self.template, self.number, area, px_per_mm)


@lru_cache(maxsize=512)
def _blank(template: FormTemplate, number: int, area: Box, px_per_mm: float) -> GrayImage:
    """A part of a page of a blank form: the same for all its scans."""
    unit = np.array([[template.dpi / MM_PER_INCH, 0, 0], [0, template.dpi / MM_PER_INCH, 0], [0, 0, 1]])
    plain = Placement(unit, np.zeros((0, 2)), np.zeros((0, 2)))
    cut = plain.cut(template.blanks[number - 1], area, px_per_mm=px_per_mm)
    cut.setflags(write=False)
    return cut


NOT_VISIBLE = "not_visible"
"""Flag of a zone that the page does not show: cut off, torn off, covered."""
_FRAMED = (ZoneKind.COMB, ZoneKind.CHECKBOX, ZoneKind.SIGNATURE)
_FRAME_PX_PER_MM = 5.0
_FRAME_THERE = 25.0
"""Depth, in gray levels, of a printed frame that is certainly there."""


def _unseen(reading: Reading) -> Reading:
    """What is not there to be seen is not empty."""
    return replace(reading, confidence=min(0.05, reading.confidence or 0.0), flags=(*reading.flags, NOT_VISIBLE))


def _hidden(sheet: _Sheet, zones: Sequence[Zone]) -> set[str]:
    """Keys of the zones that lie off the page, whose printed frame is gone while most others are there, or whose place
    is not proven by the print around it."""
    height, width = sheet.page.shape
    shown = Box(0, 0, width, height)
    hidden = set()
    for zone in zones:
        box = sheet.placed.on_page(zone.box)
        inside = box.intersection(shown)
        if inside is None or inside.area < 0.9 * box.area:
            hidden.add(zone_key(zone))
    framed = [zone for zone in zones if zone.kind in _FRAMED and zone_key(zone) not in hidden]
    depths = {zone_key(zone): depth for zone in framed if (depth := _frame_depth(sheet, zone)) is not None}
    framed_well = {key for key, depth in depths.items() if float((depth > _FRAME_THERE).mean()) > 0.75}
    hidden |= {
        zone_key(zone) for zone in zones if zone_key(zone) not in framed_well and not sheet.placed.proven(zone.box)
    }
    if not depths:
        return hidden
    usual = float(np.median([np.median(depth) for depth in depths.values()]))
    limit = max(10.0, 0.35 * usual)
    gone = {key for key, depth in depths.items() if float((depth > limit).mean()) < 0.4}
    # Where a scanner drops the frames' colour, they are missing everywhere and say nothing.
    return hidden | gone if len(gone) < 0.5 * len(depths) else hidden


def _frame_depth(sheet: _Sheet, zone: Zone) -> NDArray[np.int16] | None:
    """How dark the page is where the blank prints the zone's frame, gray levels; `None` without a frame."""
    area = zone.box.grown(0.8)
    blank = sheet.blank(area, _FRAME_PX_PER_MM)
    rows, columns = np.nonzero(blank < 190)
    if len(rows) < 20:
        return None
    page = sheet.cut(area, _FRAME_PX_PER_MM)
    paper = cv2.dilate(page, np.ones((13, 13), np.uint8)).astype(np.int16)
    depth = cv2.dilate((paper - page).astype(np.int16), np.ones((7, 7), np.uint8))
    return np.asarray(depth[rows, columns], np.int16)


def _read_combs(sheet: _Sheet, zones: Sequence[Zone], glyphs: GlyphsReader) -> dict[str, Reading]:
    cut = [cut_comb(sheet.page, sheet.placed, zone.cells) for zone in zones]
    answers = glyphs.read_hand(
        [(comb.cells, comb.lineless, zone.charset) for zone, comb in zip(zones, cut, strict=True)]
    )
    return {
        zone_key(zone): _comb_reading(sheet, zone, comb, answer, glyphs.name)
        for zone, comb, answer in zip(zones, cut, answers, strict=True)
    }


def _comb_reading(sheet: _Sheet, zone: Zone, comb: Comb, answer: Sequence[Character], name: str) -> Reading:
    places = sheet.placed.all_on_page(comb.boxes)
    characters = tuple(Character(c.alternatives, place) for c, place in zip(answer, places, strict=True))
    text = "".join(character.best or " " for character in characters).strip()
    confidence = math.prod(character.alternatives[0][1] if character.alternatives else 0.0 for character in characters)
    flags = []
    if comb.outside:
        flags.append("outside_cells")
    if comb.struck and text:
        flags.append("crossed_out")
    if any(sum(p for _, p in character.alternatives) < 0.5 for character in characters):
        flags.append("overwritten")
    return Reading(text, confidence, sheet.placed.on_page(zone.box), name, characters, tuple(flags))


def _read_tick(sheet: _Sheet, zone: Zone) -> Reading:
    margin = 2.8
    area = zone.box.grown(margin)
    mark = marks.tick(sheet.cut(area, marks.PX_PER_MM), sheet.blank(area, marks.PX_PER_MM), margin_mm=margin)
    return _mark_reading(sheet, zone, mark)


def _read_signature(sheet: _Sheet, zone: Zone) -> Reading:
    area = zone.box.grown(-0.4)
    mark = marks.signature(sheet.cut(area, marks.PX_PER_MM), sheet.blank(area, marks.PX_PER_MM))
    return _mark_reading(sheet, zone, mark)


def _mark_reading(sheet: _Sheet, zone: Zone, mark: marks.Mark) -> Reading:
    box = sheet.placed.on_page(zone.box)
    return Reading("true" if mark.made else "false", mark.confidence, box, marks.NAME, flags=mark.flags)


def _read_barcode(sheet: _Sheet, zone: Zone, barcodes: Sequence[Barcode]) -> Reading:
    box = sheet.placed.on_page(zone.box)
    around = box.grown(0.15 * max(box.width, box.height))
    for barcode in barcodes:
        inside = around.x <= barcode.box.center_x <= around.right and around.y <= barcode.box.center_y <= around.bottom
        if inside and zone.symbology in (None, barcode.symbology):
            return Reading(barcode.text, _CODE_CONFIDENCE, box, f"zxing {barcode.symbology}")
    wanted = [_SYMBOLOGIES[zone.symbology]] if zone.symbology in _SYMBOLOGIES else list(_SYMBOLOGIES.values())
    formats = zxingcpp.barcode_formats_from_str(",".join(wanted))
    for picture in _code_pictures(sheet.cut(zone.box.grown(3.0), 12.0)):
        found = zxingcpp.read_barcodes(picture, formats=formats, try_rotate=True, try_downscale=True, try_invert=False)
        if found:
            return Reading(found[0].text, _CODE_CONFIDENCE, box, f"zxing {zone.symbology or found[0].format}")
    return Reading("", 0.0, box, "zxing")


_CODE_CONFIDENCE = 0.9995
"""A barcode that decodes has passed its own check digits."""


def _code_pictures(cut: GrayImage) -> list[GrayImage]:
    """The cut as it is, then smoothed and thresholded in ways that mend what scanners break."""
    smooth = np.asarray(cv2.GaussianBlur(cut, (0, 0), 1.5), np.uint8)
    _, otsu = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
    local = cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 61, 8)
    along = cv2.blur(cut, (1, 25))
    half = cv2.resize(smooth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return [np.asarray(picture, np.uint8) for picture in (cut, otsu, local, along, half)]


def _read_text(sheet: _Sheet, zone: Zone, readers: ZoneReaders, *, names: Sequence[str] = ()) -> Reading:
    up, down = (2.6, 2.2) if zone.kind is ZoneKind.LINE else (0.6, 0.6)
    area = Box(zone.box.x - 0.8, zone.box.y - up, zone.box.width + 1.6, zone.box.height + up + down)
    cut = sheet.cut(area, LINE_PX_PER_MM)
    cleaned = _without_print(cut, sheet.blank(area, LINE_PX_PER_MM))
    middle = (up * LINE_PX_PER_MM, (up + zone.box.height) * LINE_PX_PER_MM)
    line = _line_of(cleaned, middle)
    box = sheet.placed.on_page(zone.box)
    if line is None:
        return Reading("", 0.99, box, "no ink")
    alphabet = ALPHABETS.get(zone.charset)
    if zone.handwritten and readers.written is not None:
        value_type = field_definition(zone.name, zones=(zone,)).value_type
        likely, propose = writing_model(value_type, names), proposals(value_type, names)
        read = readers.written.read_line(line, alphabet, likely=likely, propose=propose)
    else:
        read = _read_print(line, zone, alphabet, readers)
    text, characters = read.text, tuple(Character(c.alternatives) for c in read.characters)
    if not zone.handwritten and zone.charset is Charset.TEXT:
        text, characters = _letters_in_words(text, characters)
    return replace(read, text=text, zone=box, characters=characters)


def _read_print(line: GrayImage, zone: Zone, alphabet: str | None, readers: ZoneReaders) -> Reading:
    if alphabet and zone.charset is Charset.ALNUM and not zone.handwritten:
        alphabet += _PRINTED_SIGNS
    read = readers.printed.read_line(line, alphabet)
    if zone.charset is Charset.EMAIL:
        read = _with_underscores(read, line)
    elif alphabet is None or " " in alphabet:
        read = _with_spaces(read, line)
    if readers.second is not None and (read.confidence or 0.0) < _SECOND_OPINION:
        read = _agreed(read, readers.second.read_line(line, alphabet))
    return read


_PRINTED_SIGNS = "/.:+?(),"
"""Systems print references with signs that nobody writes into boxes (EPC: characters of a mandate reference)."""
_LOST_LETTER = re.compile(r"(?<=[A-Z])0(?=[A-Z])")


def _letters_in_words(text: str, characters: tuple[Character, ...]) -> tuple[str, tuple[Character, ...]]:
    """A nought between capitals is the letter O: some typefaces draw both alike."""
    mended = _LOST_LETTER.sub("O", text)
    if mended == text or len(characters) != len(text):
        return mended, characters
    letters = tuple(
        Character((("O", c.probability("0") or 0.9), *c.alternatives[1:]), c.box) if new != old else c
        for c, old, new in zip(characters, text, mended, strict=True)
    )
    return mended, letters


_SECOND_OPINION = 0.95
"""Print that is less sure is shown to the second reader."""


def _agreed(first: Reading, second: Reading) -> Reading:
    """The first reader's answer, surer when an independent one says the same, less sure when not."""
    confidence = first.confidence or 0.0
    if first.text.replace(" ", "") == second.text.replace(" ", ""):
        both = 1 - (1 - confidence) * 0.2
        return replace(first, confidence=both, reader=f"{first.reader} + {second.reader}")
    return replace(first, confidence=0.6 * confidence, flags=(*first.flags, "readers_disagree"))


_SPACE = 0.32
"""A gap in print this wide, in heights of its ink, parts words."""


def _with_spaces(read: Reading, line: GrayImage) -> Reading:
    """Spaces where the ink has gaps that the line reader passed over."""
    if len(read.text) != len(read.characters) or any(c.box is None for c in read.characters):
        return read
    dark = line < int(percentile(line, 75)) - 45
    rows = np.flatnonzero(dark.sum(axis=1) >= 2)
    if not len(rows):
        return read
    columns = dark.sum(axis=0) >= 1
    wide = _SPACE * float(np.ptp(rows) + 1)
    centers = [c.box.center_x for c in read.characters if c.box is not None]
    gaps = [_widest_gap(columns, a, b) for a, b in pairwise(centers)]
    usual = float(np.median(gaps)) if gaps else 0.0
    characters, text = list(read.characters[:1]), read.text[:1]
    for gap, before, after in zip(gaps, read.characters, read.characters[1:], strict=False):
        if gap > max(wide, 2.5 * usual) and " " not in (before.best, after.best) and before.best not in ".,'":
            characters.append(Character(((" ", 0.9), ("", 0.1))))
            text += " "
        characters.append(after)
        text += after.best
    return replace(read, text=text, characters=tuple(characters))


def _widest_gap(columns: NDArray[np.bool_], start: float, stop: float) -> int:
    """The longest run of columns without ink between two places."""
    part = columns[max(0, round(start)) : max(0, round(stop))]
    edges = np.flatnonzero(np.diff(np.concatenate(([1], part.astype(np.int8), [1]))))
    runs = edges[1::2] - edges[::2]
    return int(runs.max(initial=0))


def _with_underscores(read: Reading, line: GrayImage) -> Reading:
    """A dash in an address that lies on the foot of the letters is an underscore, above it a hyphen."""
    dashes = [k for k, c in enumerate(read.characters) if c.best in ("-", "_") and c.box is not None]
    if not dashes or len(read.text) != len(read.characters):
        return read
    dark = line < int(percentile(line, 75)) - 45
    count, _, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
    letters = [k for k in range(1, count) if stats[k][cv2.CC_STAT_HEIGHT] > 0.25 * line.shape[0]]
    if not letters:
        return read
    foot = float(np.median([stats[k][cv2.CC_STAT_TOP] + stats[k][cv2.CC_STAT_HEIGHT] for k in letters]))
    tall = float(np.median([stats[k][cv2.CC_STAT_HEIGHT] for k in letters]))
    characters, text = list(read.characters), list(read.text)
    for k in dashes:
        box = characters[k].box
        if box is None:
            continue
        # A dash may be joined to its neighbours: its height is that of the ink in its middle.
        middle = dark[:, max(0, round(box.center_x) - 3) : round(box.center_x) + 4]
        rows = np.flatnonzero(middle.sum(axis=1) >= 3)
        if len(rows) and np.ptp(rows) < 0.5 * tall:
            text[k] = "_" if float(rows.mean()) > foot - 0.3 * tall else "-"
            characters[k] = replace(characters[k], alternatives=((text[k], 0.9), ("-_"[text[k] == "-"], 0.1)))
    return replace(read, text="".join(text), characters=tuple(characters))


def _without_print(cut: GrayImage, blank: GrayImage) -> GrayImage:
    """The cut with what the blank prints there (labels, dotted lines, frames) painted over from what surrounds it."""
    printed = (blank < 200).astype(np.uint8)
    if not printed.any():
        return cut
    covered = np.asarray(cv2.dilate(printed, np.ones((3, 5), np.uint8)), np.uint8)
    covered[:1], covered[-1:] = 0, 0
    covered[_written_over(cut, printed, covered)] = 0
    return np.asarray(cv2.inpaint(cut, covered, 3, cv2.INPAINT_TELEA), np.uint8)


def _written_over(cut: GrayImage, printed: GrayImage, covered: GrayImage) -> NDArray[np.bool_]:
    """Where a stroke lies on a dotted line: there the gaps between the dots are dark too."""
    gap = (cv2.dilate(printed, np.ones((1, 5), np.uint8)) > 0) & (printed == 0)
    dark = cut < int(percentile(cut, 75)) - 45
    window = (max(3, round(1.2 * LINE_PX_PER_MM)), 3)
    gaps = cv2.boxFilter(gap.astype(np.float32), -1, window)
    filled = cv2.boxFilter((gap & dark).astype(np.float32), -1, window)
    return np.asarray((covered > 0) & (gaps > 0.06) & (filled > 0.7 * gaps))


def _line_of(cut: GrayImage, middle: tuple[float, float]) -> GrayImage | None:
    """The writing in a zone with a little paper around, `None` when there is none.

    Strokes that keep outside the zone's own height belong to the lines above and below, and are painted over.
    """
    paper = int(percentile(cut, 75))
    smooth = cv2.GaussianBlur(cut, (0, 0), 0.7)
    darkest = percentile(np.asarray(smooth, np.uint8), 0.5)
    if paper - darkest < 25:
        return None
    mask = (smooth < paper - max(18.0, 0.3 * (paper - darkest))).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = np.zeros(count, bool)
    for label in range(1, count):
        _, top, wide, tall, area = stats[label]
        within = min(top + tall, middle[1]) - max(top, middle[0])
        speck = area < 5
        streak = (tall > 0.95 * cut.shape[0] and wide < 6) or (wide > 0.9 * cut.shape[1] and tall < 6)
        keep[label] = not speck and not streak and within > 0.35 * tall
    if not keep.any() or stats[keep, cv2.CC_STAT_AREA].sum() < 25:
        return None
    _drop_lone_specks(keep, np.asarray(stats, np.int32), cut.shape[0])
    foreign = (labels > 0) & ~keep[labels]
    cleaned = cut.copy()
    cleaned[cv2.dilate(foreign.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~keep[labels]] = paper
    kept = stats[keep]
    x0, y0 = kept[:, 0].min(), kept[:, 1].min()
    x1, y1 = (kept[:, 0] + kept[:, 2]).max(), (kept[:, 1] + kept[:, 3]).max()
    margin = 6
    tight = cleaned[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin]
    # A thin first letter at the very edge is lost by the line reader.
    framed = cv2.copyMakeBorder(tight, 2, 2, 16, 16, cv2.BORDER_CONSTANT, value=(paper,))
    return np.asarray(framed, np.uint8)


def _drop_lone_specks(keep: NDArray[np.bool_], stats: NDArray[np.int32], height: int) -> None:
    """A dot of an i or the point of an address has writing near it; dirt mostly has not."""
    large = [k for k in np.flatnonzero(keep) if max(stats[k][2], stats[k][3]) > 0.12 * height]
    for k in np.flatnonzero(keep):
        if k in large or not large:
            continue
        left, right = stats[k][0], stats[k][0] + stats[k][2]
        distance = min(max(stats[n][0] - right, left - stats[n][0] - stats[n][2], 0) for n in large)
        if distance > 0.35 * height:
            keep[k] = False
