"""The journal names the first entry that was changed, removed, inserted or put elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from models.batch import Batch
from models.journal import GENESIS, JournalEntry, entry_hash, first_break
from models.store import SqlUnitOfWork, verify_journal

NOW = datetime(2026, 11, 24, 8, 30, 0, 123456, tzinfo=UTC)


def write(engine: Engine, count: int, *, name: str = "page_read") -> list[JournalEntry]:
    with SqlUnitOfWork(engine) as uow:
        entries = [
            uow.journal.append(
                name,
                at=NOW + timedelta(seconds=n),
                subject=f"page:{n}",
                batch_id="b",
                document_id="d" if n % 2 else None,
                pages=n,
                share=n / 3,
                form=None,
                blank=True,
                by="patch-2 é",
            )
            for n in range(count)
        ]
        uow.commit()
    return entries


def test_entries_follow_one_another_and_the_chain_holds(any_engine: Engine) -> None:
    first, second = write(any_engine, 2)
    write(any_engine, 3)

    assert (first.sequence, first.previous_hash) == (1, GENESIS)
    assert (second.sequence, second.previous_hash) == (2, first.hash)
    with SqlUnitOfWork(any_engine) as uow:
        entries = list(uow.journal.entries())
        assert entries[:2] == [first, second]
        assert [e.sequence for e in uow.journal.entries(since=3)] == [4, 5]
        assert [e.subject for e in uow.journal.of_document("d")] == ["page:1", "page:1"]
        assert len(uow.journal.of_batch("b")) == 5
        assert uow.journal.head() == (5, entries[-1].hash)
    assert verify_journal(SqlUnitOfWork(any_engine).reading()) is None


def test_a_long_journal_is_read_in_pieces(engine: Engine) -> None:
    write(engine, 2101)

    assert verify_journal(SqlUnitOfWork(engine)) is None
    with SqlUnitOfWork(engine) as uow:
        assert [e.sequence for e in uow.journal.entries()] == list(range(1, 2102))


def test_an_empty_journal_holds(any_engine: Engine) -> None:
    assert verify_journal(SqlUnitOfWork(any_engine)) is None


def test_what_is_not_committed_leaves_no_gap(any_engine: Engine) -> None:
    write(any_engine, 1)
    with SqlUnitOfWork(any_engine) as uow:
        uow.journal.append("forgotten", at=NOW, subject="page:x")
    with SqlUnitOfWork(any_engine) as uow:
        uow.journal.append("forgotten_too", at=NOW, subject="page:x")
        uow.rollback()
        uow.journal.append("kept", at=NOW, subject="page:y")
        uow.commit()

    with SqlUnitOfWork(any_engine) as uow:
        assert [(e.sequence, e.event) for e in uow.journal.entries()] == [(1, "page_read"), (2, "kept")]


def test_writers_at_the_same_time_make_one_chain_without_gap(any_engine: Engine) -> None:
    def work(turn: int) -> None:
        with SqlUnitOfWork(any_engine) as uow:
            # journal first and a locked row after: in a chain locked at once this would be a deadlock
            uow.journal.append("batch_received", at=NOW, subject=f"batch:{turn}")
            uow.batches.add(Batch(shown_name="x", source="cli", received_at=NOW))
            uow.journal.append("page_read", at=NOW, subject=f"page:{turn}")
            uow.commit()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(40)))

    assert verify_journal(SqlUnitOfWork(any_engine)) is None
    with SqlUnitOfWork(any_engine) as uow:
        entries = list(uow.journal.entries())
    assert [e.sequence for e in entries] == list(range(1, 81))
    assert all(
        a.subject.split(":")[1] == b.subject.split(":")[1] for a, b in zip(entries[::2], entries[1::2], strict=True)
    )


def test_an_entry_without_zone_is_refused(engine: Engine) -> None:
    with SqlUnitOfWork(engine) as uow, pytest.raises(ValueError, match="time zone"):
        uow.journal.append("x", at=NOW.replace(tzinfo=None), subject="page:x")


@pytest.mark.parametrize("statement", ["UPDATE journal SET event = 'x' WHERE sequence = 2", "DELETE FROM journal"])
def test_the_database_refuses_to_change_the_journal(any_engine: Engine, statement: str) -> None:
    write(any_engine, 3)

    with pytest.raises(DBAPIError, match="append-only"), any_engine.begin() as connection:
        connection.execute(text(statement))


def tamper(engine: Engine, change: Callable[[Connection], None]) -> None:
    """As an administrator could, who switches the guard off."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER journal_no_update"))
            connection.execute(text("DROP TRIGGER journal_no_delete"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        change(connection)


COLUMNS = "sequence, at, actor, event, subject, batch_id, document_id, details, previous_hash, hash"


def swap(connection: Connection) -> None:
    for old, new in ((3, -3), (4, 3), (-3, 4)):
        connection.execute(text(f"UPDATE journal SET sequence = {new} WHERE sequence = {old}"))


def insert(connection: Connection) -> None:
    connection.execute(text("UPDATE journal SET sequence = -sequence WHERE sequence >= 3"))
    connection.execute(
        text(f"INSERT INTO journal SELECT 3, {COLUMNS.removeprefix('sequence, ')} FROM journal WHERE sequence = 2")
    )
    connection.execute(text("UPDATE journal SET sequence = 1 - sequence WHERE sequence < 0"))


def forge_hash_too(connection: Connection) -> None:
    forged = JournalEntry(sequence=3, at=NOW, actor="system", event="forged", subject="page:2")
    connection.execute(
        text("UPDATE journal SET event = 'forged', hash = :hash WHERE sequence = 3"), {"hash": entry_hash(forged)}
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE journal SET event = 'document_rejected' WHERE sequence = 3", 3),
        ("UPDATE journal SET actor = 'somebody' WHERE sequence = 1", 1),
        ("UPDATE journal SET details = replace(details, '2', '3') WHERE sequence = 3", 3),
        ("UPDATE journal SET batch_id = NULL WHERE sequence = 5", 5),
        ("DELETE FROM journal WHERE sequence = 1", 2),
        ("DELETE FROM journal WHERE sequence = 4", 5),
        ("DELETE FROM journal WHERE sequence >= 4", 4),
        ("DELETE FROM journal", 1),
        (swap, 3),
        (insert, 3),
        (forge_hash_too, 3),
    ],
)
def test_tampering_is_named(any_engine: Engine, change: str | Callable[[Connection], None], named: int) -> None:
    write(any_engine, 6)

    if isinstance(change, str):
        statement = change
        tamper(any_engine, lambda connection: connection.execute(text(statement)) and None)
    else:
        tamper(any_engine, change)

    broken = verify_journal(SqlUnitOfWork(any_engine))
    assert broken is not None
    assert broken.sequence == named


def chain(count: int) -> list[JournalEntry]:
    entries: list[JournalEntry] = []
    for n in range(1, count + 1):
        previous = entries[-1].hash if entries else GENESIS
        entry = JournalEntry(
            sequence=n, at=NOW, actor="system", event="e", subject=f"page:{n}", details={"n": n}, previous_hash=previous
        )
        entry.hash = entry_hash(entry)
        entries.append(entry)
    return entries


@given(st.integers(2, 12), st.data())
def test_any_single_change_breaks_the_chain_where_it_was_made(count: int, data: st.DataObject) -> None:
    entries = chain(count)
    at = data.draw(st.integers(0, count - 1))
    name, value = data.draw(
        st.sampled_from(
            [
                ("actor", "x"),
                ("event", "x"),
                ("subject", "page:0"),
                ("batch_id", "x"),
                ("document_id", "x"),
                ("details", {"n": -1}),
                ("previous_hash", "f" * 64),
                ("hash", "f" * 64),
                ("at", NOW + timedelta(microseconds=1)),
            ]
        )
    )
    entries[at] = replace(entries[at], **{name: value})  # type: ignore[arg-type]

    broken = first_break(entries)

    assert broken is not None
    assert broken.sequence == at + 1


@given(st.permutations(range(6)))
def test_only_the_right_order_holds(order: list[int]) -> None:
    entries = chain(6)

    assert (first_break([entries[n] for n in order]) is None) == (order == list(range(6)))
