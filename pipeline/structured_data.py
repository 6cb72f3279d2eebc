"""An e-invoice found inside a PDF: its data counts, the page is its check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models.reading import FieldValue

AGREES = 0.999
"""Confidence of a value that stands both in the data and on the page."""
ALONE = 0.97
"""Confidence of a value that only the data has."""
DIFFERS = "differs_from_page"


def merged(on_page: Mapping[str, FieldValue], in_data: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """The fields of an invoice whose PDF carries its data.

    A value of the data wins; where the page says something else the field is flagged and no confidence is claimed, so
    that a person looks: the page is what a buyer sees, the data what a machine books.
    """
    result: dict[str, FieldValue] = {}
    for name, seen in on_page.items():
        told = in_data.get(name)
        if told is None or told.value is None:
            result[name] = seen
        elif seen.value is None:
            result[name] = replace(told, confidence=ALONE)
        elif seen.value == told.value:
            result[name] = replace(seen, confidence=AGREES, reader=f"{told.reader}+{seen.reader}")
        else:
            result[name] = replace(
                told, page=seen.page, box=seen.box, text=seen.text, confidence=None, flags=(*told.flags, DIFFERS)
            )
    return result
