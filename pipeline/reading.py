"""`depli read`: files to readings with no server and no database, on all cores."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from capture.sandbox import RasterPage, Sandbox, SourceInfo
from capture.separation import separate
from extraction.invoices.suppliers import Suppliers
from models.definitions import FormDefinition
from models.errors import UnusableImage
from models.reading import DocumentReading, FieldValue
from pipeline.page_tasks import PackedReading, read_only, unpacked
from pipeline.pool import ReadingPool
from pipeline.recognition import Policy, understand

PAGES_A_CHILD = 8


@dataclass(frozen=True, slots=True)
class Rejected:
    """A source, or a page of it, that could not be read."""

    source: str
    code: str
    message: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A document of a source."""

    source: str
    document: DocumentReading


def sources(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those in the folders named, in order of name; hidden files are left out."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            yield path


def read_sources(
    paths: Sequence[Path],
    *,
    pool: ReadingPool,
    sandbox: Sandbox,
    definitions: Sequence[FormDefinition],
    today: date,
    policy: Policy | None = None,
    suppliers: Suppliers | None = None,
    on_page: Callable[[], None] = lambda: None,
    on_found: Callable[[int], None] = lambda pages: None,
) -> Iterator[Read | Rejected]:
    """Read every source; documents come in the order of the sources, as soon as a source is complete.

    Args:
        policy: what passes unseen; what comes with the product when `None`.
        suppliers: the master file, when there is one.
        on_found: told the number of pages of each source as it is opened. on_page: told after each page.
    """
    for found in read_pages(paths, pool=pool, sandbox=sandbox, on_page=on_page, on_found=on_found):
        if isinstance(found, Rejected):
            yield found
        else:
            yield from documents_of(found, definitions, today=today, policy=policy, suppliers=suppliers)


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source with all its pages read, before documents are made of them."""

    path: Path
    info: SourceInfo
    pages: tuple[PackedReading | UnusableImage, ...]


def read_pages(
    paths: Sequence[Path],
    *,
    pool: ReadingPool,
    sandbox: Sandbox,
    on_page: Callable[[], None] = lambda: None,
    on_found: Callable[[int], None] = lambda pages: None,
) -> Iterator[ReadSource | Rejected]:
    """Read the pages of every source, in the order of the sources, each as soon as it is complete."""
    opened: deque[tuple[Path, SourceInfo | Rejected]] = deque()

    def calls(folder: Path) -> Iterator[tuple[RasterPage | UnusableImage]]:
        for source in _sources_in(paths, sandbox, folder):
            opened.append((source.shown, source.outcome))
            if isinstance(source.outcome, SourceInfo):
                on_found(source.outcome.pages)
                yield from ((raster,) for raster in source.first)
                yield from ((raster,) for raster in _rasters(source, source.outcome.pages, sandbox, folder))

    pages: list[PackedReading | UnusableImage] = []
    with tempfile.TemporaryDirectory(prefix="depli-") as folder:
        for page in pool.map_ordered(read_only, calls(Path(folder))):
            on_page()
            pages.append(page)
            while opened:
                path, info = opened[0]
                if isinstance(info, SourceInfo) and len(pages) < info.pages:
                    break
                opened.popleft()
                if isinstance(info, Rejected):
                    yield info
                    continue
                own, pages = tuple(pages[: info.pages]), pages[info.pages :]
                yield ReadSource(path, info, own)
    yield from (outcome for _, outcome in opened if isinstance(outcome, Rejected))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A source, or why it cannot be read."""

    shown: Path
    file: Path
    outcome: SourceInfo | Rejected
    first: Sequence[RasterPage] = ()
    """Pictures of its first pages, when they came with the opening."""


def _rasters(source: _Opened, pages: int, sandbox: Sandbox, folder: Path) -> Iterator[RasterPage | UnusableImage]:
    """Pictures of the other pages, a few at a time; where a child dies on several pages, each is tried alone."""
    for first in range(len(source.first) + 1, pages + 1, PAGES_A_CHILD):
        numbers = range(first, min(pages, first + PAGES_A_CHILD - 1) + 1)
        place = Path(tempfile.mkdtemp(dir=folder))
        try:
            yield from sandbox.raster(source.file, numbers, out=place)
        except UnusableImage:
            for number in numbers:
                try:
                    yield from sandbox.raster(source.file, [number], out=place)
                except UnusableImage as error:
                    yield error


def _sources_in(paths: Sequence[Path], sandbox: Sandbox, folder: Path) -> Iterator[_Opened]:
    """Each source, those inside archives too."""
    for path in paths:
        source = _open(path, path, sandbox, folder)
        if isinstance(source.outcome, Rejected) or source.outcome.kind != "zip":
            yield source
            continue
        try:
            members = sandbox.expand(path)
        except UnusableImage as error:
            yield _Opened(path, path, Rejected(str(path), error.code, str(error)))
            continue
        for member in members:
            shown = path / member.shown_name
            inner = _open(shown, member.file, sandbox, folder)
            if isinstance(inner.outcome, SourceInfo) and inner.outcome.kind == "zip":
                rejected = Rejected(str(shown), "archive_unsafe", "an archive in an archive is not opened")
                inner = replace(inner, outcome=rejected)
            yield inner


def _open(shown: Path, file: Path, sandbox: Sandbox, folder: Path) -> _Opened:
    try:
        try:
            info, first = sandbox.open(file, most=PAGES_A_CHILD, out=Path(tempfile.mkdtemp(dir=folder)))
        except UnusableImage:
            # perhaps one page alone is at fault
            info, first = sandbox.inspect(file), []
    except UnusableImage as error:
        return _Opened(shown, file, Rejected(str(shown), error.code, str(error)))
    except OSError as error:
        message = f"{shown}: {error.strerror}. Check the name and the rights."
        return _Opened(shown, file, Rejected(str(shown), "no_page", message))
    return _Opened(shown, file, info, first)


def documents_of(
    source: ReadSource,
    definitions: Sequence[FormDefinition],
    *,
    today: date,
    policy: Policy | None = None,
    suppliers: Suppliers | None = None,
) -> Iterator[Read | Rejected]:
    """The documents of a source whose pages are read, and its pages that could not be."""
    path, info, pages = source.path, source.info, source.pages
    numbers = [number for number, page in enumerate(pages, start=1) if isinstance(page, PackedReading)]
    for number, page in enumerate(pages, start=1):
        if isinstance(page, UnusableImage):
            yield Rejected(str(path), page.code, str(page), number)
    readings = [page for page in pages if isinstance(page, PackedReading)]
    unread = set(range(1, len(pages) + 1)).difference(numbers)
    form_pages = {definition.id: definition.pages for definition in definitions}
    for found in separate([page.outline for page in readings], form_pages=form_pages).documents:
        own = [numbers[position - 1] for position in found.pages]
        document = understand(
            [unpacked(readings[position - 1]) for position in found.pages],
            own,
            definitions,
            today=today,
            e_invoice=info.attachments[0].content if info.attachments and len(own) == info.pages else None,
            repaired=info.repaired,
            boundaries=found.boundaries,
            incomplete=any(number + step in unread for number in own for step in (-1, 1)),
            policy=policy,
            suppliers=suppliers,
        )
        yield Read(str(path), document)


def as_json(result: Read | Rejected) -> dict[str, Any]:
    """One line of `depli read --json`."""
    if isinstance(result, Rejected):
        line: dict[str, Any] = {"source": result.source, "error": result.code, "message": result.message}
        return line if result.page is None else {**line, "page": result.page}
    document = result.document
    return {
        "source": result.source,
        "pages": list(document.pages),
        "document_type": document.document_type.value,
        "form": document.form,
        "type_confidence": round(document.type_confidence, 4),
        "type_reason": document.reason,
        **(
            {
                "boundary_confidence": round(document.boundaries.confidence, 4),
                "boundary_reason": document.boundaries.reason,
            }
            if document.boundaries
            else {}
        ),
        "fields": {name: _field_as_json(value) for name, value in document.fields.items()},
        "lines": [asdict(line) for line in document.lines],
        "vat_breakdown": [asdict(share) for share in document.vat_breakdown],
    }


def _field_as_json(value: FieldValue) -> dict[str, Any]:
    box = value.box
    return {
        "value": value.value,
        "confidence": None if value.confidence is None else round(value.confidence, 4),
        "decision": value.decision.value,
        "page": value.page,
        "box": [round(n, 1) for n in (box.x, box.y, box.width, box.height)] if box else None,
        "text": value.text,
        "reader": value.reader,
        **({"flags": list(value.flags)} if value.flags else {}),
        **({"failed_rules": list(value.failed_rules)} if value.failed_rules else {}),
    }
