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
from models.releases import ReleaseState
from models.store import sanity, verify_journal
from models.verification import Role, User
from pipeline.installation import Installation
from pipeline.settings import Settings
from pipeline.watching import HotFolderWatch
from videocoding_ui.passwords import hash_password

SAMPLES = Path(__file__).parents[2] / "samples"
CHROMIUM = os.environ.get("DEPLI_TEST_CHROMIUM") or shutil.which("chromium")
PASSWORD = "assez-long-pour-durer"
REDIS_URL = os.environ.get("DEPLI_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
RABBITMQ_URL = os.environ.get("DEPLI_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
INDEX_ON_PAPER = "2847"


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
    settings = Settings(home=tmp_path / "home", workers=2, undo_s=0, stable_s=0.5, sweep_s=0.5, **more)
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


def code_everything(page: Any, url: str, installation: Installation) -> None:
    """A coder works through the queue by keyboard alone; the index of one card is typed, the rest confirmed."""
    page.goto(f"{url}/connexion")
    page.focus("#name")
    page.keyboard.type("odile")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/connexion" not in address)
    page.goto(f"{url}/coder")
    end = time.monotonic() + 150

    def waiting() -> bool:
        with installation.uow().reading() as uow:
            return uow.documents.count_by_state().get(DocumentState.TO_VERIFY, 0) > 0

    while waiting():
        assert time.monotonic() < end, "the coder does not get through the queue"
        page.wait_for_timeout(210)
        if not page.evaluate("() => Boolean(document.getElementById('desk')?.dataset.ready)"):
            continue
        entry = page.locator("#entry")
        if page.locator("#label").inner_text() == "Index relevé" and entry.is_visible():
            page.keyboard.press("Control+A")
            page.keyboard.type(INDEX_ON_PAPER)
            page.keyboard.press("Control+Enter")
        elif entry.is_visible() and not entry.input_value():
            page.keyboard.press("F9")
        else:
            page.keyboard.press("Control+Enter")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: set DEPLI_TEST_CHROMIUM or install chromium")
def test_a_stack_goes_from_the_hot_folder_through_a_coder_to_the_released_files(installation: Installation) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    scan_into(installation, "lot-patch-t.tif", "prospectus.pdf")
    installation.start_crew()
    until(lambda: quiet(installation))
    server, url = serve(installation)
    troubles: list[str] = []
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 860}).new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        code_everything(page, url, installation)
        browser.close()
    server.should_exit = True
    until(lambda: quiet(installation))

    assert troubles == []
    check_record(installation)
    check_files(installation)


def check_record(installation: Installation) -> None:
    with installation.uow().reading() as uow:
        batches = uow.batches.everything()
        assert len(batches) == 2
        stack = next(batch for batch in batches if batch.shown_name == "lot-patch-t.tif")
        pages = uow.pages.of_batch(stack.id)
        documents = uow.documents.of_batch(stack.id)
        assert [len(uow.pages.of_document(d.id)) for d in documents] == [1] * 5
        assert sum(page.set_aside_as == "separator" for page in pages) == 5
        forms = sorted(str(d.form) for d in documents)
        assert forms == ["None", "sepa-mandate-a", "tcard-a", "tcard-b", "tcard-b"]
        for document in documents:
            fields = uow.fields.of_document(document.id)
            assert all(field.state in (FieldState.ACCEPTED, FieldState.KEYED) for field in fields)
            held = [r.destination for r in uow.releases.of_document(document.id) if r.state is ReleaseState.HELD]
            assert document.state is (DocumentState.VERIFIED if held else DocumentState.RELEASED)
        flyer = next(batch for batch in batches if batch is not stack)
        assert flyer.state is BatchState.DONE
    assert verify_journal(installation.uow().reading()) is None
    assert sanity(installation.uow().reading(), installation.images, now=installation.clock.now()) == []


def check_files(installation: Installation) -> None:
    out = installation.settings.outgoing
    sidecars = [json.loads(p.read_text(encoding="utf-8")) for p in (out / "ged").rglob("document.json")]
    assert len(sidecars) >= 5
    for folder in (p.parent for p in (out / "ged").rglob("document.json")):
        assert (folder / "document.pdf").read_bytes().startswith(b"%PDF-")
    original = (SAMPLES / "lot-patch-t.tif").read_bytes()
    assert any(p.read_bytes() == original for p in (out / "ged").rglob("*.tif"))
    rows: list[dict[str, str]] = []
    for file in (out / "comptabilite" / "releves").rglob("*.csv"):
        rows += csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig")), delimiter=";")
    assert [row["index"] for row in rows] == [INDEX_ON_PAPER] * 3
    mandates = list((out / "comptabilite" / "mandats").rglob("*.csv"))
    assert len(mandates) == 1
    assert not list(out.rglob("*.part"))


def test_the_same_file_twice_is_one_batch(installation: Installation) -> None:
    scan_into(installation, "carte-t-b.pdf")
    shutil.copyfile(SAMPLES / "carte-t-b.pdf", installation.settings.incoming / "autre-nom.pdf")
    scan_into(installation)

    with installation.uow().reading() as uow:
        assert len(uow.batches.everything()) == 1
        assert any(entry.event == "batch_repeated" for entry in uow.journal.entries())
