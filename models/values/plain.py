"""Values with little grammar: names, texts, references, meter indexes, currencies, kinds of documents, marks."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

REFERENCE_LONGEST = 50
INDEX_LONGEST = 9

_TRUE = frozenset({"true", "oui", "o", "1", "x", "vrai"})
_FALSE = frozenset({"false", "non", "n", "0", "faux"})
_KINDS = {
    "invoice": "invoice",
    "facture": "invoice",
    "380": "invoice",
    "credit_note": "credit_note",
    "credit note": "credit_note",
    "creditnote": "credit_note",
    "avoir": "credit_note",
    "facture d'avoir": "credit_note",
    "note de credit": "credit_note",
    "381": "credit_note",
}
_CURRENCY_NAMES = {
    "€": "EUR",
    "EURO": "EUR",
    "EUROS": "EUR",
    "$": "USD",
    "£": "GBP",
    "CHF": "CHF",
    "FRANCS SUISSES": "CHF",
}


def parse_text(text: str) -> str | None:
    """The text without control characters, runs of blanks made one; `None` when nothing is left."""
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(visible.split()) or None


def parse_reference(text: str) -> str | None:
    """A reference without spaces; `None` when no letter or digit is in it."""
    compact = re.sub(r"\s+", "", parse_text(text) or "")
    return compact if any(character.isalnum() for character in compact) else None


def check_reference(value: str) -> tuple[str, ...]:
    """At most 50 characters."""
    return () if len(value) <= REFERENCE_LONGEST else ("reference.length",)


def parse_index(text: str) -> str | None:
    """A meter index in whole units without leading zeros; a trailing `m3` falls; else `None`."""
    compact = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    compact = re.sub(r"(?<=[0-9])m3$", "", compact, flags=re.IGNORECASE)
    if not re.fullmatch(r"[0-9]+", compact):
        return None
    return compact.lstrip("0") or "0"


def check_index(value: str) -> tuple[str, ...]:
    """No meter has more than nine figures."""
    return () if len(value) <= INDEX_LONGEST else ("index.length",)


def index_fr(value: str) -> str:
    """`72 699`."""
    return f"{int(value):,}".replace(",", "\u202f")


def parse_digits(text: str) -> str | None:
    """Digits alone, leading zeros kept; else `None`."""
    compact = re.sub(r"[\s.\-]+", "", text)
    return compact if re.fullmatch(r"[0-9]+", compact) else None


def parse_currency(text: str) -> str | None:
    """ISO 4217 code in capitals."""
    plain = " ".join(text.upper().split())
    plain = _CURRENCY_NAMES.get(plain, plain)
    return plain if re.fullmatch(r"[A-Z]{3}", plain) else None


@cache
def _currencies() -> frozenset[str]:
    from babel.core import get_global

    return frozenset(get_global("all_currencies"))


def check_currency(value: str) -> tuple[str, ...]:
    """It is a currency that exists."""
    return () if value in _currencies() else ("currency.unknown",)


def parse_document_kind(text: str) -> str | None:
    """`invoice` or `credit_note`, from either or from the words on paper."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return _KINDS.get(" ".join(plain.replace("’", "'").split()))


def document_kind_fr(value: str) -> str:
    """`facture` or `avoir`."""
    return "avoir" if value == "credit_note" else "facture"


def parse_flag(text: str) -> str | None:
    """`true` or `false`."""
    plain = text.strip().lower()
    return "true" if plain in _TRUE else "false" if plain in _FALSE else None


def flag_fr(value: str) -> str:
    """`oui` or `non`."""
    return "oui" if value == "true" else "non"


def as_is(value: str) -> str:
    """Shown as it is kept."""
    return value


def no_check(_: str) -> tuple[str, ...]:
    """Nothing can be checked in the value alone."""
    return ()
