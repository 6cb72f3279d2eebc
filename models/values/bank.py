"""IBAN and BIC."""

from __future__ import annotations

import re
from functools import lru_cache

from schwifty import BIC, IBAN
from schwifty.exceptions import (
    InvalidBBANChecksum,
    InvalidChecksumDigits,
    InvalidCountryCode,
    InvalidLength,
    SchwiftyException,
)

_IBAN_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC_SHAPE = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")


def parse_iban(text: str) -> str | None:
    """IBAN in capitals without separators, `None` when it has not the shape of one."""
    compact = re.sub(r"[\s.\-_:]+", "", text).upper().removeprefix("IBAN")
    return compact if _IBAN_SHAPE.fullmatch(compact) else None


def check_iban(value: str) -> tuple[str, ...]:
    """Codes of what is wrong with a canonical IBAN: country, length, check digits (mod 97), national key (French RIB).

    Source: ISO 13616; for the RIB key, 97 - (89 bank + 15 branch + 3 account) mod 97, as schwifty computes it.
    """
    try:
        IBAN(value, validate_bban=True)
    except InvalidCountryCode:
        return ("iban.country",)
    except InvalidLength:
        return ("iban.length",)
    except InvalidChecksumDigits:
        return ("iban.check_digits",)
    except InvalidBBANChecksum:
        return ("iban.national_key",)
    except SchwiftyException:
        return ("iban.structure",)
    return ()


def iban_fr(value: str) -> str:
    """In groups of four."""
    return " ".join(value[start : start + 4] for start in range(0, len(value), 4))


def parse_bic(text: str) -> str | None:
    """BIC in capitals, 8 or 11 characters, `None` when it has not the shape of one."""
    compact = re.sub(r"[\s.\-]+", "", text).upper().removeprefix("BIC")
    return compact if _BIC_SHAPE.fullmatch(compact) else None


def check_bic(value: str) -> tuple[str, ...]:
    """Codes of what is wrong with a canonical BIC."""
    try:
        BIC(value)
    except InvalidCountryCode:
        return ("bic.country",)
    except SchwiftyException:
        return ("bic.structure",)
    return ()


@lru_cache(maxsize=4096)
def bank_of(iban: str) -> tuple[str, frozenset[str]]:
    """Name and BICs of the bank that keeps a valid IBAN, from schwifty's registry; empty when unknown."""
    try:
        account = IBAN(iban, validate_bban=True)
        bics = {str(bic) for bic in BIC.candidates_from_bank_code(account.country_code, account.bank_code)}
    except (SchwiftyException, ValueError):
        return "", frozenset()
    return account.bank_name or "", frozenset(bics)
