"""Values with known truth from mailbags (`truth.jsonl` and its documents), to fit calibration and limits on."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from capture.sandbox import Sandbox
from capture.sources import SourceInfo
from extraction.calibration import HONEST, Seen
from models.definitions import DocumentType, FormDefinition, field_definition
from models.errors import Misconfigured
from models.promise import Thresholds, is_eligible
from models.reading import DocumentReading, PageReading
from pipeline.engines import EngineSettings, templates
from pipeline.page_tasks import PackedReading, packed, unpacked
from pipeline.pool import ReadingPool
from pipeline.reading import Read, ReadSource, Rejected, documents_of, read_pages
from pipeline.recognition import Policy
from pipeline.scoring import comparable

UNDECIDED = Policy(HONEST, Thresholds())
"""Readers believed, nothing passes: evidence does not depend on what is to be fitted on it."""
_LISTS = ("lines", "vat_breakdown")


def evidence_of(mailbag: Path, *, cache: Path | None = None) -> Iterator[Seen]:
    """Every value that the machine gives for the documents of a mailbag, with whether it is right; in any order.

    A field that the truth leaves out is not on the paper. A document taken for another kind gives nothing: the promise
    is about values of a known kind, and the kind has its own confidence, below which a person says it.

    Args:
        mailbag: folder with `truth.jsonl`, and `forms/` when it has forms of its own.
        cache: folder where page readings are kept, so that the mail is read once; remove it when a reader changed.
    Raises: Misconfigured when there is no truth.
    """
    listing = mailbag / "truth.jsonl"
    if not listing.is_file():
        raise Misconfigured(f"{mailbag} has no truth.jsonl: give the folder of a mailbag.")
    truth = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    folders = (mailbag / "forms",) if (mailbag / "forms").is_dir() else ()
    definitions = [template.definition for template in templates(folders)]
    by_path = {mailbag / str(each["file"]): (number, each) for number, each in enumerate(truth)}
    for source in _read(list(by_path), folders, cache):
        number, expected = by_path[source.path]
        found = [r for r in documents_of(source, definitions, today=_today(), policy=UNDECIDED) if isinstance(r, Read)]
        best = max(found, key=lambda read: len(read.document.fields), default=None)
        if best is not None and best.document.document_type == DocumentType(expected["document_type"]):
            yield from _seen(best.document, expected, definitions, document=f"{mailbag.name}/{number:06d}")


def _today() -> date:
    return datetime.now(UTC).date()


def _seen(
    reading: DocumentReading, expected: Mapping[str, Any], definitions: Sequence[FormDefinition], *, document: str
) -> Iterator[Seen]:
    definition = next((d for d in definitions if d.id == reading.form), None)
    for name, value in reading.fields.items():
        if name in _LISTS or value.raw_confidence is None or value.evidence.get("data"):
            continue
        right = comparable(name, expected["fields"].get(name)) == comparable(name, value.value)
        meaning = field_definition(name, zones=definition.zones_named(name) if definition else ())
        yield Seen(
            document,
            reading.document_type.value,
            name,
            meaning.value_type,
            value.evidence,
            right=right,
            eligible=is_eligible(value),
        )


def _read(paths: Sequence[Path], folders: tuple[Path, ...], cache: Path | None) -> Iterator[ReadSource]:
    """The pages of each source, from the cache where it has them."""
    missing = []
    for path in paths:
        kept = _cached(path, cache)
        if kept is None:
            missing.append(path)
        else:
            yield kept
    if not missing:
        return
    pool = ReadingPool(EngineSettings(template_folders=folders), processes=len(os.sched_getaffinity(0)))
    try:
        for source in read_pages(missing, pool=pool, sandbox=Sandbox()):
            if isinstance(source, Rejected) or not all(isinstance(page, PackedReading) for page in source.pages):
                continue
            _keep(source, cache)
            yield source
    finally:
        pool.close()


def _place(path: Path, cache: Path) -> Path:
    return cache / f"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.json.z"


def _cached(path: Path, cache: Path | None) -> ReadSource | None:
    if cache is None or not (place := _place(path, cache)).is_file():
        return None
    pages = msgspec.json.decode(zlib.decompress(place.read_bytes()), type=list[PageReading])
    return ReadSource(path, SourceInfo(kind="", pages=len(pages)), tuple(map(packed, pages)))


def _keep(source: ReadSource, cache: Path | None) -> None:
    if cache is None:
        return
    cache.mkdir(parents=True, exist_ok=True)
    pages = [unpacked(page) for page in source.pages if isinstance(page, PackedReading)]
    content = msgspec.json.encode(pages, enc_hook=lambda number: number.item())
    _place(source.path, cache).write_bytes(zlib.compress(content, 1))
