"""Sign-in, sign-out, theme and language."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from models.errors import StaleVersion
from videocoding_ui.desk import Desk
from videocoding_ui.gate import Form, NotAllowed, OnDesk, SignedIn, check_token, language_of, signed_in, text_of
from videocoding_ui.language import SUPPORTED, Language
from videocoding_ui.passwords import is_locked, password_matches, record_failure
from videocoding_ui.templating import page

router = APIRouter()


@router.get("/connexion")
def sign_in_page(request: Request, on: OnDesk) -> Response:
    """The sign-in page."""
    if signed_in(request, on) is not None:
        return RedirectResponse(inner_path(request.query_params.get("suite", "/")), status_code=303)
    return _form(request, on, error="")


@router.post("/connexion")
async def sign_in(request: Request, on: OnDesk, form: Form) -> Response:
    """Check name and password; the same words for every reason, and a pause after too many failures."""
    try:
        await check_token(request, on, nonce=request.cookies.get(on.sessions.visit_cookie, ""))
    except NotAllowed:
        return _form(request, on, error=language_of(request, on)("La page a expiré : recommencez."), status=403)
    name, raw = text_of(form, "name"), form.get("password", "")
    password = raw if isinstance(raw, str) else ""
    cookie = await run_in_threadpool(_session_for, on, name, password)
    if cookie is None:
        language = language_of(request, on)
        words = language("Nom ou mot de passe inconnu, ou compte en pause après trop d'essais : réessayez plus tard.")
        return _form(request, on, error=words, name=name, status=401)
    response = RedirectResponse(inner_path(text_of(form, "suite")), status_code=303)
    response.set_cookie(
        on.sessions.cookie,
        cookie,
        max_age=int(on.settings.session_hours * 3600),
        httponly=True,
        secure=on.sessions.secure,
        samesite="strict",
        path="/",
    )
    response.delete_cookie(on.sessions.visit_cookie, path="/", secure=on.sessions.secure, httponly=True)
    return response


def _session_for(on: Desk, name: str, password: str) -> str | None:
    with on.reading() as uow:
        known = uow.users.by_name(name)
    # hashing takes a tenth of a second: never inside a transaction that keeps others waiting
    matches = password_matches(known, password)
    if known is None:
        return None
    now = on.clock.now()
    try:
        with on.uow() as uow:
            user = uow.users.get(known.id)
            unchanged = user.password_hash == known.password_hash
            right = matches and unchanged and user.active and not is_locked(user, now=now)
            if right:
                user.failed_sign_ins, user.locked_until = 0, None
            else:
                record_failure(user, now=now, lock_after=on.settings.lock_after)
            event = "user_signed_in" if right else "sign_in_failed"
            uow.journal.append(event, at=now, subject=f"user:{user.id}", actor=user.id)
            uow.commit()
            return on.sessions.issue(user) if right else None
    except StaleVersion:
        return None


@router.post("/deconnexion")
def sign_out(on: OnDesk, person: SignedIn) -> Response:
    """End every session of this person and give back what is on screen."""
    now = on.clock.now()
    with on.uow() as uow:
        uow.users.get(person.id).session_epoch += 1
        for document in uow.documents.waiting_for_keying(person.id, now=now, limit=200):
            document.release_reservation(person.id)
        uow.journal.append("user_signed_out", at=now, subject=f"user:{person.id}", actor=person.id)
        uow.commit()
    response = RedirectResponse("/connexion", status_code=303)
    response.delete_cookie(on.sessions.cookie, path="/", secure=on.sessions.secure, httponly=True)
    return response


@router.post("/moi/affichage")
def choose_look(on: OnDesk, person: SignedIn, form: Form) -> Response:
    """Theme and language of this browser."""
    response = RedirectResponse(inner_path(text_of(form, "suite")), status_code=303)
    theme, code = text_of(form, "theme"), text_of(form, "lang")
    year = 365 * 24 * 3600
    if theme in ("light", "dark", "system"):
        value = "" if theme == "system" else theme
        response.set_cookie(
            "depli_theme", value, max_age=year, secure=on.sessions.secure, samesite="strict", httponly=True
        )
    if code in SUPPORTED:
        response.set_cookie(
            "depli_lang", code, max_age=year, secure=on.sessions.secure, samesite="strict", httponly=True
        )
    return response


def inner_path(wanted: str) -> str:
    """A path of this site, `/` for anything that could lead elsewhere."""
    safe = wanted.startswith("/") and not wanted.startswith("//") and not set(wanted) & set("\\\r\n\t")
    return wanted if safe else "/"


def _form(request: Request, on: Desk, *, error: str, name: str = "", status: int = 200) -> Response:
    nonce = request.cookies.get(on.sessions.visit_cookie) or secrets.token_hex(16)
    language: Language = language_of(request, on)
    response = page(
        request,
        "sign_in.html",
        language=language,
        csrf=on.sessions.csrf_token(nonce),
        status=status,
        error=error,
        name=name,
        onward=inner_path(request.query_params.get("suite", "/")),
    )
    response.set_cookie(
        on.sessions.visit_cookie,
        nonce,
        max_age=3600,
        httponly=True,
        secure=on.sessions.secure,
        samesite="strict",
        path="/",
    )
    return response
