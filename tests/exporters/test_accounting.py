import csv
import io
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.accounting import COLUMNS, AccountingSettings, accounting_exporter
from exporters.contracts import Refused
from exporters.registers import MANDATE_COLUMNS, READING_COLUMNS, mandates_exporter, meter_readings_exporter
from models.definitions import DocumentType
from models.handover import Parcel, ReleasedDocument
from models.reading import VatShare

Make = Callable[..., ReleasedDocument]
Now = Callable[[], datetime]
CENTS = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("999999.99"), places=2)


def rows(parcel: Parcel, *, separator: str, encoding: str) -> list[dict[str, str]]:
    (content,) = parcel.files.values()
    return list(csv.DictReader(io.StringIO(content.decode(encoding), newline=""), delimiter=separator))


def entries(document: ReleasedDocument, chosen: AccountingSettings | None = None) -> list[dict[str, str]]:
    parcel = accounting_exporter("x", now=datetime.now, settings=chosen).render(document)
    return rows(parcel, separator="\t", encoding="iso8859-15")


def side(lines: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(line[name].replace(",", ".")) for line in lines), Decimal(0))


def test_an_invoice_is_charge_tax_and_debt_in_the_18_columns(invoice: Make) -> None:
    lines = entries(invoice())

    assert list(lines[0]) == list(COLUMNS)
    assert len(COLUMNS) == 18
    told = [(line["CompteNum"], line["CompAuxNum"], line["Debit"], line["Credit"]) for line in lines]
    assert told == [
        ("606000", "", "3592,00", "0,00"),
        ("445660", "", "359,20", "0,00"),
        ("401000", "F732829320", "0,00", "3951,20"),
    ]
    assert {line["PieceRef"] for line in lines} == {"2026/03/878"}
    assert {line["EcritureDate"] for line in lines} == {"20261113"}
    assert {line["EcritureNum"] for line in lines} == {"2611-0042-003"}
    assert {line["ValidDate"] for line in lines} == {""}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    CENTS, CENTS, st.sampled_from([-1, 0, 1]), st.booleans(), st.booleans(), st.sampled_from(["invoice", "credit_note"])
)
def test_debit_is_credit_whatever_the_invoice(
    invoice: Make, net: Decimal, tax: Decimal, cent: int, recoverable: bool, negative: bool, nature: str
) -> None:
    sign = -1 if negative else 1
    gross = net + tax + Decimal(cent) / 100
    totals = {"total_without_tax": net, "total_tax": tax, "total_with_tax": gross}
    change = {name: str(amount * sign) for name, amount in totals.items()} | {"document_kind": nature}

    lines = entries(invoice(change, vat_breakdown=()), AccountingSettings(vat_recoverable=recoverable))

    assert side(lines, "Debit") == side(lines, "Credit") == gross
    assert all("-" not in line["Debit"] + line["Credit"] for line in lines)


@pytest.mark.parametrize(
    "change",
    [
        {"document_kind": "credit_note"},
        {
            "total_without_tax": "-3592.00",
            "total_tax": "-359.20",
            "total_with_tax": "-3951.20",
            "document_kind": "credit_note",
        },
    ],
)
def test_a_credit_note_changes_sides_whether_or_not_it_prints_a_minus(invoice: Make, change: dict[str, str]) -> None:
    lines = entries(invoice(change, vat_breakdown=()))

    assert [(line["CompteNum"][:3], line["Debit"], line["Credit"]) for line in lines] == [
        ("606", "0,00", "3592,00"),
        ("445", "0,00", "359,20"),
        ("401", "3951,20", "0,00"),
    ]
    assert lines[0]["EcritureLib"].startswith("Avoir")


def test_the_tax_is_split_by_rate_where_the_breakdown_adds_up(invoice: Make) -> None:
    shares = (VatShare("5.5", "1000.00", "55.00"), VatShare("20", "1521.00", "304.20"))

    assert [line["Debit"] for line in entries(invoice(vat_breakdown=shares))] == ["3592,00", "55,00", "304,20", "0,00"]
    assert len(entries(invoice(vat_breakdown=shares[:1]))) == 3


def test_tax_that_is_not_recovered_is_part_of_the_charge(invoice: Make) -> None:
    lines = entries(invoice(), AccountingSettings(vat_recoverable=False))

    assert [(line["CompteNum"], line["Debit"]) for line in lines] == [("606000", "3951,20"), ("401000", "0,00")]


