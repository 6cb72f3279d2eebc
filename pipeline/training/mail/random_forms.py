"""Forms of utilities that do not exist: cards, subscription forms and mandates in layouts nobody designed.

They have the same field names as real ones; a reader that knows a form only from its folder meets boxes of any size,
colour and kind, labels beside or above them, fonts, logos and sheets of several sizes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.definitions import DocumentType, FormDefinition
from pipeline.training.mail import drawing
from pipeline.training.mail.answers import a_name, a_town
from pipeline.training.mail.drawing import BLACK, POINTS_PER_MM, Colour, Family, Paper
from pipeline.training.mail.forms import Blank

Entry = dict[str, Any]
"""An entry of `fields` in fields.json."""

_SHEETS: dict[DocumentType, tuple[tuple[float, float], ...]] = {
    DocumentType.T_CARD: ((210, 99), (148, 105), (210, 148), (170, 110), (148, 210)),
    DocumentType.SUBSCRIPTION_FORM: ((210, 297), (210, 297), (148, 210)),
    DocumentType.SEPA_MANDATE: ((210, 297), (210, 297), (210, 148), (148, 210)),
}
_LINE_COLOURS: dict[str, Colour] = {
    "black": BLACK, "gray": (0.5, 0.5, 0.5), "green": (0.25, 0.75, 0.4), "red": (0.9, 0.25, 0.25),
    "blue": (0.35, 0.6, 0.9), "orange": (1.0, 0.6, 0.2),
}  # fmt: skip
_OWNERS = (
    "Syndicat des Eaux de {}", "Régie des Eaux de {}", "Service de l'eau - Ville de {}", "Eaux du Pays de {}",
    "Communauté de Communes de {}", "Régie Municipale d'Eau et d'Assainissement de {}", "SIVOM de {}", "{} Métropole",
    "Compagnie Fermière des Eaux de {}",
)  # fmt: skip
_SMALL_PRINT = (
    "Les informations recueillies sont destinées à la gestion de votre abonnement. Vous disposez d'un droit d'accès, "
    "de rectification et d'opposition auprès du délégué à la protection des données.",
    "En signant ce formulaire vous autorisez le créancier à envoyer des instructions à votre banque pour débiter votre "
    "compte, et votre banque à débiter votre compte conformément à ces instructions. Vous bénéficiez du droit d'être "
    "remboursé par votre banque dans les huit semaines suivant la date de débit.",
    "Merci de retourner ce document complété et signé dans les huit jours, accompagné des pièces demandées. Toute "
    "demande incomplète sera renvoyée à son auteur sans être traitée.",
    "Le demandeur reconnaît avoir reçu le règlement du service et en accepter les conditions sans réserve.",
)


class _NoRoom(Exception):
    """The layout does not fit on its sheet."""


@dataclass(frozen=True, slots=True)
class RandomForm:
    """A form as its folder holds it."""

    description: dict[str, Any]
    """Content of fields.json."""
    pdf: bytes
    """blank.pdf."""

    def save(self, folder: Path) -> Path:
        """Write `fields.json` and `blank.pdf` into a folder, made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fields.json").write_text(json.dumps(self.description, ensure_ascii=False), encoding="utf-8")
        (folder / "blank.pdf").write_bytes(self.pdf)
        return folder

    def blank(self) -> Blank:
        """The form to be filled in."""
        definition = FormDefinition.from_json(self.description, source=self.description["id"])
        return Blank(definition, tuple(drawing.pictures(self.pdf, colour=True)))


@dataclass(frozen=True, slots=True)
class _Style:
    family: Family
    label_pt: float
    labels_above: bool
    cell: tuple[float, float]
    """Width and height, mm."""
    gap: float
    """Between cells, mm; 0 where they share their lines."""
    group_gap: float
    """Between the groups of dates, phone numbers and accounts, mm."""
    drawn: str
    """boxes, comb, tinted."""
    colour: Colour
    line_pt: float
    square: float
    box_after_label: bool
    row_gap: float
    running: str
    """What is under running writing: dots, rule, frame."""


