"""Entries of supplier invoices for the accounting system, in the column layout of the FEC (art. A47 A-1 LPF).

An import in that layout, not a FEC: `ValidDate` stays empty until the accounting system validates the entry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from exporters.contracts import Reason, Refused
from exporters.folder_delivery import FolderDelivery
from exporters.tables import table
from models.definitions import DocumentType
from models.handover import Parcel, Receipt, ReleasedDocument
from models.values.amounts import decimal_of

COLUMNS = (
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ExpenseRule:
    """Which expense account an invoice goes to, by words of its supplier or lines."""

    words: tuple[str, ...]
    """Any of them, without accents, in small letters."""
    account: str
    label: str


@dataclass(frozen=True, slots=True)
class AccountingSettings:
    """The accounts and the file format of one accounting system."""

    journal_code: str = "ACH"
    journal_label: str = "Achats"
    expense_account: str = "606000"
    """When no rule applies: purchases that are not stocked."""
    expense_label: str = "Achats non stockés de matières et fournitures"
    expense_rules: tuple[ExpenseRule, ...] = (
        ExpenseRule(("nettoyage", "maintenance", "entretien", "reparation"), "615000", "Entretien et réparations"),
        ExpenseRule(("assurance",), "616000", "Primes d'assurance"),
        ExpenseRule(("sous-traitance", "sous traitance"), "611000", "Sous-traitance générale"),
        ExpenseRule(("geometre", "avocat", "notaire", "honoraires"), "622600", "Honoraires"),
        ExpenseRule(("transport",), "624000", "Transports"),
        ExpenseRule(("telephone", "affranchissement", "abonnement internet"), "626000", "Frais postaux et télécoms"),
    )
    vat_account: str = "445660"
    vat_label: str = "TVA déductible sur autres biens et services"
    vat_recoverable: bool = True
    """False for most M57 budgets: the tax is part of the expense."""
    supplier_account: str = "401000"
    supplier_label: str = "Fournisseurs"
    auxiliary_prefix: str = "F"
    separator: str = "\t"
    """Tab or `|`."""
    encoding: str = "iso8859-15"


@dataclass(frozen=True, slots=True)
class _Totals:
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class AccountingExporter:
    """One file of entries per invoice, debit and credit equal."""

    delivery: FolderDelivery
    settings: AccountingSettings
    name: str = "accounting"

    def accepts(self, document_type: DocumentType) -> bool:
        """Supplier invoices and their credit notes."""
        return document_type is DocumentType.SUPPLIER_INVOICE

    def render(self, document: ReleasedDocument) -> Parcel:
        """Raises: Refused when number, date, supplier or totals are missing or contradict one another."""
        totals, reasons = _totals(document)
        reasons += _missing(document)
        if totals is None or reasons:
            raise Refused(self.name, document.label, reasons)
        rows = _entries(document, totals, self.settings)
        content = table([COLUMNS, *rows], separator=self.settings.separator, encoding=self.settings.encoding)
        file = f"ecritures_{document.label}.csv"
        return Parcel(f"{document.received_at:%Y-%m}/{file}", {file: content})

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Raises: Unavailable, Misconfigured."""
        return self.delivery.deliver(key, parcel)


def accounting_exporter(
    folder: str, *, now: Callable[[], datetime], settings: AccountingSettings | None = None
) -> AccountingExporter:
    """Entries below a folder."""
    return AccountingExporter(FolderDelivery(folder, "accounting", now), settings or AccountingSettings())


def _missing(document: ReleasedDocument) -> list[Reason]:
    reasons = []
    if not document.text("invoice_number"):
        reasons.append(Reason("accounting.number", "Le numéro de facture manque."))
    if not document.text("issue_date"):
        reasons.append(Reason("accounting.date", "La date de facture manque."))
    if not (document.text("seller_siret") or document.text("seller_vat_id") or document.text("seller_name")):
        reasons.append(Reason("accounting.supplier", "Le fournisseur manque (nom, SIRET ou n° de TVA)."))
    if document.text("currency") not in ("", "EUR"):
        reasons.append(Reason("accounting.currency", "La facture n'est pas en euros : le cours de change manque."))
    return reasons


