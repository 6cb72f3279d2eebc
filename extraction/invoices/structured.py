"""Invoices that come as data: UN/CEFACT CII (Factur-X, ZUGFeRD) and UBL 2.1, read without their pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from lxml import etree

from extraction.invoices.invoice import InvoiceReading
from models.definitions import INVOICE_FIELDS
from models.errors import UnusableImage
from models.reading import Decision, FieldValue, InvoiceLine, VatShare
from models.values.kinds import kind

SURE = 0.999
_CREDIT_CODES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"})
_SIRET_SCHEMES = ("0009", "0002")
"""ISO 6523 codes of SIRET and SIREN."""

# Paths name elements without namespace, from the root; the first that holds a text counts. `|` parts alternatives.
_CII: Mapping[str, str] = {
    "invoice_number": "/ExchangedDocument/ID|/HeaderExchangedDocument/ID",
    "issue_date": "/ExchangedDocument/IssueDateTime/DateTimeString"
    "|/HeaderExchangedDocument/IssueDateTime/DateTimeString",
    "due_date": "//SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",
    "document_kind": "/ExchangedDocument/TypeCode|/HeaderExchangedDocument/TypeCode",
    "seller_name": "//SellerTradeParty/Name",
    "seller_siret": "//SellerTradeParty/ID|//SellerTradeParty/GlobalID"
    "|//SellerTradeParty/SpecifiedLegalOrganization/ID",
    "seller_vat_id": "//SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']",
    "seller_iban": "//PayeePartyCreditorFinancialAccount/IBANID",
    "buyer_name": "//BuyerTradeParty/Name",
    "buyer_siret": "//BuyerTradeParty/ID|//BuyerTradeParty/GlobalID|//BuyerTradeParty/SpecifiedLegalOrganization/ID",
    "buyer_service_code": "//ApplicableHeaderTradeAgreement/BuyerReference"
    "|//ApplicableSupplyChainTradeAgreement/BuyerReference",
    "order_reference": "//BuyerOrderReferencedDocument/IssuerAssignedID|//BuyerOrderReferencedDocument/ID",
    "contract_reference": "//ContractReferencedDocument/IssuerAssignedID|//ContractReferencedDocument/ID",
    "currency": "//InvoiceCurrencyCode",
    "total_without_tax": "{sum}/TaxBasisTotalAmount",
    "total_tax": "{sum}/TaxTotalAmount",
    "total_with_tax": "{sum}/GrandTotalAmount",
    "amount_due": "{sum}/DuePayableAmount",
}
_UBL: Mapping[str, str] = {
    "invoice_number": "/ID",
    "issue_date": "/IssueDate",
    "due_date": "/DueDate|/PaymentMeans/PaymentDueDate",
    "document_kind": "/InvoiceTypeCode|/CreditNoteTypeCode",
    "seller_name": "{s}/PartyLegalEntity/RegistrationName|{s}/PartyName/Name",
    "seller_siret": "{s}/PartyIdentification/ID|{s}/PartyLegalEntity/CompanyID|{s}/EndpointID",
    "seller_vat_id": "{s}/PartyTaxScheme/CompanyID",
    "seller_iban": "/PaymentMeans/PayeeFinancialAccount/ID",
    "buyer_name": "{b}/PartyLegalEntity/RegistrationName|{b}/PartyName/Name",
    "buyer_siret": "{b}/PartyIdentification/ID|{b}/PartyLegalEntity/CompanyID|{b}/EndpointID",
    "buyer_service_code": "/BuyerReference",
    "order_reference": "/OrderReference/ID",
    "contract_reference": "/ContractDocumentReference/ID",
    "currency": "/DocumentCurrencyCode",
    "total_without_tax": "/LegalMonetaryTotal/TaxExclusiveAmount",
    "total_tax": "/TaxTotal/TaxAmount",
    "total_with_tax": "/LegalMonetaryTotal/TaxInclusiveAmount",
    "amount_due": "/LegalMonetaryTotal/PayableAmount",
}
_SHORT = {
    "{s}": "/AccountingSupplierParty/Party",
    "{b}": "/AccountingCustomerParty/Party",
    "{sum}": "//*[starts-with(local-name(), 'SpecifiedTradeSettlement')"
    " and contains(local-name(), 'MonetarySummation')]",
}
_CII_LINE = {
    "description": "SpecifiedTradeProduct/Name|SpecifiedTradeProduct/Description",
    "quantity": "SpecifiedLineTradeDelivery/BilledQuantity|SpecifiedSupplyChainTradeDelivery/BilledQuantity",
    "unit_price": ".//NetPriceProductTradePrice/ChargeAmount",
    "line_total": ".//SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"
    "|.//SpecifiedTradeSettlementMonetarySummation/LineTotalAmount",
    "vat_rate": ".//ApplicableTradeTax/RateApplicablePercent|.//ApplicableTradeTax/ApplicablePercent",
}
_UBL_LINE = {
    "description": "Item/Name|Item/Description",
    "quantity": "InvoicedQuantity|CreditedQuantity",
    "unit_price": "Price/PriceAmount",
    "line_total": "LineExtensionAmount",
    "vat_rate": "Item/ClassifiedTaxCategory/Percent",
}


def read_structured(xml: bytes) -> InvoiceReading:
    """Fields, lines and VAT of a CII or UBL invoice; without boxes, for there is no paper.

    Raises: UnusableImage when it is not well-formed XML, has a document type definition, or is neither of the two.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnusableImage("The electronic invoice is not well-formed XML.") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnusableImage("The electronic invoice has a document type definition, which no such invoice needs.")
    name = etree.QName(root).localname
    if name in ("CrossIndustryInvoice", "CrossIndustryDocument"):
        lines = _lines(root, "//IncludedSupplyChainTradeLineItem", _CII_LINE)
        shares = _cii_shares(root)
        return InvoiceReading(_fields(root, _CII, "cii", credit=False), lines, shares)
    if name in ("Invoice", "CreditNote"):
        lines = _lines(root, f"/{name}Line", _UBL_LINE)
        return InvoiceReading(_fields(root, _UBL, "ubl", credit=name == "CreditNote"), lines, _ubl_shares(root))
    raise UnusableImage("The XML document is no invoice of a kind we know (CII or UBL).")