@dataclass(slots=True)
class _Layout:
    """A sheet being filled from top to bottom, between two edges."""

    sheet: Paper
    style: _Style
    left: float
    right: float
    y: float
    bottom: float
    label_room: float
    entries: list[Entry] = field(default_factory=list)

    def row(self, height: float) -> float:
        """The top of a row of this height; the next row begins below it."""
        top = self.y
        if top + height > self.bottom:
            raise _NoRoom
        self.y = top + height + self.style.row_gap
        return top

    def label(self, x: float, y: float, words: str, *, bold: bool = False, size_pt: float | None = None) -> float:
        """Write a label; returns its width in mm."""
        font = self.style.family.bold if bold else self.style.family.regular
        size = size_pt or self.style.label_pt
        self.sheet.text(x, y, words, font=font, size_pt=size)
        return drawing.width_mm(words, font, size)

    def labelled(self, words: str, height: float) -> tuple[float, float]:
        """Place a label; returns where its widget begins."""
        text_mm = self.style.label_pt / POINTS_PER_MM
        if self.style.labels_above:
            top = self.row(height + text_mm + 1.2)
            self.label(self.left, top + text_mm, words)
            return self.left, top + text_mm + 1.2
        top = self.row(height)
        font = self.style.family.regular
        for size in (self.style.label_pt, self.style.label_pt - 1, self.style.label_pt - 2):
            if drawing.width_mm(words, font, size) < self.label_room - 1:
                break
        self.label(self.left, top + height / 2 + 0.35 * text_mm, words, size_pt=size)
        return self.left + self.label_room, top


def random_form(rng: np.random.Generator, family: DocumentType | None = None, *, name: str = "") -> RandomForm:
    """A form drawn by chance.

    Args:
        family: T_CARD, SUBSCRIPTION_FORM or SEPA_MANDATE; by chance when None.
        name: id of the form; made up when empty.
    """
    kinds = tuple(_SHEETS)
    family = family or kinds[rng.integers(len(kinds))]
    name = name or f"{family.value.replace('_', '-')}-{rng.integers(10**6):06d}"
    size = _SHEETS[family][rng.integers(len(_SHEETS[family]))]
    shrink = 1.0
    for _ in range(60):
        try:
            return _drawn(rng, family, size, name, shrink)
        except _NoRoom:
            shrink = max(0.6, shrink * 0.97)
    return random_form(rng, family, name=name)


def _drawn(
    rng: np.random.Generator, family: DocumentType, size: tuple[float, float], name: str, shrink: float
) -> RandomForm:
    width, height = size
    sheet, style = Paper(width, height), _style(rng, shrink, compact=height < 200)
    margin = float(rng.uniform(7, 14)) * (0.8 if height < 150 else 1)
    top = _heading(sheet, rng, style, family, margin)
    bottom = height - margin
    if height > 250 or rng.random() < 0.4:
        bottom = _small_print(sheet, rng, style, margin, bottom)
    if rng.random() < 0.2:
        for x, y in ((3, 3), (width - 8, 3), (3, height - 8), (width - 8, height - 8)):
            sheet.box(x, y, 5, 5, fill=BLACK)
    rows = _ROWS[family](rng)
    if width > height and width > 160:
        middle = width * float(rng.uniform(0.42, 0.55))
        sides = [(margin, middle - 4), (middle + 2, width - margin)]
        halves = _halved(rows)
    else:
        sides, halves = [(margin, width - margin)], [rows]
    entries: list[Entry] = []
    for (left, right), part in zip(sides, halves, strict=True):
        room = (right - left) * float(rng.uniform(0.24, 0.34))
        layout = _Layout(sheet, style, left, right, top, bottom, room)
        for row in part:
            row(layout, rng)
        entries.extend(layout.entries)
    if family is DocumentType.SUBSCRIPTION_FORM and rng.random() < 0.35:
        _conditions(sheet, rng, style, margin)
    description = {
        "id": name, "family": family.value, "title": name, "page_mm": list(size), "pages": sheet.page,
        "fields": entries,
    }  # fmt: skip
    return RandomForm(description, sheet.finish())


