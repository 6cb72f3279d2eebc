"""The blocking rules of the Chorus pivot that need no network, each with its code and its French sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from exporters.contracts import Reason
from models.handover import ReleasedDocument
from models.values.amounts import decimal_of
from models.values.kinds import judge

NUMBER = re.compile(r"[A-Za-z0-9\-_/+]{1,20}")
ATTACHMENT_LIMIT = 10 * 1024 * 1024
TOTAL_LIMIT = 118 * 1024 * 1024
NAME_LIMIT = 50
CENT, ROUNDING = Decimal("0.01"), Decimal("0.02")
RESERVED_SERVICE = "FACTURES_PUBLIQUES"
"""Service that only public bodies may address."""
_WORKS = re.compile(
    r"d[ée]compte g[ée]n[ée]ral|projet de d[ée]compte|[ée]tat d['’]acompte|situation de travaux", re.IGNORECASE
)

SENTENCES: dict[str, str] = {
    "R01.missing": "Le SIRET du destinataire manque.",
    "R01.key": "Le SIRET du destinataire est faux.",
    "R01.unknown": "Le SIRET du destinataire n'est pas dans l'annuaire de Chorus Pro.",
    "R01.inactive": "La structure destinataire n'est plus active dans Chorus Pro.",
    "R02.missing": "Ce destinataire exige un code service.",
    "R02.unknown": "Ce code service n'existe pas chez ce destinataire.",
    "R02.reserved": "Le service FACTURES_PUBLIQUES est réservé aux entités publiques.",
    "R02.length": "Le code service dépasse 100 caractères.",
    "R03": "Ce destinataire exige un numéro d'engagement.",
    "R04": "Ce destinataire exige un code service ou un numéro d'engagement.",
    "R05.missing": "Le fournisseur n'a ni SIRET ni n° de TVA européen.",
    "R05.key": "Le SIRET du fournisseur est faux.",
    "R05.vat": "Le n° de TVA du fournisseur est faux.",
    "R05.name": "Le nom du fournisseur manque.",
    "R06.missing": "Le numéro de facture manque.",
    "R06.format": "Le numéro de facture a plus de 20 caractères, ou d'autres que lettres, chiffres, - _ / +.",
    "R06.twice": "Une facture de ce fournisseur avec ce numéro a déjà été transmise cette année.",
    "R07.missing": "La date de facture manque.",
    "R07.future": "La date de facture est dans l'avenir.",
    "R07.old": "La date de facture a plus de dix ans.",
    "R08": "Un avoir doit citer le numéro de la facture d'origine (20 caractères au plus).",
    "R09.missing": "Les totaux HT et TTC sont nécessaires.",
    "R09.sum": "Total HT + TVA ne font pas le total TTC.",
    "R09.vat_sum": "La somme des lignes de TVA n'est pas le total de la TVA.",
    "R09.vat_rate": "Base × taux ne fait pas la TVA d'une ligne.",
    "R10.missing": "L'IBAN du fournisseur manque : le virement est impossible.",
    "R10.key": "L'IBAN du fournisseur est faux.",
    "R11": "Une facture déjà payée (cadre A2) a un net à payer nul.",
    "R12.empty": "La pièce jointe est vide.",
    "R12.size": "La pièce jointe dépasse 10 Mo, même allégée : la facture a trop de pages.",
    "R12.name": "Le nom de la pièce jointe dépasse 50 caractères.",
    "R13": "La devise n'est pas un code ISO 4217.",
    "R14": "Le fichier produit n'est pas valide selon le schéma CPPFacturePivot V2_02.",
    "R15": "Une facture de travaux (décompte, situation) suit le circuit travaux de Chorus Pro.",
}


@dataclass(frozen=True, slots=True)
class PublicStructure:
    """A public buyer as the Chorus Pro directory knows it."""

    siret: str
    name: str
    active: bool = True
    service_required: bool = False
    engagement_required: bool = False
    service_or_engagement_required: bool = False
    services: Mapping[str, str] | None = None
    """Active services, code -> name; `None` when not known."""


@dataclass(frozen=True, slots=True)
class ChorusContext:
    """What the rules know beside the document."""

    buyer_siret: str
    """On the invoice, else the tenant's."""
    directory: Mapping[str, PublicStructure] | None
    """`None` when there is no copy of the directory: then nothing is said about services and engagements."""
    iban_required: bool
    origin_required: bool
    already_sent: Callable[[str, str, int], bool]
    """(supplier, invoice number, year) -> it went out before."""
    today: date
    """Day the document was verified."""


def reason(code: str) -> Reason:
    """A rule's code with its sentence."""
    return Reason(code, SENTENCES[code])


def blocking_reasons(document: ReleasedDocument, context: ChorusContext) -> tuple[Reason, ...]:
    """R01 to R11, R13 and R15; R12 and R14 look at what is rendered."""
    found = [
        *_buyer(document, context),
        *_supplier(document),
        *_number(document, context),
        *_dates(document, context.today),
        *_credit_note(document, context),
        *_totals(document),
        *_payment(document, context),
        *_others(document),
    ]
    return tuple(reason(code) for code in dict.fromkeys(found))


