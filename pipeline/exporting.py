"""From the record to the destinations: which exporters are in use, and what of a document they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from exporters.accounting import accounting_exporter
from exporters.chorus import ChorusSettings, chorus_exporter
from exporters.contracts import Exporter
from exporters.ged import ged_exporter
from exporters.registers import mandates_exporter, meter_readings_exporter
from models.batch import Document, Field, FieldState, Master, Page
from models.errors import Misconfigured
from models.handover import ReleasedDocument, ReleasedField, ReleasedMaster, ReleasedPage
from models.ports import ImageStore, UnitOfWork
from models.reading import PageReading
from models.text import PageText, TextLine, Word
from pipeline.settings import Settings


class Exporters:
    """The destinations in use, by name."""

    def __init__(self, every: Mapping[str, Exporter]) -> None:
        self._every = dict(every)

    def named(self, name: str) -> Exporter:
        """One destination.

        Raises: Misconfigured when it is not in use (any more).
        """
        if name not in self._every:
            raise Misconfigured(f"La destination {name} n'est pas en service : vérifiez DEPLI_DESTINATIONS.")
        return self._every[name]

    def destinations_of(self, document: Document) -> list[str]:
        """Names of the destinations that take this kind of document."""
        return [name for name, exporter in self._every.items() if exporter.accepts(document.document_type)]


def exporters_of(
    settings: Settings, *, now: Callable[[], datetime], already_sent: Callable[[str, str, int], bool]
) -> Exporters:
    """The destinations that the settings name. All adapters are listed here, built-in ones like a customer's.

    Raises: Misconfigured for a name no adapter has.
    """
    accounting = settings.accounting_folder or settings.outgoing / "comptabilite"
    chorus = settings.chorus_folder or settings.outgoing / "chorus"
    adapters: dict[str, Callable[[], Exporter]] = {
        "ged": lambda: ged_exporter(settings.ged_url or _made(settings.outgoing / "ged"), now=now),
        "accounting": lambda: accounting_exporter(_made(accounting / "ecritures"), now=now),
        "meter_readings": lambda: meter_readings_exporter(_made(accounting / "releves"), now=now),
        "mandates": lambda: mandates_exporter(_made(accounting / "mandats"), now=now),
        "chorus": lambda: chorus_exporter(
            _made(chorus),
            now=now,
            already_sent=already_sent,
            settings=ChorusSettings(buyer_siret=settings.chorus_buyer_siret, buyer_name=settings.chorus_buyer_name),
        ),
    }
    unknown = [name for name in settings.destinations if name not in adapters]
    if unknown:
        raise Misconfigured(f"DEPLI_DESTINATIONS: unknown {', '.join(unknown)}; choose among {', '.join(adapters)}.")
    return Exporters({name: adapters[name]() for name in settings.destinations})


def _made(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def released_document(uow: UnitOfWork, document_id: str, *, images: ImageStore) -> ReleasedDocument:
    """A verified document as exporters see it; pictures and masters are loaded only when asked for."""
    document = uow.documents.get(document_id)
    batch = uow.batches.get(document.batch_id)
    pages = list(uow.pages.of_document(document_id))
    readings = uow.readings.of_pages([page.id for page in pages])
    coders = {keying.field_id: keying.coder_id for keying in uow.keyings.of_document(document_id) if not keying.stale}
    masters = {master.id: master for master in uow.masters.of_batch(batch.id)}
    pages_of_batch = uow.pages.of_batch(batch.id)
    engines = next((readings[page.id].engines for page in pages if page.id in readings), "")
    return ReleasedDocument(
        id=document.id,
        batch_id=batch.id,
        batch_label=batch.label,
        position=document.position,
        document_type=document.document_type,
        form=document.form,
        received_at=batch.received_at,
        verified_at=document.verified_at or document.formed_at,
        fields={field.name: _field(field, coders) for field in uow.fields.of_document(document_id)},
        pages=tuple(
            _page(number, page, readings[page.id].content if page.id in readings else None, images)
            for number, page in enumerate(pages, start=1)
        ),
        masters=_masters(pages, masters, pages_of_batch, images),
        lines=document.lines,
        vat_breakdown=document.vat_breakdown,
        straight_through=document.straight_through,
        engines=engines,
    )


def _field(field: Field, coders: Mapping[str, str]) -> ReleasedField:
    return ReleasedField(
        name=field.name,
        label=field.label,
        value_type=field.value_type,
        value=field.value,
        verified_by="machine" if field.state is FieldState.ACCEPTED else coders.get(field.id, ""),
        confidence=field.machine.confidence,
        illegible=field.state is FieldState.ILLEGIBLE,
        forced=field.forced,
        page=field.machine.page,
        text=field.machine.text,
    )


def _page(number: int, page: Page, reading: PageReading | None, images: ImageStore) -> ReleasedPage:
    return ReleasedPage(
        number=number,
        image=partial(images.load, page.image or ""),
        dpi=reading.dpi if reading else 200.0,
        text=_words_of(reading) if reading else None,
        endorsement=page.endorsement,
    )


def _words_of(reading: PageReading) -> PageText | None:
    """The full text where there is one; on a form, what its zones say, so that it can be searched too."""
    if reading.text is not None:
        return reading.text
    lines = [
        TextLine(zone.text, zone.zone, zone.confidence or 0.0, (Word(zone.text, zone.zone, zone.confidence or 0.0),))
        for name, zone in reading.zones.items()
        if "=" not in name and zone.text.strip()
    ]
    return PageText(tuple(lines), reading.width, reading.height, reading.dpi, "ocr") if lines else None


def _masters(
    pages: Sequence[Page], masters: Mapping[str, Master], of_batch: Sequence[Page], images: ImageStore
) -> tuple[ReleasedMaster, ...]:
    found = []
    for master_id in dict.fromkeys(page.master_id for page in pages):
        master = masters[master_id]
        own = tuple(page.number for page in pages if page.master_id == master_id)
        document_id = pages[0].document_id
        others = any(page.master_id == master_id and page.document_id not in (None, document_id) for page in of_batch)
        found.append(
            ReleasedMaster(
                sha256=master.sha256,
                size_bytes=master.size_bytes,
                kind=master.kind,
                content=partial(images.load, master.image),
                pages=own,
                whole=not others,
            )
        )
    return tuple(found)
