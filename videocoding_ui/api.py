"""JSON for the coder's screen, under `/api/v1`; errors as problem+json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from models.batch import RESERVATION, Document
from models.definitions import DocumentType, FormDefinition
from models.errors import StaleVersion
from models.jobs import Job
from models.ports import UnitOfWork
from videocoding_ui.answering import Answer, Answered, Flag, Outcome, record_answer, record_type, take_back, verify
from videocoding_ui.desk import Desk
from videocoding_ui.gate import Coder, NotFound, NotPossible, OnDesk, Tracer
from videocoding_ui.leasing import count_waiting, lease_view, reserve, reserve_next
from videocoding_ui.tracing import events_view
from videocoding_ui.views import View, options_of

router = APIRouter(prefix="/api/v1")

Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")]
T = TypeVar("T")


class LeaseRequest(BaseModel):
    """What the screen asks for."""

    model_config = ConfigDict(extra="forbid")

    queue: str = Field(default="document", pattern="^document$")
    want: int = Field(default=2, ge=0, le=6)
    held: list[Identifier] = Field(default_factory=list, max_length=20)
    """Documents it has already."""


class AnswerBody(BaseModel):
    """One answer."""

    model_config = ConfigDict(extra="forbid")

    uuid: Identifier
    task: Identifier
    fence: int = Field(ge=0)
    value: StrictBool | StrictStr | list[StrictStr] | None = None
    flag: Flag | None = None
    forced: bool = False
    ms: int = Field(default=0, ge=0, le=86_400_000)
    keys: int = Field(default=0, ge=0, le=1_000_000)


class TypeBody(BaseModel):
    """What a document is."""

    model_config = ConfigDict(extra="forbid")

    fence: int = Field(ge=0)
    type: DocumentType


class FenceBody(BaseModel):
    """The reservation it is about."""

    model_config = ConfigDict(extra="forbid")

    fence: int = Field(ge=0)


def once_more(on: Desk, work: Callable[[UnitOfWork], T], *, times: int = 3) -> T:
    """Run `work` in a transaction; when another request changed a row first, run it again on fresh rows.

    Raises: StaleVersion when it still fails after `times` runs.
    """
    for left in reversed(range(times)):
        try:
            with on.uow() as uow:
                done = work(uow)
                uow.commit()
                return done
        except StaleVersion:
            if not left:
                raise
    raise AssertionError("unreachable")


def document_or_404(uow: UnitOfWork, document_id: str) -> Document:
    """Raises: NotFound."""
    try:
        return uow.documents.get(document_id)
    except LookupError as error:
        raise NotFound("Ce document n'existe pas.") from error


@router.post("/leases")
def take_leases(on: OnDesk, person: Coder, wanted: LeaseRequest) -> View:
    """Reserve the next documents."""

    def work(uow: UnitOfWork) -> View:
        leases = reserve_next(uow, on, person, want=wanted.want, held=frozenset(wanted.held))
        return {"leases": leases, "waiting": count_waiting(uow), "lease_s": RESERVATION.total_seconds()}

    return once_more(on, work)


@router.put("/leases/{document_id}")
def renew_lease(on: OnDesk, person: Coder, document_id: Identifier, body: FenceBody) -> View:
    """A sign of life; 409 when somebody else has the document by now."""

    def work(uow: UnitOfWork) -> View:
        document = document_or_404(uow, document_id)
        if document.fence != body.fence or document.reserved_by not in (person.id, None):
            raise NotPossible("Ce document est passé à quelqu'un d'autre.")
        fence = reserve(uow, document, person, now=on.clock.now())
        return {"lease": document.id, "fence": fence, "waiting": count_waiting(uow)}

    return once_more(on, work)


@router.delete("/leases/{document_id}")
def drop_lease(on: OnDesk, person: Coder, document_id: Identifier) -> View:
    """Give a document back."""

    def work(uow: UnitOfWork) -> View:
        document_or_404(uow, document_id).release_reservation(person.id)
        return {"lease": document_id}

    return once_more(on, work)


@router.post("/answers")
def take_answers(on: OnDesk, person: Coder, answers: Annotated[list[AnswerBody], Field(max_length=50)]) -> View:
    """Store answers one by one, in order; each gets its own verdict."""
    return {"answers": [_store(on, person.id, body) for body in answers]}


def _store(on: Desk, coder_id: str, body: AnswerBody) -> View:
    answer = Answer(body.uuid, body.task, body.fence, body.value, body.flag, body.forced, body.ms)

    def work(uow: UnitOfWork) -> Answered:
        try:
            field = uow.fields.get(answer.field_id)
            form = _form_of(on, uow.documents.get(field.document_id))
        except LookupError:
            return Answered(Outcome.STALE)
        choices = tuple(str(option["value"]) for option in options_of(field, form))
        return record_answer(
            uow, answer, coder_id=coder_id, now=on.clock.now(), choices=choices, on_verified=on.on_verified
        )

    try:
        answered = once_more(on, work)
    except StaleVersion:
        return {"uuid": body.uuid, "outcome": "conflict", "problems": [], "verified": False}
    on.ring(answered.jobs)
    return {
        "uuid": body.uuid,
        "outcome": answered.outcome.value,
        "problems": list(answered.problems),
        "verified": answered.verified,
    }


def _form_of(on: Desk, document: Document) -> FormDefinition | None:
    return on.forms.get(document.form) if document.form else None


@router.post("/answers/{answer_id}/undo")
def undo_answer(on: OnDesk, person: Coder, answer_id: Identifier) -> View:
    """Take back one's own answer until the document is frozen; answers the document, on screen again."""

    def work(uow: UnitOfWork) -> View:
        now = on.clock.now()
        try:
            field = take_back(uow, answer_id, coder_id=person.id, now=now, undo_s=on.settings.undo_s)
        except LookupError as error:
            raise NotFound("Cette réponse n'existe pas.") from error
        document = uow.documents.get(field.document_id)
        fence = reserve(uow, document, person, now=now)
        return {"task": field.id, "lease": lease_view(uow, document, on, person, fence=fence)}

    return once_more(on, work)


