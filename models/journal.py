"""The journal: append-only, each entry chained to the one before by its hash.

Entries name ids, states and counts; never a value read from paper, a name or an account number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

GENESIS = "0" * 64


@dataclass(kw_only=True)
class JournalEntry:
    """One event in the life of a batch, page, document, release or user."""

    sequence: int
    at: datetime
    actor: str
    """User id, or `system`."""
    event: str
    """Past tense, e.g. `document_separated`."""
    subject: str
    """`batch:ID`, `page:ID`, `document:ID`, `user:ID`."""
    batch_id: str | None = None
    document_id: str | None = None
    details: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    previous_hash: str = GENESIS
    hash: str = ""


def entry_hash(entry: JournalEntry) -> str:
    """SHA-256 over the entry's content and the previous hash, 64 hexadecimal digits."""
    content = json.dumps(
        [
            entry.sequence,
            entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            entry.actor,
            entry.event,
            entry.subject,
            entry.batch_id,
            entry.document_id,
            dict(sorted(entry.details.items())),
            entry.previous_hash,
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first entry that does not fit."""

    sequence: int
    reason: str


def first_break(entries: Iterable[JournalEntry]) -> ChainBreak | None:
    """The first entry that was changed, removed, inserted or put elsewhere; `None` when the chain holds.

    Entries come in order of their sequence, from 1. A chain cut at its end holds: compare its length and last hash with
    an exported checkpoint.
    """
    previous, expected = GENESIS, 1
    for entry in entries:
        if entry.sequence != expected:
            return ChainBreak(entry.sequence, f"entry {expected} is missing")
        if entry.previous_hash != previous:
            return ChainBreak(entry.sequence, "does not follow the entry before it")
        if entry_hash(entry) != entry.hash:
            return ChainBreak(entry.sequence, "content was changed")
        previous, expected = entry.hash, expected + 1
    return None
