"""Home by role, help, and the health page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from models.verification import Role
from videocoding_ui.gate import OnDesk, SignedIn, signed_in
from videocoding_ui.templating import page

router = APIRouter()

_HOME = {
    Role.OPERATOR: "/lots",
    Role.CODER: "/coder",
    Role.SUPERVISOR: "/supervision",
    Role.ADMIN: "/supervision",
}


@router.get("/")
def home(person: SignedIn) -> Response:
    """Where the day of each role begins."""
    return RedirectResponse(_HOME[person.role], status_code=303)


@router.get("/aide")
def help_page(request: Request, person: SignedIn) -> Response:
    """Every key of every screen."""
    return page(request, "help.html", language=person.language, person=person)


@router.get("/sante")
def health(request: Request, on: OnDesk) -> Response:
    """Alive or not for everybody; the details for supervisors and admins."""
    report = dict(on.health())
    well = bool(report.get("ok", True))
    person = signed_in(request, on)
    content = report if person is not None and person.may(Role.SUPERVISOR) else {"ok": well}
    return JSONResponse({"ok": well, **content}, status_code=200 if well else 503)
