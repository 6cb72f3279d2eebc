"""Batches: what came in, its pages and documents, uploads, pages set aside and restored, sheets to scan again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from models.batch import Batch, BatchState, Document, Page, PageState
from models.errors import UnusableImage
from models.jobs import Job
from models.ports import UnitOfWork
from videocoding_ui.desk import Desk, UploadedFile, add_jobs
from videocoding_ui.gate import Form, NotFound, NotPossible, OnDesk, Operator, Person, text_of
from videocoding_ui.templating import page
from videocoding_ui.texts import batch_texts
from videocoding_ui.views import View, batch_view, document_view, page_view

router = APIRouter()

SHOWN = 50


@router.get("/lots")
def batches_page(request: Request, on: OnDesk, person: Operator, avant: int | None = None) -> Response:
    """The latest batches; upload."""
    return page(
        request,
        "batches.html",
        language=person.language,
        person=person,
        start={"texts": batch_texts(person.language), "max_bytes": on.settings.max_upload_bytes},
        error="",
        **_latest(on, person, before=avant),
    )


@router.get("/lots/fragment")
def batches_fragment(request: Request, on: OnDesk, person: Operator, avant: int | None = None) -> Response:
    """The list alone, fetched every few seconds."""
    return page(request, "_batches.html", language=person.language, person=person, **_latest(on, person, before=avant))


def _latest(on: Desk, person: Person, *, before: int | None) -> View:
    with on.reading() as uow:
        found = list(uow.batches.latest(SHOWN, before_number=before))
        views = [batch_view(uow, batch, person.language) for batch in found]
    return {"batches": views, "older": found[-1].number if len(found) == SHOWN else None}


@router.post("/lots")
async def upload(request: Request, on: OnDesk, person: Operator, form: Form) -> Response:
    """Take files in as one batch."""
    files = [each for each in form.getlist("files") if isinstance(each, UploadFile) and each.filename]
    wants_json = "application/json" in request.headers.get("accept", "")
    try:
        batch_id = await run_in_threadpool(_take_in, on, person, files, text_of(form, "name"))
    except UnusableImage as error:
        if wants_json:
            return JSONResponse({"title": str(error), "status": 422}, status_code=422)
        context = await run_in_threadpool(_latest, on, person, before=None)
        start = {"texts": batch_texts(person.language), "max_bytes": on.settings.max_upload_bytes}
        return page(
            request,
            "batches.html",
            language=person.language,
            person=person,
            status=422,
            start=start,
            error=str(error),
            **context,
        )
    target = f"/lots/{batch_id}"
    return JSONResponse({"batch": batch_id, "path": target}) if wants_json else RedirectResponse(target, 303)


def _take_in(on: Desk, person: Person, files: Sequence[UploadFile], name: str) -> str:
    if not files:
        raise UnusableImage(person.language("Choisissez au moins un fichier."))
    uploaded = [UploadedFile(each.filename or "", each.file) for each in files]
    shown_name = name or uploaded[0].shown_name
    return on.intake(uploaded, shown_name=shown_name, user_id=person.id)


@router.get("/lots/{batch_id}")
def batch_page(request: Request, on: OnDesk, person: Operator, batch_id: str) -> Response:
    """One batch: documents with their pages, problems first, and what is not in a document."""
    say = person.language
    with on.reading() as uow:
        batch = _batch(uow, batch_id)
        pages = list(uow.pages.of_batch(batch.id))
        documents = list(uow.documents.of_batch(batch.id))
        masters = [
            {
                "id": master.id,
                "name": master.shown_name,
                "size": say.number(master.size_bytes / 1024),
                "pages": master.pages,
                "code": master.code,
                "reason": master.reason,
                "repaired": master.repaired,
            }
            for master in uow.masters.of_batch(batch.id)
        ]
        groups = [_document_group(document, pages, say=person) for document in documents]
        context: View = {
            "batch": batch_view(uow, batch, say),
            "masters": masters,
            "groups": sorted(groups, key=lambda group: (not group["problem"], group["document"]["number"])),
            "set_aside": [page_view(each, say) for each in pages if each.state is PageState.SET_ASIDE],
            "rejected": [page_view(each, say) for each in pages if each.state is PageState.REJECTED],
            "waiting": [page_view(each, say) for each in pages if each.state in (PageState.WAITING, PageState.READ)],
        }
    start = {"texts": batch_texts(say)}
    return page(request, "batch.html", language=say, person=person, start=start, **context)


def _document_group(document: Document, pages: Sequence[Page], *, say: Person) -> View:
    own = sorted((each for each in pages if each.document_id == document.id), key=lambda each: each.document_position)
    view = document_view(document, say.language)
    return {
        "document": view,
        "pages": [page_view(each, say.language) for each in own],
        "problem": view["state"] in ("to_classify", "quarantined", "rejected") or any(each.rescan for each in own),
    }


@router.post("/lots/{batch_id}/pages/{page_id}/ecarter")
def set_aside(on: OnDesk, person: Operator, batch_id: str, page_id: str) -> Response:
    """Put a page aside: kept, listed, restorable. Its document is recognised again without it."""

    def work(uow: UnitOfWork, now: datetime) -> list[Job]:
        target = _page(uow, batch_id, page_id)
        home = uow.documents.get(target.document_id) if target.document_id else None
        others = [each for each in uow.pages.of_document(home.id) if each.id != target.id] if home else []
        if home is not None and not others:
            raise NotPossible("C'est la seule page du document : rejetez plutôt le document.")
        _journal(uow, "page_set_aside", target, person, now)
        target.set_aside("operator")
        return _again(uow, on, home, others)

    return _done(on, work, batch_id, page_id)


@router.post("/lots/{batch_id}/pages/{page_id}/retablir")
def restore(on: OnDesk, person: Operator, batch_id: str, page_id: str) -> Response:
    """Bring a page back as a document of its own, to be recognised."""

    def work(uow: UnitOfWork, now: datetime) -> list[Job]:
        target = _page(uow, batch_id, page_id)
        if target.state is not PageState.SET_ASIDE:
            raise NotPossible("Cette page n'est pas écartée.")
        batch = _batch(uow, batch_id)
        if batch.state in (BatchState.DONE, BatchState.IN_WORK):
            batch.reopen()
        position = max((each.position for each in uow.documents.of_batch(batch.id)), default=-1) + 1
        document = Document(batch_id=batch.id, position=position, formed_at=now)
        uow.documents.add(document)
        target.place(document.id, 0)
        _journal(uow, "page_restored", target, person, now)
        return add_jobs(uow, on.on_recognise(uow, document))

    return _done(on, work, batch_id, page_id)


def _again(uow: UnitOfWork, on: Desk, document: Document | None, pages: Sequence[Page]) -> list[Job]:
    if document is None:
        return []
    document.classify(document.document_type, document.form)
    for position, each in enumerate(pages):
        each.document_position = position
    return add_jobs(uow, on.on_recognise(uow, document))


def _done(on: Desk, work: Callable[[UnitOfWork, datetime], list[Job]], batch_id: str, page_id: str) -> Response:
    with on.uow() as uow:
        jobs = work(uow, on.clock.now())
        uow.commit()
    on.ring(jobs)
    return RedirectResponse(f"/lots/{batch_id}#page-{page_id}", status_code=303)


@router.get("/renumerisations")
def rescan_page(request: Request, on: OnDesk, person: Operator) -> Response:
    """Sheets to scan again, with what finds the paper."""
    with on.reading() as uow:
        rows = [
            {**page_view(each, person.language), "batch": uow.batches.get(each.batch_id).label}
            for each in uow.pages.to_rescan(200)
        ]
    return page(request, "rescan.html", language=person.language, person=person, rows=rows)


def _batch(uow: UnitOfWork, batch_id: str) -> Batch:
    try:
        return uow.batches.get(batch_id)
    except LookupError as error:
        raise NotFound("Ce lot n'existe pas.") from error


def _page(uow: UnitOfWork, batch_id: str, page_id: str) -> Page:
    try:
        found = uow.pages.get(page_id)
    except LookupError as error:
        raise NotFound("Cette page n'existe pas.") from error
    if found.batch_id != batch_id:
        raise NotFound("Cette page n'existe pas.")
    return found


def _journal(uow: UnitOfWork, event: str, target: Page, person: Person, now: datetime) -> None:
    uow.journal.append(
        event,
        at=now,
        subject=f"page:{target.id}",
        actor=person.id,
        batch_id=target.batch_id,
        document_id=target.document_id,
        position=target.position,
    )
