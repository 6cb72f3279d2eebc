"""`depli demo`: the samples through the real pipeline, embedded, then the web UI."""

from __future__ import annotations

import shutil
import time
import webbrowser
from pathlib import Path

import uvicorn
from rich.console import Console

from models.batch import BatchState, Document, DocumentState, FieldState
from models.jobs import JobState
from models.ports import UnitOfWork
from models.verification import Role, User
from pipeline.installation import Installation
from pipeline.intake import Incoming
from pipeline.logs import set_up_logs
from pipeline.reading import sources
from pipeline.settings import Settings
from videocoding_ui.passwords import hash_password

PASSWORD = "depli-demo-2026"  # noqa: S105  (printed on the screen, bound to loopback)
PEOPLE = {"operateur": Role.OPERATOR, "codeur": Role.CODER, "superviseur": Role.SUPERVISOR}
WENT = {
    DocumentState.TO_VERIFY: "-> vidéocodage",
    DocumentState.TO_CLASSIFY: "-> vidéocodage (type à dire)",
    DocumentState.VERIFIED: "-> en remise",
    DocumentState.RELEASED: "-> remis sans intervention",
    DocumentState.QUARANTINED: "-> quarantaine",
    DocumentState.REJECTED: "-> écarté",
    DocumentState.SEPARATED: "-> en lecture",
}


def run(samples: Path, *, home: Path, once: bool, out: Console) -> int:
    """Process, print one line a document, serve; 1 when a sample could not be processed."""
    set_up_logs_quietly()
    shutil.rmtree(home, ignore_errors=True)
    settings = Settings(home=home.resolve())
    installation = Installation(settings)
    try:
        _add_people(installation)
        files = list(sources([samples]))
        out.print(f"Dépli lit {len(files)} fichiers de {samples}/ ...")
        started = time.monotonic()
        for path in files:
            with path.open("rb") as stream:
                installation.intake.take([Incoming(path.name, stream)], shown_name=path.name, source="demo")
        installation.start_crew()
        _wait(installation)
        failed = _report(installation, out, time.monotonic() - started)
        if once:
            return failed
        address = f"http://{settings.host}:{settings.port}/"
        out.print(
            f"\nOuvrez {address} et entrez comme codeur / {PASSWORD} (ou superviseur, operateur : même mot de passe)."
        )
        out.print(
            "Le champ douteux est affiché sous son image : Entrée valide, F4 illisible, F9 vide, F2 page, F1 aide."
        )
        out.print(f"Les documents remis sont dans {installation.settings.outgoing}/ ; Ctrl+C arrête la démonstration.")
        webbrowser.open(address)
        uvicorn.run(installation.app(), host=settings.host, port=settings.port, log_level="warning", access_log=False)
        return failed
    finally:
        installation.stop()


def set_up_logs_quietly() -> None:
    """Only what needs a person, so that the lines of the documents stand out."""
    import logging

    import structlog

    set_up_logs()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _add_people(installation: Installation) -> None:
    hashed = hash_password(PASSWORD)
    with installation.uow() as uow:
        for name, role in PEOPLE.items():
            uow.users.add(User(name=name, password_hash=hashed, role=role, created_at=installation.clock.now()))
        uow.commit()


def _wait(installation: Installation) -> None:
    """Until every job has ended or rests for a later try."""
    while True:
        with installation.uow().reading() as uow:
            now = installation.clock.now()
            busy = uow.jobs.in_state(JobState.RUNNING) or uow.jobs.due(now=now, limit=1)
        if not busy:
            return
        time.sleep(0.3)


def _report(installation: Installation, out: Console, seconds: float) -> int:
    failed = pages = documents = 0
    with installation.uow().reading() as uow:
        for batch in sorted(uow.batches.latest(1000), key=lambda b: b.number):
            if batch.state is BatchState.REFUSED:
                failed = 1
                out.print(f"{batch.shown_name}: refusé, {batch.reason}", markup=False)
            pages += len(uow.pages.of_batch(batch.id))
            for document in uow.documents.of_batch(batch.id):
                documents += 1
                out.print(_line(uow, batch.shown_name, document), markup=False)
    out.print(f"\n{documents} documents, {pages} pages en {seconds:.0f} s.")
    return failed


def _line(uow: UnitOfWork, name: str, document: Document) -> str:
    pages = [page.number for page in uow.pages.of_document(document.id)]
    span = f"p. {pages[0]}" + (f"-{pages[-1]}" if len(pages) > 1 else "") if pages else ""
    fields = uow.fields.of_document(document.id)
    sure = sum(field.state is FieldState.ACCEPTED for field in fields)
    shown = [
        f"{field.name}={field.value} ({field.machine.confidence or 0:.2f})"
        for field in fields
        if field.value not in (None, False, []) and "iban" not in field.name
    ]
    kind = document.form or document.document_type.value
    return (
        f"{name} {span}  {kind} ({document.type_confidence or 0:.2f})  {sure}/{len(fields)} champs acceptés  "
        f"{WENT[document.state]}\n    {'  '.join(shown[:5])}"
    )
