"""Server-rendered pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.verification import Role
from videocoding_ui.gate import Person
from videocoding_ui.keymap import key_map
from videocoding_ui.language import N_, Language
from videocoding_ui.views import ROLE_WORDS

HERE = Path(__file__).parent

_MENU: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("/coder", N_("Coder"), (Role.CODER, Role.SUPERVISOR)),
    ("/lots", N_("Lots"), (Role.OPERATOR, Role.SUPERVISOR)),
    ("/renumerisations", N_("À renumériser"), (Role.OPERATOR, Role.SUPERVISOR)),
    ("/documents", N_("Documents"), (Role.OPERATOR, Role.SUPERVISOR)),
    ("/supervision", N_("Supervision"), (Role.SUPERVISOR,)),
    ("/admin/utilisateurs", N_("Utilisateurs"), ()),
    ("/aide", N_("Aide"), (Role.OPERATOR, Role.CODER, Role.SUPERVISOR)),
)


@cache
def _environment() -> Environment:
    # autoescape is on for every template, whatever its name
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": True}
    return environment


def page(
    request: Request,
    template: str,
    *,
    language: Language,
    person: Person | None = None,
    csrf: str = "",
    status: int = 200,
    **context: object,
) -> HTMLResponse:
    """A page, or a fragment of one, as an answer."""
    path = request.url.path
    menu = [
        {"path": target, "words": language(words), "here": path == target or path.startswith(target + "/")}
        for target, words, roles in _MENU
        if person is not None and person.may(*roles)
    ]
    html = (
        _environment()
        .get_template(template)
        .render(
            _=language,
            say=language,
            person=person,
            role_words=language(ROLE_WORDS[person.role]) if person else "",
            csrf=person.csrf if person else csrf,
            menu=menu,
            path=path,
            theme=request.cookies.get("depli_theme", ""),
            keys=[{**row, "words": language(row["words"])} for row in key_map()],
            **context,
        )
    )
    return HTMLResponse(html, status_code=status)
