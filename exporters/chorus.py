"""Chorus Pro: the paper invoice as a pivot file (CPPFacturePivot V2_02, `numérisation`) for the buyer's finance system.

Nothing is deposited on the portal: who receives a paper invoice is the buyer, and the portal's deposit is for
suppliers. A file that breaks a rule is never written: the release is held with every reason.
"""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources

from lxml import etree

from exporters.chorus_rules import (
    ATTACHMENT_LIMIT,
    NAME_LIMIT,
    ChorusContext,
    PublicStructure,
    amount,
    attachment_reasons,
    blocking_reasons,
    is_credit_note,
    is_paid,
    reason,
    supplier_id,
)
from exporters.contracts import Reason, Refused
from exporters.folder_delivery import FolderDelivery
from exporters.lighter_pages import lightest_needed
from exporters.searchable_pdf import searchable_pdf
from models.definitions import DocumentType
from models.handover import Parcel, Receipt, ReleasedDocument
from models.values.amounts import decimal_of

VERSION = "V2_02"
TRANSFER = ("31", "VIREMENT")
COMPENSATION = ("97", "COMPENSATION")
"""For what is not paid by transfer: credit notes, invoices already paid."""


@dataclass(frozen=True, slots=True)
class ChorusSettings:
    """What a tenant says about itself."""

    buyer_siret: str = ""
    """The tenant's SIRET, for invoices that do not print the buyer's."""
    buyer_name: str = ""
    sender_id: str = "DEPLI001"
    """3 to 8 characters."""
    receiver_id: str = "GFINANCE"
    """The finance system, 3 to 8 characters."""
    iban_required: bool = True
    """False where the finance system knows its suppliers' accounts."""
    origin_required: bool = True
    """False to let credit notes pass that do not cite their invoice."""
    directory: Mapping[str, PublicStructure] | None = field(default=None, repr=False)


