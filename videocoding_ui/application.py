"""Builds the web application from what it is given; a test builds it with its own record, images and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from models.definitions import FormDefinition
from models.errors import CaptureError, Route, StaleVersion, Unavailable, WrongState
from models.ports import Clock, ImageStore, UnitOfWork
from videocoding_ui import api, batches, coder, home, people, promise, sign_in, supervision, tracing
from videocoding_ui import images as pictures
from videocoding_ui.desk import Desk, Follows, FollowsRelease, Health, Intake, Limits, Ring
from videocoding_ui.gate import NotAllowed, NotFound, NotPossible, NotSignedIn, language_of, sign_in_path, signed_in
from videocoding_ui.language import N_, Languages
from videocoding_ui.protection import Protection
from videocoding_ui.sessions import Sessions
from videocoding_ui.settings import UiSettings
from videocoding_ui.templating import page

STATIC = Path(__file__).parent / "static"


def create_app(
    *,
    uow: Callable[[], UnitOfWork],
    images: ImageStore,
    clock: Clock,
    intake: Intake,
    ring: Ring,
    settings: UiSettings,
    health: Health,
    on_verified: Follows,
    on_recognise: Follows,
    on_retry: FollowsRelease,
    forms: Mapping[str, FormDefinition],
    limits: Limits,
) -> FastAPI:
    """The web application.

    Args:
        uow: opens a new unit of work; called once or more a request, from several threads.
        intake: takes uploaded files in as one batch.
        ring: rings the doorbell of the queue; called after the commit, with the jobs that were added.
        health: answers at least `{"ok": bool}`; no secrets in it.
        on_verified: adds the releases of a verified document and answers their jobs, which are added in the same
            transaction. Called again for a document that a coder took back: releases still planned are used again.
        on_recognise: answers the job that recognises a document (again), after a person classified or formed it.
        on_retry: answers the job that tries a release again.
        limits: the limits of acceptance in force, from the version that the record holds.
        forms: by id; their zones give the choices of checkbox groups. May be a live mapping.
    """
    # API pages of the framework load scripts from elsewhere; they stay off
    app = FastAPI(title="Depli", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(
        uow=uow,
        images=images,
        clock=clock,
        intake=intake,
        ring=ring,
        settings=settings,
        health=health,
        forms=forms,
        limits=limits,
        on_verified=on_verified,
        on_recognise=on_recognise,
        on_retry=on_retry,
        sessions=Sessions(
            secret_key=settings.secret_key, hours=settings.session_hours, secure=settings.secure_cookies, clock=clock
        ),
        languages=Languages(timezone=settings.timezone),
    )
    app.add_middleware(
        Protection,
        max_upload_bytes=settings.max_upload_bytes,
        slow_body_s=settings.slow_body_s,
    )
    for part in (sign_in, home, coder, batches, tracing, supervision, promise, people, pictures, api):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _handle_errors(app)
    return app


_STATUS = {Route.RETRY: 503, Route.RESCAN: 422, Route.KEYING: 422, Route.HALT: 409}


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(NotSignedIn)
    def _(request: Request, _error: Exception) -> Response:
        if _wants_json(request):
            return problem(401, N_("Vous n'êtes plus connecté."))
        return RedirectResponse(sign_in_path(request), status_code=303)

    @app.exception_handler(NotAllowed)
    def _(request: Request, error: Exception) -> Response:
        return refusal(request, 403, str(error))

    @app.exception_handler(NotFound)
    def _(request: Request, error: Exception) -> Response:
        return refusal(request, 404, str(error))

    @app.exception_handler(StaleVersion)
    def _(request: Request, _error: Exception) -> Response:
        return refusal(request, 409, N_("Quelqu'un d'autre l'a changé entre-temps : rechargez la page et comparez."))

    @app.exception_handler(CaptureError)
    def _(request: Request, error: Exception) -> Response:
        title = str(error)
        if isinstance(error, WrongState) and not isinstance(error, NotPossible):
            # the models speak to logs; a person is told what to do
            title = N_("Ce n'est plus possible dans l'état actuel : rechargez la page et regardez la trace.")
        return refusal(request, _STATUS[cast(CaptureError, error).route], title)

    @app.exception_handler(HTTPException)
    def _(request: Request, error: Exception) -> Response:
        status = cast(HTTPException, error).status_code
        words = {404: N_("Cette page n'existe pas."), 405: N_("Cette méthode n'est pas permise ici.")}
        return refusal(request, status, words.get(status, N_("La requête est refusée.")))

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: Exception) -> Response:
        # the rejected input itself is never sent back: it may be a value read from paper
        wrong = cast(RequestValidationError, error).errors()
        places = "; ".join(".".join(map(str, each["loc"])) + ": " + each["type"] for each in wrong[:5])
        return refusal(request, 422, N_("La requête est mal formée."), detail=places)


def refusal(request: Request, status: int, title: str, *, detail: str = "") -> Response:
    """An error as the client wants it: problem+json, or a page with a way on."""
    if _wants_json(request):
        return problem(status, title, detail=detail)
    on: Desk = request.app.state.desk
    try:
        person = signed_in(request, on)
    except Unavailable:
        person = None
    language = person.language if person else language_of(request, on)
    return page(
        request, "error.html", language=language, person=person, status=status, code=status, title=language(title)
    )


def problem(status: int, title: str, *, detail: str = "") -> Response:
    """RFC 9457."""
    content = {"type": "about:blank", "title": title, "status": status}
    if detail:
        content["detail"] = detail
    return JSONResponse(content, status_code=status, media_type="application/problem+json")


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/images/")) or "application/json" in request.headers.get("accept", "")
