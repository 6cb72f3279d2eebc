"""What kinds of documents and fields there are, and how a form is described. A form is data, not code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.errors import Misconfigured
from models.geometry import Box


class DocumentType(StrEnum):
    """What a document is."""

    SUPPLIER_INVOICE = "supplier_invoice"
    T_CARD = "t_card"
    SUBSCRIPTION_FORM = "subscription_form"
    SEPA_MANDATE = "sepa_mandate"
    OTHER = "other"


class ZoneKind(StrEnum):
    """How a zone of a form is filled in, hence who reads it."""

    COMB = "comb"
    """One character a cell."""
    LINE = "line"
    """A running line of handwriting."""
    CHECKBOX = "checkbox"
    SIGNATURE = "signature"
    PRINTED = "printed"
    """Printed by the sender's system, the same font on every card."""
    BARCODE = "barcode"


class Charset(StrEnum):
    """Which characters may stand in a zone."""

    DIGITS = "digits"
    ALPHA = "alpha"
    ALNUM = "alnum"
    TEXT = "text"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a field is on the blank form. All geometry in millimetres from the top left of the page."""

    name: str
    page: int
    """Page of the form, 1-based."""
    kind: ZoneKind
    box: Box
    charset: Charset = Charset.TEXT
    cells: tuple[Box, ...] = ()
    """One box a character, for `comb`."""
    value: str | None = None
    """For `checkbox`: the value this box stands for."""
    exclusive: bool = False
    """For `checkbox`: at most one box of the group may be ticked."""
    symbology: str | None = None
    required: bool = False
    handwritten: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class FormDefinition:
    """A form without its picture."""

    id: str
    document_type: DocumentType
    title: str
    page_mm: tuple[float, float]
    """Width and height of a page in millimetres."""
    zones: tuple[Zone, ...]
    version: int = 1
    blank_pages: int = 1
    """Pages of the blank form, those without zones included."""

    @property
    def pages(self) -> int:
        return max([self.blank_pages, *(zone.page for zone in self.zones)])

    def zones_on(self, page: int) -> tuple[Zone, ...]:
        """The zones of one page of the form, 1-based."""
        return tuple(zone for zone in self.zones if zone.page == page)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names in the order of the form, each once."""
        return tuple(dict.fromkeys(zone.name for zone in self.zones))

    def zones_named(self, name: str) -> tuple[Zone, ...]:
        """The zones of one field: one, or one per box of a checkbox group."""
        return tuple(zone for zone in self.zones if zone.name == name)

    @staticmethod
    def from_json(data: Mapping[str, Any], *, source: str) -> FormDefinition:
        """A form from the content of its `fields.json`.

        Raises: Misconfigured, naming `source` and the entry at fault.
        """
        try:
            zones = tuple(_zone(entry, number) for number, entry in enumerate(data["fields"], start=1))
            width, height = data["page_mm"]
            definition = FormDefinition(
                id=str(data["id"]),
                document_type=DocumentType(data["family"]),
                title=str(data.get("title", data["id"])),
                page_mm=(float(width), float(height)),
                zones=zones,
                version=int(data.get("version", 1)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(
                f"{source}: not a form description ({error!r}). Correct the entry and run `depli template check`."
            ) from error
        _refuse_zones_off_the_page(definition, source=source)
        return definition


def _zone(entry: Mapping[str, Any], number: int) -> Zone:
    try:
        cells = tuple(Box(*map(float, cell)) for cell in entry.get("cells", ()))
        box = Box(*map(float, entry["box"])) if "box" in entry else Box.around(cells)
        return Zone(
            name=str(entry["name"]),
            page=int(entry.get("page", 1)),
            kind=ZoneKind(entry["kind"]),
            box=box,
            charset=Charset(entry.get("charset", Charset.TEXT)),
            cells=cells,
            value=entry.get("value"),
            exclusive=bool(entry.get("exclusive", False)),
            symbology=entry.get("symbology"),
            required=bool(entry.get("required", False)),
            handwritten=entry.get("written") == "hand",
            label=str(entry.get("label", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"field {number} ({entry.get('name', 'no name')}): {error}") from error


def _refuse_zones_off_the_page(definition: FormDefinition, *, source: str) -> None:
    width, height = definition.page_mm
    for zone in definition.zones:
        if zone.box.x < 0 or zone.box.y < 0 or zone.box.right > width + 0.5 or zone.box.bottom > height + 0.5:
            raise Misconfigured(f"{source}: zone {zone.name} lies outside the page ({width:g} x {height:g} mm).")
        if zone.kind is ZoneKind.COMB and not zone.cells:
            raise Misconfigured(f"{source}: zone {zone.name} is a comb without cells.")
        if zone.kind is ZoneKind.CHECKBOX and not zone.value:
            raise Misconfigured(f"{source}: checkbox {zone.name} says no value.")


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A field of a document type, whatever the form: the same name means the same thing everywhere."""

    name: str
    value_type: str
    """Key of the parser and checks in `models.values.kinds`: amount, date, iban, bic, siret, vat_id, ics, rum, phone,
    email, postal_code, city, name, street, index, reference, text, choice, choices, flag, currency, document_kind."""
    label_fr: str
    critical: bool = False
    """An error costs money or is a legal act: never merely confirmed when no check digit guards it."""


INVOICE_FIELDS: tuple[FieldDefinition, ...] = (
    FieldDefinition("invoice_number", "reference", "Numéro de facture", critical=True),
    FieldDefinition("issue_date", "date", "Date de facture", critical=True),
    FieldDefinition("due_date", "date", "Date d'échéance"),
    FieldDefinition("document_kind", "document_kind", "Nature", critical=True),
    FieldDefinition("seller_name", "name", "Fournisseur"),
    FieldDefinition("seller_siret", "siret", "SIRET du fournisseur", critical=True),
    FieldDefinition("seller_vat_id", "vat_id", "N° de TVA du fournisseur"),
    FieldDefinition("seller_iban", "iban", "IBAN du fournisseur", critical=True),
    FieldDefinition("buyer_name", "name", "Destinataire"),
    FieldDefinition("buyer_siret", "siret", "SIRET du destinataire"),
    FieldDefinition("buyer_service_code", "reference", "Code service"),
    FieldDefinition("order_reference", "reference", "N° d'engagement ou bon de commande"),
    FieldDefinition("contract_reference", "reference", "N° de marché"),
    FieldDefinition("currency", "currency", "Devise"),
    FieldDefinition("total_without_tax", "amount", "Total HT", critical=True),
    FieldDefinition("total_tax", "amount", "Total TVA", critical=True),
    FieldDefinition("total_with_tax", "amount", "Total TTC", critical=True),
    FieldDefinition("amount_due", "amount", "Net à payer", critical=True),
)

FORM_FIELDS: tuple[FieldDefinition, ...] = (
    FieldDefinition("subscriber_reference", "reference", "Référence abonné", critical=True),
    FieldDefinition("subscriber_name", "name", "Abonné"),
    FieldDefinition("service_address", "text", "Adresse desservie"),
    FieldDefinition("meter_serial", "reference", "N° de compteur"),
    FieldDefinition("barcode", "reference", "Code à barres"),
    FieldDefinition("previous_index", "index", "Ancien index"),
    FieldDefinition("meter_index", "index", "Index relevé", critical=True),
    FieldDefinition("meter_index_litres", "index", "Litres"),
    FieldDefinition("reading_date", "date", "Date du relevé"),
    FieldDefinition("phone", "phone", "Téléphone"),
    FieldDefinition("email", "email", "Courriel"),
    FieldDefinition("remark", "choices", "Remarques"),
    FieldDefinition("signature", "flag", "Signature"),
    FieldDefinition("signature_date", "date", "Date de signature"),
    FieldDefinition("civility", "choice", "Civilité"),
    FieldDefinition("last_name", "name", "Nom"),
    FieldDefinition("first_name", "name", "Prénom"),
    FieldDefinition("birth_date", "date", "Date de naissance"),
    FieldDefinition("siret", "siret", "SIRET"),
    FieldDefinition("street", "street", "Adresse"),
    FieldDefinition("postal_code", "postal_code", "Code postal"),
    FieldDefinition("city", "city", "Commune"),
    FieldDefinition("entry_date", "date", "Date d'entrée"),
    FieldDefinition("occupants", "index", "Occupants"),
    FieldDefinition("occupancy", "choice", "Qualité de l'occupant"),
    FieldDefinition("previous_occupant", "name", "Ancien occupant"),
    FieldDefinition("payment_method", "choice", "Mode de paiement"),
    FieldDefinition("e_invoice", "choices", "Facture électronique"),
    FieldDefinition("mandate_reference", "rum", "RUM", critical=True),
    FieldDefinition("creditor_identifier", "ics", "ICS", critical=True),
    FieldDefinition("debtor_name", "name", "Débiteur"),
    FieldDefinition("debtor_street", "street", "Adresse du débiteur"),
    FieldDefinition("debtor_postal_code", "postal_code", "Code postal du débiteur"),
    FieldDefinition("debtor_city", "city", "Commune du débiteur"),
    FieldDefinition("iban", "iban", "IBAN", critical=True),
    FieldDefinition("bic", "bic", "BIC"),
    FieldDefinition("payment_type", "choice", "Type de paiement"),
    FieldDefinition("place", "city", "Fait à"),
)

_BY_NAME = {definition.name: definition for definition in (*INVOICE_FIELDS, *FORM_FIELDS)}


def field_definition(name: str, *, zones: Iterable[Zone] = ()) -> FieldDefinition:
    """The definition of a field; a name we do not know is taken from its form: plain text under the zone's label."""
    known = _BY_NAME.get(name)
    if known:
        return known
    zone = next(iter(zones), None)
    value_type = "text"
    if zone is not None:
        if zone.kind is ZoneKind.CHECKBOX:
            value_type = "choice" if zone.exclusive else "choices"
        elif zone.kind is ZoneKind.SIGNATURE:
            value_type = "flag"
        elif zone.charset is Charset.DIGITS:
            value_type = "digits"
    return FieldDefinition(name, value_type, (zone.label if zone else "") or name)