def test_a_missing_total_is_worked_out_and_two_are_refused(invoice: Make) -> None:
    assert entries(invoice({"total_tax": None}, vat_breakdown=()))[1]["Debit"] == "359,20"
    with pytest.raises(Refused, match=r"accounting\.totals"):
        entries(invoice({"total_tax": None, "total_without_tax": None}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total_with_tax": "3951.22"}, "accounting.sum"),
        ({"total_tax": "-359.20"}, "accounting.sum"),
        ({"invoice_number": None}, "accounting.number"),
        ({"issue_date": None}, "accounting.date"),
        ({"currency": "USD"}, "accounting.currency"),
        ({"seller_name": None, "seller_siret": None, "seller_vat_id": None}, "accounting.supplier"),
    ],
)
def test_what_cannot_be_entered_is_refused_with_its_reason(
    invoice: Make, change: dict[str, str | None], code: str
) -> None:
    with pytest.raises(Refused) as caught:
        entries(invoice(change))

    assert code in {reason.code for reason in caught.value.reasons}


def test_a_supplier_cannot_smuggle_a_formula_into_the_books(invoice: Make) -> None:
    lines = entries(invoice({"invoice_number": "=cmd|'/C", "seller_name": "@SUM"}))

    assert lines[0]["PieceRef"] == "'=cmd|'/C"
    assert lines[-1]["CompAuxLib"] == "'@SUM"


def test_the_expense_account_follows_the_words_of_the_invoice(invoice: Make) -> None:
    assert entries(invoice({"seller_name": "NetPro NETTOYAGE"}))[0]["CompteNum"] == "615000"


def test_a_card_becomes_a_row_of_the_default_layout(card: Make) -> None:
    (row,) = rows(meter_readings_exporter("x", now=datetime.now).render(card()), separator=";", encoding="utf-8")

    assert list(row) == list(READING_COLUMNS)[:10]
    assert row["reference"] == "88959566"
    assert row["date_releve"] == "20261011"
    assert row["index"] == "3534"
    assert row["mode"] == "CARTE"
    assert row["anomalie"] == "FUITE"
    assert row["confiance"] == "1.000"


@pytest.mark.parametrize(
    ("change", "anomaly"),
    [
        ({"meter_index": "12", "remark": []}, "INDEX_INFERIEUR"),
        ({"meter_index": None, "remark": ["meter_inaccessible"]}, "COMPTEUR_INACCESSIBLE,INDEX_ABSENT"),
    ],
)
def test_a_card_tells_what_is_odd_about_it(card: Make, change: dict[str, object], anomaly: str) -> None:
    (row,) = rows(meter_readings_exporter("x", now=datetime.now).render(card(change)), separator=";", encoding="utf-8")

    assert row["anomalie"] == anomaly


def test_a_card_of_nobody_or_without_date_is_refused(card: Make) -> None:
    with pytest.raises(Refused) as caught:
        meter_readings_exporter("x", now=datetime.now).render(
            card({"subscriber_reference": None, "reading_date": None})
        )

    assert [reason.code for reason in caught.value.reasons] == ["meter.reference", "meter.date"]


def test_a_mandate_becomes_a_row_of_the_register(mandate: Make) -> None:
    (row,) = rows(mandates_exporter("x", now=datetime.now).render(mandate()), separator=";", encoding="utf-8")

    assert list(row) == list(MANDATE_COLUMNS)
    assert (row["rum"], row["type"], row["signature"]) == ("RUM2025719506", "RCUR", "oui")
    assert row["date_signature"] == "20261108"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": False}, "mandate.signature"),
        ({"iban": None}, "mandate.required"),
        ({"iban": "FR7630006000011234567890188"}, "iban.check_digits"),
        ({"creditor_identifier": "FR73ZZZ123456"}, "ics.check_digits"),
        ({"signature_date": None}, "mandate.required"),
    ],
)
def test_a_mandate_that_binds_nobody_is_refused(mandate: Make, change: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as caught:
        mandates_exporter("x", now=datetime.now).render(mandate(change))

    assert code in {reason.code for reason in caught.value.reasons}
    assert "FR76" not in str(caught.value)


def test_each_exporter_takes_its_own_documents_and_delivers_once(
    tmp_path: Path, now: Now, invoice: Make, card: Make, mandate: Make
) -> None:
    taken = {
        DocumentType.SUPPLIER_INVOICE: (accounting_exporter(str(tmp_path), now=now), invoice),
        DocumentType.T_CARD: (meter_readings_exporter(str(tmp_path), now=now), card),
        DocumentType.SEPA_MANDATE: (mandates_exporter(str(tmp_path), now=now), mandate),
    }
    for document_type, (exporter, make) in taken.items():
        assert [each for each in DocumentType if exporter.accepts(each)] == [document_type]
        assert exporter.deliver("k1" * 20, exporter.render(make())) == exporter.deliver(
            "k1" * 20, exporter.render(make())
        )

    assert sorted(path.name.rpartition("_")[0] for path in tmp_path.rglob("*.csv")) == [
        "ecritures_2611-0042-003",
        "mandat_2611-0042-003",
        "releve_2611-0042-003",
    ]
