"""The record of the paper: batch -> masters -> pages -> documents -> fields, their states and what changes them.

Entities are plain dataclasses, mapped to tables in `models.store`. A state changes only through a method that names the
event and refuses a wrong order with `WrongState`. Moments are aware UTC, handed in.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.definitions import DocumentType
from models.errors import Route, WrongState
from models.reading import Decision, DocumentReading, FieldValue, InvoiceLine, PageReading, Value, VatShare


def new_id() -> str:
    """A fresh identifier, 32 hexadecimal digits; says nothing about the paper."""
    return uuid.uuid4().hex


class BatchState(StrEnum):
    """Where a batch is."""

    RECEIVED = "received"
    """Its masters are stored untouched; nothing has looked at them."""
    READING = "reading"
    """Its pages are known and are being read one by one."""
    IN_WORK = "in_work"
    """Its documents are formed; some wait for the machine or for a person."""
    DONE = "done"
    """Each of its pages has ended: exported, rejected or set aside."""
    REFUSED = "refused"
    """No page could be made of it; the masters are kept and the reason is shown."""


class PageState(StrEnum):
    """Where a page is."""

    WAITING = "waiting"
    """It is known to exist in its master; it has not been read."""
    READ = "read"
    """It is cleaned and read; no document has it yet."""
    PLACED = "placed"
    """It belongs to a document."""
    SET_ASIDE = "set_aside"
    """Blank, separator, or put aside by an operator; kept, listed, restorable."""
    REJECTED = "rejected"
    """It cannot be used as it is; the route says whether it is scanned again or keyed."""


class DocumentState(StrEnum):
    """Where a document is."""

    SEPARATED = "separated"
    """Its pages are known; it has not been recognised."""
    TO_CLASSIFY = "to_classify"
    """The machine is not sure what it is: a person says."""
    TO_VERIFY = "to_verify"
    """Some of its fields wait for a coder."""
    VERIFIED = "verified"
    """Every field is accepted or keyed; it can be released."""
    RELEASED = "released"
    """Every destination has confirmed it."""
    REJECTED = "rejected"
    """A person or a rule took it out of the flow; kept, with the reason."""
    QUARANTINED = "quarantined"
    """The machine failed on it three times; a supervisor looks."""


OPEN_DOCUMENT_STATES = frozenset(
    {DocumentState.SEPARATED, DocumentState.TO_CLASSIFY, DocumentState.TO_VERIFY, DocumentState.VERIFIED}
)


class FieldState(StrEnum):
    """Where a field is."""

    ACCEPTED = "accepted"
    """The machine's value passes unseen."""
    TO_VERIFY = "to_verify"
    """A coder must look."""
    KEYED = "keyed"
    """A person confirmed or typed the value."""
    ILLEGIBLE = "illegible"
    """A person could not read it; the value stays empty."""


def _refuse(what: str, state: str, event: str) -> WrongState:
    return WrongState(f"{what} is {state}: it cannot take the event '{event}'. Reload it and look at its trace.")