def _style(rng: np.random.Generator, shrink: float, *, compact: bool) -> _Style:
    names = list(_LINE_COLOURS)
    colour = names[rng.choice(len(names), p=(0.4, 0.14, 0.14, 0.1, 0.14, 0.08))]
    wide = float(np.clip(rng.uniform(4.5, 6.2 if compact else 7.2) * shrink, 4.5, 8))
    families = drawing.families()
    separate = rng.random() < 0.25
    return _Style(
        family=families[rng.integers(len(families))],
        label_pt=float(rng.uniform(6.5, 8 if compact else 9.5)),
        labels_above=bool(rng.random() < 0.35),
        cell=(wide, min(8.5, wide * float(rng.uniform(1.1, 1.4)))),
        gap=float(rng.uniform(0.5, 1.1)) if separate else 0.0,
        group_gap=float(rng.uniform(1.5, 3.5)) if rng.random() < 0.7 else 0.0,
        drawn=("boxes", "comb", "tinted")[rng.choice(3, p=(0.65, 0.22, 0.13))],
        colour=_LINE_COLOURS[colour],
        line_pt=float(rng.uniform(0.35, 1.1)),
        square=float(rng.uniform(2.8, 4.8)),
        box_after_label=bool(rng.random() < 0.15),
        row_gap=float(rng.uniform(0.8, 2.4) if compact else rng.uniform(1.5, 6.5)) * shrink,
        running=("dots", "rule", "frame")[rng.choice(3, p=(0.5, 0.3, 0.2))],
    )


def _heading(sheet: Paper, rng: np.random.Generator, style: _Style, family: DocumentType, margin: float) -> float:
    """Sender, logo and title; returns where the fields begin."""
    place = a_town(rng, 18)[1].title()
    owner = _OWNERS[rng.integers(len(_OWNERS))].format(place)
    small = sheet.height_mm < 150
    y = margin + 1.5
    if rng.random() < 0.4:
        band: Colour = (float(rng.uniform(0.6, 0.95)), float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.8, 1.0)))
        sheet.box(0, 0, sheet.width_mm, y + 6, fill=band, stroke=None)
    x = margin
    if rng.random() < 0.6:
        ink: Colour = (float(rng.uniform(0, 0.5)), float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.5, 1)))
        size = 8.0 if small else 14.0
        if rng.random() < 0.5:
            sheet.ellipse(x, y - 3, size, size, fill=ink, stroke=None)
        else:
            sheet.box(x, y - 3, size, size, fill=ink, stroke=None, round_mm=float(rng.uniform(0, 3)))
        waves = [(x + t * size / 12, y + 0.5 * size + np.sin(t) * size * 0.08 - 3) for t in range(13)]
        sheet.curve(waves, pt=1.2, colour=(1, 1, 1))
        x += size + 3
    title_pt = float(rng.uniform(9, 11) if small else rng.uniform(11, 15))
    sheet.text(x, y + 3, owner, font=style.family.bold, size_pt=min(title_pt, 11))
    if not small or rng.random() < 0.5:
        address = f"{rng.integers(1, 90)} rue {a_name('surname', rng).title()} - {a_town(rng)[0]} {place}"
        sheet.text(x, y + 7.5, address, font=style.family.regular, size_pt=7)
    y += 12 if small else 20
    titles = _TITLES[family]
    title = titles[rng.integers(len(titles))]
    while drawing.width_mm(title, style.family.bold, title_pt) > sheet.width_mm - 2 * margin:
        title_pt *= 0.92
    if rng.random() < 0.5:
        sheet.text(sheet.width_mm / 2, y, title, font=style.family.bold, size_pt=title_pt, align="center")
    else:
        sheet.text(margin, y, title, font=style.family.bold, size_pt=title_pt)
    return y + (3 if small else 7)


_TITLES = {
    DocumentType.T_CARD: (
        "CARTE DE RELEVÉ À RETOURNER", "Relevé de votre compteur d'eau", "CARTE T - AUTO-RELEVÉ",
        "Avis de passage : relevez votre compteur", "CARTE-RÉPONSE RELÈVE",
    ),
    DocumentType.SUBSCRIPTION_FORM: (
        "DEMANDE D'ABONNEMENT", "Contrat d'abonnement au service de l'eau", "DEMANDE D'OUVERTURE DE BRANCHEMENT",
        "Formulaire de souscription - Eau potable", "SOUSCRIPTION D'UN CONTRAT D'EAU",
    ),
    DocumentType.SEPA_MANDATE: (
        "MANDAT DE PRÉLÈVEMENT SEPA", "Autorisation de prélèvement - Mandat SEPA", "MANDAT SEPA - EAU",
    ),
}  # fmt: skip


