"""Amounts of money as written on French paper."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

LONGEST_DIGITS = 15

_CURRENCY = re.compile(r"[€$£]|(?<![A-Z])(?:EUROS?|EUR|USD|CHF|GBP)(?![A-Z])", re.IGNORECASE)
_INNER_EURO = re.compile(r"(?<=[0-9])\s*€\s*(?=[0-9]{2}$)")
_FILLER = re.compile(r"^[*=#\s]+|[*=#\s]+$")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([ '.,])[0-9]{3})(?:\1[0-9]{3})*")
_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2019": "'", "\u02bc": "'"})


class AmbiguousAmountError(ValueError):
    """`12,345` may be twelve thousand or twelve and a bit: a person must say."""


def parse_amount(text: str) -> Decimal | None:
    """The amount written in `text`, or `None` when it is not one.

    Comma or point, whichever comes last, is the decimal sign; spaces (also narrow and no-break), points, commas and
    apostrophes group thousands, by three and all alike. Minus may stand before or after, or the whole in parentheses.
    At least two decimals are kept, more when they are written.

    Raises: AmbiguousAmountError for one sign followed by three digits, which reads both ways (`12,345`, `12.345`).
    """
    bare, negative = _unsigned(text)
    if not bare or len(re.sub(r"\D", "", bare)) > LONGEST_DIGITS:
        return None
    whole, decimals = _split(bare)
    digits = _ungrouped(whole)
    if digits is None or not re.fullmatch(r"[0-9]*", decimals):
        return None
    value = Decimal(f"{digits or '0'}.{decimals or '0'}")
    if len(decimals) <= 2:
        value = value.quantize(Decimal("0.01"))
    return -value if negative and value else value


def decimal_of(canonical: str | None) -> Decimal | None:
    """The number of a canonical amount, rate or quantity; `None` when there is none or it is no finite number."""
    try:
        value = Decimal(canonical) if canonical else None
    except InvalidOperation:
        return None
    return value if value is None or value.is_finite() else None


def amount_text(value: Decimal) -> str:
    """The canonical form: a plain decimal string with a point and at least two decimals."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > -2:
        value = value.quantize(Decimal("0.01"))
    return f"{value:f}"


def amount_fr(canonical: str) -> str:
    """`-1234.50` -> `-1 234,50` (narrow no-break space), as French readers write it."""
    value = Decimal(canonical)
    whole, _, decimals = f"{abs(value):f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", "\u202f")
    return f"{'-' if value < 0 else ''}{grouped},{decimals or '00'}"


def _unsigned(text: str) -> tuple[str, bool]:
    """Digits and separators alone, and whether the amount is below zero."""
    plain = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip()
    plain = _INNER_EURO.sub(",", plain)
    plain = _FILLER.sub("", _CURRENCY.sub(" ", plain)).strip()
    negative = False
    if plain.startswith("(") and plain.endswith(")"):
        plain, negative = plain[1:-1].strip(), True
    if plain[:1] in "+-" and plain:
        negative, plain = negative != (plain[0] == "-"), plain[1:].strip()
    elif plain.endswith("-"):
        negative, plain = not negative, plain[:-1].strip()
    plain = _FILLER.sub("", plain)
    plain = re.sub(r"\s*([.,])\s*", r"\1", re.sub(r"\s+", " ", plain))
    return (plain if re.fullmatch(r"[0-9 .,']*[0-9][.,]?", plain) else ""), negative


def _split(bare: str) -> tuple[str, str]:
    """Whole part and decimals of `1.234,56`.

    Raises: AmbiguousAmountError.
    """
    last = max(bare.rfind(","), bare.rfind("."))
    if last < 0:
        return bare, ""
    whole, decimals = bare[:last], bare[last + 1 :]
    sign, other = bare[last], "," if bare[last] == "." else "."
    if len(decimals) == 3:
        if sign in whole:
            return bare, ""
        # behind another grouping sign, after a zero or more than three digits, it can only be decimals
        if not (other in whole or " " in whole or "'" in whole or len(whole) > 3 or whole in ("", "0")):
            raise AmbiguousAmountError(bare)
    return whole, decimals


def _ungrouped(whole: str) -> str | None:
    """Digits of a whole part whose thousands, if grouped, are grouped by three and by one sign."""
    if re.fullmatch(r"[0-9]*", whole):
        return whole
    return re.sub(r"\D", "", whole) if _GROUPED.fullmatch(whole) else None
