"""What people do: users and their roles, keyings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.batch import new_id
from models.reading import Value


class Role(StrEnum):
    """What a person may do."""

    OPERATOR = "operator"
    """Feeds scanners, looks after batches and pages."""
    CODER = "coder"
    """Keys and confirms fields."""
    SUPERVISOR = "supervisor"
    """Watches queues and quality, retries, reassigns."""
    ADMIN = "admin"
    """Manages people and set-up; may do all the others do."""


@dataclass(kw_only=True)
class User:
    """A person who signs in."""

    name: str
    password_hash: str
    """Argon2id."""
    role: Role
    created_at: datetime
    id: str = field(default_factory=new_id)
    active: bool = True
    failed_sign_ins: int = 0
    locked_until: datetime | None = None
    session_epoch: int = 0
    """Counts sign-outs, password changes and deactivations: a session of an older epoch is dead."""
    version: int = 0


class KeyingAction(StrEnum):
    """What a coder answered."""

    ACCEPTED = "accepted"
    """The proposed value is right."""
    CORRECTED = "corrected"
    """Another value stands on the paper."""
    EMPTY = "empty"
    """Nothing stands on the paper."""
    ILLEGIBLE = "illegible"
    """It cannot be read."""
    TAKEN_BACK = "taken_back"
    """The previous answer was withdrawn."""


@dataclass(kw_only=True)
class Keying:
    """One answer of one person for one field; kept for good."""

    field_id: str
    document_id: str
    coder_id: str
    action: KeyingAction
    value: Value
    previous: Value
    keyed_at: datetime
    answer_id: str
    """Given by the screen; the same answer sent twice is stored once."""
    forced: bool = False
    active_ms: int = 0
    """Time on the field, pauses left out."""
    stale: bool = False
    """It came with an old fence number: kept as trace, never written to the field."""
    id: str = field(default_factory=new_id)
