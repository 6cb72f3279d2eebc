"""Meter readings and SEPA mandates as rows for the billing system: one file with one row per document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from exporters.contracts import Reason, Refused
from exporters.folder_delivery import FolderDelivery
from exporters.tables import table
from models.definitions import DocumentType
from models.handover import Parcel, Receipt, ReleasedDocument
from models.rules import apply_rules
from models.values.kinds import kind
from models.values.sentences import sentence

REMARKS = {
    "meter_inaccessible": "COMPTEUR_INACCESSIBLE",
    "meter_stopped": "COMPTEUR_ARRETE",
    "leak_suspected": "FUITE",
    "moved_out": "DEMENAGEMENT",
    "contact_changed": "CONTACT_MODIFIE",
}
SEQUENCE_TYPES = {"recurrent": "RCUR", "one_off": "OOFF"}

Column = Callable[[ReleasedDocument], str]


def _field(name: str) -> Column:
    return lambda document: document.text(name)


def _day(name: str) -> Column:
    return lambda document: document.text(name).replace("-", "")


def _master(document: ReleasedDocument) -> str:
    return ",".join(master.sha256 for master in document.masters)


def _anomalies(document: ReleasedDocument) -> str:
    ticked = document.value("remark")
    found = [REMARKS.get(each, each.upper()) for each in ticked] if isinstance(ticked, list) else []
    if not document.text("meter_index"):
        index = document.fields.get("meter_index")
        found.append("INDEX_ILLISIBLE" if index is not None and index.illegible else "INDEX_ABSENT")
    failed = {result.code for result in apply_rules(_values(document)) if not result.ok}
    if "meter.backwards" in failed:
        found.append("INDEX_INFERIEUR")
    return ",".join(found)


def _values(document: ReleasedDocument) -> dict[str, str | bool | list[str] | None]:
    return {name: field.value for name, field in document.fields.items()}


def _confidence(document: ReleasedDocument) -> str:
    """Of the index: 1 when a person stands for it."""
    index = document.fields.get("meter_index")
    if index is None or index.value is None:
        return ""
    sure = 1.0 if index.verified_by != "machine" else index.confidence
    return "" if sure is None else f"{sure:.3f}"


READING_COLUMNS: Mapping[str, Column] = {
    "reference": lambda document: document.text("subscriber_reference") or document.text("barcode"),
    "pdl": _field("delivery_point"),
    "serie": _field("meter_serial"),
    "date_releve": _day("reading_date"),
    "index": _field("meter_index"),
    "mode": lambda _: "CARTE",
    "anomalie": _anomalies,
    "confiance": _confidence,
    "id_document": lambda document: document.label,
    "sha256": _master,
    "ancien_index": _field("previous_index"),
    "code_barres": _field("barcode"),
    "telephone": _field("phone"),
    "courriel": _field("email"),
    "abonne": _field("subscriber_name"),
    "adresse": _field("service_address"),
}
"""Columns that a billing system may ask for; the first ten are the default."""

MANDATE_COLUMNS: Mapping[str, Column] = {
    "rum": _field("mandate_reference"),
    "ics": _field("creditor_identifier"),
    "debiteur": _field("debtor_name"),
    "adresse": _field("debtor_street"),
    "code_postal": _field("debtor_postal_code"),
    "ville": _field("debtor_city"),
    "iban": _field("iban"),
    "bic": _field("bic"),
    "type": lambda document: SEQUENCE_TYPES.get(document.text("payment_type"), ""),
    "date_signature": _day("signature_date"),
    "lieu": _field("place"),
    "signature": lambda document: "oui" if document.value("signature") is True else "non",
    "reference_abonne": _field("subscriber_reference"),
    "id_document": lambda document: document.label,
    "sha256": _master,
}


@dataclass(frozen=True, slots=True)
class RegisterSettings:
    """Format of the rows."""

    columns: tuple[str, ...]
    separator: str = ";"
    encoding: str = "utf-8"
    header: bool = True


READING_SETTINGS = RegisterSettings(tuple(READING_COLUMNS)[:10])
MANDATE_SETTINGS = RegisterSettings(tuple(MANDATE_COLUMNS))


@dataclass(frozen=True, slots=True)
class MeterReadingsExporter:
    """One row per T-card."""

    delivery: FolderDelivery
    settings: RegisterSettings = READING_SETTINGS
    name: str = "meter_readings"

    def accepts(self, document_type: DocumentType) -> bool:
        """T-cards."""
        return document_type is DocumentType.T_CARD

    def render(self, document: ReleasedDocument) -> Parcel:
        """Raises: Refused when nothing says whose meter it is, or an index has no date."""
        reasons = []
        if not READING_COLUMNS["reference"](document):
            reasons.append(Reason("meter.reference", "La référence abonné et le code à barres manquent."))
        if document.text("meter_index") and not document.text("reading_date"):
            reasons.append(Reason("meter.date", "La date du relevé manque."))
        if reasons:
            raise Refused(self.name, document.label, reasons)
        return _row_file(f"releve_{document.label}.csv", document, READING_COLUMNS, self.settings)

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Raises: Unavailable, Misconfigured."""
        return self.delivery.deliver(key, parcel)


@dataclass(frozen=True, slots=True)
class MandatesExporter:
    """One row per SEPA mandate."""

    delivery: FolderDelivery
    settings: RegisterSettings = MANDATE_SETTINGS
    name: str = "mandates"

    def accepts(self, document_type: DocumentType) -> bool:
        """SEPA mandates."""
        return document_type is DocumentType.SEPA_MANDATE

    def render(self, document: ReleasedDocument) -> Parcel:
        """Raises: Refused when the mandate is not signed, lacks a mandatory value or holds one that cannot be true."""
        reasons = []
        for name, label in _MANDATORY.items():
            value = document.text(name)
            value_type = document.fields[name].value_type if name in document.fields else "text"
            if not value:
                reasons.append(Reason("mandate.required", f"{label} : donnée obligatoire absente."))
            else:
                reasons += [Reason(code, f"{label} : {sentence(code)}") for code in kind(value_type).check(value)]
        if document.value("signature") is not True:
            reasons.append(Reason("mandate.signature", sentence("mandate.signature")))
        if reasons:
            raise Refused(self.name, document.label, reasons)
        return _row_file(f"mandat_{document.label}.csv", document, MANDATE_COLUMNS, self.settings)

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Raises: Unavailable, Misconfigured."""
        return self.delivery.deliver(key, parcel)


_MANDATORY = {
    "mandate_reference": "RUM",
    "creditor_identifier": "Identifiant créancier",
    "debtor_name": "Débiteur",
    "iban": "IBAN",
    "signature_date": "Date de signature",
}


def meter_readings_exporter(
    folder: str, *, now: Callable[[], datetime], settings: RegisterSettings = READING_SETTINGS
) -> MeterReadingsExporter:
    """Meter readings below a folder."""
    return MeterReadingsExporter(FolderDelivery(folder, "meter_readings", now), settings)


def mandates_exporter(
    folder: str, *, now: Callable[[], datetime], settings: RegisterSettings = MANDATE_SETTINGS
) -> MandatesExporter:
    """Mandates below a folder."""
    return MandatesExporter(FolderDelivery(folder, "mandates", now), settings)


def _row_file(
    file: str, document: ReleasedDocument, columns: Mapping[str, Column], settings: RegisterSettings
) -> Parcel:
    row = [columns[name](document) for name in settings.columns]
    rows = [list(settings.columns), row] if settings.header else [row]
    content = table(rows, separator=settings.separator, encoding=settings.encoding)
    return Parcel(f"{document.received_at:%Y-%m}/{file}", {file: content})
