"""Documents on a coder's screen: reserved, renewed, given back, and shown with all their waiting fields."""

from __future__ import annotations

from datetime import datetime

from models.batch import RESERVATION, Document, DocumentState, Field
from models.definitions import DocumentType
from models.errors import WrongState
from models.ports import UnitOfWork
from videocoding_ui.desk import Desk
from videocoding_ui.gate import Person
from videocoding_ui.views import TYPE_WORDS, View, document_view, fields_in_work, task_view

FARTHEST = 6
"""Most documents one coder holds at a time."""


def reserve_next(uow: UnitOfWork, on: Desk, person: Person, *, want: int, held: frozenset[str]) -> list[View]:
    """Reserve up to `want` documents that are not `held` by this screen yet; the caller commits."""
    now = on.clock.now()
    leases: list[View] = []
    waiting = uow.documents.waiting_for_keying(person.id, now=now, limit=want + len(held) + FARTHEST)
    for document in waiting:
        if len(leases) == want:
            break
        if document.id in held:
            continue
        try:
            fence = reserve(uow, document, person, now=now)
        except WrongState:
            continue
        leases.append(lease_view(uow, document, on, person, fence=fence))
    return leases


def reserve(uow: UnitOfWork, document: Document, person: Person, *, now: datetime) -> int:
    """Put a document on the coder's screen, or keep it there; a new reservation is written to the journal.

    Raises: WrongState when somebody else has it, or it is not the coders' any more.
    """
    before = document.fence
    fence = document.reserve(person.id, until=now + RESERVATION, now=now)
    if fence != before:
        uow.journal.append(
            "document_reserved",
            at=now,
            subject=f"document:{document.id}",
            actor=person.id,
            batch_id=document.batch_id,
            document_id=document.id,
            fence=fence,
        )
    return fence


def lease_view(uow: UnitOfWork, document: Document, on: Desk, person: Person, *, fence: int) -> View:
    """A reserved document with its pages and its waiting fields, as the coder's screen takes it."""
    say = person.language
    batch = uow.batches.get(document.batch_id)
    pages = list(uow.pages.of_document(document.id))
    readings = uow.readings.of_pages([page.id for page in pages])
    fields = list(uow.fields.of_document(document.id))
    form = on.forms.get(document.form) if document.form else None
    places = {page.id: index for index, page in enumerate(pages)}

    def page_index(field: Field) -> int | None:
        if field.page_id in places:
            return places[field.page_id]
        number = field.machine.page
        return number - 1 if number is not None and 0 < number <= len(pages) else None

    tasks = []
    if document.state is DocumentState.TO_VERIFY:
        for field in fields_in_work(fields):
            index = page_index(field)
            stored = readings.get(pages[index].id) if index is not None else None
            tasks.append(
                task_view(
                    field,
                    form=form,
                    page_index=index,
                    reading=stored.content if stored else None,
                    propose_from=on.settings.propose_from,
                    doubt_below=on.settings.doubt_below,
                    say=say,
                )
            )
    return {
        "lease": document.id,
        "fence": fence,
        "expires": document.reserved_until.isoformat() if document.reserved_until else None,
        "document": {
            **document_view(document, say, batch=batch),
            "form_title": form.title if form else "",
            "fields": len(fields),
            "pages": [{"id": page.id, "image": f"/images/pages/{page.id}" if page.image else None} for page in pages],
        },
        "kind": "classify" if document.state is DocumentState.TO_CLASSIFY else ("fields" if tasks else "whole"),
        "tasks": tasks,
    }


def types_view(person: Person) -> list[View]:
    """The document types with the digit that chooses each."""
    return [
        {"key": number, "type": kind.value, "label": person.language(TYPE_WORDS[kind])}
        for number, kind in enumerate(DocumentType, start=1)
    ]


def count_waiting(uow: UnitOfWork) -> int:
    """Documents that wait for a coder, whoever has them on screen."""
    counts = uow.documents.count_by_state()
    return counts.get(DocumentState.TO_VERIFY, 0) + counts.get(DocumentState.TO_CLASSIFY, 0)
