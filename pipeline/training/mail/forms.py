"""Forms filled in: any form with its blank, printed on by a billing system and written on by somebody's hand."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import zxingcpp

from models.definitions import FormDefinition, Zone, ZoneKind
from models.errors import Misconfigured
from models.geometry import Box
from pipeline.training.mail import drawing
from pipeline.training.mail.answers import Answer, answers, as_written
from pipeline.training.mail.drawing import POINTS_PER_MM, Drawn
from pipeline.training.mail.hands import Hand, Hands, grained
from pipeline.training.mail.ink import PX_PER_MM, Page, gray, inked
from pipeline.training.pens import Mask

_SYMBOLOGIES = {
    "code128": zxingcpp.BarcodeFormat.Code128,
    "code39": zxingcpp.BarcodeFormat.Code39,
    "datamatrix": zxingcpp.BarcodeFormat.DataMatrix,
    "qrcode": zxingcpp.BarcodeFormat.QRCode,
    "qr": zxingcpp.BarcodeFormat.QRCode,
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "itf": zxingcpp.BarcodeFormat.ITF,
}


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """A form nobody has written on."""

    definition: FormDefinition
    pages: tuple[Page, ...]
    """Colour, 300 dpi."""


@lru_cache(maxsize=8)
def load_blank(folder: Path) -> Blank:
    """A form from its folder: `blank.pdf` and `fields.json`.

    Raises: Misconfigured when the folder holds no form.
    """
    described, picture = folder / "fields.json", folder / "blank.pdf"
    if not described.is_file() or not picture.is_file():
        raise Misconfigured(f"{folder}: no fields.json or no blank.pdf. Give the folder of a form.")
    definition = FormDefinition.from_json(json.loads(described.read_text(encoding="utf-8")), source=str(described))
    return Blank(definition, tuple(drawing.pictures(picture.read_bytes(), colour=True)))


def draw_form(rng: np.random.Generator, blank: Blank, hands: Hands, *, today: dt.date, hard: float = 0.5) -> Drawn:
    """The form filled in by one person.

    Args:
        hard: 0 careful writers; 1 restless ones who leave boxes, slip by a cell, correct themselves, use a pencil.
    """
    definition = blank.definition
    values = answers(definition.zones, rng, today=today)
    hand = hands.someone(rng, hard=hard)
    pages = []
    for number, empty in enumerate(blank.pages, start=1):
        zones = definition.zones_on(number)
        page = _printed(empty, zones, values, rng)
        ink = np.zeros(page.shape[:2], np.float32)
        for zone in zones:
            _write(ink, zone, values.get(zone.name), hand, rng)
        if hard and rng.random() < 0.12 * hard and zones:
            _stray(ink, hand, rng)
        pages.append(inked(page, grained(ink, hand.pen, rng), hand.pen.colour))
    truth = {"document_type": definition.document_type.value, "form": definition.id, "fields": values}
    return Drawn(pages=pages, truth=truth)


def _write(ink: Mask, zone: Zone, value: Answer, hand: Hand, rng: np.random.Generator) -> None:
    area = zone.box.scaled(PX_PER_MM)
    if zone.kind is ZoneKind.CHECKBOX:
        if zone.value == value or (isinstance(value, list) and zone.value in value):
            hand.tick(ink, area, rng)
    elif zone.kind is ZoneKind.SIGNATURE:
        if value:
            hand.sign(ink, area, rng)
    elif isinstance(value, str) and zone.kind is ZoneKind.COMB:
        cells = [cell.scaled(PX_PER_MM) for cell in zone.cells]
        # Where the cells are counted for the writer nobody slips.
        text = as_written(zone.name, value, zone, rng)
        hand.into_cells(ink, cells, text, rng, may_slip=not text.isdigit() or len(text) < len(cells) - 1)
    elif isinstance(value, str) and zone.kind is ZoneKind.LINE:
        hand.on_line(ink, area, as_written(zone.name, value, zone, rng), rng)


def _stray(ink: Mask, hand: Hand, rng: np.random.Generator) -> None:
    """A pen that was tried out or slipped: a short stroke anywhere."""
    height, width = ink.shape
    start = np.array([rng.uniform(0.05, 0.95) * width, rng.uniform(0.05, 0.95) * height])
    stop = start + rng.normal(0, 4 * PX_PER_MM, 2)
    ends = [(round(float(x) * 16), round(float(y) * 16)) for x, y in (start, stop)]
    cv2.line(ink, ends[0], ends[1], 1.0, max(1, round(hand.pen.mm * PX_PER_MM)), cv2.LINE_AA, 4)


# What a billing system prints.


def _printed(empty: Page, zones: tuple[Zone, ...], values: dict[str, Answer], rng: np.random.Generator) -> Page:
    """The blank with what the sender's system prints into it, a little off its place as printers are."""
    own = [zone for zone in zones if zone.kind in (ZoneKind.PRINTED, ZoneKind.BARCODE)]
    if not own:
        return empty
    height, width = empty.shape[0] / PX_PER_MM, empty.shape[1] / PX_PER_MM
    sheet = drawing.Paper(width, height)
    family = drawing.families()[rng.integers(len(drawing.families()))]
    font = family.regular if rng.random() < 0.85 else family.bold
    off_x, off_y = rng.normal(0, 0.35, 2)
    page = np.array(empty)
    for zone in own:
        value = values.get(zone.name)
        if not isinstance(value, str):
            continue
        if zone.kind is ZoneKind.BARCODE:
            _bars(page, zone, value)
            continue
        size = min(float(rng.uniform(9, 11.5)), 0.62 * zone.box.height * POINTS_PER_MM)
        size *= min(1.0, (zone.box.width - 3) / max(drawing.width_mm(value, font, size), 1.0))
        base = zone.box.y + zone.box.height / 2 + 0.36 * size / POINTS_PER_MM
        sheet.text(zone.box.x + 1.2 + off_x, base + off_y, value, font=font, size_pt=size)
    (overlay,) = drawing.pictures(sheet.finish(), colour=False)
    overlay = overlay[: page.shape[0], : page.shape[1]]
    dark = 1 - float(rng.uniform(0.0, 0.25))
    ink = np.zeros(page.shape[:2], np.float32)
    ink[: overlay.shape[0], : overlay.shape[1]] = (255 - overlay) / np.float32(255) * dark
    return inked(page, ink, (0, 0, 0))


