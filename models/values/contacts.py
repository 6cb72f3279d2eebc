"""Telephone numbers and e-mail addresses."""

from __future__ import annotations

import re

import phonenumbers

_TERRITORIES = {"0262": "RE", "0263": "RE", "0269": "YT", "0590": "GP", "0594": "GF", "0596": "MQ", "0639": "YT"} | {
    "0690": "GP",
    "0691": "GP",
    "0692": "RE",
    "0693": "RE",
    "0694": "GF",
    "0696": "MQ",
    "0697": "MQ",
}
_COUNTRY_CODES = {33: "", 262: "", 590: "", 594: "", 596: ""}
_EMAIL_SHAPE = re.compile(r"[^\s@,;<>()\[\]\"\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")


def parse_phone(text: str) -> str | None:
    """Ten national digits (`0612345678`); a number from abroad keeps its `+` and country code; else `None`."""
    plain = re.sub(r"\(\s*0\s*\)", "", text.strip())
    plain = re.sub(r"[\s.\-/()_]+", "", plain)
    plain = re.sub(r"^00(?=[1-9])", "+", plain)
    if match := re.fullmatch(r"\+(33|262|590|594|596)0?([1-9][0-9]{8})", plain):
        return f"0{match[2]}"
    if re.fullmatch(r"0[1-9][0-9]{8}", plain):
        return plain
    if re.fullmatch(r"\+[1-9][0-9]{8,14}", plain) and not plain.startswith("+33"):
        return plain
    return None


def check_phone(value: str) -> tuple[str, ...]:
    """The numbering plan has such a number; overseas territories are told by their prefix.

    Every 06 and 07 passes but 060 and 070: mobile ranges are opened faster than lists of them are published.
    """
    if re.fullmatch(r"0[67][1-9][0-9]{7}", value):
        return ()
    region = None if value.startswith("+") else _TERRITORIES.get(value[:4], "FR")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return ("phone.unknown",)
    if phonenumbers.is_valid_number(number):
        return ()
    home = region is not None and phonenumbers.is_valid_number(phonenumbers.parse(value, "FR"))
    return () if home else ("phone.unknown",)


def phone_fr(value: str) -> str:
    """`06 12 34 56 78`."""
    if value.startswith("+"):
        return value
    return " ".join(value[start : start + 2] for start in range(0, len(value), 2))


def parse_email(text: str) -> str | None:
    """Address in small letters without spaces, `None` when it is not one."""
    compact = re.sub(r"\s+", "", text).strip(".,;:").lower()
    return compact if _EMAIL_SHAPE.fullmatch(compact) and len(compact) <= 254 else None


def check_email(value: str) -> tuple[str, ...]:
    """No dot at an end of the local part, no two dots together."""
    local = value.partition("@")[0]
    wrong = local.startswith(".") or local.endswith(".") or ".." in value
    return ("email.dots",) if wrong else ()
