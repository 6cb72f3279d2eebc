"""A state changes only by an event that is allowed in it; everything else is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.batch import (
    Batch,
    BatchState,
    Document,
    DocumentState,
    Field,
    FieldState,
    Master,
    Page,
    PageState,
)
from models.definitions import DocumentType
from models.errors import Route, WrongState
from models.reading import Decision, DocumentReading, FieldValue
from models.releases import Release, ReleaseState, release_key

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
READING = DocumentReading(
    pages=(1,), document_type=DocumentType.T_CARD, form="tcard-a", type_confidence=0.9, reason="x"
)

B, P, D, R = BatchState, PageState, DocumentState, ReleaseState

BATCH_EVENTS: dict[str, tuple[Callable[[Any], Any], dict[Any, Any]]] = {
    "opened": (lambda b: b.record_opened(), {B.RECEIVED: B.READING, B.READING: B.READING}),
    "separated": (lambda b: b.record_separated(), {B.READING: B.IN_WORK}),
    "done": (lambda b: b.record_done(), {B.IN_WORK: B.DONE, B.DONE: B.DONE}),
    "reopen": (lambda b: b.reopen(), {B.IN_WORK: B.IN_WORK, B.DONE: B.IN_WORK}),
    "refuse": (lambda b: b.refuse("empty", "vide"), {B.RECEIVED: B.REFUSED, B.READING: B.REFUSED}),
}
PAGE_EVENTS: dict[str, tuple[Callable[[Any], Any], dict[Any, Any]]] = {
    "read": (lambda p: p.record_read(image="i", preview="v", rescan=False), {P.WAITING: P.READ}),
    "place": (lambda p: p.place("d", 0), {P.READ: P.PLACED, P.PLACED: P.PLACED, P.SET_ASIDE: P.PLACED}),
    "set aside": (
        lambda p: p.set_aside("blank"),
        {P.READ: P.SET_ASIDE, P.PLACED: P.SET_ASIDE, P.SET_ASIDE: P.SET_ASIDE},
    ),
    "reject": (
        lambda p: p.reject(Route.RESCAN, "x"),
        dict.fromkeys((P.WAITING, P.READ, P.SET_ASIDE, P.REJECTED), P.REJECTED),
    ),
}
OPEN = (D.SEPARATED, D.TO_CLASSIFY, D.TO_VERIFY, D.VERIFIED)
DOCUMENT_EVENTS: dict[str, tuple[Callable[[Any], Any], dict[Any, Any]]] = {
    "recognised": (
        lambda d: d.record_recognised(READING, sure_of_type=True),
        {D.SEPARATED: D.TO_VERIFY, D.TO_CLASSIFY: D.TO_VERIFY},
    ),
    "recognised, type unsure": (
        lambda d: d.record_recognised(READING, sure_of_type=False),
        {D.SEPARATED: D.TO_CLASSIFY, D.TO_CLASSIFY: D.TO_CLASSIFY},
    ),
    "classify": (
        lambda d: d.classify(DocumentType.OTHER, None),
        {D.TO_CLASSIFY: D.SEPARATED, D.TO_VERIFY: D.SEPARATED},
    ),
    "verified": (lambda d: d.record_verified([], now=NOW), {D.TO_VERIFY: D.VERIFIED}),
    "reopen": (lambda d: d.reopen(), dict.fromkeys((D.VERIFIED, D.REJECTED, D.QUARANTINED), D.TO_VERIFY)),
    "released": (lambda d: d.record_released(), {D.VERIFIED: D.RELEASED}),
    "reject": (lambda d: d.reject("x"), dict.fromkeys((*OPEN, D.QUARANTINED), D.REJECTED)),
    "quarantine": (lambda d: d.quarantine("x"), dict.fromkeys(OPEN, D.QUARANTINED)),
}
MOVING = (R.PLANNED, R.SENDING, R.UNKNOWN)
RELEASE_EVENTS: dict[str, tuple[Callable[[Any], Any], dict[Any, Any]]] = {
    "sending": (lambda r: r.record_sending(), dict.fromkeys(MOVING, R.SENDING)),
    "unknown": (lambda r: r.record_unknown(), {R.SENDING: R.UNKNOWN}),
    "confirm": (
        lambda r: r.confirm(reference="x", payload_sha256="y", now=NOW),
        dict.fromkeys(ReleaseState, R.CONFIRMED),
    ),
    "hold": (lambda r: r.hold("x"), dict.fromkeys((*MOVING, R.HELD), R.HELD)),
    "retry": (lambda r: r.retry(), {R.HELD: R.PLANNED}),
}


def a_batch(state: BatchState) -> Batch:
    return Batch(shown_name="x", source="cli", received_at=NOW, state=state, number=42)


def a_page(state: PageState) -> Page:
    placed = "d" if state is PageState.PLACED else None
    return Page(batch_id="b", master_id="m", number=1, position=0, state=state, document_id=placed)


def a_document(state: DocumentState) -> Document:
    return Document(batch_id="b", position=0, formed_at=NOW, state=state)


def a_release(state: ReleaseState) -> Release:
    return Release(document_id="d", batch_id="b", destination="ged", key="k", planned_at=NOW, state=state)


CASES = [
    pytest.param(make, state, event, after, id=f"{make.__name__[2:]} {state} {name}")
    for make, events, states in (
        (a_batch, BATCH_EVENTS, BatchState),
        (a_page, PAGE_EVENTS, PageState),
        (a_document, DOCUMENT_EVENTS, DocumentState),
        (a_release, RELEASE_EVENTS, ReleaseState),
    )
    for name, (event, after) in events.items()
    for state in states
]


@pytest.mark.parametrize(("make", "state", "event", "after"), CASES)
def test_an_event_is_taken_where_it_belongs_and_refused_elsewhere(
    make: Callable[[Any], Any], state: Any, event: Callable[[Any], None], after: dict[Any, Any]
) -> None:
    entity = make(state)
    if state in after:
        event(entity)
        assert entity.state is after[state]
    else:
        with pytest.raises(WrongState):
            event(entity)
        assert entity == make_like(make, state, entity)


def make_like(make: Callable[[Any], Any], state: Any, entity: Any) -> Any:
    twin = make(state)
    twin.id = entity.id
    return twin


def test_a_batch_is_called_by_year_month_and_number() -> None:
    assert a_batch(B.RECEIVED).label == "2611-0042"


def test_a_master_opened_twice_must_show_the_same_pages() -> None:
    master = Master(batch_id="b", shown_name="x", image="k", sha256="s", size_bytes=1, position=0)
    master.record_opened(kind="pdf", pages=3, repaired=False)
    master.record_opened(kind="pdf", pages=3, repaired=False)

    with pytest.raises(WrongState):
        master.record_opened(kind="pdf", pages=2, repaired=True)
    assert master.pages == 3


def test_one_coder_at_a_time_has_a_document() -> None:
    document = a_document(D.TO_VERIFY)
    until = NOW + timedelta(minutes=5)

    assert document.reserve("ada", until=until, now=NOW) == 1
    assert document.reserve("ada", until=until, now=NOW) == 1
    with pytest.raises(WrongState):
        document.reserve("bob", until=until, now=NOW)
    document.release_reservation("bob")
    assert document.reserved_by == "ada"
    assert document.reserve("bob", until=until + timedelta(minutes=5), now=until) == 2
    document.release_reservation("bob")
    assert document.is_free_for("ada", now=NOW)


@pytest.mark.parametrize("state", [s for s in D if s not in (D.TO_VERIFY, D.TO_CLASSIFY)])
def test_only_what_waits_for_a_person_is_reserved(state: DocumentState) -> None:
    with pytest.raises(WrongState):
        a_document(state).reserve("ada", until=NOW, now=NOW)


def a_field(decision: Decision) -> Field:
    machine = FieldValue(name="f", value="7", confidence=0.5, decision=decision)
    return Field(document_id="d", name="f", label="F", value_type="text", position=0, machine=machine)


def test_a_field_begins_with_what_the_machine_decided() -> None:
    assert (a_field(Decision.ACCEPTED).state, a_field(Decision.ACCEPTED).value) == (FieldState.ACCEPTED, "7")
    assert a_field(Decision.TO_VERIFY).state is FieldState.TO_VERIFY


def test_a_document_with_a_waiting_field_is_not_verified() -> None:
    document, field = a_document(D.TO_VERIFY), a_field(Decision.TO_VERIFY)
    with pytest.raises(WrongState, match="wait for a coder: f"):
        document.record_verified([field], now=NOW)

    field.key("8")
    document.record_verified([field], now=NOW)
    assert not document.straight_through


def test_a_document_no_person_touched_went_straight_through() -> None:
    document = a_document(D.TO_VERIFY)
    document.record_verified([a_field(Decision.ACCEPTED)], now=NOW)

    assert document.straight_through


def test_a_field_taken_back_waits_with_the_value_of_the_machine() -> None:
    field = a_field(Decision.ACCEPTED)
    field.key("8", forced=True)
    assert (field.value, field.state, field.forced) == ("8", FieldState.KEYED, True)
    field.record_illegible()
    assert (field.value, field.state, field.forced) == (None, FieldState.ILLEGIBLE, False)
    field.reopen()
    assert (field.value, field.state) == ("7", FieldState.TO_VERIFY)


def test_a_release_has_one_key_per_document_destination_and_version() -> None:
    keys = {release_key(d, to, v) for d in ("a", "b") for to in ("ged", "chorus") for v in (1, 2)}

    assert len(keys) == 8
    assert release_key("a", "ged", 1) in keys