def _totals(document: ReleasedDocument) -> tuple[_Totals | None, list[Reason]]:
    """Net, tax and gross; one of the three may be missing on paper and is then their sum or difference."""
    names = ("total_without_tax", "total_tax", "total_with_tax")
    net, tax, gross = (decimal_of(document.text(name)) for name in names)
    if gross is None and net is not None and tax is not None:
        gross = net + tax
    if net is None and gross is not None and tax is not None:
        net = gross - tax
    if tax is None and gross is not None and net is not None:
        tax = gross - net
    if net is None or tax is None or gross is None:
        return None, [Reason("accounting.totals", "Deux au moins des totaux HT, TVA et TTC sont nécessaires.")]
    if abs(net + tax - gross) > CENT:
        return None, [Reason("accounting.sum", "Total HT + TVA ne font pas le total TTC.")]
    if len({amount > 0 for amount in (net, tax, gross) if amount}) > 1:
        return None, [Reason("accounting.sign", "Les totaux ont des signes mêlés.")]
    # a cent lost in rounding goes to the expense: debit and credit must be equal
    return _Totals(gross - tax, tax, gross), []


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of an entry; a debit is above zero, a credit below."""

    account: str
    label: str
    amount: Decimal
    auxiliary: str = ""
    auxiliary_label: str = ""


def _lines(document: ReleasedDocument, totals: _Totals, settings: AccountingSettings) -> list[_Line]:
    """Charge, tax and debt of an invoice; their sum is zero."""
    account, label = _expense_account(document, settings)
    lines = [_Line(account, label, totals.net if settings.vat_recoverable else totals.gross)]
    if settings.vat_recoverable:
        lines += [_Line(settings.vat_account, settings.vat_label, tax) for tax in _taxes(document, totals)]
    auxiliary = _auxiliary(document, settings)
    name = document.text("seller_name") or auxiliary
    lines.append(_Line(settings.supplier_account, settings.supplier_label, -totals.gross, auxiliary, name))
    if document.text("document_kind") == "credit_note" and totals.gross > 0:
        # printed without sign, yet it lowers what is owed: the sides change places
        lines = [replace(line, amount=-line.amount) for line in lines]
    return [line for line in lines if line.amount]


def _entries(document: ReleasedDocument, totals: _Totals, settings: AccountingSettings) -> list[list[str]]:
    """The 18 columns of each line."""
    day = document.text("issue_date").replace("-", "")
    number = document.text("invoice_number")
    nature = "Avoir" if document.text("document_kind") == "credit_note" else "Facture"
    return [
        [
            settings.journal_code,
            settings.journal_label,
            document.label,
            day,
            line.account,
            line.label,
            line.auxiliary,
            line.auxiliary_label,
            number,
            day,
            f"{nature} {number} {document.text('seller_name')}".strip(),
            _written(max(line.amount, Decimal(0))),
            _written(max(-line.amount, Decimal(0))),
            *[""] * 5,
        ]
        for line in _lines(document, totals, settings)
    ]


def _taxes(document: ReleasedDocument, totals: _Totals) -> list[Decimal]:
    """The tax, rate by rate where the breakdown adds up to it."""
    parts = [part for share in document.vat_breakdown if (part := decimal_of(share.tax)) is not None]
    return parts if parts and sum(parts) == totals.tax else [totals.tax]


def _expense_account(document: ReleasedDocument, settings: AccountingSettings) -> tuple[str, str]:
    said = _plain(" ".join([document.text("seller_name"), *(line.description for line in document.lines)]))
    for rule in settings.expense_rules:
        if any(re.search(rf"\b{re.escape(word)}", said) for word in rule.words):
            return rule.account, rule.label
    return settings.expense_account, settings.expense_label


def _auxiliary(document: ReleasedDocument, settings: AccountingSettings) -> str:
    """The supplier's account: by SIREN, else by VAT id, else by name."""
    siren = document.text("seller_siret")[:9]
    other = (
        document.text("seller_vat_id") or re.sub(r"[^A-Z0-9]", "", _plain(document.text("seller_name")).upper())[:17]
    )
    return f"{settings.auxiliary_prefix}{siren or other}"


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).lower()


def _written(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")
