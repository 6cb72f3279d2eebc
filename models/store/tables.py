"""The tables of the record and their mapping to the plain entities of `models`.

Foreign keys are checked at commit (deferred), so that entities of one transaction may be added in any order.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import registry

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
    StoredReading,
)
from models.definitions import DocumentType
from models.errors import Route
from models.jobs import Job, JobState, Step
from models.journal import JournalEntry
from models.promise import Alarm, Evidence, PolicyVersion, Thresholds
from models.reading import FieldValue, InvoiceLine, PageReading, Value, VatShare
from models.releases import Release, ReleaseState
from models.store.columns import EnumText, Json, PackedJson, UtcDateTime
from models.verification import Keying, KeyingAction, Role, User

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
mapper = registry(metadata=metadata)

Id = String(32)
Scalar = str | int | float | bool | None


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True)


def _to(name: str, target: str, *, nullable: bool = False, index: bool = True) -> Column[Any]:
    key = ForeignKey(f"{target}.id", deferrable=True, initially="DEFERRED")
    return Column(name, Id, key, nullable=nullable, index=index)


def _text(name: str, length: int | None = None, *, nullable: bool = False, **more: Any) -> Column[Any]:
    return Column(name, String(length) if length else Text(), nullable=nullable, **more)


def _number(name: str, *, nullable: bool = False, **more: Any) -> Column[Any]:
    return Column(name, Integer(), nullable=nullable, **more)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean(), nullable=False)


def _moment(name: str, *, nullable: bool = False, **more: Any) -> Column[Any]:
    return Column(name, UtcDateTime(), nullable=nullable, **more)


users = Table(
    "users",
    metadata,
    _id(),
    _text("name", 200, unique=True),
    _text("password_hash"),
    Column("role", EnumText(Role), nullable=False),
    _moment("created_at"),
    _flag("active"),
    _number("failed_sign_ins"),
    _moment("locked_until", nullable=True),
    _number("session_epoch"),
    _number("version"),
)

batches = Table(
    "batches",
    metadata,
    _id(),
    _number("number", unique=True),
    _text("shown_name"),
    _text("source", 32),
    _moment("received_at"),
    _text("received_by"),
    Column("state", EnumText(BatchState), nullable=False, index=True),
    _text("reason"),
    _text("code", 32),
    _number("announced_sheets", nullable=True),
    _number("priority"),
    _number("version"),
)

masters = Table(
    "masters",
    metadata,
    _id(),
    _to("batch_id", "batches"),
    _text("shown_name"),
    _text("image", 100),
    _text("sha256", 64, index=True),
    Column("size_bytes", BigInteger(), nullable=False),
    _number("position"),
    _text("kind", 32),
    _number("pages", nullable=True),
    _to("parent_id", "masters", nullable=True),
    _text("attachment", 100, nullable=True),
    _text("code", 32),
    _text("reason"),
    _flag("repaired"),
)

pages = Table(
    "pages",
    metadata,
    _id(),
    _to("batch_id", "batches"),
    _to("master_id", "masters"),
    _number("number"),
    _number("position"),
    Column("state", EnumText(PageState), nullable=False),
    _text("image", 100, nullable=True, index=True),
    _text("preview", 100, nullable=True, index=True),
    _to("document_id", "documents", nullable=True),
    _number("document_position"),
    _text("set_aside_as", 32),
    Column("route", EnumText(Route), nullable=True),
    _text("reason"),
    _flag("rescan"),
    _text("endorsement"),
    _number("version"),
    # a master opened twice (a message that came twice) must not give its pages twice
    UniqueConstraint("master_id", "number"),
)

readings = Table(
    "readings",
    metadata,
    _id(),
    _to("page_id", "pages"),
    Column("content", PackedJson(PageReading), nullable=False),
    _moment("made_at"),
    _text("engines"),
)

documents = Table(
    "documents",
    metadata,
    _id(),
    _to("batch_id", "batches"),
    _number("position"),
    _moment("formed_at"),
    Column("state", EnumText(DocumentState), nullable=False, index=True),
    Column("document_type", EnumText(DocumentType), nullable=False),
    _text("form", nullable=True),
    Column("type_confidence", Float(), nullable=True),
    _text("type_reason"),
    Column("boundary_confidence", Float(), nullable=True),
    _text("boundary_reason"),
    Column("lines", Json[tuple[InvoiceLine, ...]](tuple[InvoiceLine, ...]), nullable=False),
    Column("vat_breakdown", Json[tuple[VatShare, ...]](tuple[VatShare, ...]), nullable=False),
    _text("reason"),
    _to("reserved_by", "users", nullable=True),
    _moment("reserved_until", nullable=True),
    _number("fence"),
    _moment("verified_at", nullable=True),
    _flag("straight_through"),
    _number("version"),
)

fields = Table(
    "fields",
    metadata,
    _id(),
    _to("document_id", "documents", index=False),
    _text("name", 100),
    _text("label"),
    _text("value_type", 32),
    _number("position"),
    Column("machine", Json[FieldValue](FieldValue), nullable=False),
    _flag("critical"),
    Column("value", Json[Value](Value), nullable=False),
    Column("state", EnumText(FieldState), nullable=False),
    _to("page_id", "pages", nullable=True, index=False),
    _text("snippet", 100, nullable=True, index=True),
    _flag("forced"),
    _flag("drawn"),
    _number("version"),
    # byte order on both databases, so that "begins with" is a range of the index
    Column("search_key", String(100).with_variant(String(100, collation="C"), "postgresql"), index=True),
    UniqueConstraint("document_id", "name"),
)

keyings = Table(
    "keyings",
    metadata,
    _id(),
    # no foreign key: a document recognised again gets new fields, what people keyed stays
    _text("field_id", 32, index=True),
    _to("document_id", "documents"),
    _to("coder_id", "users", index=False),
    Column("action", EnumText(KeyingAction), nullable=False),
    Column("value", Json[Value](Value), nullable=False),
    Column("previous", Json[Value](Value), nullable=False),
    _moment("keyed_at"),
    _text("answer_id", 100, unique=True),
    _flag("forced"),
    _number("active_ms"),
    _flag("stale"),
    Index(None, "coder_id", "keyed_at"),
)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    # no foreign key: a document recognised again gets new fields
    _text("field_id", 32),
    _to("document_id", "documents"),
    Column("document_type", EnumText(DocumentType), nullable=False),
    _text("name", 100),
    _text("value_type", 32),
    Column("numbers", Json[dict[str, float]](dict[str, float]), nullable=False),
    Column("confidence", Float(), nullable=False),
    _flag("eligible"),
    _flag("passed"),
    _flag("drawn"),
    _flag("confirmed"),
    _flag("settled"),
    _moment("answered_at"),
    Index(None, "drawn", "answered_at"),
)

policies = Table(
    "policies",
    metadata,
    _id(),
    _number("number", unique=True),
    _moment("made_at"),
    _text("reason", 32),
    Column("coefficients", Json[dict[str, float]](dict[str, float]), nullable=False),
    Column("thresholds", Json[Thresholds | None](Thresholds | None), nullable=False),
    _number("evidence"),
    Column("alarms", Json[tuple[Alarm, ...]](tuple[Alarm, ...]), nullable=False),
    Column("cleared", Json[dict[str, datetime]](dict[str, datetime]), nullable=False),
)

releases = Table(
    "releases",
    metadata,
    _id(),
    _to("document_id", "documents"),
    _to("batch_id", "batches"),
    _text("destination", 64),
    _text("key", 64, unique=True),
    _moment("planned_at", index=True),
    Column("state", EnumText(ReleaseState), nullable=False, index=True),
    _text("reference"),
    _text("payload_sha256", 64),
    _moment("confirmed_at", nullable=True),
    _text("error"),
    _number("version"),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    Column("step", EnumText(Step), nullable=False),
    _text("subject_id", 32),
    _text("input_hash", 100),
    _to("batch_id", "batches"),
    _moment("created_at"),
    _moment("not_before"),
    _number("priority"),
    Column("state", EnumText(JobState), nullable=False),
    _number("attempt"),
    _number("waits"),
    _number("losses"),
    _text("lease_owner", nullable=True),
    _moment("lease_until", nullable=True),
    _text("last_error"),
    UniqueConstraint("step", "subject_id", "input_hash"),
    Index(None, "state", "priority", "not_before"),
    Index(None, "subject_id"),
)

journal = Table(
    "journal",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    _moment("at"),
    _text("actor"),
    _text("event", 64),
    _text("subject", 64),
    # no foreign keys: the journal outlives what it tells of
    _text("batch_id", 32, nullable=True, index=True),
    _text("document_id", 32, nullable=True, index=True),
    Column("details", Json[dict[str, Scalar]](dict[str, Scalar]), nullable=False),
    _text("previous_hash", 64),
    _text("hash", 64),
)

journal_head = Table(
    "journal_head",
    metadata,
    _number("id", primary_key=True, autoincrement=False),
    Column("sequence", BigInteger(), nullable=False),
    _text("hash", 64),
)
"""One row: where the chain ends. Locked to append, so that the chain has neither gap nor fork."""

counters = Table("counters", metadata, _text("name", 32, primary_key=True), _number("value"))
"""Running numbers."""


def search_key(value: Value) -> str | None:
    """What a search compares: without case, accents, spaces; `None` for what is not text."""
    if not isinstance(value, str):
        return None
    bare = "".join(c for c in unicodedata.normalize("NFKD", value.casefold()) if not unicodedata.combining(c))
    return "".join(bare.split()).replace("\0", "")[:100] or None


def _map_entities() -> None:
    versioned: dict[type[object], Table] = {
        User: users,
        Batch: batches,
        Page: pages,
        Document: documents,
        Field: fields,
        Release: releases,
    }
    for entity, table in versioned.items():
        mapper.map_imperatively(entity, table, version_id_col=table.c.version)
    plain: dict[type[object], Table] = {
        Master: masters,
        StoredReading: readings,
        Keying: keyings,
        Evidence: evidence,
        PolicyVersion: policies,
        Job: jobs,
        JournalEntry: journal,
    }
    for entity, table in plain.items():
        mapper.map_imperatively(entity, table)

    def keep_search_key(_mapper: object, _connection: object, target: Any) -> None:
        target.search_key = search_key(target.value)

    event.listen(Field, "before_insert", keep_search_key)
    event.listen(Field, "before_update", keep_search_key)


_map_entities()