def attachment_reasons(name: str, content: bytes) -> tuple[Reason, ...]:
    """R12."""
    codes = (
        ["R12.empty"] * (not content)
        + ["R12.size"] * (len(content) >= ATTACHMENT_LIMIT)
        + ["R12.name"] * (len(name) > NAME_LIMIT)
    )
    return tuple(reason(code) for code in codes)


def amount(document: ReleasedDocument, name: str) -> Decimal | None:
    """An amount of the document, `None` when it has none."""
    return decimal_of(document.text(name))


def is_credit_note(document: ReleasedDocument) -> bool:
    """Type 381."""
    return document.text("document_kind") == "credit_note"


def supplier_id(document: ReleasedDocument) -> tuple[int, str, str] | None:
    """Type of identifier (1 SIRET, 2 VAT id of another country of the Union), identifier and country."""
    siret, vat_id = document.text("seller_siret"), document.text("seller_vat_id")
    if siret:
        return 1, siret, "FR"
    if vat_id and not vat_id.startswith("FR"):
        return 2, vat_id, vat_id[:2].replace("EL", "GR")
    return None


def _buyer(document: ReleasedDocument, context: ChorusContext) -> Iterator[str]:
    service, engagement = document.text("buyer_service_code"), document.text("order_reference")
    if service.upper() == RESERVED_SERVICE:
        yield "R02.reserved"
    if len(service) > 100:
        yield "R02.length"
    if not context.buyer_siret:
        yield "R01.missing"
        return
    if not judge("siret", context.buyer_siret).ok:
        yield "R01.key"
        return
    if context.directory is None:
        return
    structure = context.directory.get(context.buyer_siret)
    if structure is None:
        yield "R01.unknown"
        return
    if not structure.active:
        yield "R01.inactive"
    if structure.service_required and not service:
        yield "R02.missing"
    if service and structure.services is not None and service not in structure.services:
        yield "R02.unknown"
    if structure.engagement_required and not engagement:
        yield "R03"
    if structure.service_or_engagement_required and not (service or engagement):
        yield "R04"


def _supplier(document: ReleasedDocument) -> Iterator[str]:
    known = supplier_id(document)
    if known is None:
        yield "R05.missing"
    elif not judge("siret" if known[0] == 1 else "vat_id", known[1]).ok:
        yield "R05.key" if known[0] == 1 else "R05.vat"
    if not document.text("seller_name"):
        yield "R05.name"


def _number(document: ReleasedDocument, context: ChorusContext) -> Iterator[str]:
    number, known, issued = document.text("invoice_number"), supplier_id(document), document.text("issue_date")
    if not number:
        yield "R06.missing"
    elif not NUMBER.fullmatch(number):
        yield "R06.format"
    elif known and issued and context.already_sent(known[1], number, int(issued[:4])):
        yield "R06.twice"


def _dates(document: ReleasedDocument, today: date) -> Iterator[str]:
    text = document.text("issue_date")
    if not text:
        yield "R07.missing"
        return
    issued = date.fromisoformat(text)
    if issued > today:
        yield "R07.future"
    if (today - issued).days > 3653:
        yield "R07.old"


def _credit_note(document: ReleasedDocument, context: ChorusContext) -> Iterator[str]:
    origin = document.text("origin_invoice_number")
    if is_credit_note(document) and ((context.origin_required and not origin) or len(origin) > 20):
        yield "R08"


def _totals(document: ReleasedDocument) -> Iterator[str]:
    net, tax, gross = (amount(document, name) for name in ("total_without_tax", "total_tax", "total_with_tax"))
    if net is None or gross is None:
        yield "R09.missing"
        return
    if tax is not None and abs(net + tax - gross) > CENT:
        yield "R09.sum"
    shares = [(decimal_of(s.rate), decimal_of(s.base), decimal_of(s.tax)) for s in document.vat_breakdown]
    known = [
        (rate, base, vat) for rate, base, vat in shares if rate is not None and base is not None and vat is not None
    ]
    if not known or len(known) < len(shares):
        return
    whole = gross - net if tax is None else tax
    if abs(sum((vat for *_, vat in known), Decimal(0)) - whole) > CENT * len(known):
        yield "R09.vat_sum"
    if any(abs(base * rate / 100 - vat) > ROUNDING for rate, base, vat in known):
        yield "R09.vat_rate"


def _payment(document: ReleasedDocument, context: ChorusContext) -> Iterator[str]:
    iban = document.text("seller_iban")
    if iban and not judge("iban", iban).ok:
        yield "R10.key"
    if not iban and context.iban_required and not is_credit_note(document) and not is_paid(document):
        yield "R10.missing"


def is_paid(document: ReleasedDocument) -> bool:
    """Nothing is left to pay of an invoice that has a total: cadre A2."""
    gross, due = amount(document, "total_with_tax"), amount(document, "amount_due")
    return bool(gross) and due is not None and not due


def _others(document: ReleasedDocument) -> Iterator[str]:
    currency = document.text("currency") or "EUR"
    if not judge("currency", currency).ok:
        yield "R13"
    if any(_WORKS.search(line.description) for line in document.lines):
        yield "R15"
