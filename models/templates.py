"""A form with its picture: what registration and zone reading work with."""

from __future__ import annotations

from dataclasses import dataclass

from models.definitions import FormDefinition
from models.image import GrayImage


@dataclass(frozen=True, slots=True, eq=False)
class FormTemplate:
    """A form and its blank pages, loaded once and shared by all pages read."""

    definition: FormDefinition
    blanks: tuple[GrayImage, ...]
    """One gray picture per page of the blank form; a page without zones (terms, notes) has one too."""
    dpi: float
    """Resolution of `blanks`; a point at (x, y) mm is at pixel (x, y) * dpi / 25.4."""

    @property
    def id(self) -> str:
        return self.definition.id