def _fields(root: etree._Element, paths: Mapping[str, str], reader: str, *, credit: bool) -> dict[str, FieldValue]:
    fields = {}
    for definition in INVOICE_FIELDS:
        found = _all(root, paths[definition.name])
        if definition.name == "total_tax":
            found = _in_own_currency(found, _first(root, paths["currency"]))
        text, value = _value(definition.name, definition.value_type, found)
        if definition.name == "document_kind":
            value = "credit_note" if credit or text in _CREDIT_CODES else "invoice"
        fields[definition.name] = FieldValue(definition.name, value, SURE, Decision.TO_VERIFY, text=text, reader=reader)
    return fields


def _in_own_currency(found: Sequence[etree._Element], currency: str) -> list[etree._Element]:
    """The tax may be given a second time, in the currency of the accounts."""
    return [e for e in found if e.get("currencyID") in (None, currency)] or list(found)


def _value(name: str, value_type: str, found: Sequence[etree._Element]) -> tuple[str, str | None]:
    """The text and the value of the first element that can be one."""
    if name.endswith("_siret"):
        found = sorted(found, key=lambda e: e.get("schemeID") not in _SIRET_SCHEMES)
        found = [e for e in found if re.fullmatch(r"[0-9]{14}", re.sub(r"\s", "", e.text or ""))]
    for element in found:
        text = (element.text or "").strip()
        value = _amount(text) if value_type == "amount" else kind(value_type).parse(text)
        if value is not None:
            return text, value
    return "", None


def _amount(text: str) -> str | None:
    """A decimal as XML writes it; at least two decimals."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    return f"{value.quantize(Decimal('0.01')) if isinstance(exponent, int) and exponent > -2 else _short(value):f}"


def _short(value: Decimal) -> Decimal:
    """`100.0000` is `100.00`."""
    cut = value.quantize(Decimal("0.01"))
    return cut if cut == value else value.normalize()


def _plain(text: str) -> str | None:
    value = _amount(text)
    return None if value is None else f"{Decimal(value).normalize():f}"


def _all(node: etree._Element, paths: str) -> list[etree._Element]:
    found: list[etree._Element] = []
    for short, full in _SHORT.items():
        paths = paths.replace(short, full)
    for path in paths.split("|"):
        answer = node.xpath(_without_namespace(path))
        if isinstance(answer, list):
            found.extend(e for e in answer if isinstance(e, etree._Element))
    return found


def _without_namespace(path: str) -> str:
    """`/A/B[@x]` from the root element -> the same over local names."""
    steps = re.sub(r"(?<![\w@'*(:-])([A-Z][A-Za-z]*)(?=[/\[]|$)", r"*[local-name()='\1']", path)
    if steps.startswith(("//", ".")):
        return steps if steps.startswith(".") else "." + steps
    return "./" + steps.lstrip("/")


def _first(node: etree._Element, paths: str) -> str:
    return next((e.text.strip() for e in _all(node, paths) if e.text and e.text.strip()), "")


def _lines(root: etree._Element, path: str, paths: Mapping[str, str]) -> tuple[InvoiceLine, ...]:
    lines = []
    for node in _all(root, path):
        line = {name: _first(node, where) for name, where in paths.items()}
        lines.append(
            InvoiceLine(
                " ".join(line["description"].split()),
                _plain(line["quantity"]),
                _amount(line["unit_price"]),
                _amount(line["line_total"]),
                _plain(line["vat_rate"]),
            )
        )
    return tuple(lines)


def _cii_shares(root: etree._Element) -> tuple[VatShare, ...]:
    trade = (
        "//ApplicableHeaderTradeSettlement/ApplicableTradeTax|//ApplicableSupplyChainTradeSettlement/ApplicableTradeTax"
    )
    return _shares(_all(root, trade), "RateApplicablePercent|ApplicablePercent", "BasisAmount", "CalculatedAmount")


def _ubl_shares(root: etree._Element) -> tuple[VatShare, ...]:
    return _shares(_all(root, "/TaxTotal/TaxSubtotal"), "TaxCategory/Percent", "TaxableAmount", "TaxAmount")


def _shares(nodes: Sequence[etree._Element], rate: str, base: str, tax: str) -> tuple[VatShare, ...]:
    found = []
    for node in nodes:
        values = (_plain(_first(node, rate)), _amount(_first(node, base)), _amount(_first(node, tax)))
        if values[0] is not None and values[1] is not None and values[2] is not None:
            found.append(VatShare(values[0], values[1], values[2]))
    return tuple(found)
