"""How one page is read and one document is understood: the same composition for `depli read` and for the jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from capture.cleaning import CleanedPage, clean
from capture.sandbox import RasterPage
from classifiers.forms import match_form
from classifiers.look import page_look
from classifiers.page_types import document_types, page_clues, page_types
from extraction.acceptance import decide, shipped_thresholds
from extraction.calibration import Calibration, calibrated, shipped_calibration
from extraction.evidence import with_evidence
from extraction.form_fields import form_fields
from extraction.invoices import InvoiceReading, extract_invoice, read_structured
from extraction.invoices.suppliers import Suppliers, identified
from extraction.registration import refine
from extraction.zones import ZoneReaders, read_zones
from models.definitions import DocumentType, FormDefinition, ZoneKind, field_definition
from models.errors import CaptureError, Unreadable
from models.image import GrayImage
from models.promise import Thresholds
from models.reading import (
    SURE_OF_BOUNDARY,
    Boundaries,
    Decision,
    DocumentReading,
    FieldValue,
    PageReading,
    TypeMatch,
)
from models.rules import Window, apply_rules, with_failures
from models.text import PageText
from pipeline.engines import Engines
from pipeline.structured_data import merged

SURE_OF_TYPE = 0.9
"""Below this calibrated confidence a person says what the document is."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadPage:
    """A page read, with the upright picture it was read from."""

    reading: PageReading
    image: GrayImage


