"""Electronic invoices: CII and UBL say the same with other words."""

from __future__ import annotations

import pytest

from extraction.invoices import read_structured
from models.definitions import INVOICE_FIELDS
from models.errors import UnusableImage
from models.reading import InvoiceLine, VatShare

_CII = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocument><ram:ID>F 2026-118</ram:ID><ram:TypeCode>{kind}</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20261012</udt:DateTimeString></ram:IssueDateTime>
</rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>
<ram:IncludedSupplyChainTradeLineItem><ram:SpecifiedTradeProduct><ram:Name>Compteur  DN15</ram:Name>
</ram:SpecifiedTradeProduct>
<ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>45.0000</ram:ChargeAmount>
</ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
<ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">4.000</ram:BilledQuantity>
</ram:SpecifiedLineTradeDelivery>
<ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:RateApplicablePercent>20.00</ram:RateApplicablePercent>
</ram:ApplicableTradeTax><ram:SpecifiedTradeSettlementLineMonetarySummation>
<ram:LineTotalAmount>180</ram:LineTotalAmount>
</ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement><ram:BuyerReference>EAU</ram:BuyerReference>
<ram:SellerTradeParty><ram:Name>Fontaine SARL</ram:Name><ram:SpecifiedLegalOrganization>
<ram:ID schemeID="0002">732829320</ram:ID>
</ram:SpecifiedLegalOrganization><ram:GlobalID schemeID="0009">73282932000074</ram:GlobalID>
<ram:SpecifiedTaxRegistration>
<ram:ID schemeID="VA">FR44732829320</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:Name>Commune de Montbrel</ram:Name></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:ApplicableTradeTax><ram:CalculatedAmount>36.00</ram:CalculatedAmount><ram:BasisAmount>180.00</ram:BasisAmount>
<ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:ApplicableTradeTax>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:TaxBasisTotalAmount>180</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="USD">40.00</ram:TaxTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">36.00</ram:TaxTotalAmount>
<ram:GrandTotalAmount>216.00</ram:GrandTotalAmount><ram:DuePayableAmount>116.00</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""

_UBL = """<CreditNote xmlns="urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:ID>AV-7</cbc:ID><cbc:IssueDate>2026-10-12</cbc:IssueDate><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:OrderReference><cbc:ID>BC 12</cbc:ID></cac:OrderReference>
<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">73282932000074</cbc:ID>
</cac:PartyIdentification><cac:PartyName><cbc:Name>Fontaine</cbc:Name></cac:PartyName></cac:Party>
</cac:AccountingSupplierParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">2.00</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>10</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount>12</cbc:TaxInclusiveAmount>
<cbc:PayableAmount>12.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:CreditNoteLine><cbc:CreditedQuantity>1</cbc:CreditedQuantity>
<cbc:LineExtensionAmount>10</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>Joint</cbc:Name></cac:Item><cac:Price><cbc:PriceAmount>10</cbc:PriceAmount></cac:Price>
</cac:CreditNoteLine>
</CreditNote>"""


def test_cii_gives_every_field_in_canonical_form() -> None:
    reading = read_structured(_CII.format(kind="380").encode())
    values = {name: found.value for name, found in reading.fields.items() if found.value is not None}

    assert list(reading.fields) == [definition.name for definition in INVOICE_FIELDS]
    assert values == {
        "invoice_number": "F2026-118",
        "issue_date": "2026-10-12",
        "document_kind": "invoice",
        "seller_name": "Fontaine SARL",
        "seller_siret": "73282932000074",
        "seller_vat_id": "FR44732829320",
        "buyer_name": "Commune de Montbrel",
        "buyer_service_code": "EAU",
        "currency": "EUR",
        "total_without_tax": "180.00",
        "total_tax": "36.00",
        "total_with_tax": "216.00",
        "amount_due": "116.00",
    }
    assert reading.lines == (InvoiceLine("Compteur DN15", "4", "45.00", "180.00", "20"),)
    assert reading.vat_breakdown == (VatShare("20", "180.00", "36.00"),)


def test_the_type_code_tells_a_credit_note() -> None:
    assert read_structured(_CII.format(kind="381").encode()).fields["document_kind"].value == "credit_note"


def test_ubl_credit_note_is_read_by_its_own_names() -> None:
    reading = read_structured(_UBL.encode())

    assert reading.fields["document_kind"].value == "credit_note"
    assert reading.fields["order_reference"].value == "BC12"
    assert reading.fields["seller_siret"].value == "73282932000074"
    assert reading.fields["amount_due"].value == "12.00"
    assert reading.fields["invoice_number"].reader == "ubl"
    assert reading.lines == (InvoiceLine("Joint", "1", "10.00", "10.00", None),)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<Invoice",
        b"<Order/>",
        b'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]><Invoice><ID>&x;</ID></Invoice>',
    ],
)
def test_what_is_no_invoice_is_refused(xml: bytes) -> None:
    with pytest.raises(UnusableImage):
        read_structured(xml)
