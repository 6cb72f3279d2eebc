"""One stack all the way: hot folder, reading, a coder in a real browser, released files. On every set-up we support."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from models.batch import BatchState, DocumentState, FieldState
from models.jobs import JobState
from models.reading import Decision
from models.releases import ReleaseState
from models.store import sanity, verify_journal
from models.verification import Role, User
from pipeline.installation import Installation
from pipeline.intake import Incoming
from pipeline.settings import Settings
from pipeline.watching import HotFolderWatch
from videocoding_ui.answering import verify
from videocoding_ui.passwords import hash_password
from videocoding_ui.proposing import EntryMode, entry_mode

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SAMPLES = Path(__file__).parents[2] / "samples"
CHROMIUM = os.environ.get("DEPLI_TEST_CHROMIUM") or shutil.which("chromium")
PASSWORD = "assez-long-pour-durer"
REDIS_URL = os.environ.get("DEPLI_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
RABBITMQ_URL = os.environ.get("DEPLI_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
ON_PAPER = {"Index relevé": "2847", "Date du relevé": "30/09/2026"}
KEYED = {"barcode": "T2692641392", "meter_index": "2847", "reading_date": "2026-09-30"}
PAPERS = {
    "lot-patch-t.tif": ["None", "sepa-mandate-a", "tcard-a", "tcard-b", "tcard-b"],
    "carte-t-b.pdf": ["tcard-b"],
}
ANSWERED = (FieldState.ACCEPTED, FieldState.KEYED, FieldState.ILLEGIBLE)
OPEN_FOR_CODERS = {DocumentState.TO_CLASSIFY, DocumentState.TO_VERIFY, DocumentState.SEPARATED}


def answers(url: str) -> bool:
    host, _, port = url.rpartition("@")[2].removeprefix("redis://").partition("/")[0].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("redis", marks=pytest.mark.services),
        pytest.param("rabbitmq", marks=pytest.mark.services),
    ]
)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    more: dict[str, Any] = {}
    if request.param != "embedded":
        url = REDIS_URL if request.param == "redis" else RABBITMQ_URL
        if not answers(url):
            pytest.skip(f"nothing answers at {url.rpartition('@')[2]}")
        request.getfixturevalue("postgresql_engine")
        more = {"database_url": request.getfixturevalue("postgresql_url"), "queue_url": url}
        more["queue_namespace"] = f"depli-test-{uuid.uuid4().hex[:8]}"
    settings = Settings(home=tmp_path / "home", workers=2, undo_s=0, stable_s=0.5, sweep_s=0.5, audit_share=0, **more)
    running = Installation(settings)
    with running.uow() as uow:
        uow.users.add(
            User(
                name="odile",
                password_hash=hash_password(PASSWORD),
                role=Role.CODER,
                created_at=running.clock.now(),
            )
        )
        uow.commit()
    yield running
    running.queue.flush()
    running.stop()


def until(condition: Any, *, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.2)


def quiet(installation: Installation) -> bool:
    """No job runs or waits."""
    with installation.uow().reading() as uow:
        busy = [*uow.jobs.in_state(JobState.READY), *uow.jobs.in_state(JobState.RUNNING)]
    return not busy


def scan_into(installation: Installation, *names: str) -> None:
    watch = HotFolderWatch(
        installation.settings.incoming, intake=installation.intake, clock=installation.clock, stable_s=0.5
    )
    for name in names:
        shutil.copyfile(SAMPLES / name, installation.settings.incoming / name)
    watch.start()
    until(lambda: not [p for p in installation.settings.incoming.iterdir() if p.is_file()])
    watch.stop()


def serve(installation: Installation) -> tuple[uvicorn.Server, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(installation.app(), host="127.0.0.1", port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    until(lambda: server.started)
    return server, f"http://127.0.0.1:{port}"


class Coder:
    """A coder at the keyboard: types what is on paper, confirms what is proposed, forces what is doubted."""

    def __init__(self, page: Any, installation: Installation) -> None:
        self.page = page
        self.installation = installation
        self.asked: list[str] = []

    def sign_in(self, url: str) -> None:
        self.page.goto(f"{url}/connexion")
        self.page.focus("#name")
        self.page.keyboard.type("odile")
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda address: "/connexion" not in address)
        self.page.goto(f"{url}/coder")

    def work(self, *, seconds: float) -> None:
        """Until no document waits for a coder, nor for the machine to look at it again."""
        end = time.monotonic() + seconds
        while self.something_waits():
            assert time.monotonic() < end, f"the coder does not get through the queue: {self.asked[-12:]}"
            item = self.next_item()
            if item:
                again = self.asked.count(item)
                assert again < 3, f"the screen asks for {self.page.inner_text('#label')} again and again"
                self.asked.append(item)
                self.answer(self.page.inner_text("#label"), forced=again > 0)

    def something_waits(self) -> bool:
        with self.installation.uow().reading() as uow:
            counts = uow.documents.count_by_state()
        return any(counts.get(state, 0) for state in OPEN_FOR_CODERS)

    def next_item(self) -> str:
        """The item that came on screen since the last answer, once past the guard against double Enters."""
        before = self.asked[-1] if self.asked else ""
        on_screen = "before => { const { ready, state } = document.getElementById('desk')?.dataset ?? {};"
        on_screen += " return state !== 'empty' && ready && ready !== before && ready; }"
        try:
            item: str = self.page.wait_for_function(on_screen, arg=before, timeout=1000).json_value()
        except playwright.TimeoutError:
            return ""
        self.page.wait_for_timeout(190)
        return item

    def answer(self, label: str, *, forced: bool) -> None:
        press = self.page.keyboard.press
        if not self.page.is_visible("#entry"):
            several = self.page.get_attribute("#choices", "aria-multiselectable") == "true"
            if not several and self.page.locator("#choices [aria-selected=true]").count() == 0:
                press("1")
            press("Enter")
            return
        if label in ON_PAPER:
            press("Control+A")
            self.page.keyboard.type(ON_PAPER[label])
        level = self.page.get_attribute("#check", "data-level")
        accepting = "Control+Enter" if forced else "Enter"
        press({"none": "F9", "format": "F4", "check": "Control+Enter"}.get(level, accepting))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: set DEPLI_TEST_CHROMIUM or install chromium")
def test_paper_goes_from_the_hot_folder_through_a_coder_to_the_released_files(installation: Installation) -> None:
    # the whole stack where it costs least; on the services one card shows that they carry the same flow
    name = "lot-patch-t.tif" if installation.queue.embedded else "carte-t-b.pdf"
    scan_into(installation, name)
    installation.start_crew()
    until(lambda: quiet(installation))
    server, url = serve(installation)
    troubles: list[str] = []
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 860}).new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        coder = Coder(page, installation)
        coder.sign_in(url)
        coder.work(seconds=150)
        browser.close()
    server.should_exit = True
    until(lambda: quiet(installation))

    assert troubles == []
    check_record(installation, PAPERS[name])
    check_files(installation, name)


def check_record(installation: Installation, forms: list[str]) -> None:
    with installation.uow().reading() as uow:
        (batch,) = uow.batches.everything()
        pages = uow.pages.of_batch(batch.id)
        documents = uow.documents.of_batch(batch.id)
        assert sorted(str(d.form) for d in documents) == forms
        assert [len(uow.pages.of_document(d.id)) for d in documents] == [1] * len(forms)
        assert sum(page.set_aside_as == "separator" for page in pages) == len(pages) - len(forms)
        for document in documents:
            assert all(field.state in ANSWERED for field in uow.fields.of_document(document.id))
            held = any(r.state is ReleaseState.HELD for r in uow.releases.of_document(document.id))
            assert document.state is (DocumentState.VERIFIED if held else DocumentState.RELEASED)
        assert (batch.state is BatchState.DONE) is all(d.state is DocumentState.RELEASED for d in documents)
    assert verify_journal(installation.uow().reading()) is None
    assert sanity(installation.uow().reading(), installation.images, now=installation.clock.now()) == []


def check_files(installation: Installation, name: str) -> None:
    """What lies in the destinations is what the record says was released there, and nothing else."""
    out = installation.settings.outgoing
    released: dict[str, list[dict[str, object]]] = {}
    with installation.uow().reading() as uow:
        documents = [document for batch in uow.batches.everything() for document in uow.documents.of_batch(batch.id)]
        for document in documents:
            values = {field.name: field.value for field in uow.fields.of_document(document.id)}
            for release in uow.releases.of_document(document.id):
                if release.state is ReleaseState.CONFIRMED:
                    released.setdefault(release.destination, []).append(values)
    sidecars = list((out / "ged").rglob("document.json"))
    assert len(sidecars) == len(released["ged"]) == len(documents)
    for sidecar in sidecars:
        assert json.loads(sidecar.read_text(encoding="utf-8"))
        assert (sidecar.parent / "document.pdf").read_bytes().startswith(b"%PDF-")
    original = (SAMPLES / name).read_bytes()
    assert sum(p.read_bytes() == original for p in (out / "ged").rglob(f"*{Path(name).suffix}")) == 1
    rows = rows_below(out / "comptabilite" / "releves")
    assert rows
    assert sorted(row["index"] for row in rows) == sorted(v["meter_index"] or "" for v in released["meter_readings"])
    assert len(rows_below(out / "comptabilite" / "mandats")) == len(released.get("mandates", []))
    assert not list(out.rglob("*.part"))


def rows_below(folder: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for file in folder.rglob("*.csv"):
        rows += csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig")), delimiter=";")
    return rows


def test_the_same_file_twice_is_one_batch(installation: Installation) -> None:
    scan_into(installation, "carte-t-b.pdf")
    shutil.copyfile(SAMPLES / "carte-t-b.pdf", installation.settings.incoming / "autre-nom.pdf")
    scan_into(installation)

    with installation.uow().reading() as uow:
        assert len(list(uow.batches.everything())) == 1
        assert any(entry.event == "batch_repeated" for entry in uow.journal.entries())


@pytest.mark.services
def test_a_document_is_released_when_several_destinations_confirm_at_once(installation: Installation) -> None:
    if installation.queue.embedded:
        pytest.skip("SQLite lets one transaction write at a time")
    card = (SAMPLES / "carte-t-a.jpg").read_bytes()
    for number in range(6):
        file = Incoming(f"{number}.jpg", io.BytesIO(card + bytes([number])))
        installation.intake.take([file], shown_name=file.shown_name, source="test")
    installation.start_crew()
    until(lambda: quiet(installation))
    with installation.uow() as uow:
        for document in uow.documents.in_state(DocumentState.TO_VERIFY, 100):
            fields = uow.fields.of_document(document.id)
            for field in fields:
                if field.state is FieldState.TO_VERIFY:
                    field.key(KEYED.get(field.name), forced=True)
            verify(uow, document, fields, "odile", installation.clock.now(), installation.on_verified)
        uow.commit()
    until(lambda: quiet(installation))

    with installation.uow().reading() as uow:
        batches = list(uow.batches.everything())
        assert [batch.state for batch in batches] == [BatchState.DONE] * 6
        documents = [document for batch in batches for document in uow.documents.of_batch(batch.id)]
        assert [document.state for document in documents] == [DocumentState.RELEASED] * 6
        assert all(len(uow.releases.of_document(document.id)) == 2 for document in documents)


def test_sampled_values_are_keyed_blind_and_become_evidence_of_the_promise(tmp_path: Path) -> None:
    """With a sample of everything no value passes unseen, and each answer says whether the machine was right."""
    settings = Settings(home=tmp_path / "home", workers=2, undo_s=0, stable_s=0.5, sweep_s=0.5, audit_share=1)
    running = Installation(settings)
    try:
        scan_into(running, "carte-t-b.pdf")
        running.start_crew()
        until(lambda: quiet(running))
        with running.uow() as uow:
            (document,) = uow.documents.in_state(DocumentState.TO_VERIFY, 10)
            fields = uow.fields.of_document(document.id)
            sampled = [f for f in fields if f.drawn and f.machine.decision is Decision.ACCEPTED]
            assert sampled, "the machine is sure of nothing on the sample card"
            assert all(f.state is FieldState.TO_VERIFY for f in sampled)
            assert all(entry_mode(f, propose_from=0.0) is EntryMode.BLIND for f in sampled)
            slip = next(f for f in sampled if f.name == "meter_index")
            for field in fields:
                if field.state is FieldState.TO_VERIFY:
                    field.key("1" if field is slip else field.machine.value, forced=True)
            verify(uow, document, fields, "odile", running.clock.now(), running.on_verified)
            uow.commit()
        until(lambda: quiet(running))

        with running.uow().reading() as uow:
            evidence = {each.name: each for each in uow.evidence.drawn(100)}
            assert {f.name for f in sampled} <= set(evidence)
            assert [name for name, each in evidence.items() if each.passed and not each.confirmed] == ["meter_index"]
            assert uow.documents.get(document.id).state is DocumentState.RELEASED
    finally:
        running.stop()