@router.post("/documents/{document_id}/type")
def say_type(on: OnDesk, person: Coder, document_id: Identifier, body: TypeBody) -> View:
    """A coder says what a document is."""
    forms = [form.id for form in on.forms.values() if form.document_type is body.type]

    def work(uow: UnitOfWork) -> Answered:
        document_or_404(uow, document_id)
        return record_type(
            uow,
            document_id,
            fence=body.fence,
            document_type=body.type,
            form=forms[0] if len(forms) == 1 else None,
            coder_id=person.id,
            now=on.clock.now(),
            on_recognise=on.on_recognise,
        )

    answered = once_more(on, work)
    on.ring(answered.jobs)
    return {"outcome": answered.outcome.value}


@router.post("/documents/{document_id}/whole")
def confirm_whole(on: OnDesk, person: Coder, document_id: Identifier, body: FenceBody) -> View:
    """A document of which no field waits is right as it stands."""

    def work(uow: UnitOfWork) -> tuple[Outcome, list[Job]]:
        document = document_or_404(uow, document_id)
        if document.verified_at is not None:
            return Outcome.DUP, []
        if document.fence != body.fence or document.reserved_by not in (person.id, None):
            return Outcome.STALE, []
        fields = uow.fields.of_document(document.id)
        return Outcome.OK, verify(uow, document, fields, person.id, on.clock.now(), on.on_verified)

    outcome, jobs = once_more(on, work)
    on.ring(jobs)
    return {"outcome": outcome.value}


@router.get("/documents/{document_id}/events")
def document_events(on: OnDesk, person: Tracer, document_id: Identifier) -> View:
    """Every event of a document, from scan to final status."""
    with on.reading() as uow:
        document = document_or_404(uow, document_id)
        return {"document": document.id, "events": events_view(uow, document, person.language)}
