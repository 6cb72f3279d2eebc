"""Pages of operators, supervisors and admins."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.batch import Document, DocumentState, PageState
from models.reading import SURE_OF_BOUNDARY
from models.releases import ReleaseState
from tests.videocoding_ui.desk_app import DeskApp
from tests.videocoding_ui.seed import NOW, XSS
from tests.videocoding_ui.visitor import Visitor
from videocoding_ui import catalogue
from videocoding_ui.keymap import key_map
from videocoding_ui.language import SUPPORTED, Languages
from videocoding_ui.views import document_view

SCREENS = (
    "/lots",
    "/renumerisations",
    "/documents",
    "/documents?etat=quarantined",
    "/supervision",
    "/admin/utilisateurs",
    "/aide",
    "/coder",
)


def tags_of(text: str) -> list[tuple[str, dict[str, str | None]]]:
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Tags().feed(text)
    return found


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_screen_opens_in_both_languages(desk: DeskApp, lang: str) -> None:
    admin = Visitor(desk.app, "admin")
    admin.client.cookies.set("depli_lang", lang)
    paths = [*SCREENS, f"/lots/{desk.seeded.batch}", *(f"/documents/{each}" for each in desk.seeded.documents.values())]
    for path in paths:
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{lang}"' in answer.text


def test_text_from_paper_and_file_names_is_never_markup(desk: DeskApp) -> None:
    admin = Visitor(desk.app, "admin")
    for path in ("/lots", f"/lots/{desk.seeded.batch}", f"/documents/{desk.seeded.documents['invoice']}"):
        text = admin.get(path).text
        assert XSS not in text
        assert "&lt;script&gt;" in text
        for tag, attributes in tags_of(text):
            assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
            assert tag != "script" or "src" in attributes or attributes.get("type") == "application/json"


def test_a_batch_accounts_for_every_page(desk: DeskApp) -> None:
    text = Visitor(desk.app, "operator").get(f"/lots/{desk.seeded.batch}").text

    with desk.open_uow() as uow:
        pages = uow.pages.of_batch(desk.seeded.batch)
    placed = sum(page.state is PageState.PLACED for page in pages)
    assert f"{placed} + 1 + 1 + 0" in text
    assert f'<span class="big">{len(pages)}</span>' in text


def test_problems_come_first_in_a_batch(desk: DeskApp) -> None:
    text = Visitor(desk.app, "operator").get(f"/lots/{desk.seeded.batch}").text

    problems = re.findall(r'data-problem="(yes|no)"', text)
    assert problems == sorted(problems, reverse=True)
    assert problems.count("yes") == 2


def test_a_page_set_aside_is_restored_as_a_document_of_its_own(desk: DeskApp) -> None:
    operator = Visitor(desk.app, "operator")

    done = operator.post(f"/lots/{desk.seeded.batch}/pages/{desk.seeded.aside_page}/retablir")

    assert done.status_code == 303
    with desk.open_uow() as uow:
        page = uow.pages.get(desk.seeded.aside_page)
        assert page.state is PageState.PLACED
        assert uow.documents.get(page.document_id).state is DocumentState.SEPARATED
    assert len(desk.rung) == 1


def test_a_page_is_set_aside_and_its_document_recognised_again_but_never_left_empty(desk: DeskApp) -> None:
    operator = Visitor(desk.app, "operator")
    with desk.open_uow() as uow:
        first, second = uow.pages.of_document(desk.seeded.documents["unsure"])
    path = f"/lots/{desk.seeded.batch}/pages"

    assert operator.post(f"{path}/{first.id}/ecarter").status_code == 303
    with desk.open_uow() as uow:
        assert uow.documents.get(desk.seeded.documents["unsure"]).state is DocumentState.SEPARATED
        assert uow.pages.get(second.id).document_position == 0
    assert operator.post(f"{path}/{second.id}/ecarter").status_code == 409


def test_uploaded_files_become_one_batch(desk: DeskApp) -> None:
    operator = Visitor(desk.app, "operator")
    files = [("files", ("a.pdf", b"%PDF-1", "application/pdf")), ("files", ("b.png", b"\x89PNG", "image/png"))]

    answer = operator.client.post("/lots", data={"csrf": operator.csrf, "name": "mardi"}, files=files)

    assert answer.status_code == 303
    page = operator.get(answer.headers["location"]).text
    assert "mardi" in page
    assert "a.pdf" in page
    assert "b.png" in page


def test_a_refused_upload_says_why(desk: DeskApp) -> None:
    operator = Visitor(desk.app, "operator")

    empty = operator.client.post("/lots", data={"csrf": operator.csrf}, files=[("files", ("a.pdf", b"", ""))])
    none = operator.post("/lots")

    assert empty.status_code == none.status_code == 422
    assert "vide" in empty.text


def test_the_trace_tells_who_changed_what_and_masks_the_account(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    for task in lease["tasks"]:
        given = {"value": "LEFEVRE MARIE"} if task["field"] == "debtor_name" else {}
        coder.answer(lease, task, **given)

    events = Visitor(desk.app, "operator").api("GET", f"documents/{lease['lease']}/events").json()["events"]
    text = Visitor(desk.app, "supervisor").get(f"/documents/{lease['lease']}").text

    named = next(event for event in events if event["after"] == "LEFEVRE MARIE")
    assert (named["who"], named["before"]) == ("coder", "LEFEBVRE MARIE")
    assert "2004 1010" not in text
    assert "FR14 •••• 606" in text
    words = [event["event"] for event in events]
    assert words[0] == "batch_received"
    assert words[-1] == "document_keyed"


def test_a_held_release_is_retried_by_a_supervisor(desk: DeskApp) -> None:
    supervisor = Visitor(desk.app, "supervisor")
    held = desk.seeded.documents["held"]
    path = f"/documents/{held}/remises/{desk.seeded.held_release}/reprendre"

    assert supervisor.post(path).status_code == 303
    with desk.open_uow() as uow:
        assert uow.releases.get(desk.seeded.held_release).state is ReleaseState.PLANNED
    assert len(desk.rung) == 1
    assert supervisor.post(path).status_code == 409


def test_a_document_is_rejected_only_with_a_reason(desk: DeskApp) -> None:
    supervisor = Visitor(desk.app, "supervisor")
    target = desk.seeded.documents["t_card"]

    supervisor.post(f"/documents/{target}/rejeter", reason="  ")
    with desk.open_uow() as uow:
        assert uow.documents.get(target).state is DocumentState.TO_VERIFY
    supervisor.post(f"/documents/{target}/rejeter", reason="Reçu deux fois")
    with desk.open_uow() as uow:
        assert uow.documents.get(target).state is DocumentState.REJECTED


def test_a_document_with_a_release_under_way_is_not_reopened(desk: DeskApp) -> None:
    supervisor = Visitor(desk.app, "supervisor")

    assert supervisor.post(f"/documents/{desk.seeded.documents['held']}/rouvrir").status_code == 409


def test_supervision_counts_what_the_record_holds(desk: DeskApp) -> None:
    text = Visitor(desk.app, "supervisor").get("/supervision/fragment").text

    assert "<html" not in text
    assert "Chorus Pro refuse" in text
    assert "Trois échecs" in text
    assert "100,0\u202f%" in text


def test_search_finds_a_document_by_batch_label_and_by_value(desk: DeskApp) -> None:
    operator = Visitor(desk.app, "operator")

    assert "2611-0001 / 1" in operator.get("/documents?q=2611-0001").text
    assert desk.seeded.documents["t_card"] in operator.get("/documents?q=0042718836").text


def test_the_help_page_shows_every_key_and_none_that_belongs_to_the_browser(desk: DeskApp) -> None:
    text = Visitor(desk.app, "coder").get("/aide").text

    taken = {key for row in key_map() for key in row["keys"]}
    assert not taken & {
        "F5",
        "F6",
        "F7",
        "F11",
        "F12",
        "Alt+Tab",
        "Alt+ArrowLeft",
        "Alt+ArrowRight",
        "Ctrl+w",
        "Ctrl+t",
    }
    for row in key_map():
        assert row["shown"] in text


def test_every_text_has_its_english(desk: DeskApp) -> None:
    english = Languages(timezone="Europe/Paris").choose("en")
    coder = Visitor(desk.app, "coder")
    coder.client.cookies.set("depli_lang", "en")

    start = json.loads(re.search(r'id="start">(.*?)</script>', coder.get("/coder").text)[1])  # type: ignore[index]

    assert english("Se connecter") == "Sign in"
    assert start["texts"]["pauseTitle"] == "Break"
    for row in key_map():
        assert english(row["words"]) != row["words"], row["words"]


def test_the_catalogues_are_complete_and_compiled() -> None:
    for code in SUPPORTED:
        kept = catalogue.read(code)
        assert {message.id for message in kept if message.id} == set(catalogue.messages()), "run the catalogue module"
        assert catalogue.path_of(code, "mo").read_bytes() == catalogue.compiled(kept)
    assert all(message.string for message in catalogue.read("en") if message.id)


def test_no_text_for_people_is_hard_coded_in_the_scripts() -> None:
    for path in (Path(catalogue.__file__).parent / "static" / "js").glob("*.js"):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        for literal in re.findall(r"'([^'\n]*)'", code):
            assert not re.search(r"[à-ÿÀ-Ý]|\w \w+ \w", literal), (path.name, literal)


@pytest.mark.parametrize("code", SUPPORTED)
def test_an_unsure_boundary_asks_to_look_at_the_pages_and_says_why(code: str) -> None:
    say = Languages(timezone="Europe/Paris").choose(code)

    def hint(confidence: float | None) -> str:
        document = Document(
            batch_id="b", position=0, formed_at=NOW, boundary_confidence=confidence, boundary_reason="page 1"
        )
        return str(document_view(document, say)["boundary_hint"])

    assert "(page 1)" in hint(SURE_OF_BOUNDARY - 0.01)
    assert hint(SURE_OF_BOUNDARY) == hint(None) == ""