def _small_print(sheet: Paper, rng: np.random.Generator, style: _Style, margin: float, bottom: float) -> float:
    """Legal text at the foot; returns where it begins."""
    size = float(rng.uniform(5.5, 7))
    text = _SMALL_PRINT[rng.integers(len(_SMALL_PRINT))]
    lines = drawing.wrapped(text, style.family.regular, size, sheet.width_mm - 2 * margin)
    step = size * 1.25 / POINTS_PER_MM
    for number, line in enumerate(reversed(lines)):
        sheet.text(margin, bottom - number * step, line, font=style.family.regular, size_pt=size)
    return bottom - len(lines) * step - 1.5


def _conditions(sheet: Paper, rng: np.random.Generator, style: _Style, margin: float) -> None:
    """A second page of text alone."""
    sheet.next_page()
    y = margin + 5
    sheet.text(margin, y, "Conditions du service", font=style.family.bold, size_pt=12)
    while y < sheet.height_mm * rng.uniform(0.5, 0.9):
        y += 7
        for line in drawing.wrapped(
            _SMALL_PRINT[rng.integers(len(_SMALL_PRINT))], style.family.regular, 8, sheet.width_mm - 2 * margin
        ):
            sheet.text(margin, y, line, font=style.family.regular, size_pt=8)
            y += 4


# Rows: what a form asks for, in the order of one of many designers.

Row = Callable[[_Layout, np.random.Generator], None]


def _halved(rows: list[Row]) -> list[list[Row]]:
    """The rows for the left and the right half of a wide sheet."""
    half = (len(rows) + 1) // 2
    return [rows[:half], rows[half:]]


def _section(words: str) -> Row:
    def draw(layout: _Layout, rng: np.random.Generator) -> None:
        top = layout.row(5)
        if rng.random() < 0.3:
            layout.sheet.box(layout.left, top, layout.right - layout.left, 5, fill=(0.9, 0.9, 0.9), stroke=None)
        layout.label(layout.left + 1, top + 3.8, words, bold=True)

    return draw


def _comb(
    name: str, words: tuple[str, ...], charset: str, groups: Sequence[int], *, required: bool, large: float = 1.0
) -> Row:
    """Boxes in groups; with one group, as many of its boxes as there is room for."""

    def draw(layout: _Layout, rng: np.random.Generator) -> None:
        style = layout.style
        wide, high = style.cell[0] * large, style.cell[1] * large
        label = words[rng.integers(len(words))]
        x, y = layout.labelled(label, high)
        cells: list[list[float]] = []
        step = wide + style.gap
        for number, count in enumerate(groups):
            start = x + number * style.group_gap + len(cells) * step
            fitting = count if len(groups) > 1 else min(count, int((layout.right - start) / step))
            cells.extend([start + k * step, y, wide, high] for k in range(fitting))
        fewest = min(groups[0], 9) if len(groups) == 1 else sum(groups)
        if len(cells) < fewest or cells[-1][0] + wide > layout.right + 0.5:
            raise _NoRoom
        _draw_cells(layout.sheet, style, cells)
        layout.entries.append(
            {
                "page": 1, "name": name, "kind": "comb", "charset": charset, "required": required, "written": "hand",
                "cells": [[round(v, 2) for v in cell] for cell in cells], "label": label,
            }
        )  # fmt: skip

    return draw


def _draw_cells(sheet: Paper, style: _Style, cells: Sequence[Sequence[float]]) -> None:
    for x, y, wide, high in cells:
        if style.drawn == "boxes":
            sheet.box(x, y, wide, high, stroke=style.colour, pt=style.line_pt)
        elif style.drawn == "tinted":
            pale: Colour = (0.55 + 0.45 * style.colour[0], 0.55 + 0.45 * style.colour[1], 0.55 + 0.45 * style.colour[2])
            sheet.box(x, y, wide, high, stroke=(1, 1, 1), fill=pale if pale != (0.55,) * 3 else (0.86,) * 3, pt=1.4)
        else:
            sheet.rule(x, y + high, x + wide, y + high, pt=style.line_pt, colour=style.colour)
            for edge in (x, x + wide):
                sheet.rule(edge, y + high * 0.6, edge, y + high, pt=style.line_pt, colour=style.colour)


