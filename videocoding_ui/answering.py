"""What an answer of a coder does to the record; every answer is stored once, however often the screen sends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.batch import Document, DocumentState, Field, FieldState
from models.definitions import DocumentType
from models.errors import WrongState
from models.jobs import Job
from models.ports import UnitOfWork
from models.promise import evidence_of
from models.reading import Value
from models.releases import ReleaseState
from models.verification import Keying, KeyingAction
from videocoding_ui.desk import Follows, add_jobs
from videocoding_ui.entered import NotUnderstood, understood


class Flag(StrEnum):
    """What is answered instead of a value."""

    EMPTY = "empty"
    ILLEGIBLE = "illegible"


class Outcome(StrEnum):
    """What became of an answer."""

    OK = "ok"
    DUP = "dup"
    """It was stored before."""
    STALE = "stale"
    """Somebody else has the document by now, or it left the coders: kept as trace."""
    INVALID = "invalid"
    """It cannot be stored as it is; the coder answers again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer for one field, as the screen sends it."""

    answer_id: str
    field_id: str
    fence: int
    value: str | bool | list[str] | None
    flag: Flag | None
    forced: bool
    active_ms: int


@dataclass(slots=True)
class Answered:
    """What became of one answer, and the jobs that follow."""

    outcome: Outcome
    problems: tuple[str, ...] = ()
    """Codes of failed checks, for `invalid`."""
    verified: bool = False
    """It was the document's last waiting field."""
    jobs: list[Job] = field(default_factory=list)


def record_answer(
    uow: UnitOfWork, answer: Answer, *, coder_id: str, now: datetime, choices: tuple[str, ...], on_verified: Follows
) -> Answered:
    """Store one answer in the transaction of `uow`; the caller commits.

    Raises: LookupError when there is no such field.
    """
    if uow.keyings.by_answer(answer.answer_id) is not None:
        return Answered(Outcome.DUP)
    target = uow.fields.get(answer.field_id)
    document = uow.documents.get(target.document_id)
    try:
        value, problems = _entered(answer, target, choices=choices)
    except NotUnderstood as error:
        return Answered(Outcome.INVALID, (error.code,))
    if not _is_current(document, answer.fence, coder_id):
        _keep_as_trace(uow, answer, target, value, coder_id=coder_id, now=now)
        return Answered(Outcome.STALE)
    if problems and not answer.forced:
        return Answered(Outcome.INVALID, problems)
    action = _action(answer, value, target)
    uow.keyings.add(_keying(answer, target, value, action, coder_id=coder_id, now=now, forced=bool(problems)))
    if action is KeyingAction.ILLEGIBLE:
        target.record_illegible()
    else:
        target.key(value, forced=bool(problems))
    _journal(uow, "field_keyed", target, document, coder_id, now, action=action.value, forced=bool(problems))
    fields = uow.fields.of_document(document.id)
    if any(each.state is FieldState.TO_VERIFY for each in fields):
        return Answered(Outcome.OK)
    return Answered(Outcome.OK, verified=True, jobs=verify(uow, document, fields, coder_id, now, on_verified))


def verify(
    uow: UnitOfWork,
    document: Document,
    fields: Iterable[Field],
    coder_id: str,
    now: datetime,
    on_verified: Follows,
) -> list[Job]:
    """Close a document of which no field waits, and plan its releases."""
    kept = list(fields)
    document.record_verified(kept, now=now)
    uow.evidence.replace(document.id, evidence_of(document, kept, now=now))
    uow.journal.append(
        "document_keyed",
        at=now,
        subject=f"document:{document.id}",
        actor=coder_id,
        batch_id=document.batch_id,
        document_id=document.id,
        fields=len(kept),
        forced=sum(each.forced for each in kept),
        illegible=sum(each.state is FieldState.ILLEGIBLE for each in kept),
    )
    return add_jobs(uow, on_verified(uow, document))