@dataclass(kw_only=True)
class Batch:
    """A lot that came in together: one hot-folder file, one upload, one command."""

    shown_name: str
    """The name people know it by, cleaned; never used as a path."""
    source: str
    """`folder`, `upload`, `cli`, `demo`."""
    received_at: datetime
    received_by: str = ""
    number: int = 0
    """Running number given by the record; shown as `2611-0042`."""
    id: str = field(default_factory=new_id)
    state: BatchState = BatchState.RECEIVED
    reason: str = ""
    """Why it was refused, for people."""
    code: str = ""
    """Why it was refused, one of `errors.REFUSALS`."""
    announced_sheets: int | None = None
    priority: int = 1
    """0 first, 1 usual, 2 bulk."""
    version: int = 0

    @property
    def label(self) -> str:
        """How people call it: year, month and running number."""
        return f"{self.received_at:%y%m}-{self.number:04d}"

    def record_opened(self) -> None:
        """Its masters were opened and their pages are known."""
        if self.state not in (BatchState.RECEIVED, BatchState.READING):
            raise _refuse(f"batch {self.label}", self.state, "opened")
        self.state = BatchState.READING

    def record_separated(self) -> None:
        """All its pages were read and its documents are formed."""
        if self.state is not BatchState.READING:
            raise _refuse(f"batch {self.label}", self.state, "separated")
        self.state = BatchState.IN_WORK

    def record_done(self) -> None:
        """Each page has ended."""
        if self.state not in (BatchState.IN_WORK, BatchState.DONE):
            raise _refuse(f"batch {self.label}", self.state, "done")
        self.state = BatchState.DONE

    def reopen(self) -> None:
        """A person restored a page or a document: the batch is in work again."""
        if self.state not in (BatchState.IN_WORK, BatchState.DONE):
            raise _refuse(f"batch {self.label}", self.state, "reopen")
        self.state = BatchState.IN_WORK

    def refuse(self, code: str, reason: str) -> None:
        """No page can be made of it."""
        if self.state not in (BatchState.RECEIVED, BatchState.READING):
            raise _refuse(f"batch {self.label}", self.state, "refuse")
        self.state, self.code, self.reason = BatchState.REFUSED, code, reason


@dataclass(kw_only=True)
class Master:
    """A file as it came, kept untouched for good."""

    batch_id: str
    shown_name: str
    image: str
    """Key in the image store (named by content)."""
    sha256: str
    size_bytes: int
    position: int
    """Place in the batch, from 0."""
    id: str = field(default_factory=new_id)
    kind: str = ""
    """`pdf`, `tiff`, `jpeg`, `png`, `zip`, `xml`; empty until opened."""
    pages: int | None = None
    parent_id: str | None = None
    """The archive it came in."""
    attachment: str | None = None
    """Key of an embedded e-invoice XML that passed the safety checks."""
    code: str = ""
    """Why it was refused, one of `errors.REFUSALS`; empty when it was not."""
    reason: str = ""
    repaired: bool = False
    """It had to be repaired to be opened: its documents go to a person."""

    def record_opened(self, *, kind: str, pages: int, repaired: bool, attachment: str | None = None) -> None:
        """It was opened in the sandbox and holds `pages` pages."""
        if self.pages is not None and self.pages != pages:
            raise _refuse(f"master {self.shown_name}", f"opened with {self.pages} pages", f"opened with {pages}")
        self.kind, self.pages, self.repaired, self.attachment = kind, pages, repaired, attachment

    def refuse(self, code: str, reason: str) -> None:
        """It cannot be opened; the bytes stay."""
        self.code, self.reason = code, reason


@dataclass(kw_only=True)
class Page:
    """One side of a sheet."""

    batch_id: str
    master_id: str
    number: int
    """Page in its master, 1-based."""
    position: int
    """Place in the batch, from 0."""
    id: str = field(default_factory=new_id)
    state: PageState = PageState.WAITING
    image: str | None = None
    """Key of the upright, levelled image (screens and readers)."""
    preview: str | None = None
    """Key of a small picture of it, for lists."""
    document_id: str | None = None
    document_position: int = 0
    """Place in its document, from 0."""
    set_aside_as: str = ""
    """`blank`, `separator`, `operator`."""
    route: Route | None = None
    reason: str = ""
    rescan: bool = False
    """The quality verdict asks for a rescan."""
    endorsement: str = ""
    """Number that finds the paper again."""
    version: int = 0

    def record_read(self, *, image: str, preview: str, rescan: bool, reason: str = "") -> None:
        """It was cleaned and read."""
        if self.state is not PageState.WAITING:
            raise _refuse(f"page {self.endorsement}", self.state, "read")
        self.state, self.image, self.preview = PageState.READ, image, preview
        self.rescan, self.reason = rescan, reason

    def place(self, document_id: str, position: int) -> None:
        """It belongs to a document now."""
        if self.state not in (PageState.READ, PageState.PLACED, PageState.SET_ASIDE):
            raise _refuse(f"page {self.endorsement}", self.state, "place")
        self.state, self.document_id, self.document_position, self.set_aside_as = (
            PageState.PLACED,
            document_id,
            position,
            "",
        )

    def set_aside(self, why: str) -> None:
        """It carries nothing to capture; kept and restorable."""
        if self.state not in (PageState.READ, PageState.PLACED, PageState.SET_ASIDE):
            raise _refuse(f"page {self.endorsement}", self.state, "set aside")
        self.state, self.set_aside_as, self.document_id = PageState.SET_ASIDE, why, None

    def reject(self, route: Route, reason: str) -> None:
        """It cannot be used as it is."""
        if self.state is PageState.PLACED:
            raise _refuse(f"page {self.endorsement}", self.state, "reject")
        self.state, self.route, self.reason = PageState.REJECTED, route, reason


