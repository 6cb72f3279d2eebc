"""Supplier invoices: fields, lines and VAT from the words of any layout, or from the data of an electronic invoice."""

from extraction.invoices.invoice import InvoiceReading, extract_invoice
from extraction.invoices.structured import read_structured

__all__ = ["InvoiceReading", "extract_invoice", "read_structured"]
