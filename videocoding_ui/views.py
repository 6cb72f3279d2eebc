"""What screens show of the record: plain dictionaries, built while the transaction is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.batch import Batch, BatchState, Document, DocumentState, Field, FieldState, Page, PageState
from models.definitions import DocumentType, FormDefinition
from models.errors import REFUSALS
from models.geometry import MM_PER_INCH
from models.ports import UnitOfWork
from models.reading import SURE_OF_BOUNDARY, PageReading
from models.releases import ReleaseState
from models.text import Character
from models.verification import KeyingAction, Role
from videocoding_ui.entered import masked, shown
from videocoding_ui.language import N_, Language
from videocoding_ui.proposing import MARK_TYPES, EntryMode, doubtful_places, entry_mode

View = dict[str, Any]

TYPE_WORDS: Mapping[DocumentType, str] = {
    DocumentType.SUPPLIER_INVOICE: N_("Facture fournisseur"),
    DocumentType.T_CARD: N_("Carte T"),
    DocumentType.SUBSCRIPTION_FORM: N_("Demande d'abonnement"),
    DocumentType.SEPA_MANDATE: N_("Mandat SEPA"),
    DocumentType.OTHER: N_("Autre courrier"),
}
BATCH_WORDS: Mapping[BatchState, str] = {
    BatchState.RECEIVED: N_("reçu"),
    BatchState.READING: N_("en lecture"),
    BatchState.IN_WORK: N_("en cours"),
    BatchState.DONE: N_("terminé"),
    BatchState.REFUSED: N_("refusé"),
}
DOCUMENT_WORDS: Mapping[DocumentState, str] = {
    DocumentState.SEPARATED: N_("séparé"),
    DocumentState.TO_CLASSIFY: N_("à classer"),
    DocumentState.TO_VERIFY: N_("à vérifier"),
    DocumentState.VERIFIED: N_("vérifié"),
    DocumentState.RELEASED: N_("remis"),
    DocumentState.REJECTED: N_("rejeté"),
    DocumentState.QUARANTINED: N_("en quarantaine"),
}
PAGE_WORDS: Mapping[PageState, str] = {
    PageState.WAITING: N_("en attente"),
    PageState.READ: N_("lue"),
    PageState.PLACED: N_("placée"),
    PageState.SET_ASIDE: N_("écartée"),
    PageState.REJECTED: N_("rejetée"),
}
FIELD_WORDS: Mapping[FieldState, str] = {
    FieldState.ACCEPTED: N_("accepté"),
    FieldState.TO_VERIFY: N_("à vérifier"),
    FieldState.KEYED: N_("saisi"),
    FieldState.ILLEGIBLE: N_("illisible"),
}
RELEASE_WORDS: Mapping[ReleaseState, str] = {
    ReleaseState.PLANNED: N_("prévue"),
    ReleaseState.SENDING: N_("en cours d'envoi"),
    ReleaseState.UNKNOWN: N_("sans réponse"),
    ReleaseState.CONFIRMED: N_("confirmée"),
    ReleaseState.HELD: N_("retenue"),
}
ASIDE_WORDS: Mapping[str, str] = {
    "blank": N_("page blanche"),
    "separator": N_("séparateur"),
    "operator": N_("par un opérateur"),
}
ACTION_WORDS: Mapping[KeyingAction, str] = {
    KeyingAction.ACCEPTED: N_("confirmé"),
    KeyingAction.CORRECTED: N_("corrigé"),
    KeyingAction.EMPTY: N_("vide"),
    KeyingAction.ILLEGIBLE: N_("illisible"),
    KeyingAction.TAKEN_BACK: N_("repris"),
}
ROLE_WORDS: Mapping[Role, str] = {
    Role.OPERATOR: N_("opérateur"),
    Role.CODER: N_("codeur"),
    Role.SUPERVISOR: N_("superviseur"),
    Role.ADMIN: N_("administrateur"),
}
DESTINATION_WORDS: Mapping[str, str] = {
    "ged": N_("GED"),
    "accounting": N_("Comptabilité"),
    "meter_readings": N_("Relevés de compteur"),
    "mandates": N_("Registre des mandats"),
    "chorus": N_("Chorus Pro"),
}


def batch_view(uow: UnitOfWork, batch: Batch, say: Language) -> View:
    """A batch with its sheets accounted for: pages in = placed + set aside + rejected + waiting."""
    states = Counter(page.state for page in uow.pages.of_batch(batch.id))
    documents = Counter(document.state for document in uow.documents.of_batch(batch.id))
    waiting = states[PageState.WAITING] + states[PageState.READ]
    return {
        "id": batch.id,
        "label": batch.label,
        "name": batch.shown_name,
        "source": batch.source,
        "received": say.moment(batch.received_at),
        "state": batch.state.value,
        "state_words": say(BATCH_WORDS[batch.state]),
        "reason": batch.reason or REFUSALS.get(batch.code, ""),
        "pages": sum(states.values()),
        "placed": states[PageState.PLACED],
        "set_aside": states[PageState.SET_ASIDE],
        "rejected": states[PageState.REJECTED],
        "waiting": waiting,
        "documents": sum(documents.values()),
        "to_key": documents[DocumentState.TO_VERIFY] + documents[DocumentState.TO_CLASSIFY],
        "released": documents[DocumentState.RELEASED],
        "quarantined": documents[DocumentState.QUARANTINED],
        "announced": batch.announced_sheets,
    }


def page_view(page: Page, say: Language) -> View:
    """A page for lists and thumbnails."""
    return {
        "id": page.id,
        "number": page.position + 1,
        "state": page.state.value,
        "state_words": say(PAGE_WORDS[page.state]),
        "aside": say(ASIDE_WORDS.get(page.set_aside_as, page.set_aside_as)),
        "has_image": page.image is not None,
        "has_preview": page.preview is not None or page.image is not None,
        "rescan": page.rescan,
        "reason": page.reason,
        "endorsement": page.endorsement,
        "document_id": page.document_id,
        "batch_id": page.batch_id,
    }


def document_view(document: Document, say: Language, *, batch: Batch | None = None) -> View:
    """A document for lists."""
    return {
        "id": document.id,
        "number": document.position + 1,
        "type": document.document_type.value,
        "type_words": say(TYPE_WORDS[document.document_type]),
        "form": document.form,
        "state": document.state.value,
        "state_words": say(DOCUMENT_WORDS[document.state]),
        "confidence": say.percent(document.type_confidence, 0),
        "type_reason": document.type_reason,
        "boundary_confidence": say.percent(document.boundary_confidence, 0) if document.boundary_reason else "",
        "boundary_reason": document.boundary_reason,
        "boundary_hint": _boundary_hint(document, say),
        "reason": document.reason,
        "formed": say.moment(document.formed_at),
        "straight_through": document.straight_through,
        "batch_id": document.batch_id,
        "batch": batch.label if batch else "",
    }


def _boundary_hint(document: Document, say: Language) -> str:
    """What a person is asked to look at before naming the type; empty when the machine is sure of the pages."""
    sure = document.boundary_confidence is None or document.boundary_confidence >= SURE_OF_BOUNDARY
    if sure:
        return ""
    return say(
        "Vérifiez que ces pages forment un seul document (%(reason)s), puis choisissez son type.",
        reason=document.boundary_reason,
    )


def options_of(field: Field, form: FormDefinition | None) -> list[View]:
    """The possible answers of a choice, in the order of the form; the digit that selects each counts from 1."""
    found: dict[str, str] = {}
    for zone in form.zones_named(field.name) if form else ():
        if zone.value:
            found.setdefault(zone.value, zone.label)
    if field.value_type == "document_kind":
        found = {"invoice": N_("Facture"), "credit_note": N_("Avoir")}
    if not found and field.value_type in ("choice", "choices"):
        values = [field.machine.value, *(candidate.value for candidate in field.machine.candidates)]
        for value in values:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str) and each:
                    found.setdefault(each, "")
    return [{"value": value, "label": label or value.replace("_", " ")} for value, label in found.items()]


def task_view(
    field: Field,
    *,
    form: FormDefinition | None,
    page_index: int | None,
    reading: PageReading | None,
    propose_from: float,
    doubt_below: float,
    say: Language,
) -> View:
    """One field for the coder's screen; in blind mode nothing in it comes from the machine's value."""
    mode = entry_mode(field, propose_from=propose_from)
    options = [{**option, "label": say(option["label"])} for option in options_of(field, form)]
    view: View = {
        "id": field.id,
        "field": field.name,
        "label": say(field.label),
        "type": field.value_type,
        "mode": mode.value,
        "critical": field.critical,
        "options": options,
        "snippet": f"/images/champs/{field.id}" if field.snippet else None,
        "page": page_index,
        "box": _share_of_page(field, reading),
        "flags": list(field.machine.flags),
        "candidates": [],
        "doubts": [],
    }
    if mode is EntryMode.CONFIRM:
        text = shown(field.value_type, field.machine.value)
        view["value"] = field.machine.value if field.value_type in MARK_TYPES else text
        view["doubts"] = doubtful_places(text, field.machine.characters, below=doubt_below)
        view["failed"] = list(field.machine.failed_rules)
        view["candidates"] = _candidates(field, text)
    return view


def _candidates(field: Field, proposed: str) -> list[str]:
    texts = (shown(field.value_type, each.value) for each in field.machine.candidates if each.value is not None)
    return [text for text in dict.fromkeys(texts) if text and text != proposed][:5]


def _share_of_page(field: Field, reading: PageReading | None) -> list[float] | None:
    box = field.machine.box
    if box is None or reading is None or not reading.width or not reading.height:
        return None
    per_mm = reading.dpi / MM_PER_INCH
    left, top = box.x * per_mm / reading.width, box.y * per_mm / reading.height
    width, height = box.width * per_mm / reading.width, box.height * per_mm / reading.height
    return [round(max(0.0, min(1.0, number)), 5) for number in (left, top, width, height)]


def field_view(field: Field, say: Language) -> View:
    """A field for the trace: what was read, what was decided, what stands now."""
    machine = field.machine
    return {
        "id": field.id,
        "name": field.name,
        "label": say(field.label),
        "type": field.value_type,
        "critical": field.critical,
        "state": field.state.value,
        "state_words": say(FIELD_WORDS[field.state]),
        "value": masked(field.value_type, shown(field.value_type, field.value)),
        "machine_value": masked(field.value_type, shown(field.value_type, machine.value)),
        "text": masked(field.value_type, machine.text),
        "confidence": say.percent(machine.confidence, 1),
        "decision": machine.decision.value,
        "reader": machine.reader,
        "page": machine.page,
        "failed": list(machine.failed_rules),
        "flags": list(machine.flags),
        "forced": field.forced,
        "has_snippet": field.snippet is not None,
        "characters": [] if field.value_type == "iban" else _characters(machine.characters),
    }


def _characters(characters: Iterable[Character]) -> list[View]:
    return [{"c": each.best, "p": round(each.probability(each.best), 3)} for each in characters if each.best]


def fields_in_work(fields: Sequence[Field]) -> list[Field]:
    """Those that wait for a coder, in their order."""
    return [field for field in fields if field.state is FieldState.TO_VERIFY]