@dataclass(kw_only=True)
class StoredReading:
    """All that one run of the readers saw on one page."""

    page_id: str
    content: PageReading
    made_at: datetime
    engines: str
    """Versions of product and weights, enough to repeat it."""
    id: str = field(default_factory=new_id)


@dataclass(kw_only=True)
class Document:
    """One letter: what is classified, verified and released together."""

    batch_id: str
    position: int
    """Place in the batch, from 0."""
    formed_at: datetime
    id: str = field(default_factory=new_id)
    state: DocumentState = DocumentState.SEPARATED
    document_type: DocumentType = DocumentType.OTHER
    form: str | None = None
    type_confidence: float | None = None
    type_reason: str = ""
    boundary_confidence: float | None = None
    """Calibrated probability that it begins and ends where it does; `None` when a person put it together."""
    boundary_reason: str = ""
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()
    reason: str = ""
    """Why it was rejected or quarantined, for people."""
    reserved_by: str | None = None
    """Coder who has it on screen."""
    reserved_until: datetime | None = None
    fence: int = 0
    """Number of reservations so far; an answer with an old one is stale."""
    verified_at: datetime | None = None
    straight_through: bool = False
    """No person touched it."""
    version: int = 0

    def record_recognised(self, reading: DocumentReading, *, sure_of_type: bool) -> None:
        """The machine said what it is. Fields are made by the caller, one `Field` a value."""
        if self.state not in (DocumentState.SEPARATED, DocumentState.TO_CLASSIFY):
            raise _refuse(f"document {self.id}", self.state, "recognised")
        self.document_type, self.form = reading.document_type, reading.form
        self.type_confidence, self.type_reason = reading.type_confidence, reading.reason
        self.lines, self.vat_breakdown = reading.lines, reading.vat_breakdown
        self.state = DocumentState.TO_VERIFY if sure_of_type else DocumentState.TO_CLASSIFY

    def classify(self, document_type: DocumentType, form: str | None) -> None:
        """A person said what it is; it is recognised again with that knowledge."""
        if self.state not in (DocumentState.TO_CLASSIFY, DocumentState.TO_VERIFY):
            raise _refuse(f"document {self.id}", self.state, "classify")
        self.document_type, self.form, self.type_confidence = document_type, form, 1.0
        self.state = DocumentState.SEPARATED

    def reserve(self, coder_id: str, *, until: datetime, now: datetime) -> int:
        """A coder takes it on screen; answers the fence number that goes with every answer.

        Raises: WrongState when somebody else holds it.
        """
        if self.state not in (DocumentState.TO_VERIFY, DocumentState.TO_CLASSIFY):
            raise _refuse(f"document {self.id}", self.state, "reserve")
        if not self.is_free_for(coder_id, now=now):
            raise WrongState(f"document {self.id} is on another coder's screen. Take the next one.")
        if self.reserved_by != coder_id:
            self.fence += 1
        self.reserved_by, self.reserved_until = coder_id, until
        return self.fence

    def is_free_for(self, coder_id: str, *, now: datetime) -> bool:
        """Nobody else holds a live reservation."""
        return self.reserved_by in (None, coder_id) or self.reserved_until is None or self.reserved_until <= now

    def release_reservation(self, coder_id: str) -> None:
        """The coder lets go of it; somebody else's reservation stays."""
        if self.reserved_by == coder_id:
            self.reserved_by, self.reserved_until = None, None

    def record_verified(self, fields: Sequence[Field], *, now: datetime) -> None:
        """Every field has its value."""
        if self.state is not DocumentState.TO_VERIFY:
            raise _refuse(f"document {self.id}", self.state, "verified")
        waiting = [f.name for f in fields if f.state is FieldState.TO_VERIFY]
        if waiting:
            raise WrongState(f"document {self.id}: fields still wait for a coder: {', '.join(waiting)}.")
        self.state, self.verified_at = DocumentState.VERIFIED, now
        self.straight_through = all(f.state is FieldState.ACCEPTED for f in fields)
        self.reserved_by, self.reserved_until = None, None

    def reopen(self) -> None:
        """A person takes it back for correction, before it is released."""
        if self.state not in (DocumentState.VERIFIED, DocumentState.REJECTED, DocumentState.QUARANTINED):
            raise _refuse(f"document {self.id}", self.state, "reopen")
        self.state, self.verified_at, self.reason = DocumentState.TO_VERIFY, None, ""

    def record_released(self) -> None:
        """Every destination has confirmed it."""
        if self.state is not DocumentState.VERIFIED:
            raise _refuse(f"document {self.id}", self.state, "released")
        self.state = DocumentState.RELEASED

    def reject(self, reason: str) -> None:
        """A person takes it out of the flow."""
        if self.state not in OPEN_DOCUMENT_STATES | {DocumentState.QUARANTINED}:
            raise _refuse(f"document {self.id}", self.state, "reject")
        self.state, self.reason = DocumentState.REJECTED, reason

    def quarantine(self, reason: str) -> None:
        """The machine failed on it three times."""
        if self.state not in OPEN_DOCUMENT_STATES:
            raise _refuse(f"document {self.id}", self.state, "quarantine")
        self.state, self.reason = DocumentState.QUARANTINED, reason


