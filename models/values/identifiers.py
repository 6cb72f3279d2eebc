"""Numbers that registers give: SIREN, SIRET, VAT id, APE, SEPA creditor identifier, mandate reference."""

from __future__ import annotations

import gzip
import re
from functools import cache
from importlib import resources

from stdnum.eu import at_02
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren as fr_siren
from stdnum.fr import siret as fr_siret
from stdnum.fr import tva as fr_tva

_EU_VAT_SHAPE = re.compile(r"[A-Z]{2}[A-Z0-9+*]{2,13}")
_FR_VAT_SHAPE = re.compile(r"FR[A-Z0-9]{2}[0-9]{9}")
_ICS_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")
_RUM_SHAPE = re.compile(r"[A-Za-z0-9/\-?:().,'+]+")
_NUMBER_SEPARATORS = re.compile(r"[\s.\-_]+")
RUM_LONGEST = 35


def parse_siren(text: str) -> str | None:
    """Nine digits, else `None`."""
    compact = _NUMBER_SEPARATORS.sub("", text)
    return compact if re.fullmatch(r"[0-9]{9}", compact) else None


def check_siren(value: str) -> tuple[str, ...]:
    """Luhn over nine digits."""
    return () if fr_siren.is_valid(value) else ("siren.check_digits",)


def siren_fr(value: str) -> str:
    """`732 829 320`."""
    return f"{value[:3]} {value[3:6]} {value[6:]}"


def parse_siret(text: str) -> str | None:
    """Fourteen digits, else `None`."""
    compact = _NUMBER_SEPARATORS.sub("", text)
    return compact if re.fullmatch(r"[0-9]{14}", compact) else None


def check_siret(value: str) -> tuple[str, ...]:
    """Luhn over fourteen digits and over the SIREN; La Poste numbers its sites by the sum of the digits."""
    return () if fr_siret.is_valid(value) else ("siret.check_digits",)


def siret_fr(value: str) -> str:
    """`732 829 320 00074`."""
    return f"{value[:3]} {value[3:6]} {value[6:9]} {value[9:]}"


def parse_vat_id(text: str) -> str | None:
    """VAT id in capitals without separators; a French one must be FR, two characters and nine digits."""
    compact = re.sub(r"[\s.\-_/]+", "", text).upper()
    if compact.startswith("FR"):
        return compact if _FR_VAT_SHAPE.fullmatch(compact) else None
    return compact if _EU_VAT_SHAPE.fullmatch(compact) else None


def check_vat_id(value: str) -> tuple[str, ...]:
    """French key, (12 + 3 x (SIREN mod 97)) mod 97 or its letter forms; other countries of the Union by their rule."""
    if value.startswith("FR"):
        return () if fr_tva.is_valid(value[2:]) else ("vat_id.check_digits",)
    try:
        eu_vat.validate(value)
    except ValidationError:
        known = eu_vat.guess_country(value) or value[:2].lower() in eu_vat.MEMBER_STATES
        return ("vat_id.check_digits",) if known or value[:2] == "EL" else ("vat_id.country",)
    return ()


def vat_id_fr(value: str) -> str:
    """`FR 44 732 829 320`."""
    if not value.startswith("FR"):
        return f"{value[:2]} {value[2:]}"
    return f"FR {value[2:4]} {siren_fr(value[4:])}"


def siren_of_vat_id(value: str) -> str | None:
    """The SIREN inside a French VAT id."""
    return value[4:] if _FR_VAT_SHAPE.fullmatch(value) else None


def vat_id_of_siren(siren: str) -> str:
    """The French VAT id of a SIREN."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def parse_ics(text: str) -> str | None:
    """SEPA creditor identifier in capitals without separators, `None` when it has not the shape of one."""
    compact = _NUMBER_SEPARATORS.sub("", text).upper().removeprefix("ICS")
    return compact if _ICS_SHAPE.fullmatch(compact) else None


def check_ics(value: str) -> tuple[str, ...]:
    """Mod 97 over the national part, the business code left out; a French one has 13 characters.

    Source: EPC 262-08, AT-02.
    """
    if value.startswith("FR") and len(value) != 13:
        return ("ics.length",)
    return () if at_02.is_valid(value) else ("ics.check_digits",)


def parse_rum(text: str) -> str | None:
    """Mandate reference in capitals without spaces, `None` when a character is not allowed in one."""
    compact = re.sub(r"\s+", "", text).upper()
    return compact if _RUM_SHAPE.fullmatch(compact) else None


def check_rum(value: str) -> tuple[str, ...]:
    """At most 35 characters, no slash at either end, no double slash."""
    if len(value) > RUM_LONGEST:
        return ("rum.length",)
    return ("rum.slashes",) if value.startswith("/") or value.endswith("/") or "//" in value else ()


def parse_ape(text: str) -> str | None:
    """`84.11 z` -> `8411Z`, else `None`."""
    compact = re.sub(r"[\s.]+", "", text).upper()
    return compact if re.fullmatch(r"[0-9]{4}[A-Z]", compact) else None


def check_ape(value: str) -> tuple[str, ...]:
    """In the French classification of activities (NAF rev. 2)."""
    return () if value in activities() else ("ape.unknown",)


def ape_fr(value: str) -> str:
    """`84.11Z`."""
    return f"{value[:2]}.{value[2:]}"


@cache
def activities() -> dict[str, str]:
    """APE code without point -> French label, 732 entries."""
    packed = resources.files("models.values").joinpath("naf_rev2.csv.gz").read_bytes()
    rows = (line.partition(";") for line in gzip.decompress(packed).decode().splitlines())
    return {code: label for code, _, label in rows}