def take_back(uow: UnitOfWork, answer_id: str, *, coder_id: str, now: datetime, undo_s: float) -> Field:
    """Withdraw one's own answer: the field waits again with the machine's value.

    Raises: LookupError when there is no such answer of this coder, WrongState when the document is frozen, on another
    coder's screen, or the answer is not the field's last.
    """
    keying = uow.keyings.by_answer(answer_id)
    if keying is None or keying.coder_id != coder_id:
        raise LookupError(answer_id)
    document = uow.documents.get(keying.document_id)
    target = uow.fields.get(keying.field_id)
    if target.state is FieldState.TO_VERIFY:
        return target
    last = [each for each in uow.keyings.of_document(document.id) if each.field_id == target.id and not each.stale]
    if last and max(last, key=lambda each: each.keyed_at).answer_id != answer_id:
        raise WrongState(f"document {document.id}: the field was answered again since.")
    if document.state is DocumentState.VERIFIED:
        _refuse_frozen(uow, document, now=now, undo_s=undo_s)
        document.reopen()
    elif document.state is not DocumentState.TO_VERIFY or not document.is_free_for(coder_id, now=now):
        raise WrongState(f"document {document.id} has left this screen: its answers stay.")
    previous = target.value
    target.reopen()
    uow.keyings.add(
        Keying(
            field_id=target.id,
            document_id=document.id,
            coder_id=coder_id,
            action=KeyingAction.TAKEN_BACK,
            value=target.value,
            previous=previous,
            keyed_at=now,
            answer_id=f"undo-{answer_id}",
        )
    )
    _journal(uow, "answer_taken_back", target, document, coder_id, now)
    return target


def record_type(
    uow: UnitOfWork,
    document_id: str,
    *,
    fence: int,
    document_type: DocumentType,
    form: str | None,
    coder_id: str,
    now: datetime,
    on_recognise: Follows,
) -> Answered:
    """A coder said what a document is; it leaves the screen to be recognised with that knowledge."""
    document = uow.documents.get(document_id)
    if document.fence != fence or document.reserved_by not in (coder_id, None):
        return Answered(Outcome.STALE)
    if document.state is DocumentState.SEPARATED and document.document_type is document_type:
        return Answered(Outcome.DUP)
    if document.state not in (DocumentState.TO_CLASSIFY, DocumentState.TO_VERIFY):
        return Answered(Outcome.STALE)
    before = document.document_type
    document.classify(document_type, form)
    document.release_reservation(coder_id)
    uow.journal.append(
        "document_classified",
        at=now,
        subject=f"document:{document.id}",
        actor=coder_id,
        batch_id=document.batch_id,
        document_id=document.id,
        before=before.value,
        after=document_type.value,
    )
    return Answered(Outcome.OK, jobs=add_jobs(uow, on_recognise(uow, document)))


def _refuse_frozen(uow: UnitOfWork, document: Document, *, now: datetime, undo_s: float) -> None:
    late = document.verified_at is None or now - document.verified_at > timedelta(seconds=undo_s)
    if late or any(each.state is not ReleaseState.PLANNED for each in uow.releases.of_document(document.id)):
        raise WrongState(f"document {document.id} is frozen: ask a supervisor to reopen it.")


def _is_current(document: Document, fence: int, coder_id: str) -> bool:
    return (
        document.state is DocumentState.TO_VERIFY
        and document.fence == fence
        and document.reserved_by in (coder_id, None)
    )


def _entered(answer: Answer, target: Field, *, choices: tuple[str, ...]) -> tuple[Value, tuple[str, ...]]:
    if answer.flag is not None:
        return None, ()
    return understood(target.value_type, answer.value, choices=choices)


def _action(answer: Answer, value: Value, target: Field) -> KeyingAction:
    if answer.flag is Flag.ILLEGIBLE:
        return KeyingAction.ILLEGIBLE
    if value == target.machine.value and target.machine.value is not None:
        return KeyingAction.ACCEPTED
    if value is None or value == []:
        return KeyingAction.EMPTY
    return KeyingAction.CORRECTED


def _keying(
    answer: Answer,
    target: Field,
    value: Value,
    action: KeyingAction,
    *,
    coder_id: str,
    now: datetime,
    forced: bool,
    stale: bool = False,
) -> Keying:
    return Keying(
        field_id=target.id,
        document_id=target.document_id,
        coder_id=coder_id,
        action=action,
        value=value,
        previous=target.value,
        keyed_at=now,
        answer_id=answer.answer_id,
        forced=forced,
        active_ms=answer.active_ms,
        stale=stale,
    )


def _keep_as_trace(
    uow: UnitOfWork, answer: Answer, target: Field, value: Value, *, coder_id: str, now: datetime
) -> None:
    action = _action(answer, value, target)
    uow.keyings.add(_keying(answer, target, value, action, coder_id=coder_id, now=now, forced=False, stale=True))
    document = uow.documents.get(target.document_id)
    _journal(uow, "stale_answer_kept", target, document, coder_id, now, fence=answer.fence, expected=document.fence)


def _journal(
    uow: UnitOfWork,
    event: str,
    target: Field,
    document: Document,
    coder_id: str,
    now: datetime,
    **details: str | int | bool,
) -> None:
    uow.journal.append(
        event,
        at=now,
        subject=f"document:{document.id}",
        actor=coder_id,
        batch_id=document.batch_id,
        document_id=document.id,
        field=target.name,
        **details,
    )