@dataclass(kw_only=True)
class Field:
    """One value of a document and how it came to be."""

    document_id: str
    name: str
    label: str
    value_type: str
    position: int
    machine: FieldValue
    """What the readers said, with place, alternatives and confidence; never changed."""
    critical: bool = False
    id: str = field(default_factory=new_id)
    value: Value = None
    state: FieldState = FieldState.TO_VERIFY
    page_id: str | None = None
    snippet: str | None = None
    """Key of the cut-out image shown to the coder."""
    forced: bool = False
    """Keyed in spite of a failed check."""
    drawn: bool = False
    """It belongs to the random sample: a coder keys it blind, whatever the machine decided, and is not told why."""
    version: int = 0

    def __post_init__(self) -> None:
        if self.version == 0 and self.value is None and self.state is FieldState.TO_VERIFY:
            self.value = self.machine.value
            if self.machine.decision is Decision.ACCEPTED and not self.drawn:
                self.state = FieldState.ACCEPTED

    def key(self, value: Value, *, forced: bool = False) -> None:
        """A person confirmed or typed the value."""
        self.value, self.state, self.forced = value, FieldState.KEYED, forced

    def record_illegible(self) -> None:
        """A person could not read it."""
        self.value, self.state, self.forced = None, FieldState.ILLEGIBLE, False

    def reopen(self) -> None:
        """A person takes back an answer: the field waits again with the machine's value."""
        self.value, self.state, self.forced = self.machine.value, FieldState.TO_VERIFY, False


RESERVATION = timedelta(minutes=5)
"""How long a document stays on one coder's screen without a sign of life."""
