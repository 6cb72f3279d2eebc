"""The coder's screen."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from videocoding_ui.gate import Coder, OnDesk
from videocoding_ui.leasing import types_view
from videocoding_ui.templating import page
from videocoding_ui.texts import coder_texts

router = APIRouter()


@router.get("/coder")
def coder_screen(request: Request, on: OnDesk, person: Coder) -> Response:
    """An empty desk: the documents come by the API."""
    start = {
        "texts": coder_texts(person.language),
        "types": types_view(person),
        "person": person.id,
        "undo_s": on.settings.undo_s,
    }
    return page(request, "coder.html", language=person.language, person=person, start=start)
