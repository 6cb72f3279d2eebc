"""The supplier master file: whose invoice it is, and whether the account is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from extraction.invoices.suppliers import IBAN_CHANGED, Suppliers, identified
from models.errors import Misconfigured
from models.reading import Candidate, Decision, FieldValue

SIRET, IBAN, OTHER_IBAN = "73282932000074", "FR7630006000011234567890189", "FR1420041010050500013M02606"


def _file(folder: Path, *rows: str, head: str = "siret;vat;iban;name") -> Path:
    file = folder / "suppliers.csv"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    return file


def _fields(name: str, *candidates: str, siret: str | None = SIRET, iban: str | None = None) -> dict[str, FieldValue]:
    others = tuple(Candidate(value, value, 0.2, "r") for value in candidates)
    values: dict[str, str | None] = {"seller_siret": siret, "seller_vat_id": None, "seller_iban": iban}
    fields = {key: FieldValue(key, value, 0.97, Decision.TO_VERIFY) for key, value in values.items()}
    return {**fields, "seller_name": FieldValue("seller_name", name, 0.6, Decision.TO_VERIFY, candidates=others)}


def test_a_known_number_makes_the_printed_name_sure(tmp_path: Path) -> None:
    suppliers = Suppliers.from_csv(_file(tmp_path, f"{SIRET};;;Ateliers Morvan"))

    name = identified(_fields("Ateliers Morvan SARL"), suppliers)["seller_name"]

    assert name.value == "Ateliers Morvan SARL"
    assert name.confidence is not None and name.confidence > 0.99


def test_another_words_than_the_name_on_file_give_way_to_the_candidate_that_is_like_it(tmp_path: Path) -> None:
    suppliers = Suppliers.from_csv(_file(tmp_path, f"{SIRET};;;Ateliers Morvan"))

    name = identified(_fields("Votre partenaire eau", "ATELIERS MORVAN"), suppliers)["seller_name"]

    assert name.value == "ATELIERS MORVAN"
    assert "from_master_file" in name.flags


def test_an_account_that_is_not_on_file_is_held_back(tmp_path: Path) -> None:
    suppliers = Suppliers.from_csv(_file(tmp_path, f"{SIRET};;{IBAN};Ateliers Morvan"))

    assert IBAN_CHANGED in identified(_fields("x", iban=OTHER_IBAN), suppliers)["seller_iban"].failed_rules
    assert identified(_fields("x", iban=IBAN), suppliers)["seller_iban"].failed_rules == ()


def test_numbers_of_two_suppliers_name_nobody(tmp_path: Path) -> None:
    suppliers = Suppliers.from_csv(_file(tmp_path, ";FR44732829320;;Ateliers Morvan", f";;{IBAN};Hydro Conseil"))
    fields = _fields("Somebody", siret=None, iban=IBAN)
    fields["seller_vat_id"] = FieldValue("seller_vat_id", "FR44732829320", 0.97, Decision.TO_VERIFY)

    assert suppliers.seller(fields) is None
    assert identified(fields, suppliers)["seller_name"] == fields["seller_name"]


def test_commas_and_a_second_account_are_taken(tmp_path: Path) -> None:
    rows = f"{SIRET},,{IBAN},Morvan", f"{SIRET},,{OTHER_IBAN},Morvan"
    suppliers = Suppliers.from_csv(_file(tmp_path, *rows, head="siret,vat,iban,name"))

    supplier = suppliers.seller(_fields("Morvan"))

    assert supplier is not None and supplier.ibans == {IBAN, OTHER_IBAN}


@pytest.mark.parametrize(
    "row", ["73282932000075;;;Morvan", f"{SIRET};;FR7630006000011234567890188;Morvan", f"{SIRET};;;"]
)
def test_a_wrong_row_is_named_without_its_values(tmp_path: Path, row: str) -> None:
    with pytest.raises(Misconfigured, match="line 2") as error:
        Suppliers.from_csv(_file(tmp_path, row))

    assert SIRET not in str(error.value)


def test_without_a_file_nothing_changes() -> None:
    fields = _fields("Morvan")

    assert identified(fields, None) == fields
