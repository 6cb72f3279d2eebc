"""What a town hall adds to the paper: stamps, pen notes, a signature."""

from __future__ import annotations

import math
import random
from datetime import date

from pipeline.training.mail.drawing import Colour, Paper, width_mm
from pipeline.training.mail.wording import words

_INKS: tuple[Colour, ...] = ((0.15, 0.2, 0.6), (0.7, 0.1, 0.15), (0.25, 0.25, 0.3), (0.1, 0.35, 0.25))


def stamp(paper: Paper, chance: random.Random, day: date) -> None:
    """A rubber stamp with a date, turned a little, somewhere on the page."""
    text = chance.choice(words("labels")["stamps"])
    ink = chance.choice(_INKS)
    turned = chance.uniform(-14, 14)
    x, y = chance.uniform(25, paper.width_mm - 70), chance.uniform(20, paper.height_mm - 30)
    size = chance.uniform(9, 17)
    dated = text.endswith(" LE") or "ARRIVÉE" in text
    paper.text(x, y, text, font="Helvetica-Bold", size_pt=size, colour=ink, turned_deg=turned)
    if dated:
        below = y + size * 0.42
        shown = day.strftime(chance.choice(["%d %b. %Y", "%d/%m/%Y", "%d.%m.%y", "%d %m %Y"])).upper()
        paper.text(x + 3, below, shown, font="Courier-Bold", size_pt=size * 0.95, colour=ink, turned_deg=turned)
    if chance.random() < 0.6:
        width, height = width_mm(text, "Helvetica-Bold", size) + 6, size * (0.95 if dated else 0.55)
        _frame(paper, x - 3, y + size * (0.55 if dated else 0.13), width, height, turned, ink)


def _frame(paper: Paper, x: float, y: float, width: float, height: float, turned_deg: float, ink: Colour) -> None:
    turn = math.radians(turned_deg)
    corners = [(0.0, 0.0), (width, 0.0), (width, -height), (0.0, -height), (0.0, 0.0)]
    paper.curve(
        [
            (x + u * math.cos(turn) + v * math.sin(turn), y - u * math.sin(turn) + v * math.cos(turn))
            for u, v in corners
        ],
        pt=1.4,
        colour=ink,
    )


def handwritten_note(paper: Paper, chance: random.Random, day: date) -> None:
    """A scrawl with loops where a note or initials would stand; it is not meant to be read."""
    ink = chance.choice(_INKS)
    x, y = chance.uniform(20, 140), chance.uniform(15, paper.height_mm - 20)
    scrawl(paper, chance, x, y, width_mm=chance.uniform(18, 55), ink=ink)
    if chance.random() < 0.5:
        scrawl(paper, chance, x + 4, y + 7, width_mm=chance.uniform(10, 30), ink=ink)


def scrawl(paper: Paper, chance: random.Random, x: float, y: float, *, width_mm: float, ink: Colour) -> None:
    """A line of joined strokes, as of a hurried pen or a signature."""
    points = []
    steps = int(width_mm * 6)
    height, pace, tilt = chance.uniform(1.2, 3.2), chance.uniform(1.4, 2.6), chance.uniform(-0.06, 0.06)
    phase = chance.uniform(0, 6)
    for step in range(steps):
        t = step / 6
        wave = math.sin(pace * t + phase) + 0.5 * math.sin(2.3 * pace * t + 2 * phase) + chance.gauss(0, 0.04)
        points.append((x + t + 0.8 * math.cos(pace * t), y + tilt * t + height * wave / 1.5))
    paper.curve(points, pt=chance.uniform(0.7, 1.5), colour=ink)
