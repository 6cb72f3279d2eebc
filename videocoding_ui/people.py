"""People who sign in: made and deactivated by an admin."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.ports import UnitOfWork
from models.verification import Role, User
from videocoding_ui.desk import Desk
from videocoding_ui.gate import Admin, Form, NotFound, NotPossible, OnDesk, Person, text_of
from videocoding_ui.passwords import LONGEST, SHORTEST, hash_password
from videocoding_ui.templating import page
from videocoding_ui.views import ROLE_WORDS

router = APIRouter()

_NAME = re.compile(r"[\w.@-]{2,60}")


@router.get("/admin/utilisateurs")
def people_page(request: Request, on: OnDesk, person: Admin) -> Response:
    """Everybody, and a form for one more."""
    return _page(request, on, person)


@router.post("/admin/utilisateurs")
def create(request: Request, on: OnDesk, person: Admin, form: Form) -> Response:
    """Add a person."""
    name, raw = text_of(form, "name"), form.get("password", "")
    password = raw if isinstance(raw, str) else ""
    role = next((each for each in Role if each.value == text_of(form, "role")), None)
    if not _NAME.fullmatch(name) or role is None or not SHORTEST <= len(password) <= LONGEST:
        return _page(request, on, person, name=name, error=_rules(person), status=422)
    hashed = hash_password(password)
    with on.uow() as uow:
        if uow.users.by_name(name) is not None:
            taken = person.language("Ce nom est déjà pris.")
            return _page(request, on, person, name=name, error=taken, status=422)
        now = on.clock.now()
        user = User(name=name, password_hash=hashed, role=role, created_at=now)
        uow.users.add(user)
        _journal(uow, on, "user_created", user, person, role=role.value)
        uow.commit()
    return RedirectResponse("/admin/utilisateurs", status_code=303)


@router.post("/admin/utilisateurs/{user_id}/activite")
def switch(on: OnDesk, person: Admin, user_id: str) -> Response:
    """Deactivate a person, whose sessions end at once, or activate again."""
    with on.uow() as uow:
        user = _user(uow, user_id)
        if user.id == person.id:
            raise NotPossible("On ne se désactive pas soi-même.")
        user.active = not user.active
        user.session_epoch += 1
        user.failed_sign_ins, user.locked_until = 0, None
        _journal(uow, on, "user_activated" if user.active else "user_deactivated", user, person)
        uow.commit()
    return RedirectResponse("/admin/utilisateurs", status_code=303)


@router.post("/admin/utilisateurs/{user_id}/mot-de-passe")
def change_password(request: Request, on: OnDesk, person: Admin, form: Form, user_id: str) -> Response:
    """Give a person a new password; the sessions of the old one end."""
    raw = form.get("password", "")
    password = raw if isinstance(raw, str) else ""
    if not SHORTEST <= len(password) <= LONGEST:
        return _page(request, on, person, error=_rules(person), status=422)
    hashed = hash_password(password)
    with on.uow() as uow:
        user = _user(uow, user_id)
        user.password_hash = hashed
        user.session_epoch += 1
        user.failed_sign_ins, user.locked_until = 0, None
        _journal(uow, on, "user_password_changed", user, person)
        uow.commit()
    return RedirectResponse("/admin/utilisateurs", status_code=303)


def _rules(person: Person) -> str:
    return person.language(
        "Nom : 2 à 60 lettres, chiffres ou . @ - _ ; mot de passe : %(shortest)s à %(longest)s caractères.",
        shortest=SHORTEST,
        longest=LONGEST,
    )


def _page(
    request: Request, on: Desk, person: Person, *, name: str = "", error: str = "", status: int = 200
) -> Response:
    say = person.language
    with on.reading() as uow:
        rows = [
            {
                "id": user.id,
                "name": user.name,
                "role": say(ROLE_WORDS[user.role]),
                "active": user.active,
                "created": say.date(user.created_at),
                "locked": user.locked_until is not None and user.locked_until > on.clock.now(),
                "self": user.id == person.id,
            }
            for user in uow.users.all()
        ]
    roles = [{"value": role.value, "words": say(words)} for role, words in ROLE_WORDS.items()]
    return page(
        request,
        "people.html",
        language=say,
        person=person,
        status=status,
        rows=rows,
        roles=roles,
        name=name,
        error=error,
        shortest=SHORTEST,
    )


def _user(uow: UnitOfWork, user_id: str) -> User:
    try:
        return uow.users.get(user_id)
    except LookupError as error:
        raise NotFound("Cette personne n'existe pas.") from error


def _journal(uow: UnitOfWork, on: Desk, event: str, user: User, person: Person, **details: str) -> None:
    uow.journal.append(event, at=on.clock.now(), subject=f"user:{user.id}", actor=person.id, **details)
