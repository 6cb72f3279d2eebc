import base64
import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from lxml import etree

from exporters.chorus import ChorusSettings, chorus_exporter, schema_problems
from exporters.chorus_rules import SENTENCES, PublicStructure, attachment_reasons
from exporters.contracts import Refused
from exporters.pdfa_check import pdfa_findings
from models.definitions import DocumentType
from models.handover import ReleasedDocument
from models.reading import InvoiceLine, VatShare

Make = Callable[..., ReleasedDocument]
BUYER = "35600000049837"


def pivot(document: ReleasedDocument, **settings: object) -> etree._Element:
    (content,) = _exporter(**settings).render(document).files.values()
    return etree.fromstring(content)


def refused(document: ReleasedDocument, **settings: object) -> set[str]:
    with pytest.raises(Refused) as caught:
        _exporter(**settings).render(document)
    assert "FR76" not in str(caught.value)
    return {reason.code for reason in caught.value.reasons}


def _exporter(**settings: object) -> object:
    sent = settings.pop("already_sent", None)
    more = {"already_sent": sent} if sent else {}
    return chorus_exporter("x", now=datetime.now, settings=ChorusSettings(**settings), **more)


def test_the_schema_is_the_published_one_and_can_refuse() -> None:
    assert schema_problems(b"<CPPFacturePivot/>")


def test_a_verified_invoice_is_a_valid_pivot_with_its_values(invoice: Make) -> None:
    tree = pivot(invoice())

    assert schema_problems(etree.tostring(tree)) == []
    assert tree.findtext(".//Fournisseur/ModeEmission") == "numérisation"
    assert tree.findtext(".//Fournisseur/Identifiant") == "73282932000074"
    assert tree.findtext(".//ReferenceBancaire/Compte") == "FR7630006000011234567890189"
    assert tree.findtext(".//Debiteur/Identifiant") == BUYER
    assert tree.findtext(".//DonneesFacture/Id") == tree.findtext(".//IdFactureOrigine") == "2026/03/878"
    assert tree.findtext(".//DonneesFacture/Type") == "380"
    assert tree.findtext(".//MontantNetAPayer") == "3951.20"
    assert tree.findtext(".//TVA/Taux") == "10"
    assert tree.findtext(".//NumeroEngagement") == "26E55448"
    assert tree.findtext(".//Ligne/Quantite") == "40"


def test_the_attachment_is_a_zip_with_the_searchable_pdf(invoice: Make) -> None:
    tree = pivot(invoice())

    with zipfile.ZipFile(io.BytesIO(base64.b64decode(tree.findtext(".//PJ/Contenu")))) as archive:
        (name,) = archive.namelist()
        assert name == tree.findtext(".//PJ/NomPJ")
        assert len(name) <= 50
        assert pdfa_findings(archive.read(name)) == ()


def test_rendering_is_pure(invoice: Make) -> None:
    assert _exporter().render(invoice()) == _exporter().render(invoice())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"buyer_siret": None}, "R01.missing"),
        ({"buyer_siret": "35600000011111"}, "R01.key"),
        ({"buyer_service_code": "FACTURES_PUBLIQUES"}, "R02.reserved"),
        ({"seller_siret": None, "seller_vat_id": None}, "R05.missing"),
        ({"seller_siret": "73282932000075"}, "R05.key"),
        ({"seller_siret": None, "seller_vat_id": "BE0403170702"}, "R05.vat"),
        ({"seller_name": None}, "R05.name"),
        ({"invoice_number": None}, "R06.missing"),
        ({"invoice_number": "A" * 21}, "R06.format"),
        ({"invoice_number": "FA°12"}, "R06.format"),
        ({"issue_date": None}, "R07.missing"),
        ({"issue_date": "2026-12-24"}, "R07.future"),
        ({"issue_date": "2015-12-24"}, "R07.old"),
        ({"document_kind": "credit_note"}, "R08"),
        ({"total_without_tax": None}, "R09.missing"),
        ({"total_with_tax": "3951.30"}, "R09.sum"),
        ({"total_tax": "360.20", "total_with_tax": "3952.20"}, "R09.vat_sum"),
        ({"seller_iban": None}, "R10.missing"),
        ({"seller_iban": "FR7630006000011234567890188"}, "R10.key"),
        ({"currency": "XYZ"}, "R13"),
    ],
)
def test_each_blocking_rule_holds_the_invoice(invoice: Make, change: dict[str, str | None], code: str) -> None:
    assert code in refused(invoice(change))


def test_a_vat_line_off_its_rate_and_a_works_invoice_are_held(invoice: Make) -> None:
    assert refused(invoice(vat_breakdown=(VatShare("20", "3592.00", "359.20"),))) == {"R09.vat_rate"}
    works = InvoiceLine("Situation de travaux n° 3", None, None, "3592.00", None)
    assert refused(invoice(lines=(works,))) == {"R15"}


def test_every_reason_is_told_at_once(invoice: Make) -> None:
    assert refused(invoice({"invoice_number": None, "seller_iban": None, "buyer_siret": None})) == {
        "R01.missing",
        "R06.missing",
        "R10.missing",
    }


