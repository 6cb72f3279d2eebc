import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from lxml import etree

from exporters.contracts import Refused
from exporters.ged import ged_exporter
from exporters.pdfa_check import pdfa_findings
from models.definitions import DocumentType
from models.handover import ReleasedDocument, ReleasedMaster

Make = Callable[..., ReleasedDocument]
Now = Callable[[], datetime]


def test_a_document_becomes_a_folder_with_its_master_untouched(tmp_path: Path, now: Now, invoice: Make) -> None:
    exporter = ged_exporter(str(tmp_path), now=now)
    document = invoice()

    receipt = exporter.deliver("k1" * 20, exporter.render(document))

    folder = next(tmp_path.glob("2026/11/supplier_invoice/2611-0042-003_*"))
    assert receipt.reference == folder.as_uri()
    assert {path.name for path in folder.iterdir()} == {
        "document.pdf",
        "document.json",
        "document.xml",
        "original.pdf",
        "SHA256SUMS",
    }
    assert hashlib.sha256((folder / "original.pdf").read_bytes()).hexdigest() == document.masters[0].sha256
    for row in (folder / "SHA256SUMS").read_text().splitlines():
        digest, _, name = row.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_pdf_is_declared_pdfa_and_holds_the_words(now: Now, invoice: Make) -> None:
    pdf = ged_exporter("x", now=now).render(invoice()).files["document.pdf"]

    assert pdfa_findings(pdf) == ()
    text = pdfium.PdfDocument(io.BytesIO(pdf))[0].get_textpage().get_text_range()
    assert text.split() == ["Facture", "n°", "2026/03/878", "Net", "à", "payer", "3", "951,20", "€"]


def test_json_and_xml_tell_the_same_values_and_who_stands_for_them(now: Now, mandate: Make) -> None:
    files = ged_exporter("x", now=now).render(mandate()).files

    data = json.loads(files["document.json"])
    tree = etree.fromstring(files["document.xml"])
    assert data["fields"]["iban"]["value"] == "FR7630006000011234567890189"
    assert data["fields"]["iban"]["verified_by"] == "coder-1"
    assert data["pages"][0]["endorsement"] == "E00042"
    told = {field.get("name"): [value.text for value in field] for field in tree.find("fields")}
    assert told["iban"] == ["FR7630006000011234567890189"]
    assert told["signature"] == ["true"]
    assert told["bic"] == []
    assert tree.findtext("masters/master/sha256") == data["masters"][0]["sha256"]


def test_a_stack_stands_once_outside_the_folders_of_its_documents(tmp_path: Path, now: Now, invoice: Make) -> None:
    exporter = ged_exporter(str(tmp_path), now=now)
    stack = b"II* a stack of letters"
    master = ReleasedMaster(hashlib.sha256(stack).hexdigest(), len(stack), "tiff", lambda: stack, (4, 5), False)

    for key in ("k1", "k2"):
        exporter.deliver(key * 20, exporter.render(invoice(masters=(master,), position=int(key[1]))))

    (kept,) = (tmp_path / "originaux").rglob("*.tif")
    assert kept.read_bytes() == stack
    assert not list(tmp_path.glob("2026/**/original*"))
    (told,) = list(tmp_path.rglob("*-002_*/document.json"))
    assert json.loads(told.read_text())["masters"][0]["pages"] == [4, 5]
    assert json.loads(told.read_text())["originals"] == [str(kept.relative_to(tmp_path))]


def test_rendering_is_pure(now: Now, invoice: Make) -> None:
    exporter = ged_exporter("x", now=now)

    assert exporter.render(invoice()) == exporter.render(invoice())


def test_everything_is_archived_and_a_document_without_pages_is_refused(now: Now, invoice: Make) -> None:
    exporter = ged_exporter("x", now=now)

    assert all(exporter.accepts(each) for each in DocumentType)
    with pytest.raises(Refused, match="2611-0042-003"):
        exporter.render(replace(invoice(), pages=()))


def test_odd_characters_on_paper_do_not_break_the_data(now: Now, invoice: Make) -> None:
    files = ged_exporter("x", now=now).render(invoice({"seller_name": "A\x00B\x0b <&> \ufffe 𝔸"})).files

    names = [
        field for field in etree.fromstring(files["document.xml"]).iter("field") if field.get("name") == "seller_name"
    ]
    assert names[0].findtext("value") == "AB <&>  𝔸"
    assert json.loads(files["document.json"])["fields"]["seller_name"]["value"].startswith("A\x00B")