@dataclass(frozen=True, slots=True)
class Hint:
    """What a person said of a page's document; empty = nothing."""

    form: str | None = None
    no_form: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How confidences are calibrated and from which on a value passes unseen."""

    calibration: Calibration
    thresholds: Thresholds


def shipped_policy(error: float = 0.005) -> Policy:
    """What comes with the product, for a residual error."""
    return Policy(shipped_calibration(), shipped_thresholds(error))


def read_page(raster: RasterPage, engines: Engines) -> ReadPage:
    """Clean one page as it came out of the sandbox and read all that is on it; each pixel is decoded once."""
    cleaned = clean(raster.load(), dpi=raster.dpi)
    reading = as_reading(cleaned, repaired=raster.repaired)
    if cleaned.blank or cleaned.separator is not None:
        return ReadPage(reading, cleaned.image)
    untouched = cleaned.rotated_deg == 0 and raster.text is not None
    return ReadPage(
        read_content(cleaned.image, reading, engines, text=raster.text if untouched else None), cleaned.image
    )


def as_reading(cleaned: CleanedPage, *, repaired: bool) -> PageReading:
    """What cleaning found, before anything is read."""
    height, width = cleaned.image.shape
    return PageReading(
        width=width,
        height=height,
        dpi=cleaned.dpi,
        rotated_deg=cleaned.rotated_deg,
        skew_deg=cleaned.skew_deg,
        blank=cleaned.blank,
        quality=cleaned.quality,
        separator=cleaned.separator,
        barcodes=cleaned.barcodes,
        repaired=repaired,
    )


def read_content(
    image: GrayImage, reading: PageReading, engines: Engines, *, text: PageText | None = None, hint: Hint | None = None
) -> PageReading:
    """Read an upright page: its zones when it is a known form, its whole text otherwise.

    Args:
        image: the upright page. reading: what cleaning found. text: a good text layer, read instead of the picture.
        hint: what a person said; replaces the classifier's opinion.
    """
    hint = hint or Hint()
    if not hint.no_form:
        as_form = _read_form(image, reading, engines, only=hint.form)
        if as_form is not None:
            return as_form
    page_text = text if text is not None else engines.printed.read_page(image, reading.dpi)
    look = page_look(image, dpi=reading.dpi)
    return replace(
        reading,
        form=None,
        zones={},
        text=page_text,
        types=page_types(page_text, look),
        clues=page_clues(page_text),
        look=look,
    )


def _read_form(image: GrayImage, reading: PageReading, engines: Engines, *, only: str | None) -> PageReading | None:
    templates = tuple(t for t in engines.templates if only in (None, t.id))
    match = match_form(image, dpi=reading.dpi, templates=templates) if templates else None
    if match is None:
        return None
    template = next(t for t in templates if t.id == match.form)
    try:
        match, placed = refine(image, template, match)
    except Unreadable:
        return None
    readers = ZoneReaders(glyphs=engines.glyphs, printed=engines.printed, written=engines.lines, second=engines.second)
    zones = read_zones(
        image,
        dpi=reading.dpi,
        template=template,
        number=match.form_page,
        placed=placed,
        readers=readers,
        barcodes=reading.barcodes,
    )
    return replace(reading, form=match, zones=zones, text=None, types=(), clues=None)


def understand(
    readings: Sequence[PageReading],
    numbers: Sequence[int],
    definitions: Sequence[FormDefinition],
    *,
    today: date,
    said: tuple[DocumentType, str | None] | None = None,
    e_invoice: bytes | None = None,
    repaired: bool = False,
    incomplete: bool = False,
    boundaries: Boundaries | None = None,
    policy: Policy | None = None,
    suppliers: Suppliers | None = None,
) -> DocumentReading:
    """A document from its pages: type, fields, decisions. Pure: pictures are not looked at again.

    Args:
        readings: its pages in order. numbers: their 1-based numbers in the source. definitions: the known forms.
        today: the day the mail came in.
        said: type and form a person gave.
        e_invoice: XML that the file carried, checked to be harmless.
        repaired: the file had to be mended to be opened.
        incomplete: a page beside it could not be read and may belong to it.
        boundaries: how sure its first and last page are; `None` when nobody had to divide.
        policy: of the installation; what comes with the product when `None`.
        suppliers: the master file of the installation, when there is one.
    """
    repaired = repaired or any(reading.repaired for reading in readings)
    form = said[1] if said else _form_of(readings)
    definition = next((d for d in definitions if d.id == form), None)
    if definition is not None:
        document = _understand_form(readings, numbers, definition, today=today)
    else:
        kind = said[0] if said else None
        document = _understand_text(readings, numbers, today=today, said=kind, e_invoice=e_invoice)
        if document.fields:
            document = replace(document, fields=identified(document.fields, suppliers))
    if said:
        document = replace(document, document_type=said[0], type_confidence=1.0, reason="type donné par une personne")
    document = replace(document, boundaries=boundaries)
    document = _judged(document, readings, policy or shipped_policy(), definition, today=today)
    if repaired or incomplete:
        return _to_a_person(document, flag="repaired" if repaired else "page_missing")
    if boundaries is not None and boundaries.confidence < SURE_OF_BOUNDARY and not said:
        return _to_a_person(document, flag="unsure_boundary")
    return document if document.type_confidence >= SURE_OF_TYPE else _to_a_person(document, flag="unsure_type")


def _form_of(readings: Sequence[PageReading]) -> str | None:
    matches = [reading.form for reading in readings if reading.form is not None]
    return max(matches, key=lambda match: match.confidence).form if matches else None


def _understand_form(
    readings: Sequence[PageReading], numbers: Sequence[int], definition: FormDefinition, *, today: date
) -> DocumentReading:
    pages = {
        position: reading
        for position, reading in enumerate(readings, start=1)
        if reading.form and reading.form.form == definition.id
    }
    confidence = max((reading.form.confidence for reading in pages.values() if reading.form), default=0.0)
    fields = form_fields(pages, definition, today=today)
    return DocumentReading(
        pages=tuple(numbers),
        document_type=definition.document_type,
        form=definition.id,
        type_confidence=confidence,
        reason=f"formulaire {definition.id}",
        fields=fields,
    )


def _understand_text(
    readings: Sequence[PageReading],
    numbers: Sequence[int],
    *,
    today: date,
    said: DocumentType | None,
    e_invoice: bytes | None,
) -> DocumentReading:
    best = _type_of(readings)
    data = _data_of(e_invoice)
    if data is not None:
        best = TypeMatch(DocumentType.SUPPLIER_INVOICE, 0.999, "facture électronique jointe")
    kind = said or best.document_type
    texts = [reading.text for reading in readings if reading.text is not None]
    if kind is not DocumentType.SUPPLIER_INVOICE:
        return DocumentReading(tuple(numbers), kind, None, best.confidence, best.reason)
    invoice = extract_invoice(texts, today=today)
    fields, lines, shares = invoice.fields, invoice.lines, invoice.vat_breakdown
    if data is not None:
        fields = merged(fields, data.fields)
        lines, shares = data.lines or lines, data.vat_breakdown or shares
    return DocumentReading(
        pages=tuple(numbers),
        document_type=kind,
        form=None,
        type_confidence=best.confidence,
        reason=best.reason,
        fields=fields,
        lines=lines,
        vat_breakdown=shares,
    )


def _data_of(e_invoice: bytes | None) -> InvoiceReading | None:
    """The data of an e-invoice; another XML that travels in a PDF (order, metadata) is no invoice and is left alone."""
    if e_invoice is None:
        return None
    try:
        return read_structured(e_invoice)
    except CaptureError:
        return None


def _type_of(readings: Sequence[PageReading]) -> TypeMatch:
    """What the pages say together; of a single page it was asked when it was read."""
    told = [reading for reading in readings if reading.types and reading.text is not None]
    if not told:
        return TypeMatch(DocumentType.OTHER, 0.5, "aucun texte")
    if len(told) == 1:
        return told[0].types[0]
    return document_types([(reading.text, reading.look) for reading in told if reading.text is not None])[0]


def _judged(
    document: DocumentReading,
    readings: Sequence[PageReading],
    policy: Policy,
    definition: FormDefinition | None,
    *,
    today: date,
) -> DocumentReading:
    """The rules across fields applied, the confidences calibrated, then each field decided."""
    if definition is not None:
        document = replace(document, fields=_suspicious_if_empty(document.fields, definition))
    results = apply_rules(
        {name: value.value for name, value in document.fields.items()},
        vat_breakdown=document.vat_breakdown,
        lines=document.lines,
        document_type=document.document_type,
        window=Window(received=today),
    )
    fields = with_failures(document.fields, results)
    fields = with_evidence(fields, readings, results, type_confidence=document.type_confidence)
    decided = {}
    for name, value in fields.items():
        meaning = field_definition(name, zones=definition.zones_named(name) if definition else ())
        sure = calibrated(
            value, policy.calibration, document_type=document.document_type, value_type=meaning.value_type
        )
        decision = decide(sure, policy.thresholds, document_type=document.document_type)
        decided[name] = replace(sure, decision=decision)
    return replace(document, fields=decided)


_WRITTEN = (ZoneKind.COMB, ZoneKind.LINE, ZoneKind.CHECKBOX, ZoneKind.SIGNATURE)


def _suspicious_if_empty(fields: Mapping[str, FieldValue], definition: FormDefinition) -> dict[str, FieldValue]:
    """Where the scanner lost a faint pencil or a colour, what is empty may be what was lost.

    A form without a tick, on which nothing legible is written where something must be, was hardly sent for that; what
    it left of other fields may be read as anything. On one whose writing is mostly illegible a tick may be gone.
    """
    by_hand = {zone.name for zone in definition.zones if zone.kind in _WRITTEN}.intersection(fields)
    telling = {z.name for z in definition.zones if z.name in by_hand and (z.required or z.kind is ZoneKind.CHECKBOX)}
    empty = {name for name in by_hand if fields[name].value in (None, "", [], False)}
    illegible = {name for name in by_hand if (fields[name].confidence or 0.0) < _ILLEGIBLE}
    if empty | illegible >= (telling or by_hand):
        return _flagged(fields, by_hand, "nothing_written")
    letters = {zone.name for zone in definition.zones if zone.kind in (ZoneKind.COMB, ZoneKind.LINE)} & by_hand
    illegible &= letters
    legible = letters - empty - illegible
    return _flagged(fields, empty, "faint") if len(illegible) > max(2, len(legible)) else dict(fields)


_ILLEGIBLE = 0.5


def _flagged(fields: Mapping[str, FieldValue], names: Collection[str], flag: str) -> dict[str, FieldValue]:
    return {n: replace(value, flags=(*value.flags, flag)) if n in names else value for n, value in fields.items()}


def _to_a_person(document: DocumentReading, *, flag: str) -> DocumentReading:
    waiting = {name: replace(value, decision=Decision.TO_VERIFY) for name, value in document.fields.items()}
    fields = _flagged(waiting, waiting, flag)
    return replace(document, fields=fields, type_confidence=min(document.type_confidence, SURE_OF_TYPE - 0.01))