def _line(name: str, words: tuple[str, ...], charset: str, *, required: bool) -> Row:
    def draw(layout: _Layout, rng: np.random.Generator) -> None:
        style = layout.style
        high = max(6.5, style.cell[1])
        label = words[rng.integers(len(words))]
        x, y = layout.labelled(label, high)
        wide = min(layout.right - x, float(rng.uniform(60, 150)))
        if wide < 35:
            raise _NoRoom
        if style.running == "frame":
            layout.sheet.box(x, y, wide, high, stroke=style.colour, pt=style.line_pt)
        else:
            layout.sheet.rule(x, y + high, x + wide, y + high, pt=style.line_pt, dash=style.running == "dots")
        layout.entries.append(
            {
                "page": 1, "name": name, "kind": "line", "charset": charset, "required": required, "written": "hand",
                "box": [round(v, 2) for v in (x, y, wide, high)], "label": label,
            }
        )  # fmt: skip

    return draw


def _choice(name: str, words: str, options: Sequence[tuple[str, str]], *, exclusive: bool) -> Row:
    """Squares with their labels, as many beside one another as fit."""

    def draw(layout: _Layout, rng: np.random.Generator) -> None:
        style = layout.style
        square, text_mm = style.square, style.label_pt / POINTS_PER_MM
        x, y = layout.labelled(words, square) if words else (layout.left, layout.row(square))
        start = x
        colour = style.colour if style.drawn == "boxes" and rng.random() < 0.6 else BLACK
        for value, label in options:
            wide = square + 1.5 + drawing.width_mm(label, style.family.regular, style.label_pt)
            if x > start and x + wide > layout.right:
                x, y = start, layout.row(square)
            if x + wide > layout.right + 1:
                raise _NoRoom
            at = x + wide - square if style.box_after_label else x
            layout.sheet.box(at, y, square, square, stroke=colour, pt=max(0.5, style.line_pt))
            layout.label(x if style.box_after_label else x + square + 1.5, y + square / 2 + 0.35 * text_mm, label)
            layout.entries.append(
                {
                    "page": 1, "name": name, "kind": "checkbox", "value": value, "exclusive": exclusive,
                    "box": [round(v, 2) for v in (at, y, square, square)], "written": "hand", "label": label,
                }
            )  # fmt: skip
            x += wide + 5

    return draw


def _printed(name: str, words: tuple[str, ...], charset: str, wide: float) -> Row:
    def draw(layout: _Layout, rng: np.random.Generator) -> None:
        label = words[rng.integers(len(words))]
        x, y = layout.labelled(label, 5.5)
        box = [round(v, 2) for v in (x, y, min(wide, layout.right - x), 5.5)]
        if box[2] < 0.7 * min(wide, 45):
            raise _NoRoom
        layout.entries.append(
            {
                "page": 1, "name": name, "kind": "printed", "charset": charset, "required": True, "written": "print",
                "box": box, "label": label,
            }
        )  # fmt: skip

    return draw


def _bar_code(layout: _Layout, rng: np.random.Generator) -> None:
    long_bars = bool(rng.random() < 0.55)
    symbology = "code128" if long_bars else ("datamatrix", "qrcode")[rng.integers(2)]
    wide = float(rng.uniform(52, 70) if long_bars else rng.uniform(14, 20))
    high = float(rng.uniform(8, 12)) if long_bars else wide
    y = layout.row(high)
    if layout.left + wide > layout.right:
        raise _NoRoom
    layout.entries.append(
        {
            "page": 1, "name": "barcode", "kind": "barcode", "symbology": symbology, "required": True,
            "written": "print", "box": [round(v, 2) for v in (layout.left, y, wide, high)],
        }
    )  # fmt: skip


