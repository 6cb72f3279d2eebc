"""Places on a page. A box says its unit where it is used: millimetres on paper, or pixels of one image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle; origin at the top left of the page, y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a box cannot have a negative size: {self}")

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def center_x(self) -> float:
        return self.x + self.width / 2

    @property
    def center_y(self) -> float:
        return self.y + self.height / 2

    @property
    def area(self) -> float:
        return self.width * self.height

    def scaled(self, factor: float) -> Box:
        """The same place in another unit, e.g. `scaled(dpi / MM_PER_INCH)` from millimetres to pixels."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    def grown(self, margin: float) -> Box:
        """The box with `margin` added on every side, in the box's own unit; a negative margin shrinks it."""
        return Box(
            self.x - margin,
            self.y - margin,
            max(0.0, self.width + 2 * margin),
            max(0.0, self.height + 2 * margin),
        )

    def intersection(self, other: Box) -> Box | None:
        """The part both cover, `None` when they do not touch."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(x, y, right - x, bottom - y) if right > x and bottom > y else None

    @staticmethod
    def around(boxes: Iterable[Box]) -> Box:
        """The smallest box that holds all `boxes`.

        Raises: ValueError when there is none.
        """
        every = list(boxes)
        if not every:
            raise ValueError("no box to go around")
        x, y = min(b.x for b in every), min(b.y for b in every)
        return Box(x, y, max(b.right for b in every) - x, max(b.bottom for b in every) - y)
