"""Handing a document over: one release per document and destination, done once however often it runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.batch import new_id
from models.errors import WrongState


class ReleaseState(StrEnum):
    """Where a release is."""

    PLANNED = "planned"
    """It waits for its turn."""
    SENDING = "sending"
    """The destination is being called; committed before the call."""
    UNKNOWN = "unknown"
    """The call was cut: the destination is asked before anything is sent again."""
    CONFIRMED = "confirmed"
    """The destination has it, and answered a receipt."""
    HELD = "held"
    """A blocking rule or the destination refuses it; a person acts."""


@dataclass(kw_only=True)
class Release:
    """One document for one destination."""

    document_id: str
    batch_id: str
    destination: str
    """Name of the exporter: `ged`, `accounting`, `chorus`, ..."""
    key: str
    """Idempotency key: the same key twice is one delivery."""
    planned_at: datetime
    id: str = field(default_factory=new_id)
    state: ReleaseState = ReleaseState.PLANNED
    reference: str = ""
    """The receiver's answer: a path, a number."""
    payload_sha256: str = ""
    confirmed_at: datetime | None = None
    error: str = ""
    """Why it is held, for people; never bank data."""
    version: int = 0

    def record_sending(self) -> None:
        """The destination is about to be called."""
        if self.state not in (ReleaseState.PLANNED, ReleaseState.SENDING, ReleaseState.UNKNOWN):
            raise WrongState(f"release {self.id} to {self.destination} is {self.state}: it is not sent again.")
        self.state = ReleaseState.SENDING

    def record_unknown(self) -> None:
        """The call was cut."""
        if self.state is not ReleaseState.SENDING:
            raise WrongState(f"release {self.id} to {self.destination} is {self.state}: its outcome is known.")
        self.state = ReleaseState.UNKNOWN

    def confirm(self, *, reference: str, payload_sha256: str, now: datetime) -> None:
        """The destination has it. Confirming twice changes nothing."""
        if self.state is ReleaseState.CONFIRMED:
            return
        self.state, self.reference, self.payload_sha256 = ReleaseState.CONFIRMED, reference, payload_sha256
        self.confirmed_at, self.error = now, ""

    def hold(self, error: str) -> None:
        """A person must act."""
        if self.state is ReleaseState.CONFIRMED:
            raise WrongState(f"release {self.id} to {self.destination} is confirmed: it cannot be held.")
        self.state, self.error = ReleaseState.HELD, error

    def retry(self) -> None:
        """A person asks to try again."""
        if self.state is not ReleaseState.HELD:
            raise WrongState(f"release {self.id} to {self.destination} is {self.state}: only a held one is retried.")
        self.state, self.error = ReleaseState.PLANNED, ""


def release_key(document_id: str, destination: str, version: int) -> str:
    """Idempotency key of one document, destination and verified version; 40 hexadecimal digits."""
    return hashlib.sha256(f"{document_id}/{destination}/{version}".encode()).hexdigest()[:40]