def _never_sent(_supplier: str, _number: str, _year: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ChorusExporter:
    """One pivot file per invoice."""

    delivery: FolderDelivery
    settings: ChorusSettings
    already_sent: Callable[[str, str, int], bool] = _never_sent
    """(supplier, invoice number, year) -> another document with these was released before."""
    name: str = "chorus"

    def accepts(self, document_type: DocumentType) -> bool:
        """Supplier invoices and their credit notes."""
        return document_type is DocumentType.SUPPLIER_INVOICE

    def render(self, document: ReleasedDocument) -> Parcel:
        """Raises: Refused with each rule (R01 to R15) that the invoice does not satisfy."""
        context = ChorusContext(
            buyer_siret=document.text("buyer_siret") or self.settings.buyer_siret,
            directory=self.settings.directory,
            iban_required=self.settings.iban_required,
            origin_required=self.settings.origin_required,
            already_sent=self.already_sent,
            today=document.verified_at.date(),
        )
        reasons = blocking_reasons(document, context)
        if reasons:
            raise Refused(self.name, document.label, reasons)
        stem = _stem(document)
        pdf = lightest_needed(
            document.pages,
            lambda pages: searchable_pdf(pages, title=stem, identifier=document.id, moment=document.received_at),
            below_bytes=ATTACHMENT_LIMIT,
        )
        reasons = attachment_reasons(f"{stem}.pdf", pdf)
        if reasons:
            raise Refused(self.name, document.label, reasons)
        content = _serialised(_pivot(document, context, self.settings, f"{stem}.pdf", pdf))
        problems = schema_problems(content)
        if problems:
            raise Refused(
                self.name, document.label, [reason("R14"), *(Reason("R14.detail", each) for each in problems)]
            )
        file = f"CPPFacturePivot_{stem}.xml"
        return Parcel(f"{document.received_at:%Y-%m}/{file}", {file: content})

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Raises: Unavailable, Misconfigured."""
        return self.delivery.deliver(key, parcel)


def chorus_exporter(
    folder: str,
    *,
    now: Callable[[], datetime],
    settings: ChorusSettings | None = None,
    already_sent: Callable[[str, str, int], bool] = _never_sent,
) -> ChorusExporter:
    """Pivot files below a folder."""
    return ChorusExporter(FolderDelivery(folder, "chorus", now), settings or ChorusSettings(), already_sent)


@cache
def _schema() -> etree.XMLSchema:
    source = resources.files("exporters").joinpath("standards", f"CPPFacturePivot_{VERSION}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source))


def schema_problems(content: bytes) -> list[str]:
    """Where a pivot file does not follow the schema: element and line, never its text."""
    tree = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    schema = _schema()
    if schema.validate(tree):
        return []
    # the stubs forget that the log is iterable
    errors: list[etree._LogEntry] = list(schema.error_log)  # type: ignore[call-overload]
    return [f"ligne {error.line}, {(error.path or '').rpartition('/')[2]}" for error in errors]


def _serialised(root: etree._Element) -> bytes:
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return made


def _stem(document: ReleasedDocument) -> str:
    """`<supplier>_<number>`, ASCII, short enough for a file name of 50 characters with its suffix."""
    known = supplier_id(document)
    raw = f"{known[1] if known else 'INCONNU'}_{document.text('invoice_number')}"
    plain = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_\-]+", "-", plain)[: NAME_LIMIT - len(".pdf")]


def _element(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, name, attributes)
    if text is not None:
        element.text = "".join(c for c in text if c >= " " and c not in "\ufffe\uffff")
    return element


def _optional(parent: etree._Element, name: str, text: str) -> None:
    if text:
        _element(parent, name, text)


def _pivot(
    document: ReleasedDocument, context: ChorusContext, settings: ChorusSettings, file: str, pdf: bytes
) -> etree._Element:
    root = etree.Element("CPPFacturePivot", Version=VERSION)
    unit = _element(_element(root, "Enveloppe"), "EnveloppeUnitaire", NumOrdre="1")
    parameters = _element(unit, "Parametres")
    told = (("DtPrd", document.verified_at.date().isoformat()), ("IdFlx", document.label))
    for number, (code, value) in enumerate(told, start=1):
        parameter = _element(parameters, "ParametreIndiv", NumOrdre=f"{number:04d}")
        _element(parameter, "Code", code)
        _element(parameter, "Valeurparametre", value)
    partners = _element(unit, "Partenaires")
    _element(_element(partners, "Recepteur"), "Id", settings.receiver_id)
    _element(_element(partners, "Emetteur"), "Id", settings.sender_id)
    invoices = _element(root, "CPPFactures", Compteur="1")
    invoice = _element(invoices, "CPPFacturePivotUnitaire", NumOrdre="1")
    _supplier(invoice, document)
    _debtor(invoice, document, context, settings)
    _invoice_data(invoice, document)
    attachment = _element(invoice, "PJ", NumOrdre="1")
    _element(attachment, "Contenu", base64.b64encode(_zipped(file, pdf)).decode("ascii"))
    _element(attachment, "NomPJ", file)
    _element(attachment, "TypePJ", "01")
    _element(attachment, "MimeTypePJ", "application/pdf")
    return root


def _supplier(invoice: etree._Element, document: ReleasedDocument) -> None:
    known = supplier_id(document)
    if known is None:
        raise ValueError("the supplier was not checked before rendering")
    supplier = _element(invoice, "Fournisseur")
    _element(supplier, "TypeIdentifiant", str(known[0]))
    _element(supplier, "Identifiant", known[1])
    _element(supplier, "RaisonSociale", document.text("seller_name"))
    _element(supplier, "CodePays", known[2])
    if document.text("seller_iban"):
        bank = _element(supplier, "ReferenceBancaire", Type="IBAN")
        _element(bank, "Compte", document.text("seller_iban"))
    _element(supplier, "ModeEmission", "numérisation")


def _debtor(
    invoice: etree._Element, document: ReleasedDocument, context: ChorusContext, settings: ChorusSettings
) -> None:
    structure = (context.directory or {}).get(context.buyer_siret)
    service = document.text("buyer_service_code")
    debtor = _element(invoice, "Debiteur")
    _element(debtor, "TypeIdentifiant", "1")
    _element(debtor, "Identifiant", context.buyer_siret)
    _optional(debtor, "Nom", structure.name if structure else document.text("buyer_name") or settings.buyer_name)
    _optional(debtor, "CodeService", service)
    _optional(debtor, "NomService", ((structure and structure.services) or {}).get(service, ""))


def _invoice_data(invoice: etree._Element, document: ReleasedDocument) -> None:
    number, credit_note, paid = document.text("invoice_number"), is_credit_note(document), is_paid(document)
    data = _element(invoice, "DonneesFacture")
    _element(data, "Id", number)
    # the schema wants it whenever an invoice was digitised: the paper's own number, or the invoice a credit note undoes
    _element(data, "IdFactureOrigine", (document.text("origin_invoice_number") if credit_note else "") or number)
    _element(data, "Type", "381" if credit_note else "380")
    _element(data, "Cadre", "A2" if paid and not credit_note else "A1")
    _element(data, "DateEmissionFacture", document.text("issue_date"))
    payment = _element(data, "ModePaiement")
    code, label = COMPENSATION if credit_note or paid else TRANSFER
    _element(payment, "Code", code)
    _element(payment, "Libelle", label)
    _element(data, "DateReception", document.received_at.date().isoformat())
    _element(data, "Devise", document.text("currency") or "EUR")
    amounts = _element(data, "Montants")
    gross = amount(document, "total_with_tax")
    due = amount(document, "amount_due")
    _element(amounts, "MontantHT", _written(amount(document, "total_without_tax")))
    _element(amounts, "MontantTTC", _written(gross))
    _element(amounts, "MontantNetAPayer", _written(gross if due is None else due))
    _vat_rows(data, document)
    if document.text("contract_reference") or document.text("order_reference"):
        engagement = _element(data, "Engagement")
        _optional(engagement, "NumeroMarche", document.text("contract_reference")[:50])
        _optional(engagement, "NumeroEngagement", document.text("order_reference")[:50])
    _line_rows(data, document)


def _vat_rows(data: etree._Element, document: ReleasedDocument) -> None:
    rows = [(decimal_of(s.rate), decimal_of(s.base), decimal_of(s.tax)) for s in document.vat_breakdown]
    if not rows or any(part is None for row in rows for part in row):
        return
    parent = _element(data, "TVAs")
    for rate, base, tax in rows:
        row = _element(parent, "TVA")
        _element(row, "Taux", _written(rate))
        _element(row, "BaseHt", _written(base))
        _element(row, "MontantTVA", _written(tax))


def _line_rows(data: etree._Element, document: ReleasedDocument) -> None:
    """Line items, when each has its price, quantity and total: a part of them would not add up."""
    rows = [
        (line, decimal_of(line.unit_price), decimal_of(line.quantity), decimal_of(line.line_total))
        for line in document.lines
    ]
    if not rows or any(part is None for _, *parts in rows for part in parts):
        return
    parent = _element(data, "Lignes")
    for number, (line, price, quantity, total) in enumerate(rows, start=1):
        row = _element(parent, "Ligne", NumOrdre=str(number))
        _optional(row, "ReferenceProduit", line.description)
        _element(row, "PrixUnitaire", _written(price))
        _element(row, "Quantite", _written(quantity))
        _element(row, "MontantHT", _written(total))
        rate = decimal_of(line.vat_rate)
        if rate is not None:
            _element(row, "TauxTVA", _written(rate))


def _written(number: Decimal | None) -> str:
    if number is None:
        raise ValueError("an amount was not checked before rendering")
    return f"{number:f}"


def _zipped(name: str, content: bytes) -> bytes:
    """A ZIP with one file; the same content gives the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED)
    return target.getvalue()