def _signature(layout: _Layout, rng: np.random.Generator) -> None:
    style = layout.style
    high = min(float(rng.uniform(16, 32)), layout.bottom - layout.y - 0.1)
    if high < 13:
        raise _NoRoom
    wide = min(layout.right - layout.left, float(rng.uniform(45, 90)))
    y = layout.row(high)
    x = layout.right - wide if rng.random() < 0.6 else layout.left
    if rng.random() < 0.8:
        layout.sheet.box(x, y, wide, high, pt=max(0.5, style.line_pt))
    words = ("Signature", "Signature :", "Signature (obligatoire)", "Date et signature", "Signature du titulaire")
    layout.label(x + 1.5, y + 3.5, words[rng.integers(len(words))])
    layout.entries.append(
        {
            "page": 1, "name": "signature", "kind": "signature", "required": True, "written": "hand",
            "box": [round(v, 2) for v in (x, y, wide, high)], "label": "Signature",
        }
    )  # fmt: skip


def _chosen(rng: np.random.Generator, rows: Sequence[tuple[Row, float]]) -> list[Row]:
    """Each row with its own chance."""
    return [row for row, share in rows if rng.random() < share]


def _shuffled(rng: np.random.Generator, rows: list[Row]) -> list[Row]:
    return [rows[k] for k in rng.permutation(len(rows))]


def _date(name: str, words: tuple[str, ...], rng: np.random.Generator, *, required: bool = True) -> Row:
    groups = (2, 2, 4) if rng.random() < 0.75 else (2, 2, 2)
    return _comb(name, words, "digits", groups, required=required)


_PHONE = _comb("phone", ("Téléphone", "Tél.", "N° de téléphone"), "digits", (2, 2, 2, 2, 2), required=False)
_EMAIL = _line("email", ("Courriel", "E-mail", "Adresse électronique"), "email", required=False)


def _card_rows(rng: np.random.Generator) -> list[Row]:
    digits = int(rng.integers(4, 8))
    printed = _shuffled(
        rng,
        _chosen(
            rng,
            [
                (_printed("subscriber_reference", ("Référence", "N° abonné", "Votre référence"), "digits", 45), 1.0),
                (_printed("meter_serial", ("N° compteur", "Compteur"), "alnum", 45), 0.9),
                (_printed("subscriber_name", ("Abonné", "Nom", "Titulaire"), "text", 70), 0.9),
                (_printed("service_address", ("Adresse", "Lieu desservi"), "text", 75), 0.5),
                (_printed("previous_index", ("Ancien index", "Dernier relevé"), "digits", 30), 0.6),
                (_bar_code, 0.8),
            ],
        ),
    )
    words = ("Index", "Relevé (m³)", "Chiffres noirs")
    index = _comb("meter_index", words, "digits", (digits,), required=True, large=1.25)
    remarks = [
        ("meter_inaccessible", "compteur inaccessible"), ("leak_suspected", "fuite"), ("moved_out", "déménagement"),
        ("meter_stopped", "compteur bloqué"), ("contact_changed", "coordonnées modifiées"),
    ]  # fmt: skip
    kept = [remarks[k] for k in sorted(rng.permutation(5)[: rng.integers(2, 6)])]
    written = _chosen(
        rng,
        [
            (index, 1.0),
            (_comb("meter_index_litres", ("Litres",), "digits", (3,), required=False), 0.3),
            (_date("reading_date", ("Date du relevé", "Relevé le", "Date"), rng), 0.95),
            (_PHONE, 0.6),
            (_EMAIL, 0.4),
            (_choice("remark", "", kept, exclusive=False), 0.85),
        ],
    )
    return [*printed, *written, _signature]