def test_an_invoice_sent_before_is_held(invoice: Make) -> None:
    sent = {("73282932000074", "2026/03/878", 2026)}

    assert refused(invoice(), already_sent=lambda *known: known in sent) == {"R06.twice"}
    assert len(pivot(invoice({"invoice_number": "2"}), already_sent=lambda *known: known in sent)) == 2


@pytest.mark.parametrize(
    ("structure", "change", "code"),
    [
        ({}, {"buyer_siret": "73282932000074", "seller_siret": BUYER, "seller_vat_id": None}, "R01.unknown"),
        ({"active": False}, {}, "R01.inactive"),
        ({"service_required": True}, {"buyer_service_code": None}, "R02.missing"),
        ({"services": {"EAU": "Service des eaux"}}, {}, "R02.unknown"),
        ({"engagement_required": True}, {"order_reference": None}, "R03"),
        ({"service_or_engagement_required": True}, {"order_reference": None, "buyer_service_code": None}, "R04"),
    ],
)
def test_the_directory_says_what_a_buyer_asks_for(
    invoice: Make, structure: dict[str, object], change: dict[str, str | None], code: str
) -> None:
    directory = {BUYER: PublicStructure(BUYER, "Régie", **structure)}

    assert refused(invoice(change), directory=directory) == {code}


def test_the_directory_names_buyer_and_service(invoice: Make) -> None:
    directory = {BUYER: PublicStructure(BUYER, "RÉGIE DES EAUX", services={"COMPTA": "Comptabilité"})}

    tree = pivot(invoice(), directory=directory)

    assert (tree.findtext(".//Debiteur/Nom"), tree.findtext(".//NomService")) == ("RÉGIE DES EAUX", "Comptabilité")


def test_a_tenant_is_the_buyer_where_the_paper_does_not_say(invoice: Make) -> None:
    assert pivot(invoice({"buyer_siret": None}), buyer_siret=BUYER).findtext(".//Debiteur/Identifiant") == BUYER


def test_a_credit_note_cites_its_invoice_and_asks_for_no_transfer(invoice: Make) -> None:
    tree = pivot(invoice({"document_kind": "credit_note", "origin_invoice_number": "FA-1", "seller_iban": None}))

    assert tree.findtext(".//DonneesFacture/Type") == "381"
    assert tree.findtext(".//IdFactureOrigine") == "FA-1"
    assert tree.findtext(".//ModePaiement/Code") == "97"
    assert pivot(invoice({"document_kind": "credit_note"}), origin_required=False) is not None


def test_an_invoice_already_paid_is_of_the_other_frame(invoice: Make) -> None:
    tree = pivot(invoice({"amount_due": "0.00", "seller_iban": None}))

    assert tree.findtext(".//Cadre") == "A2"
    assert tree.findtext(".//MontantNetAPayer") == "0.00"


def test_a_supplier_of_another_country_goes_by_its_vat_id(invoice: Make) -> None:
    tree = pivot(invoice({"seller_siret": None, "seller_vat_id": "BE0403170701", "seller_iban": "BE68539007547034"}))

    assert [tree.findtext(f".//Fournisseur/{name}") for name in ("TypeIdentifiant", "Identifiant", "CodePays")] == [
        "2",
        "BE0403170701",
        "BE",
    ]


def test_line_items_that_are_not_whole_are_left_out(invoice: Make) -> None:
    assert pivot(invoice(lines=(InvoiceLine("Regard", None, "89.80", "3592.00", "10"),))).find(".//Lignes") is None


def test_markup_on_paper_stays_text(invoice: Make) -> None:
    assert pivot(invoice({"seller_name": "A <b>&\x00 ]]>"})).findtext(".//RaisonSociale") == "A <b>& ]]>"


def test_what_the_schema_refuses_is_never_written(invoice: Make) -> None:
    assert "R14" in refused(invoice(), sender_id="X")


def test_attachments_have_limits() -> None:
    codes = {reason.code for reason in attachment_reasons("n" * 51, b"")}

    assert codes == {"R12.empty", "R12.name"}
    assert [reason.code for reason in attachment_reasons("a.pdf", bytes(10 * 1024 * 1024))] == ["R12.size"]


def test_every_rule_has_its_french_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
    assert {code[:3] for code in SENTENCES} == {f"R{number:02d}" for number in range(1, 16)}


def test_the_file_is_delivered_once(tmp_path: Path, now: Callable[[], datetime], invoice: Make) -> None:
    exporter = chorus_exporter(str(tmp_path), now=now)

    receipts = {exporter.deliver("k1" * 20, exporter.render(invoice())) for _ in range(2)}

    (file,) = tmp_path.rglob("*.xml")
    assert {receipt.reference for receipt in receipts} == {file.as_uri()}
    assert schema_problems(file.read_bytes()) == []
    assert [each for each in DocumentType if exporter.accepts(each)] == [DocumentType.SUPPLIER_INVOICE]
