"""Text as it stands on a page: characters, words and lines with their place."""

from __future__ import annotations

from dataclasses import dataclass

from models.geometry import Box


@dataclass(frozen=True, slots=True)
class Character:
    """One place in a reading, with what could stand there."""

    alternatives: tuple[tuple[str, float], ...]
    """(character, probability 0..1), best first; the empty string stands for "nothing is written here"."""
    box: Box | None = None
    """Where it is, in the unit of the reading it belongs to."""

    @property
    def best(self) -> str:
        return self.alternatives[0][0] if self.alternatives else ""

    def probability(self, character: str) -> float:
        """Probability of one character, 0.0 when the reader does not list it."""
        return next((p for c, p in self.alternatives if c == character), 0.0)


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a space."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """One printed or written line: words from left to right. Boxes in pixels of the page image."""

    text: str
    box: Box
    confidence: float
    words: tuple[Word, ...] = ()
    characters: tuple[Character, ...] = ()
    reader: str = ""


@dataclass(frozen=True, slots=True)
class PageText:
    """All that is printed on one page, top to bottom."""

    lines: tuple[TextLine, ...]
    width: int
    """Width of the page image in pixels, the unit of every box."""
    height: int
    dpi: float
    source: str
    """`text-layer` (a born-digital PDF's own words) or `ocr`."""

    @property
    def words(self) -> list[Word]:
        return [word for line in self.lines for word in line.words]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)