def _subscription_rows(rng: np.random.Generator) -> list[Row]:
    civilities = (("M", "M."), ("MME", "Mme"), ("SOCIETE", "Société"))
    who = _chosen(
        rng,
        [
            (_choice("civility", "Civilité", civilities, exclusive=True), 0.8),
            (_comb("last_name", ("Nom", "NOM"), "alpha", (25,), required=True), 1.0),
            (_comb("first_name", ("Prénom", "Prénom(s)"), "alpha", (25,), required=True), 1.0),
            (_date("birth_date", ("Né(e) le", "Date de naissance"), rng, required=False), 0.7),
            (_comb("siret", ("SIRET", "N° SIRET"), "digits", (3, 3, 3, 5), required=False), 0.5),
            (_PHONE, 0.9),
            (_EMAIL, 0.8),
        ],
    )
    occupancies = (("owner", "propriétaire"), ("tenant", "locataire"), ("manager", "gérant"))
    index = _comb("meter_index", ("Index", "Index d'entrée"), "digits", (int(rng.integers(4, 7)),), required=True)
    where = _chosen(
        rng,
        [
            (_comb("street", ("Adresse", "N° et rue", "N° et voie"), "alnum", (25,), required=True), 1.0),
            (_comb("postal_code", ("Code postal", "CP"), "digits", (5,), required=True), 1.0),
            (_comb("city", ("Ville", "Commune"), "alpha", (22,), required=True), 1.0),
            (_choice("occupancy", "Vous êtes", occupancies, exclusive=True), 0.8),
            (_date("entry_date", ("Date d'entrée", "Entrée le"), rng), 0.9),
            (_comb("occupants", ("Occupants", "Nb de personnes"), "digits", (2,), required=False), 0.5),
            (_comb("meter_serial", ("N° compteur", "Compteur n°"), "alnum", (12,), required=False), 0.7),
            (index, 0.9),
            (_line("previous_occupant", ("Ancien occupant", "Occupant précédent"), "text", required=False), 0.5),
        ],
    )  # fmt: skip
    methods = [
        ("monthly_direct_debit", "prélèvement mensuel"), ("due_date_direct_debit", "prélèvement à échéance"),
        ("tip", "TIP SEPA"), ("cheque", "chèque"),
    ]  # fmt: skip
    end = _chosen(
        rng,
        [
            (_choice("payment_method", "Paiement", methods, exclusive=True), 0.85),
            (_choice("e_invoice", "", (("yes", "je choisis la facture électronique"),), exclusive=False), 0.5),
            (_line("place", ("Fait à", "À"), "text", required=True), 0.7),
            (_date("signature_date", ("Le", "Date", "Date de signature"), rng), 0.9),
        ],
    )
    parts = [[_section("Le demandeur"), *who], [_section("Le logement"), *where]]
    if rng.random() < 0.25:
        parts.reverse()
    return [*parts[0], *parts[1], _section("Paiement et signature"), *end, _signature]


def _mandate_rows(rng: np.random.Generator) -> list[Row]:
    printed = [
        _printed("mandate_reference", ("RUM", "Référence unique du mandat", "Réf. mandat"), "alnum", 70),
        _printed("creditor_identifier", ("ICS", "Identifiant créancier"), "alnum", 60),
    ]
    iban = (4, 4, 4, 4, 4, 4, 3)
    debtor = [
        _comb("debtor_name", ("Nom", "Titulaire", "Nom et prénom"), "alpha", (25,), required=True),
        _comb("debtor_street", ("Adresse", "Rue"), "alnum", (25,), required=True),
        _comb("debtor_postal_code", ("Code postal", "CP"), "digits", (5,), required=True),
        _comb("debtor_city", ("Ville", "Commune"), "alpha", (20,), required=True),
    ]
    types = (("recurrent", "récurrent"), ("one_off", "ponctuel"))
    reference = _comb("subscriber_reference", ("Réf. abonné",), "digits", (int(rng.integers(7, 11)),), required=False)
    account = _chosen(
        rng,
        [
            (_comb("iban", ("IBAN",), "alnum", iban, required=True), 1.0),
            (_comb("bic", ("BIC",), "alnum", (11,), required=False), 0.8),
            (_choice("payment_type", "Paiement", types, exclusive=True), 0.9),
            (reference, 0.5),
        ],
    )
    end = _chosen(
        rng,
        [
            (_line("place", ("Fait à", "Lieu"), "text", required=True), 0.8),
            (_date("signature_date", ("Le", "Date"), rng), 1.0),
        ],
    )
    blocks: list[list[Row]] = [debtor, account]
    if rng.random() < 0.3:
        blocks.reverse()
    return [*printed, _section("Titulaire du compte"), *blocks[0], *blocks[1], *end, _signature]


_ROWS: dict[DocumentType, Callable[[np.random.Generator], list[Row]]] = {
    DocumentType.T_CARD: _card_rows,
    DocumentType.SUBSCRIPTION_FORM: _subscription_rows,
    DocumentType.SEPA_MANDATE: _mandate_rows,
}
