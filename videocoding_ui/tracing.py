"""Documents: search, the trace from scan to final status, and what a supervisor may do about one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.batch import Document, DocumentState, FieldState
from models.journal import JournalEntry
from models.ports import UnitOfWork
from models.releases import Release, ReleaseState
from models.verification import Role
from videocoding_ui.desk import add_jobs
from videocoding_ui.entered import masked, shown
from videocoding_ui.gate import Form, NotFound, NotPossible, OnDesk, Person, Supervisor, Tracer, text_of
from videocoding_ui.language import N_, Language
from videocoding_ui.templating import page
from videocoding_ui.texts import EVENT_WORDS
from videocoding_ui.views import (
    ACTION_WORDS,
    DESTINATION_WORDS,
    RELEASE_WORDS,
    View,
    document_view,
    field_view,
    page_view,
)

router = APIRouter()

FOUND = 100


@router.get("/documents")
def documents_page(request: Request, on: OnDesk, person: Tracer, q: str = "", etat: str = "") -> Response:
    """Search by batch, id or field value; or the documents in one state."""
    query = q.strip()[:100]
    state = next((each for each in DocumentState if each.value == etat), None)
    with on.reading() as uow:
        if query:
            found = [each for each in uow.documents.search(query, FOUND) if state is None or each.state is state]
        else:
            found = list(uow.documents.in_state(state or DocumentState.TO_VERIFY, FOUND))
        labels = {each.batch_id: uow.batches.get(each.batch_id) for each in found}
        rows = [document_view(each, person.language, batch=labels[each.batch_id]) for each in found]
        counts = {key.value: number for key, number in uow.documents.count_by_state().items()}
    return page(
        request,
        "documents.html",
        language=person.language,
        person=person,
        rows=rows,
        query=query,
        state=(state.value if state else "" if query else "to_verify"),
        counts=counts,
        full=len(found) == FOUND,
    )


@router.get("/documents/{document_id}")
def document_page(request: Request, on: OnDesk, person: Tracer, document_id: str) -> Response:
    """The trace of one document; opening it is written to the journal."""
    say = person.language
    with on.uow() as uow:
        document = get_document(uow, document_id)
        uow.journal.append(
            "document_viewed",
            at=on.clock.now(),
            subject=f"document:{document.id}",
            actor=person.id,
            batch_id=document.batch_id,
            document_id=document.id,
        )
        names = {user.id: user.name for user in uow.users.all()}
        fields = list(uow.fields.of_document(document.id))
        context: View = {
            "document": document_view(document, say, batch=uow.batches.get(document.batch_id)),
            "pages": [page_view(each, say) for each in uow.pages.of_document(document.id)],
            "fields": [field_view(each, say) for each in fields],
            "lines": document.lines,
            "vat": document.vat_breakdown,
            "releases": [_release_view(each, say) for each in uow.releases.of_document(document.id)],
            "events": events_view(uow, document, say),
            "reserved_by": names.get(document.reserved_by or "", "")
            if document.reserved_until and document.reserved_until > on.clock.now()
            else "",
            "may_reject": document.state
            in (
                DocumentState.SEPARATED,
                DocumentState.TO_CLASSIFY,
                DocumentState.TO_VERIFY,
                DocumentState.VERIFIED,
                DocumentState.QUARANTINED,
            ),
            "may_reopen": document.state in (DocumentState.VERIFIED, DocumentState.REJECTED, DocumentState.QUARANTINED),
            "supervises": person.may(Role.SUPERVISOR),
        }
        uow.commit()
    return page(request, "document.html", language=say, person=person, **context)


@router.post("/documents/{document_id}/rejeter")
def reject(on: OnDesk, person: Supervisor, form: Form, document_id: str) -> Response:
    """Take a document out of the flow; a reason is asked for."""
    reason = text_of(form, "reason")[:300]
    if not reason:
        return RedirectResponse(f"/documents/{document_id}?motif=1#agir", status_code=303)
    with on.uow() as uow:
        document = get_document(uow, document_id)
        document.reject(reason)
        _event(uow, on.clock.now(), "document_rejected", document, person)
        uow.commit()
    return RedirectResponse(f"/documents/{document_id}", status_code=303)


@router.post("/documents/{document_id}/rouvrir")
def reopen(on: OnDesk, person: Supervisor, form: Form, document_id: str) -> Response:
    """Send a document back to the coders: the chosen fields wait again; a release under way keeps it closed."""
    chosen = {value for value in form.getlist("field") if isinstance(value, str)}
    with on.uow() as uow:
        document = get_document(uow, document_id)
        if any(each.state is not ReleaseState.PLANNED for each in uow.releases.of_document(document.id)):
            raise NotPossible("Une remise est déjà partie : le document ne se rouvre plus.")
        document.reopen()
        again = 0
        for field in uow.fields.of_document(document.id):
            if field.id in chosen and field.state is not FieldState.TO_VERIFY:
                field.reopen()
                again += 1
        batch = uow.batches.get(document.batch_id)
        batch.reopen()
        _event(uow, on.clock.now(), "document_reopened", document, person, fields=again)
        uow.commit()
    return RedirectResponse(f"/documents/{document_id}", status_code=303)


@router.post("/documents/{document_id}/remises/{release_id}/reprendre")
def retry(on: OnDesk, person: Supervisor, document_id: str, release_id: str) -> Response:
    """Try a held release again."""
    with on.uow() as uow:
        document = get_document(uow, document_id)
        try:
            release = uow.releases.get(release_id)
        except LookupError as error:
            raise NotFound("Cette remise n'existe pas.") from error
        if release.document_id != document.id:
            raise NotFound("Cette remise n'existe pas.")
        release.retry()
        _event(uow, on.clock.now(), "release_retried", document, person, destination=release.destination)
        jobs = add_jobs(uow, on.on_retry(uow, release))
        uow.commit()
    on.ring(jobs)
    return RedirectResponse(f"/documents/{document_id}#remises", status_code=303)


def get_document(uow: UnitOfWork, document_id: str) -> Document:
    """Raises: NotFound."""
    try:
        return uow.documents.get(document_id)
    except LookupError as error:
        raise NotFound("Ce document n'existe pas.") from error


def _event(
    uow: UnitOfWork, now: datetime, event: str, document: Document, person: Person, **details: str | int
) -> None:
    uow.journal.append(
        event,
        at=now,
        subject=f"document:{document.id}",
        actor=person.id,
        batch_id=document.batch_id,
        document_id=document.id,
        **details,
    )


def events_view(uow: UnitOfWork, document: Document, say: Language) -> list[View]:
    """Journal and keyings of one document and its batch in the order they happened; bank data masked."""
    names = {user.id: user.name for user in uow.users.all()}
    entries: dict[int, JournalEntry] = {}
    for entry in (*uow.journal.of_batch(document.batch_id), *uow.journal.of_document(document.id)):
        if entry.document_id in (None, document.id):
            entries[entry.sequence] = entry
    fields = {field.id: field for field in uow.fields.of_document(document.id)}
    rows = [
        (entry.at, entry.sequence, _entry_view(entry, names, say))
        for entry in entries.values()
        if entry.event not in ("field_keyed", "stale_answer_kept", "answer_taken_back")
    ]
    for keying in uow.keyings.of_document(document.id):
        field = fields.get(keying.field_id)
        label, value_type = (say(field.label), field.value_type) if field else ("?", "text")
        rows.append(
            (
                keying.keyed_at,
                0,
                {
                    "at": say.moment(keying.keyed_at),
                    "who": names.get(keying.coder_id, keying.coder_id),
                    "event": "field_keyed",
                    "words": f"{label}{say(' : ')}{say(ACTION_WORDS[keying.action])}",
                    "before": masked(value_type, shown(value_type, keying.previous)),
                    "after": masked(value_type, shown(value_type, keying.value)),
                    "details": ", ".join(
                        words
                        for words, applies in (
                            (say("forcé"), keying.forced),
                            (say("réponse périmée, gardée pour mémoire"), keying.stale),
                            (f"{say.number(keying.active_ms / 1000, 1)} s", keying.active_ms > 0),
                        )
                        if applies
                    ),
                },
            )
        )
    return [view for _, _, view in sorted(rows, key=lambda row: (row[0], row[1]))]


_SHOWN_BY_ITSELF = frozenset({"before", "after"})


def _entry_view(entry: JournalEntry, names: Mapping[str, str], say: Language) -> View:
    words = EVENT_WORDS.get(entry.event)
    details = ", ".join(
        f"{key} {value}" for key, value in entry.details.items() if key not in _SHOWN_BY_ITSELF and value is not None
    )
    return {
        "at": say.moment(entry.at),
        "who": say(N_("système")) if entry.actor == "system" else names.get(entry.actor, entry.actor),
        "event": entry.event,
        "words": say(words) if words else entry.event.replace("_", " "),
        "before": str(entry.details.get("before", "")),
        "after": str(entry.details.get("after", "")),
        "details": details,
    }


def _release_view(release: Release, say: Language) -> View:
    return {
        "id": release.id,
        "destination": say(DESTINATION_WORDS.get(release.destination, release.destination)),
        "state": release.state.value,
        "state_words": say(RELEASE_WORDS[release.state]),
        "reference": release.reference,
        "sha256": release.payload_sha256,
        "planned": say.moment(release.planned_at),
        "confirmed": say.moment(release.confirmed_at),
        "error": release.error,
        "held": release.state is ReleaseState.HELD,
    }
