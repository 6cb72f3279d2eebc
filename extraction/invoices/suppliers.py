"""The supplier master file: who the seller is, by the numbers that registers and banks give, then by name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rapidfuzz import fuzz

from extraction.invoices.page_layout import fold
from models.errors import Misconfigured
from models.reading import FieldValue
from models.values.identifiers import siren_of_vat_id
from models.values.kinds import kind

COLUMNS = ("siret", "vat", "iban", "name")
IBAN_CHANGED = "supplier.iban"
"""Rule that fails when a known supplier's bank account is not the one on file: the classic fraud."""
KNOWN = 0.995
"""Confidence in a name that a checked number and the master file both give."""
_ALIKE = 84
_NUMBERS = ("seller_siret", "seller_vat_id", "seller_iban")


@dataclass(frozen=True, slots=True)
class Supplier:
    """One row of the master file; empty = not known. Several IBANs are several rows."""

    name: str
    siret: str = ""
    vat_id: str = ""
    ibans: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Suppliers:
    """The master file, by each of its numbers."""

    by_number: Mapping[str, Supplier] = field(default_factory=dict)

    @staticmethod
    def from_csv(file: Path) -> Suppliers:
        """Read `siret;vat;iban;name` (or with commas), a heading first, UTF-8.

        Raises: Misconfigured, naming the file, the row at fault and the remedy; values are not repeated.
        """
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"The supplier file {file} cannot be read ({type(error).__name__}); UTF-8?") from error
        head = text.partition("\n")[0]
        rows = csv.DictReader(text.splitlines(), delimiter=";" if ";" in head else ",")
        missing = {"name"}.difference(rows.fieldnames or ())
        if missing:
            raise Misconfigured(f"{file}: no column {', '.join(missing)}; the columns are {', '.join(COLUMNS)}.")
        return Suppliers.of(_supplier(row, file, number) for number, row in enumerate(rows, start=2))

    @staticmethod
    def of(suppliers: Iterable[Supplier]) -> Suppliers:
        """Rows of one SIRET or VAT id are one supplier with several IBANs."""
        found: dict[str, Supplier] = {}
        for one in suppliers:
            keys = [key for key in (one.siret, one.siret[:9], one.vat_id, *one.ibans) if key]
            known = next((found[key] for key in keys if key in found and fold(found[key].name) == fold(one.name)), None)
            whole = one if known is None else replace(known, ibans=known.ibans | one.ibans)
            for key in {*keys, *(k for k, other in found.items() if other is known and known is not None)}:
                found[key] = whole
        return Suppliers(found)

    def seller(self, fields: Mapping[str, FieldValue]) -> Supplier | None:
        """The one supplier that the numbers read name; `None` when none or two are named."""
        siret = fields["seller_siret"].value if "seller_siret" in fields else None
        if isinstance(siret, str) and siret in self.by_number:
            return self.by_number[siret]
        named: list[Supplier] = []
        for name in _NUMBERS:
            value = fields[name].value if name in fields else None
            if isinstance(value, str):
                keys = [value, siren_of_vat_id(value) or "", value[:9] if name == "seller_siret" else ""]
                hit = next((self.by_number[key] for key in keys if key in self.by_number), None)
                if hit is not None and hit not in named:
                    named.append(hit)
        return named[0] if len(named) == 1 else None


def _supplier(row: Mapping[str, str | None], file: Path, number: int) -> Supplier:
    values = {name: re.sub(r"\s", "", row.get(name) or "").upper() for name in ("siret", "vat", "iban")}
    for name, value in values.items():
        known = kind({"vat": "vat_id"}.get(name, name))
        if value and (known.parse(value) is None or known.check(value)):
            raise Misconfigured(f"{file}, line {number}: the {name} does not pass its check. Correct or empty it.")
    name = (row.get("name") or "").strip()
    if not name:
        raise Misconfigured(f"{file}, line {number}: the name is empty.")
    return Supplier(name, values["siret"], values["vat"], frozenset({values["iban"]} - {""}))


def identified(fields: Mapping[str, FieldValue], suppliers: Suppliers | None) -> dict[str, FieldValue]:
    """The fields with the seller's name surer, or taken from the master file, where its numbers name the seller.

    A printed name that is like the one on file stays as printed. An IBAN that is not on file fails `IBAN_CHANGED`.
    """
    found = dict(fields)
    supplier = suppliers.seller(fields) if suppliers is not None else None
    if supplier is None:
        return found
    name = fields["seller_name"]
    printed = [name.value, *(c.value for c in name.candidates)]
    alike = [p for p in printed if isinstance(p, str) and fuzz.token_set_ratio(fold(p), fold(supplier.name)) >= _ALIKE]
    if alike and alike[0] == name.value:
        found["seller_name"] = replace(name, confidence=max(name.confidence or 0.0, KNOWN))
    else:
        flags = (*name.flags, "from_master_file")
        value = alike[0] if alike else supplier.name
        found["seller_name"] = replace(name, value=value, confidence=0.9, flags=flags)
    account = fields["seller_iban"]
    if account.value and supplier.ibans and account.value not in supplier.ibans:
        found["seller_iban"] = replace(account, failed_rules=(*account.failed_rules, IBAN_CHANGED))
    return found
