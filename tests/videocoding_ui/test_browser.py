"""The screens in a real browser, with the content security policy left on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

from models.batch import DocumentState, Field
from models.definitions import DocumentType
from models.reading import Decision, DocumentReading, FieldValue
from models.verification import KeyingAction
from tests.videocoding_ui.desk_app import DeskApp, SteppedClock, make_desk
from tests.videocoding_ui.seed import PASSWORD

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = os.environ.get("DEPLI_TEST_CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: set DEPLI_TEST_CHROMIUM or install chromium"),
]
VECTORS = Path(__file__).parents[2] / "models" / "values" / "checks_vectors.json"


class WallClock(SteppedClock):
    def now(self) -> datetime:
        return datetime.now(UTC)


class Server:
    """uvicorn in a thread, stopped and started at will on the same port."""

    def __init__(self, desk: DeskApp) -> None:
        self.desk = desk
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self.desk.app, host="127.0.0.1", port=self.port, log_level="error", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


@dataclass
class Window:
    """A browser window of one person, and what went wrong in it."""

    page: object
    server: Server
    troubles: list[str] = field(default_factory=list)

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.server.url}/connexion")
        self.page.focus("#name")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "/connexion" not in url)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, predicate: str, argument: object = None) -> None:
        self.page.wait_for_function(predicate, arg=argument, timeout=10_000)

    def on_field(self, label: str) -> None:
        """Wait until a field is on screen, painted, and past the guard against double Enters."""
        self.wait(
            "label => document.getElementById('label').textContent === label"
            " && document.getElementById('desk').dataset.ready",
            label,
        )
        self.page.wait_for_timeout(190)

    def value(self) -> str:
        return self.page.input_value("#entry")

    def type_over(self, text: str) -> None:
        self.press("Control+A")
        self.page.keyboard.type(text)

    def all_sent(self) -> None:
        self.wait("() => document.getElementById('desk').dataset.unsent === '0'")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(make_desk(tmp_path, clock=WallClock()))
    yield running
    running.stop()


@pytest.fixture
def window(browser: object, server: Server) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="fr-FR")
    opened = Window(context.new_page(), server)
    opened.page.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.page.on(
        "console",
        lambda line: opened.troubles.append(line.text) if line.type in ("error", "warning") else None,
    )
    opened.page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective))"
    )
    yield opened
    context.close()


def recognise_again(desk: DeskApp, word: str) -> None:
    """What the machine does once it knows the type."""
    with desk.open_uow() as uow:
        document = uow.documents.get(desk.seeded.documents[word])
        document.record_recognised(DocumentReading((1,), DocumentType.T_CARD, "tcard-b", 1.0, ""), sure_of_type=True)
        value = FieldValue(name="meter_index", value=None, confidence=None, decision=Decision.TO_VERIFY)
        uow.fields.add(
            Field(
                document_id=document.id,
                name="meter_index",
                label="Index relevé",
                value_type="index",
                position=0,
                machine=value,
            )
        )
        uow.commit()


def key_mandate(window: Window) -> None:
    window.on_field("Débiteur")
    window.press("Enter")
    window.on_field("Code postal du débiteur")
    window.press("Enter")
    window.on_field("IBAN")
    window.press("Enter")
    window.on_field("BIC")
    assert window.value() == ""
    window.page.keyboard.type("psstfrpplil")
    window.press("Enter")
    window.on_field("Type de paiement")
    window.press("1", "Enter")
    window.on_field("Date de signature")
    window.press("Enter")
    window.on_field("Signature")
    window.press("1", "Enter")


def test_two_documents_by_keyboard_alone(window: Window) -> None:
    window.sign_in("coder")
    key_mandate(window)
    window.on_field("Index relevé")
    window.page.keyboard.type("4187")
    window.press("Enter")
    window.on_field("Date du relevé")
    window.press("Enter")
    window.on_field("Téléphone")
    window.page.keyboard.type("0612345678")
    window.press("Enter")
    window.on_field("Remarques")
    window.press("1", "Enter")
    window.on_field("Fournisseur")
    window.all_sent()

    desk = window.server.desk
    with desk.open_uow() as uow:
        for word in ("mandate0", "t_card"):
            assert uow.documents.get(desk.seeded.documents[word]).state is DocumentState.VERIFIED
        values = {each.name: each.value for each in uow.fields.of_document(desk.seeded.documents["mandate0"])}
        remark = uow.fields.of_document(desk.seeded.documents["t_card"])[-1]
    assert values["bic"] == "PSSTFRPPLIL"
    assert values["payment_type"] == "recurrent"
    assert values["signature"] is True
    assert remark.value == ["meter_inaccessible", "leak_suspected"]
    assert window.troubles == []


def test_held_enter_accepts_one_field_only(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.page.keyboard.down("Enter")
    for _ in range(6):
        window.page.wait_for_timeout(60)
        window.page.keyboard.down("Enter")
    window.page.keyboard.up("Enter")

    window.on_field("Code postal du débiteur")
    window.all_sent()
    desk = window.server.desk
    with desk.open_uow() as uow:
        assert len(uow.keyings.of_document(desk.seeded.documents["mandate0"])) == 1


def test_nothing_typed_is_lost_while_the_server_is_away_and_the_page_reloads(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.page.wait_for_timeout(400)
    window.server.stop()
    window.type_over("LEFEBVRE MARIA")
    window.press("Enter")
    window.on_field("Code postal du débiteur")
    window.press("Enter")
    window.on_field("IBAN")
    window.press("Enter")
    window.on_field("BIC")
    window.wait("() => document.getElementById('status').dataset.kind === 'warn'")
    window.page.wait_for_timeout(1500)
    window.server.start()
    window.all_sent()

    desk = window.server.desk
    with desk.open_uow() as uow:
        stored = uow.keyings.of_document(desk.seeded.documents["mandate0"])
    assert [keying.action for keying in stored] == [
        KeyingAction.CORRECTED,
        KeyingAction.ACCEPTED,
        KeyingAction.ACCEPTED,
    ]
    assert stored[0].value == "LEFEBVRE MARIA"


def test_a_failed_check_holds_the_field_until_it_is_forced(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.press("Enter")
    window.on_field("Code postal du débiteur")
    window.press("Enter")
    window.on_field("IBAN")
    window.type_over("FR14 2004 1010 0505 0001 3M02 607")
    window.press("Enter")
    assert window.page.get_attribute("#check", "data-level") == "check"
    assert "IBAN" in window.page.inner_text("#check")
    window.press("Escape")
    assert window.value() == "FR14 2004 1010 0505 0001 3M02 606"
    assert window.page.get_attribute("#check", "data-level") == "ok"
    window.type_over("FR14 2004 1010 0505 0001 3M02 607")
    window.press("Control+Enter")
    window.on_field("BIC")
    window.all_sent()

    desk = window.server.desk
    with desk.open_uow() as uow:
        fields = {each.name: each for each in uow.fields.of_document(desk.seeded.documents["mandate0"])}
    assert fields["iban"].forced


def test_an_answer_is_taken_back_also_across_documents(window: Window) -> None:
    window.sign_in("coder")
    key_mandate(window)
    window.on_field("Index relevé")
    window.all_sent()
    window.press("PageUp")
    window.on_field("Signature")
    window.press("2", "Enter")
    window.on_field("Index relevé")
    window.all_sent()

    desk = window.server.desk
    with desk.open_uow() as uow:
        assert uow.fields.of_document(desk.seeded.documents["mandate0"])[-1].value is False
        assert uow.documents.get(desk.seeded.documents["mandate0"]).state is DocumentState.VERIFIED


def test_illegible_empty_pause_and_help(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.press("F1")
    assert window.page.is_visible("#overlay table")
    window.press("Escape")
    window.press("F4")
    window.on_field("Code postal du débiteur")
    window.press("F9")
    window.on_field("IBAN")
    window.press("Shift+F8")
    window.wait("() => document.getElementById('desk').dataset.overlay === 'pause'")
    window.all_sent()
    desk = window.server.desk
    for _ in range(100):
        with desk.open_uow() as uow:
            document = uow.documents.get(desk.seeded.documents["mandate0"])
        if document.reserved_by is None:
            break
        time.sleep(0.05)
    assert document.reserved_by is None
    window.press("Enter")
    window.on_field("IBAN")


def test_the_top_row_of_azerty_types_digits_and_the_keypad_point_a_comma(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.press("Enter")
    window.on_field("Code postal du débiteur")
    window.press("Control+A", "Delete")
    for letter, code in (("(", "Digit5"), ("ç", "Digit9"), ("_", "Digit8"), ("à", "Digit0"), ("à", "Digit0")):
        window.page.evaluate(
            "([key, code]) => document.getElementById('entry').dispatchEvent("
            "new KeyboardEvent('keydown', { key, code, bubbles: true, cancelable: true }))",
            [letter, code],
        )
    assert window.value() == "59800"


def test_a_coder_chooses_the_type_of_an_unsure_document_by_a_digit(window: Window) -> None:
    desk = window.server.desk
    with desk.open_uow() as uow:
        for word in ("mandate0", "t_card", "invoice"):
            uow.documents.get(desk.seeded.documents[word]).reject("out of the way")
        uow.commit()
    window.sign_in("coder")
    window.on_field("Quel est ce document ?")
    window.press("2", "Enter")
    window.wait("() => document.getElementById('desk').dataset.overlay === 'empty'")
    window.all_sent()

    with desk.open_uow() as uow:
        said = uow.documents.get(desk.seeded.documents["unsure"])
    assert (said.state, said.document_type) == (DocumentState.SEPARATED, "t_card")
    recognise_again(desk, "unsure")
    window.on_field("Index relevé")


def test_no_screen_runs_text_from_paper_breaks_the_policy_or_logs_an_error(window: Window) -> None:
    seeded = window.server.desk.seeded
    window.sign_in("admin")
    paths = [
        "/lots",
        f"/lots/{seeded.batch}",
        "/documents",
        *(f"/documents/{each}" for each in seeded.documents.values()),
        "/supervision",
        "/renumerisations",
        "/admin/utilisateurs",
        "/aide",
        "/coder",
    ]
    for path in paths:
        window.page.goto(window.server.url + path)
        window.page.wait_for_timeout(60)
        assert window.page.evaluate("() => window.__xss") is None, path
    assert window.troubles == []


def test_a_reader_of_pages_moves_and_opens_by_keyboard(window: Window) -> None:
    window.sign_in("operator")
    window.page.goto(f"{window.server.url}/lots/{window.server.desk.seeded.batch}")
    window.wait("() => document.documentElement.dataset.ready")
    window.page.focus(".thumb[tabindex='0']")
    window.press("ArrowRight", "Enter")
    window.wait(
        "() => document.getElementById('viewer').open && document.getElementById('viewer-image').naturalWidth > 0"
    )
    window.press("Escape")
    window.wait("() => !document.getElementById('viewer').open")
    assert window.page.evaluate("() => document.activeElement.classList.contains('thumb')")


def test_the_browsers_checks_agree_with_the_servers(window: Window) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    window.page.goto(f"{window.server.url}/connexion")
    verdicts = window.page.evaluate(
        "async (vectors) => { const { judge } = await import('/static/js/checks.js');"
        " return vectors.map((each) => judge(each.kind, each.input)); }",
        vectors,
    )
    disagreements = []
    for vector, verdict in zip(vectors, verdicts, strict=True):
        mine = [verdict["code"]] if verdict["level"] in ("check", "format") else []
        # what needs a register is the server's alone: there the browser may only be too kind
        agrees = not (mine and vector["ok"]) if vector.get("python_only") else mine == vector["failed"][:1]
        if verdict["level"] != "none" and not agrees:
            disagreements.append((vector, verdict))
    assert disagreements == []


def test_the_screen_is_usable_at_640_pixels(window: Window) -> None:
    window.page.set_viewport_size({"width": 640, "height": 800})
    window.sign_in("coder")
    window.on_field("Débiteur")
    assert window.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    box = window.page.locator("#entry").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 640


def test_an_answer_that_the_server_never_takes_comes_back_and_keeps_nothing_else_waiting(window: Window) -> None:
    window.sign_in("coder")
    window.on_field("Débiteur")
    window.page.route(
        "**/api/v1/answers",
        lambda route: (
            route.fulfill(status=422, json={"title": "no"})
            if "REFUSED" in route.request.post_data
            else route.continue_()
        ),
    )
    window.type_over("REFUSED")
    window.press("Enter")
    window.on_field("Débiteur")
    assert window.value() == "REFUSED"
    window.type_over("LEFEBVRE MARIE")
    window.press("Enter")
    window.on_field("Code postal du débiteur")
    window.all_sent()
