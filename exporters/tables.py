"""CSV that spreadsheets and import programs read alike, and that no cell of which a spreadsheet runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_HARMLESS = re.compile(r"[+-]?[0-9][0-9 \u00a0\u202f]*(?:[.,][0-9]+)?")
"""A number, with its sign; a telephone number with its country code is one."""


def cell(value: str) -> str:
    """A value that a spreadsheet shows and never runs: what could start a formula is preceded by an apostrophe.

    Numbers (`-12,50`) and telephone numbers (`+33612345678`) start with a sign and stay as they are. Line breaks become
    spaces, so that a row is a line.
    """
    flat = " ".join(value.splitlines()) if re.search(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", value) else value
    start = value.lstrip(" ")[:1]
    if start in _STARTS_A_FORMULA and start and not _HARMLESS.fullmatch(value):
        return f"'{flat}"
    return flat


def table(rows: Iterable[Sequence[str]], *, separator: str = ";", encoding: str = "utf-8-sig") -> bytes:
    """Rows as CSV with CR LF; characters that the encoding lacks become their nearest plain form."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return _encoded(text.getvalue(), encoding)


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_nearest(character, encoding) for character in text).encode(encoding)


_PLAIN = {
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "Ł": "L",
    "ł": "l",
    "Đ": "D",
    "đ": "d",
    "\u202f": " ",
    "\u2009": " ",
    "\u00a0": " ",
}


def _nearest(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        import unicodedata

        plain = _PLAIN.get(character) or unicodedata.normalize("NFKD", character)
        kept = plain.encode(encoding, "ignore").decode(encoding)
        return kept or "?"
    return character
