"""Dates as written on French paper."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

EARLIEST_YEAR = 1900
LATEST_YEAR = 2099
PIVOT_YEAR = 70
"""Two-digit years below it are 20xx: on mail they are dates of this century, above it they are dates of birth."""

MONTHS = (
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
)
_ABBREVIATIONS = {
    "jan": 1,
    "janv": 1,
    "fev": 2,
    "fevr": 2,
    "fv": 2,
    "mar": 3,
    "avr": 4,
    "jun": 6,
    "jui": 7,
    "jul": 7,
    "juil": 7,
    "aou": 8,
    "sep": 9,
    "sept": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_WEEKDAY = r"(?:(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lun|mar|mer|jeu|ven|sam|dim)\.?,?\s+"
_LEAD = re.compile(rf"^(?:date\s*:?\s*)?(?:le\s+)?(?:{_WEEKDAY})?(?:le\s+)?", re.IGNORECASE)
_TIME = re.compile(
    r"(?:\s+(?:a|à)|,|\s|T)\s*[0-9]{1,2}\s*(?:h|:)\s*[0-9]{0,2}(?::[0-9]{2})?(?:\.[0-9]+)?\s*Z?$", re.IGNORECASE
)
_DAY_FIRST = re.compile(r"([0-9]{1,2})\s?([/.\- ,])\s?([0-9]{1,2})\s?\2\s?([0-9]{4}|[0-9]{2})")
_YEAR_FIRST = re.compile(r"([0-9]{4})\s?([/.\-])\s?([0-9]{1,2})\s?\2\s?([0-9]{1,2})")
_NAMED = re.compile(r"([0-9]{1,2})\s?(?:er|e|eme)?[\s.\-/]*([a-z]{2,10})[\s.,\-/]*([0-9]{4}|[0-9]{2})")


def parse_date(text: str) -> date | None:
    """The day written in `text`, or `None` when it is no day: `31/02/2026`, a month alone, a year out of 1900-2099.

    Day, month, year in figures with any usual separator or none (`12/03/2026`, `120326`, `12032026`), the ISO forms,
    and French month names, shortened or with a letter misread (`1er févr. 2026`); our neighbours' month names last.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split()).strip(" .;:,")
    plain = _LEAD.sub("", _TIME.sub("", plain)).strip(" .;:,")
    if not plain or not any(character.isdigit() for character in plain):
        return None
    return _in_figures(plain) or _with_month_name(plain) or _in_other_words(plain)


def date_fr(canonical: str) -> str:
    """`2026-03-12` -> `12/03/2026`."""
    return date.fromisoformat(canonical).strftime("%d/%m/%Y")


def full_year(year: str) -> int:
    """`26` -> 2026, `85` -> 1985, `2026` -> 2026."""
    number = int(year)
    if len(year) > 2:
        return number
    return number + (2000 if number < PIVOT_YEAR else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _in_figures(plain: str) -> date | None:
    if match := _DAY_FIRST.fullmatch(plain):
        return _day(full_year(match[4]), int(match[3]), int(match[1]))
    if match := _YEAR_FIRST.fullmatch(plain):
        return _day(int(match[1]), int(match[3]), int(match[4]))
    run = plain.replace(" ", "")
    if re.fullmatch(r"[0-9]{8}", run):
        day_first = _day(int(run[4:]), int(run[2:4]), int(run[:2]))
        return day_first or _day(int(run[:4]), int(run[4:6]), int(run[6:]))
    if re.fullmatch(r"[0-9]{6}", run):
        return _day(full_year(run[4:]), int(run[2:4]), int(run[:2]))
    return None


def _with_month_name(plain: str) -> date | None:
    match = _NAMED.fullmatch(_without_accents(plain).lower())
    month = _month(match[2]) if match else None
    return _day(full_year(match[3]), month, int(match[1])) if match and month else None


def _month(name: str) -> int | None:
    if name in MONTHS:
        return MONTHS.index(name) + 1
    if name in _ABBREVIATIONS:
        return _ABBREVIATIONS[name]
    if len(name) < 5:
        return None
    near = 2 if len(name) >= 8 else 1
    close = [number for number, month in enumerate(MONTHS, start=1) if Levenshtein.distance(name, month) <= near]
    return close[0] if len(close) == 1 else None


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@lru_cache(maxsize=2048)
def _in_other_words(plain: str) -> date | None:
    """dateparser last: it is slow, and only for dates with a written month."""
    letters = sum(character.isalpha() for character in plain)
    if not 3 <= letters <= 12 or len(plain) > 32 or not re.search(r"[0-9]{4}", plain):
        return None
    import dateparser

    found = dateparser.parse(
        plain,
        languages=["fr", "en", "de", "nl", "es", "it", "pt"],
        settings={
            "PARSERS": ["absolute-time"],
            "STRICT_PARSING": True,
            "REQUIRE_PARTS": ["day", "month", "year"],
            "DATE_ORDER": "DMY",
        },
    )
    return _day(found.year, found.month, found.day) if found else None
