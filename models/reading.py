"""What readers answer, what could be meant, and the value a field ends up with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from models.definitions import DocumentType
from models.geometry import Box
from models.text import Character, PageText

Value = str | bool | list[str] | None
"""A canonical value: ISO dates, amounts as decimal strings with a point, IBAN and references without spaces,
a phone number as 10 national digits, a checkbox group as its value (exclusive) or a list, a signature as true/false,
`None` for a field that is empty on paper or was not found."""


class Decision(StrEnum):
    """What becomes of a field without a person."""

    ACCEPTED = "accepted"
    """Good enough to pass unseen."""
    TO_VERIFY = "to_verify"
    """A coder looks at it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader made of one zone."""

    text: str
    confidence: float | None
    """Probability 0..1 that the whole text is right; `None` = not measured."""
    zone: Box
    """In pixels of the upright page image."""
    reader: str
    """Enough to repeat it: "tesseract 5.5.0 fra psm=7"."""
    characters: tuple[Character, ...] = ()
    flags: tuple[str, ...] = ()
    """Observations a person should know: `overwritten`, `crossed_out`, `outside_cells`, `repaired`."""
    alternatives: tuple[tuple[str, float], ...] = ()
    """Whole texts that may be written there, with their probabilities, best first; empty when a reader names none."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer, parsed to its canonical value."""

    value: Value
    text: str
    confidence: float | None
    reader: str


@dataclass(frozen=True, slots=True)
class FieldValue:
    """The answer for one field of a document, with its proof on paper."""

    name: str
    value: Value
    confidence: float | None
    decision: Decision
    page: int | None = None
    """Page of the document, 1-based; `None` when nothing was found."""
    box: Box | None = None
    """In millimetres on the upright page."""
    text: str = ""
    """The raw text as read, kept for good beside the parsed value."""
    reader: str = ""
    candidates: tuple[Candidate, ...] = ()
    characters: tuple[Character, ...] = ()
    flags: tuple[str, ...] = ()
    failed_rules: tuple[str, ...] = ()
    """Codes of rules this value does not satisfy, e.g. `iban.check_digits`, `totals.sum`."""
    raw_confidence: float | None = None
    """As the readers gave it, before calibration."""
    evidence: dict[str, float] = field(default_factory=dict)
    """What speaks for and against the value (`extraction.evidence`): enough to calibrate it anew. 0 is left out."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line item; amounts as decimal strings with a point, `None` where not printed."""

    description: str
    quantity: str | None
    unit_price: str | None
    line_total: str | None
    vat_rate: str | None


@dataclass(frozen=True, slots=True)
class VatShare:
    """One row of the VAT breakdown; decimal strings with a point."""

    rate: str
    base: str
    tax: str


@dataclass(frozen=True, slots=True)
class TypeMatch:
    """One possible type of a page or document."""

    document_type: DocumentType
    confidence: float
    """Calibrated probability 0..1."""
    reason: str = ""
    """Why, in words a supervisor can read: "indices : titre facture, TVA, total TTC"."""


@dataclass(frozen=True, slots=True)
class PageClues:
    """What a page's text says about where its document begins and ends; `None` = nothing of the kind is printed."""

    page_number: int | None = None
    """As printed: "page 2/3"."""
    page_count: int | None = None
    title: str | None = None
    """The kind of document its heading names: `facture`, `avoir`, `devis`, `commande`, `relance`, ..."""
    sender: str | None = None
    """Key of who sent it, comparable between pages: `siren:123456789`, `vat:DE123456789`, `iban:FR76...`, `name:...`.
    Never shown, never logged."""
    document_number: str | None = None
    """Number of the document as printed, without spaces, in capitals."""
    continues: bool = False
    """It says that it goes on from or to another page: "suite", "report", "à reporter"."""


