"""The record keeps what it is given, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, StatementError

import models.store.engine
from models.batch import Batch, Document, DocumentState, Field, FieldState, Master, Page, StoredReading, new_id
from models.definitions import DocumentType
from models.errors import Misconfigured, NotFound, Route, StaleVersion, Unavailable
from models.geometry import Box
from models.jobs import Job, Step
from models.reading import (
    Barcode,
    Candidate,
    Decision,
    FieldValue,
    FormMatch,
    InvoiceLine,
    PageReading,
    Quality,
    Reading,
    Separator,
    TypeMatch,
    Value,
    VatShare,
)
from models.releases import Release, release_key
from models.store import SqlUnitOfWork, open_record
from models.store.columns import Json
from models.store.tables import metadata, search_key
from models.text import Character, PageText, TextLine, Word
from models.verification import Keying, KeyingAction, Role, User

NOW = datetime(2026, 11, 24, 8, 30, 0, 123456, tzinfo=UTC)


def batch(**more: object) -> Batch:
    return Batch(shown_name="lot.pdf", source="cli", received_at=NOW, **more)  # type: ignore[arg-type]


def master_of(of: Batch) -> Master:
    return Master(
        batch_id=of.id, shown_name="lot.pdf", image="k", sha256="a" * 64, size_bytes=5_000_000_000, position=0
    )


def page_of(of: Master, number: int = 1) -> Page:
    return Page(batch_id=of.batch_id, master_id=of.id, number=number, position=number - 1)


def document_of(of: Batch, position: int = 0, **more: object) -> Document:
    return Document(batch_id=of.id, position=position, formed_at=NOW, **more)  # type: ignore[arg-type]


def field_of(of: Document, name: str, value: Value, position: int = 0) -> Field:
    machine = FieldValue(name=name, value=value, confidence=0.5, decision=Decision.TO_VERIFY)
    return Field(document_id=of.id, name=name, label=name, value_type="text", position=position, machine=machine)


def user(name: str = "ada") -> User:
    return User(name=name, password_hash="x", role=Role.CODER, created_at=NOW)


def job_of(of: Batch, subject: str = "s") -> Job:
    return Job(
        step=Step.OPEN_MASTER, subject_id=subject, input_hash="h", batch_id=of.id, created_at=NOW, not_before=NOW
    )


def store(engine: Engine, *entities: object) -> None:
    with SqlUnitOfWork(engine) as uow:
        homes = {
            Batch: uow.batches,
            Master: uow.masters,
            Page: uow.pages,
            StoredReading: uow.readings,
            Document: uow.documents,
            Field: uow.fields,
            Keying: uow.keyings,
            Release: uow.releases,
            User: uow.users,
        }
        for entity in entities:
            homes[type(entity)].add(entity)  # type: ignore[attr-defined, index]
        uow.commit()


def full_reading() -> PageReading:
    box = Box(1.5, 2.25, 3.125, 4.0)
    character = Character((("é", 0.75), ("", 0.25)), box)
    line = TextLine("n° \x00 7", box, 0.5, (Word("n°", box, 0.9),), (character,), "ocr")
    return PageReading(
        width=2480,
        height=3508,
        dpi=300.0,
        rotated_deg=90,
        skew_deg=-0.3,
        blank=False,
        quality=Quality(dpi=300, sharpness=0.5, contrast=0.6, skew_left_deg=0.1, rescan=True, reason="floue"),
        separator=Separator.PATCH_T,
        barcodes=(Barcode("123", "code128", box),),
        form=FormMatch("tcard-a", 1, 0.99, tuple(float(i) for i in range(9)), 0.2),
        zones={"index": Reading("00123", None, box, "icr", (character,), ("overwritten",))},
        text=PageText((line,), 2480, 3508, 300.0, "ocr"),
        types=(TypeMatch(DocumentType.T_CARD, 0.98, "mots"),),
        repaired=True,
    )


def test_every_entity_comes_back_as_it_was(any_engine: Engine) -> None:
    coder, lot = user(), batch(announced_sheets=3)
    master = master_of(lot)
    document = document_of(
        lot,
        lines=(InvoiceLine("eau", "1", None, "2.50", None),),
        vat_breakdown=(VatShare("5.5", "2.50", "0.14"),),
        type_confidence=0.5,
        reserved_by=coder.id,
        reserved_until=NOW,
    )
    page = page_of(master)
    page.state, page.route, page.document_id = page.state, Route.RESCAN, document.id
    values: list[Value] = ["É\x00", True, ["a", "b"], None]
    fields = [field_of(document, f"f{n}", value, n) for n, value in enumerate(values)]
    machine = FieldValue(
        name="iban",
        value="FR76",
        confidence=None,
        decision=Decision.ACCEPTED,
        page=1,
        box=Box(1, 2, 3, 4),
        candidates=(Candidate("FR76", "FR 76", 0.5, "icr"),),
        characters=(Character((("F", 1.0),)),),
        failed_rules=("iban.check_digits",),
    )
    fields.append(
        Field(document_id=document.id, name="iban", label="IBAN", value_type="iban", position=9, machine=machine)
    )
    reading = StoredReading(page_id=page.id, content=full_reading(), made_at=NOW, engines="tests")
    keying = Keying(
        field_id=fields[0].id,
        document_id=document.id,
        coder_id=coder.id,
        action=KeyingAction.CORRECTED,
        value=["x"],
        previous=None,
        keyed_at=NOW,
        answer_id="a1",
    )
    key = release_key(document.id, "ged", 1)
    release = Release(document_id=document.id, batch_id=lot.id, destination="ged", key=key, planned_at=NOW)
    # the order in which one transaction adds them does not matter
    given = [keying, release, *fields, reading, page, document, master, lot, coder]
    store(any_engine, *given)

    with SqlUnitOfWork(any_engine).reading() as uow:
        found = [
            uow.keyings.by_answer("a1"),
            uow.releases.by_key(key),
            *uow.fields.of_document(document.id),
            uow.readings.of_page(page.id),
            *uow.pages.of_batch(lot.id),
            uow.documents.get(document.id),
            uow.masters.get(master.id),
            uow.batches.get(lot.id),
            uow.users.by_name("ada"),
        ]

    assert found == given
    assert all(new is not old for new, old in zip(found, given, strict=True))


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(any_engine: Engine) -> None:
    lot = batch()
    lot.received_at = NOW.astimezone(timezone(timedelta(hours=2)))
    store(any_engine, lot)

    with SqlUnitOfWork(any_engine) as uow:
        found = uow.batches.get(lot.id).received_at

    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        store(engine, Batch(shown_name="x", source="cli", received_at=NOW.replace(tzinfo=None)))


def test_numbers_of_array_code_are_stored_as_plain_numbers() -> None:
    value = FieldValue(
        name="x",
        value="1",
        confidence=np.float32(0.5),  # type: ignore[arg-type]
        decision=Decision.ACCEPTED,
        page=np.int64(2),  # type: ignore[arg-type]
    )
    column = Json[FieldValue](FieldValue)

    kept = column.process_bind_param(value, None)  # type: ignore[arg-type]

    assert column.process_result_value(kept, None) == FieldValue(  # type: ignore[arg-type]
        name="x", value="1", confidence=0.5, decision=Decision.ACCEPTED, page=2
    )


@given(st.none() | st.booleans() | st.text() | st.lists(st.text()))
def test_any_value_survives_its_column(value: Value) -> None:
    column = Json[Value](Value)

    assert column.process_result_value(column.process_bind_param(value, None), None) == value  # type: ignore[arg-type]


def test_what_was_read_stays_usable_after_the_transaction(any_engine: Engine) -> None:
    lot = batch()
    store(any_engine, lot)

    with SqlUnitOfWork(any_engine) as uow:
        found = uow.batches.get(lot.id)

    assert found.label == "2611-0001"


def test_leaving_without_commit_writes_nothing(any_engine: Engine) -> None:
    lot = batch()
    with SqlUnitOfWork(any_engine) as uow:
        uow.batches.add(lot)
        uow.journal.append("batch_received", at=NOW, subject="batch:x")

    with SqlUnitOfWork(any_engine) as uow:
        assert list(uow.batches.everything()) == []
        assert list(uow.journal.entries()) == []
        with pytest.raises(NotFound):
            uow.batches.get(lot.id)


def test_an_error_inside_writes_nothing_and_rises(any_engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), SqlUnitOfWork(any_engine) as uow:
        uow.batches.add(batch())
        raise ZeroDivisionError

    with SqlUnitOfWork(any_engine) as uow:
        assert list(uow.batches.everything()) == []


def test_what_was_rolled_back_may_be_added_again(any_engine: Engine) -> None:
    lot = batch()
    with SqlUnitOfWork(any_engine) as uow:
        uow.batches.add(lot)
        uow.masters.add(master_of(lot))
        assert uow.masters.of_batch(lot.id)

    store(any_engine, lot)

    with SqlUnitOfWork(any_engine) as uow:
        assert uow.batches.get(lot.id).number == 1


def test_batch_numbers_have_no_gap_and_no_double_under_load(any_engine: Engine) -> None:
    def intake(turn: int) -> int:
        lot = batch()
        with SqlUnitOfWork(any_engine) as uow:
            uow.batches.add(lot)
            if turn % 3:
                uow.commit()
        return lot.number if turn % 3 else 0

    with ThreadPoolExecutor(6) as threads:
        numbers = sorted(number for number in threads.map(intake, range(30)) if number)

    assert numbers == list(range(1, 21))


def test_the_second_of_two_changes_is_stale(any_engine: Engine) -> None:
    lot = batch()
    document = document_of(lot)
    store(any_engine, lot, document)
    with SqlUnitOfWork(any_engine).reading() as uow:
        mine = uow.documents.get(document.id)
    with SqlUnitOfWork(any_engine).reading() as uow:
        theirs = uow.documents.get(document.id)
    theirs.reject("double")
    store(any_engine, theirs)

    mine.reject("illisible")
    with pytest.raises(StaleVersion):
        store(any_engine, mine)

    with SqlUnitOfWork(any_engine) as uow:
        assert uow.documents.get(document.id).reason == "double"


@pytest.mark.services
def test_two_open_transactions_on_one_document_end_with_one_stale(postgresql_engine: Engine) -> None:
    lot = batch()
    document = document_of(lot)
    store(postgresql_engine, lot, document)

    with SqlUnitOfWork(postgresql_engine) as first, SqlUnitOfWork(postgresql_engine) as second:
        first.documents.get(document.id).reject("a")
        second.documents.get(document.id).reject("b")
        first.commit()
        with pytest.raises(StaleVersion):
            second.commit()


def test_a_lock_makes_concurrent_changes_wait_their_turn(any_engine: Engine) -> None:
    lot = batch()
    document = document_of(lot)
    store(any_engine, lot, document)

    def touch(_: int) -> None:
        with SqlUnitOfWork(any_engine) as uow:
            locked = uow.documents.lock(document.id)
            locked.fence += 1
            uow.commit()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(touch, range(24)))

    with SqlUnitOfWork(any_engine) as uow:
        assert uow.documents.get(document.id).fence == 24


def test_the_same_answer_is_stored_once(any_engine: Engine) -> None:
    coder, lot = user(), batch()
    document = document_of(lot)

    def answer() -> Keying:
        return Keying(
            field_id=new_id(),
            document_id=document.id,
            coder_id=coder.id,
            action=KeyingAction.EMPTY,
            value=None,
            previous="x",
            keyed_at=NOW,
            answer_id="same",
        )

    store(any_engine, coder, lot, document, answer())
    with pytest.raises(StaleVersion):
        store(any_engine, answer())

    with SqlUnitOfWork(any_engine) as uow:
        assert len(uow.keyings.of_document(document.id)) == 1
        assert len(uow.keyings.of_coder_since(coder.id, NOW)) == 1
        assert uow.keyings.of_coder_since(coder.id, NOW + timedelta(seconds=1)) == []


def test_a_page_of_an_unknown_master_is_refused(any_engine: Engine) -> None:
    lot = batch()
    with pytest.raises(IntegrityError):
        store(any_engine, lot, page_of(master_of(lot)))


def test_a_master_cannot_give_the_same_page_twice(any_engine: Engine) -> None:
    lot = batch()
    master = master_of(lot)
    store(any_engine, lot, master, page_of(master))
    with pytest.raises(StaleVersion):
        store(any_engine, page_of(master))


def test_coders_get_urgent_then_old_documents_and_never_what_another_one_holds(any_engine: Engine) -> None:
    ada, bob = user("ada"), user("bob")
    usual, urgent = batch(priority=1), batch(priority=0)
    state = DocumentState.TO_VERIFY
    old, new = document_of(usual, 0, state=state), document_of(usual, 1, state=state)
    new.formed_at = NOW + timedelta(minutes=1)
    first = document_of(urgent, state=state)
    first.formed_at = NOW + timedelta(hours=1)
    done = document_of(usual, 2, state=DocumentState.VERIFIED)
    held = document_of(usual, 3, state=state, reserved_by=bob.id, reserved_until=NOW + timedelta(minutes=5))
    left = document_of(usual, 4, state=DocumentState.TO_CLASSIFY, reserved_by=bob.id, reserved_until=NOW)
    left.formed_at = NOW + timedelta(minutes=2)
    store(any_engine, ada, bob, usual, urgent, old, new, first, done, held, left)

    with SqlUnitOfWork(any_engine) as uow:
        for_ada = [d.id for d in uow.documents.waiting_for_keying(ada.id, now=NOW, limit=9)]
        for_bob = [d.id for d in uow.documents.waiting_for_keying(bob.id, now=NOW, limit=9)]
        counts = uow.documents.count_by_state()

    assert for_ada == [first.id, old.id, new.id, left.id]
    assert held.id in for_bob
    assert counts[DocumentState.TO_VERIFY] == 4
    assert counts[DocumentState.RELEASED] == 0


@pytest.mark.services
def test_two_coders_asking_at_once_get_different_documents(postgresql_engine: Engine) -> None:
    lot = batch()
    documents = [document_of(lot, n, state=DocumentState.TO_VERIFY) for n in range(2)]
    store(postgresql_engine, lot, *documents)

    with SqlUnitOfWork(postgresql_engine) as first, SqlUnitOfWork(postgresql_engine) as second:
        (one,) = first.documents.waiting_for_keying("ada", now=NOW, limit=1)
        (other,) = second.documents.waiting_for_keying("bob", now=NOW, limit=1)

    assert one.id != other.id


def test_a_document_is_found_by_label_id_and_the_beginning_of_a_value(any_engine: Engine) -> None:
    lot, other = batch(), batch()
    mine, theirs = document_of(lot), document_of(other)
    store(
        any_engine,
        lot,
        other,
        mine,
        theirs,
        field_of(mine, "name", "Hélène  DUPONT"),
        field_of(theirs, "name", "Dupond"),
        field_of(mine, "iban", "FR7630006000011234567890189", 1),
        field_of(mine, "ticked", ["a"], 2),
    )

    def found(text: str) -> list[str]:
        with SqlUnitOfWork(any_engine) as uow:
            return [document.id for document in uow.documents.search(text, 10)]

    assert found(lot.label) == [mine.id]
    assert found("2510-0001") == []
    assert found(theirs.id) == [theirs.id]
    assert found(theirs.id[:10]) == [theirs.id]
    assert found("helene dup") == [mine.id]
    assert sorted(found("dupon")) == [theirs.id]
    assert found("FR76 3000 6000") == [mine.id]
    assert found("%") == found("") == found("3000") == []


def test_a_search_follows_a_corrected_value(any_engine: Engine) -> None:
    lot = batch()
    document = document_of(lot)
    field = field_of(document, "name", "Dupont")
    store(any_engine, lot, document, field)
    with SqlUnitOfWork(any_engine) as uow:
        uow.fields.get(field.id).key("Durand")
        uow.commit()

    with SqlUnitOfWork(any_engine) as uow:
        assert uow.documents.search("dupont", 5) == []
        assert [d.id for d in uow.documents.search("durand", 5)] == [document.id]
        assert uow.fields.get(field.id).state is FieldState.KEYED


@given(st.text(), st.text(max_size=5))
def test_a_search_key_begins_with_the_key_of_its_beginning(start: str, rest: str) -> None:
    # whole words: a combining mark at the seam would belong to the word before
    whole, part = search_key(f"{start} {rest}"), search_key(start)

    assert part is None or (whole is not None and whole.startswith(part))


def test_fields_may_be_made_anew_under_the_same_names(any_engine: Engine) -> None:
    lot = batch()
    document = document_of(lot)
    store(any_engine, lot, document, field_of(document, "name", "a"), field_of(document, "first", "b", 1))
    with SqlUnitOfWork(any_engine) as uow:
        uow.fields.remove_of_document(document.id)
        uow.fields.add(field_of(document, "name", "c"))
        uow.commit()

    with SqlUnitOfWork(any_engine) as uow:
        assert [f.value for f in uow.fields.of_document(document.id)] == ["c"]


def test_batches_are_found_by_the_bytes_they_hold_and_by_their_open_work(any_engine: Engine) -> None:
    lot, done = batch(), batch()
    store(any_engine, lot, master_of(lot), done)
    with SqlUnitOfWork(any_engine) as uow:
        uow.batches.get(done.id).refuse("empty", "vide")
        uow.commit()

    with SqlUnitOfWork(any_engine) as uow:
        assert [b.id for b in uow.batches.holding("a" * 64)] == [lot.id]
        assert uow.batches.holding("b" * 64) == []
        assert [b.id for b in uow.batches.with_open_work()] == [lot.id]
        assert [b.number for b in uow.batches.latest(5)] == [2, 1]
        assert [b.number for b in uow.batches.latest(5, before_number=2)] == [1]


def test_the_latest_reading_of_a_page_counts(any_engine: Engine) -> None:
    lot = batch()
    master = master_of(lot)
    page = page_of(master)
    old = StoredReading(page_id=page.id, content=full_reading(), made_at=NOW, engines="old")
    new = StoredReading(page_id=page.id, content=full_reading(), made_at=NOW + timedelta(seconds=1), engines="new")
    store(any_engine, lot, master, page, new, old)

    with SqlUnitOfWork(any_engine) as uow:
        latest = uow.readings.of_page(page.id)
        assert latest is not None
        assert latest.engines == "new"
        assert uow.readings.of_pages([page.id, "unknown"])[page.id].engines == "new"


class Bell:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, jobs: Iterable[Job]) -> None:
        self.rung += [job.subject_id for job in jobs]


def test_new_jobs_are_rung_after_the_commit_and_only_then(any_engine: Engine) -> None:
    bell, lot = Bell(), batch()
    with SqlUnitOfWork(any_engine, doorbell=bell) as uow:
        uow.batches.add(lot)
        uow.jobs.add(job_of(lot))
        assert bell.rung == []
    assert bell.rung == []

    with SqlUnitOfWork(any_engine, doorbell=bell) as uow:
        uow.batches.add(lot)
        uow.jobs.add(job_of(lot))
        uow.jobs.add(job_of(lot))
        assert bell.rung == []
        uow.commit()
    assert bell.rung == ["s"]


def test_readers_do_not_wait_for_a_writer(any_engine: Engine) -> None:
    lot = batch()
    store(any_engine, lot)
    with SqlUnitOfWork(any_engine) as writer:
        writer.batches.get(lot.id).record_opened()
        writer.batches.add(batch())
        assert len(writer.batches.latest(5)) == 2
        with SqlUnitOfWork(any_engine).reading() as reader:
            assert len(reader.batches.latest(5)) == 1


def test_a_reading_transaction_sees_one_moment_and_cannot_write(any_engine: Engine) -> None:
    store(any_engine, batch())
    with SqlUnitOfWork(any_engine).reading() as reader:
        assert len(reader.batches.latest(5)) == 1
        store(any_engine, batch())
        assert len(reader.batches.latest(5)) == 1
        with pytest.raises(RuntimeError, match="only reads"):
            reader.commit()


def test_a_record_locked_for_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.store.engine, "BUSY_S", 0.05)
    engine = open_record(f"sqlite:///{tmp_path / 'locked.sqlite3'}")
    with SqlUnitOfWork(engine), pytest.raises(Unavailable), SqlUnitOfWork(engine):
        pass
    engine.dispose()


def test_a_record_locked_by_another_process_for_too_long_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.store.engine, "BUSY_S", 0.05)
    ours, theirs = (open_record(f"sqlite:///{tmp_path / 'locked.sqlite3'}") for _ in range(2))
    with SqlUnitOfWork(theirs), pytest.raises(Unavailable, match="SQLITE_BUSY"), SqlUnitOfWork(ours):
        pass
    with SqlUnitOfWork(ours) as uow:
        assert uow.users.all() == []


def test_writers_of_two_processes_wait_for_each_other(tmp_path: Path) -> None:
    engines = [open_record(f"sqlite:///{tmp_path / 'shared.sqlite3'}") for _ in range(2)]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda turn: store(engines[turn % 2], batch()), range(20)))

    with SqlUnitOfWork(engines[0]) as uow:
        assert [b.number for b in uow.batches.everything()] == list(range(1, 21))


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(Unavailable):
        open_record("postgresql+psycopg://nobody@127.0.0.1:9/none")


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense://x", "no url at all"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        open_record(url)


@pytest.mark.services
def test_a_connection_cut_by_the_server_is_unavailable_once_and_then_works(postgresql_engine: Engine) -> None:
    lot = batch()
    store(postgresql_engine, lot)
    with pytest.raises(Unavailable), SqlUnitOfWork(postgresql_engine) as uow:
        assert uow._session is not None
        pid = uow._session.execute(text("SELECT pg_backend_pid()")).scalar()
        with postgresql_engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        uow.batches.latest(1)

    with SqlUnitOfWork(postgresql_engine) as uow:
        assert uow.batches.get(lot.id).number == 1


def test_the_migrations_make_exactly_the_mapped_tables(any_engine: Engine) -> None:
    with any_engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert [d for d in differences if d[0] != "remove_table"] == []


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twice.sqlite3'}"
    lot = batch()
    store(open_record(url), lot)

    with SqlUnitOfWork(open_record(url)) as uow:
        assert uow.batches.get(lot.id).number == 1


def start_at_once(start: Callable[[], Engine], count: int) -> list[Engine]:
    barrier = threading.Barrier(count)

    def run(_: int) -> Engine:
        barrier.wait()
        return start()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def test_many_may_open_a_new_record_at_the_same_moment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'record.sqlite3'}"

    for engine in start_at_once(lambda: open_record(url), 5):
        store(engine, batch())

    with SqlUnitOfWork(open_record(url)) as uow:
        assert [b.number for b in uow.batches.everything()] == [1, 2, 3, 4, 5]


def test_a_record_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'newer.sqlite3'}"
    engine = open_record(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Misconfigured, match="another version"):
        open_record(url)


def test_sqlite_keeps_what_is_committed_through_a_power_cut(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
