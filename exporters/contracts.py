"""What every exporter offers, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from models.definitions import DocumentType
from models.errors import Misconfigured
from models.handover import Parcel, Receipt, ReleasedDocument


@dataclass(frozen=True, slots=True)
class Reason:
    """One blocking rule that a document does not satisfy."""

    code: str
    sentence: str
    """In French, for the person who acts; never bank data."""


class Refused(Misconfigured):
    """The destination's rules refuse the document: the release is held with its reasons, no file is written."""

    def __init__(self, destination: str, label: str, reasons: Iterable[Reason]) -> None:
        self.reasons = tuple(reasons)
        told = " ".join(f"[{reason.code}] {reason.sentence}" for reason in self.reasons)
        super().__init__(f"document {label}, {destination} : {told}")


class Exporter(Protocol):
    """One outside system."""

    @property
    def name(self) -> str:
        """Name of the destination: `ged`, `accounting`, ..."""
        ...

    def accepts(self, document_type: DocumentType) -> bool:
        """Whether documents of this type go there."""
        ...

    def render(self, document: ReleasedDocument) -> Parcel:
        """Build what is handed over: pure, the same document gives the same bytes.

        Raises: Refused with every reason at once.
        """
        ...

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Hand it over; the same key twice is one delivery.

        Raises: Unavailable (nothing was accepted, try again), Misconfigured (it refuses us, not the document).
        """
        ...