@dataclass(frozen=True, slots=True)
class PageLook:
    """How a page looks, whatever its words are."""

    ink: float
    """Share of the page that is ink, 0..1."""
    rules: float
    """Level rules, their lengths together in widths of the page."""
    uprights: float
    """Upright rules, their lengths together in heights of the page."""
    cells: float
    """Walls of boxes for single characters, about how many."""
    pen: float
    """Share of the ink in joined strokes taller than print, 0..1."""
    picture: float
    """Share of the page printed all over, 0..1."""


@dataclass(frozen=True, slots=True)
class FormMatch:
    """A page recognised as one page of a known form."""

    form: str
    form_page: int
    """Page of the form, 1-based."""
    confidence: float
    to_page: tuple[float, ...]
    """Homography, 9 numbers row by row: millimetres on the blank form -> pixels of the upright page image."""
    error_mm: float
    """How far off the registration thinks it is, on paper."""


@dataclass(frozen=True, slots=True)
class Barcode:
    """A barcode found on a page."""

    text: str
    symbology: str
    """`code128`, `code39`, `qr`, `datamatrix`."""
    box: Box
    """In pixels of the upright page image."""


class Separator(StrEnum):
    """What a separator sheet asks for."""

    PATCH_T = "patch-t"
    """A new document begins after this sheet."""
    PATCH_2 = "patch-2"
    """A new document begins after this sheet, by local convention."""
    PATCH_3 = "patch-3"
    """A new document begins after this sheet, by local convention."""
    BARCODE = "barcode"
    """A sheet whose barcode says that a new document begins."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How fit a page image is to be read."""

    dpi: float
    sharpness: float
    """0..1; below 0.25 small print is lost."""
    contrast: float
    """0..1; distance between ink and paper over the full scale."""
    skew_left_deg: float
    """Skew that levelling left, degrees, anticlockwise positive."""
    rescan: bool
    """The page should be scanned again."""
    reason: str = ""
    bitonal: bool = False
    """Scanned in black and white: thin strokes may be lost."""


@dataclass(frozen=True, slots=True)
class PageReading:
    """All that was seen on one side, before anything is known of its neighbours. Made once, by the page-level job."""

    width: int
    """Of the upright page image, pixels."""
    height: int
    dpi: float
    rotated_deg: int
    """Clockwise turn that made the scan upright: 0, 90, 180 or 270."""
    skew_deg: float
    """Turn applied to level the page, anticlockwise positive."""
    blank: bool
    quality: Quality
    separator: Separator | None = None
    barcodes: tuple[Barcode, ...] = ()
    form: FormMatch | None = None
    zones: dict[str, Reading] = field(default_factory=dict)
    """Readings of the form's zones on this page, by field name; a checkbox group's key is `name=value`."""
    text: PageText | None = None
    """Full text, for pages that are not a form."""
    types: tuple[TypeMatch, ...] = ()
    """Ranked by confidence, best first."""
    repaired: bool = False
    """The file had to be repaired to be opened: a person must look."""
    clues: PageClues | None = None
    """What its text says about document boundaries; for pages that are not a form."""
    look: PageLook | None = None
    """How it looks; for pages that are not a form."""


SURE_OF_BOUNDARY = 0.95
"""Below this calibrated confidence a person looks whether a document begins and ends where it does."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """How sure it is that a document begins and ends where it does."""

    confidence: float
    """Calibrated probability 0..1 of the least sure of its decisions."""
    reason: str
    """That decision in words a supervisor can read: "page 1, autre émetteur"."""


@dataclass(frozen=True, slots=True)
class DocumentReading:
    """A document as the machine understood it."""

    pages: tuple[int, ...]
    """1-based pages in the source."""
    document_type: DocumentType
    form: str | None
    type_confidence: float
    reason: str
    boundaries: Boundaries | None = None
    """How sure its first and last page are; `None` when nobody had to divide."""
    fields: dict[str, FieldValue] = field(default_factory=dict)
    lines: tuple[InvoiceLine, ...] = ()
    vat_breakdown: tuple[VatShare, ...] = ()
