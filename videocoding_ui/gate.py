"""Who may pass: every route names its roles here, and every write proves that it comes from our own page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from models.errors import WrongState
from models.verification import Role
from videocoding_ui.desk import Desk, desk
from videocoding_ui.language import Language

EVERYONE = frozenset(Role)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Exception):
    """No live session: screens lead to the sign-in page, the API answers 401."""


class NotAllowed(Exception):
    """A live session without the right, or a write without its token: 403."""


class NotFound(Exception):
    """No such thing, or none that this person may know of: 404."""


class NotPossible(WrongState):
    """The state does not allow it, said in words for the person who asked: 409."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, for the length of one request."""

    id: str
    name: str
    role: Role
    language: Language
    csrf: str

    def may(self, *roles: Role) -> bool:
        """Whether the role is one of `roles`; an admin may do all the others do."""
        return self.role is Role.ADMIN or self.role in roles


class Gate:
    """A dependency that lets only some roles pass; `roles` is read by the matrix test."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles) | {Role.ADMIN}

    async def __call__(self, request: Request, on: Annotated[Desk, Depends(desk)]) -> Person:
        person = await run_in_threadpool(signed_in, request, on)
        if person is None:
            raise NotSignedIn
        if person.role not in self.roles:
            raise NotAllowed("Votre rôle ne donne pas accès à cette page.")
        if request.method not in _SAFE:
            await check_token(request, on, nonce=_nonce(request, on))
        return person


def language_of(request: Request, on: Desk) -> Language:
    """The language of the cookie, else of the browser."""
    return on.languages.choose(request.cookies.get("depli_lang"), request.headers.get("accept-language", ""))


def signed_in(request: Request, on: Desk) -> Person | None:
    """The person of a live session; `None` when signed out, deactivated or too old."""
    session = on.sessions.read(request.cookies.get(on.sessions.cookie, ""))
    if session is None:
        return None
    with on.reading() as uow:
        try:
            user = uow.users.get(session.user_id)
        except LookupError:
            return None
        if not user.active or user.session_epoch != session.epoch:
            return None
        return Person(user.id, user.name, user.role, language_of(request, on), on.sessions.csrf_token(session.nonce))


def _nonce(request: Request, on: Desk) -> str:
    session = on.sessions.read(request.cookies.get(on.sessions.cookie, ""))
    return session.nonce if session else ""


async def posted(request: Request) -> FormData:
    """The posted form, parsed once; files stay on disk."""
    return await request.form(max_files=500, max_fields=200, max_part_size=256 * 1024)


async def check_token(request: Request, on: Desk, *, nonce: str) -> None:
    """Raises: NotAllowed when the write does not carry the token of its session."""
    token = request.headers.get("x-csrf-token", "")
    if not token and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        token = text_of(await posted(request), "csrf")
    if not nonce or not on.sessions.csrf_matches(nonce, token):
        raise NotAllowed("La page a expiré : rechargez-la et recommencez.")


def text_of(form: Mapping[str, UploadFile | str], name: str) -> str:
    """A text field of a form; empty when absent or a file."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def sign_in_path(request: Request) -> str:
    """Where somebody without a session is led, and from there back."""
    wanted = request.url.path if request.method in _SAFE else "/"
    return "/connexion" + ("" if wanted == "/" else f"?suite={quote(wanted)}")


Operating = Gate(Role.OPERATOR, Role.SUPERVISOR)
Coding = Gate(Role.CODER, Role.SUPERVISOR)
Tracing = Gate(Role.OPERATOR, Role.SUPERVISOR)
Supervising = Gate(Role.SUPERVISOR)
Administering = Gate()
Anyone = Gate(Role.OPERATOR, Role.CODER, Role.SUPERVISOR)

OnDesk = Annotated[Desk, Depends(desk)]
Form = Annotated[FormData, Depends(posted)]
Operator = Annotated[Person, Depends(Operating)]
Coder = Annotated[Person, Depends(Coding)]
Tracer = Annotated[Person, Depends(Tracing)]
Supervisor = Annotated[Person, Depends(Supervising)]
Admin = Annotated[Person, Depends(Administering)]
SignedIn = Annotated[Person, Depends(Anyone)]
