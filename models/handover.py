"""What an exporter receives and answers: a verified document with its proof on paper, and the receiver's receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.definitions import DocumentType
from models.reading import InvoiceLine, Value, VatShare
from models.text import PageText

Content = Callable[[], bytes]
"""Loads bytes from the image store when they are needed."""


@dataclass(frozen=True, slots=True)
class ReleasedField:
    """One value as it leaves, and who stands for it."""

    name: str
    label: str
    value_type: str
    value: Value
    """Canonical; `None` for a field that is empty on paper, was not found or is illegible."""
    verified_by: str
    """`machine` when it passed unseen, else the coder's id."""
    confidence: float | None = None
    illegible: bool = False
    forced: bool = False
    """A person kept it in spite of a failed check."""
    page: int | None = None
    """Page of the document, 1-based."""
    text: str = ""
    """The raw text as read."""


@dataclass(frozen=True, slots=True)
class ReleasedPage:
    """One side, upright."""

    number: int
    """Page of the document, 1-based."""
    image: Content
    """The upright page image as kept: PNG, JPEG or TIFF bytes."""
    dpi: float
    text: PageText | None = None
    """Words with boxes in pixels of that image, for the invisible layer."""
    endorsement: str = ""
    """Number that finds the paper again."""


@dataclass(frozen=True, slots=True)
class ReleasedMaster:
    """A file as it came, from which pages of the document were taken."""

    sha256: str
    size_bytes: int
    kind: str
    """`pdf`, `tiff`, `jpeg`, `png`."""
    content: Content
    pages: tuple[int, ...]
    """Pages of the master that belong to the document, 1-based, in the document's order."""
    whole: bool
    """Nothing in the master belongs to another document."""


@dataclass(frozen=True, slots=True)
class ReleasedDocument:
    """A verified document, ready to be handed over."""

    id: str
    batch_id: str
    batch_label: str
    """As people call the batch: `2611-0042`."""
    position: int
    """Place of the document in its batch, from 0."""
    document_type: DocumentType
    form: str | None
    received_at: datetime
    verified_at: datetime
    fields: Mapping[str, ReleasedField]
    pages: tuple[ReleasedPage, ...]
    masters: tuple[ReleasedMaster, ...]
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()
    straight_through: bool = False
    """No person touched it."""
    engines: str = ""
    """Versions of product and weights."""

    @property
    def label(self) -> str:
        """How people call it: batch label and place, `2611-0042-003`."""
        return f"{self.batch_label}-{self.position + 1:03d}"

    def value(self, name: str) -> Value:
        """Canonical value of a field, `None` when there is none."""
        known = self.fields.get(name)
        return known.value if known else None

    def text(self, name: str) -> str:
        """Canonical value of a text field, empty when there is none."""
        value = self.value(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rendered files that are handed over together, all or nothing."""

    name: str
    """Where they go below the destination's root, `/` between levels; the delivery adds the idempotency key."""
    files: Mapping[str, bytes]
    """File name -> content. One file named like the end of `name` is delivered as that file, all else as a folder."""
    shared: Mapping[str, bytes] = field(default_factory=dict)
    """Files named by their content that several parcels may bring (masters of whole stacks); path below the root."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver's answer."""

    destination: str
    reference: str
    """A path or number that finds it there."""
    sha256: str
    """Fingerprint of what stands there, read again: of the file, or of the folder's checksum list."""
    at: datetime
