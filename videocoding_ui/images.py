"""Images, served by page or field id to people who may see them; never by their key in the store."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from models.batch import Document
from models.errors import Unavailable
from models.ports import UnitOfWork
from models.verification import Role
from videocoding_ui.desk import Desk
from videocoding_ui.gate import NotFound, OnDesk, Operator, Person, SignedIn
from videocoding_ui.protection import SANDBOX_CSP

router = APIRouter()

_KINDS = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
}
_RECENT = timedelta(hours=1)


@router.get("/images/pages/{page_id}")
def page_image(request: Request, on: OnDesk, person: SignedIn, page_id: str) -> Response:
    """The upright image of a page."""
    with on.reading() as uow:
        key = _page_key(uow, on, person, page_id, preview=False)
    return _image(request, on, key)


@router.get("/images/vignettes/{page_id}")
def page_preview(request: Request, on: OnDesk, person: Operator, page_id: str) -> Response:
    """The small picture of a page."""
    with on.reading() as uow:
        key = _page_key(uow, on, person, page_id, preview=True)
    return _image(request, on, key)


@router.get("/images/champs/{field_id}")
def field_snippet(request: Request, on: OnDesk, person: SignedIn, field_id: str) -> Response:
    """The cut-out image of a field."""
    with on.reading() as uow:
        try:
            field = uow.fields.get(field_id)
            document = uow.documents.get(field.document_id)
        except LookupError as error:
            raise NotFound("Ce champ n'existe pas.") from error
        _refuse_strangers(uow, on, person, document)
        key = field.snippet
    return _image(request, on, key)


@router.get("/originaux/{master_id}")
def original(on: OnDesk, person: Operator, master_id: str) -> Response:
    """The untouched file, only ever as an attachment in which nothing may run."""
    with on.reading() as uow:
        try:
            master = uow.masters.get(master_id)
        except LookupError as error:
            raise NotFound("Ce fichier n'existe pas.") from error
        key, suffix = master.image, master.kind or "bin"
    headers = {
        "content-disposition": f'attachment; filename="original-{master_id[:8]}.{suffix}"',
        "content-security-policy": SANDBOX_CSP,
        "cache-control": "private, no-store",
    }
    return Response(_bytes(on, key), media_type="application/octet-stream", headers=headers)


def _page_key(uow: UnitOfWork, on: Desk, person: Person, page_id: str, *, preview: bool) -> str | None:
    try:
        page = uow.pages.get(page_id)
    except LookupError as error:
        raise NotFound("Cette page n'existe pas.") from error
    if not person.may(Role.OPERATOR, Role.SUPERVISOR):
        if page.document_id is None:
            raise NotFound("Cette page n'existe pas.")
        _refuse_strangers(uow, on, person, uow.documents.get(page.document_id))
    return (page.preview or page.image) if preview else page.image


def _refuse_strangers(uow: UnitOfWork, on: Desk, person: Person, document: Document) -> None:
    """A coder sees the documents on his screen and those he has just answered, no others.

    Raises: NotFound, so that a foreign id and an unknown one look the same.
    """
    if person.may(Role.OPERATOR, Role.SUPERVISOR) or document.reserved_by == person.id:
        return
    since = on.clock.now() - _RECENT
    if any(each.document_id == document.id for each in uow.keyings.of_coder_since(person.id, since)):
        return
    raise NotFound("Ce document n'existe pas.")


def _bytes(on: Desk, key: str | None) -> bytes:
    if not key:
        raise NotFound("Cette image n'existe pas.")
    try:
        return on.images.load(key)
    except FileNotFoundError as error:
        raise Unavailable("L'image manque dans le magasin : prévenez un administrateur.") from error


def _image(request: Request, on: Desk, key: str | None) -> Response:
    if not key:
        raise NotFound("Cette image n'existe pas.")
    # keys are named by content, so a digest of the key is as good as one of the bytes, and does not give the key away
    etag = f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, max-age=0, must-revalidate", "vary": "cookie"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    content = _bytes(on, key)
    kind = next((kind for magic, kind in _KINDS.items() if content.startswith(magic)), None)
    if kind is None:
        raise NotFound("Cette image n'existe pas.")
    return Response(content, media_type=kind, headers=headers)