def _bars(page: Page, zone: Zone, value: str) -> None:
    """The bar code as large as its zone allows, modules of whole pixels, in the zone's middle."""
    symbology = (zone.symbology or "code128").lower().replace("-", "").replace("_", "")
    code = zxingcpp.create_barcode(value, _SYMBOLOGIES.get(symbology, zxingcpp.BarcodeFormat.Code128))
    modules = gray(np.array(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False), np.uint8))
    area = zone.box.scaled(PX_PER_MM)
    long_bars = symbology in ("code128", "code39", "itf")
    if long_bars:
        modules = modules[modules.shape[0] // 2][None]
    scale = max(1, min(int(area.width * 0.97 / modules.shape[1]), int(area.height / modules.shape[0])))
    tall = round(area.height * 0.95) if long_bars else modules.shape[0] * scale
    picture = cv2.resize(modules, (modules.shape[1] * scale, tall), interpolation=cv2.INTER_NEAREST)
    _put(page, np.asarray(picture, np.uint8), area)


def _put(page: Page, picture: Page, area: Box) -> None:
    left, top = round(area.center_x - picture.shape[1] / 2), round(area.center_y - picture.shape[0] / 2)
    part = page[top : top + picture.shape[0], left : left + picture.shape[1]]
    shown = picture[: part.shape[0], : part.shape[1]]
    part[:] = np.minimum(part, shown[..., None] if part.ndim == 3 else shown)
