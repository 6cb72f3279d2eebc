"""What `depli read` prints."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from capture.sandbox import Sandbox
from extraction.invoices.suppliers import Suppliers
from models.reading import Decision, DocumentReading
from pipeline.engines import EngineSettings, templates
from pipeline.pool import ReadingPool
from pipeline.progress import progress_bar
from pipeline.reading import Rejected, as_json, read_sources, sources
from pipeline.recognition import shipped_policy

LABELS = {
    "supplier_invoice": "facture",
    "t_card": "carte T",
    "subscription_form": "abonnement",
    "sepa_mandate": "mandat SEPA",
    "other": "autre",
}


def one_line(source: str, document: DocumentReading) -> str:
    """A document for people: where it is, what it is, its first values, how many fields need a person."""
    values = [
        f"{name}={value.value}" for name, value in document.fields.items() if value.value not in (None, False, [])
    ]
    waiting = sum(value.decision is Decision.TO_VERIFY for value in document.fields.values())
    pages = f"p. {document.pages[0]}" + (f"-{document.pages[-1]}" if len(document.pages) > 1 else "")
    kind = document.form or LABELS[document.document_type.value]
    state = "tout accepté" if not waiting else f"{waiting}/{len(document.fields)} à vérifier"
    return f"{Path(source).name} {pages}  {kind} {document.type_confidence:.2f}  {state}  " + " ".join(values[:6])


def run_read(
    paths: Sequence[Path],
    *,
    json_lines: bool,
    template_folders: tuple[Path, ...],
    workers: int,
    residual_error: float,
    suppliers: Path | None = None,
    out: Console,
    err: Console,
) -> int:
    """Read and print; answers the exit code of the contract.

    Args:
        residual_error: share of the accepted values that may be wrong.
    """
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        err.print(f"depli read: {path} does not exist. Check the name.", style="red")
    known = Suppliers.from_csv(suppliers) if suppliers is not None else None
    files = list(sources([path for path in paths if path.exists()]))
    definitions = [template.definition for template in templates(template_folders)]
    rejected = len(missing)
    settings = EngineSettings(template_folders=template_folders)
    pool = ReadingPool(settings, processes=workers or len(os.sched_getaffinity(0)))
    try:
        with progress_bar(err) as bar:
            task = bar.add_task("pages", total=0)
            found = 0

            def on_found(pages: int) -> None:
                nonlocal found
                found += pages
                bar.update(task, total=found)

            for result in read_sources(
                files,
                pool=pool,
                sandbox=Sandbox(),
                definitions=definitions,
                today=datetime.now(UTC).date(),
                policy=shipped_policy(residual_error),
                suppliers=known,
                on_page=lambda: bar.advance(task),
                on_found=on_found,
            ):
                if isinstance(result, Rejected):
                    rejected += 1
                    err.print(f"depli read: {result.source}: {result.message}", style="red", markup=False)
                if json_lines:
                    print(json.dumps(as_json(result), ensure_ascii=False), flush=True)
                elif not isinstance(result, Rejected):
                    out.print(one_line(result.source, result.document), markup=False)
    finally:
        pool.close()
    return 1 if rejected else 0
