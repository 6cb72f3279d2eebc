"""Pulling the plug, again and again: nothing is lost, nothing doubled, nobody has to lend a hand.

`DEPLI_TEST_KILLS` and `DEPLI_TEST_KILL_FILES` make it longer, `DEPLI_TEST_KILL_SEED` another run.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from models.batch import BatchState, DocumentState, PageState
from models.jobs import JobState
from models.releases import ReleaseState
from models.store import sanity, verify_journal
from pipeline.installation import Installation
from tests.pipeline.kill_target import settings_of

REPOSITORY = Path(__file__).parents[2]
KILLS = int(os.environ.get("DEPLI_TEST_KILLS", "3"))
FILES = int(os.environ.get("DEPLI_TEST_KILL_FILES", "8" if KILLS < 10 else "40"))
SEED = int(os.environ.get("DEPLI_TEST_KILL_SEED", "1"))
ENDED = {DocumentState.RELEASED, DocumentState.VERIFIED, DocumentState.TO_VERIFY, DocumentState.TO_CLASSIFY}


def papers() -> list[tuple[str, bytes]]:
    """Files of one page, each of other bytes: flyers, which no person has to see, and cards."""
    flyer = (REPOSITORY / "samples" / "prospectus.pdf").read_bytes()
    card = (REPOSITORY / "samples" / "carte-t-a.jpg").read_bytes()
    return [
        (f"{n:03d}.jpg", card + bytes([n])) if n % 4 == 3 else (f"{n:03d}.pdf", flyer + b"%% %d\n" % n)
        for n in range(FILES)
    ]


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def start(home: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.kill_target", str(home)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"working\n"
    return process


def alive_in_session(session: int) -> list[int]:
    """Process ids of a session that still run; the sandbox makes groups of its own, sessions they share."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in ("Z", "X"):
            found.append(int(stat.parent.name))
    return found


def pull_the_plug(process: subprocess.Popen[bytes], *, whole_group: bool) -> None:
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    until(
        lambda: not alive_in_session(process.pid),
        seconds=10,
        what="reading processes outlive the process they read for",
    )


def at_rest(installation: Installation) -> bool:
    if any(path.is_file() for path in installation.settings.incoming.iterdir()):
        return False
    with installation.uow().reading() as uow:
        return not [*uow.jobs.in_state(JobState.READY), *uow.jobs.in_state(JobState.RUNNING)]


def test_pulling_the_plug_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    moments = random.Random(SEED)
    every = papers()
    observer = Installation(settings_of(home))
    observer.settings.incoming.mkdir(parents=True)
    share = -(-len(every) // (KILLS + 1))
    for round_ in range(KILLS + 1):
        for name, content in every[round_ * share : (round_ + 1) * share]:
            (observer.settings.incoming / name).write_bytes(content)
        process = start(home)
        try:
            if round_ < KILLS:
                time.sleep(moments.uniform(0.0, 4.0))
            else:
                until(lambda: at_rest(observer), seconds=60 + 5 * FILES, what="it does not come to rest")
        finally:
            pull_the_plug(process, whole_group=moments.random() < 0.5)

    check_record(observer, every)
    check_destinations(observer)
    observer.stop()


def check_record(observer: Installation, every: list[tuple[str, bytes]]) -> None:
    with observer.uow().reading() as uow:
        assert uow.jobs.in_state(JobState.QUARANTINED) == []
        batches = list(uow.batches.everything())
        held = Counter(master.sha256 for batch in batches for master in uow.masters.of_batch(batch.id))
        assert held == Counter(hashlib.sha256(content).hexdigest() for _, content in every)
        for batch in batches:
            (page,) = uow.pages.of_batch(batch.id)
            (document,) = uow.documents.of_batch(batch.id)
            assert page.document_id == document.id
            assert page.state is PageState.PLACED
            assert document.state in ENDED
            names = [field.name for field in uow.fields.of_document(document.id)]
            assert len(names) == len(set(names))
            releases = uow.releases.of_document(document.id)
            assert len({release.destination for release in releases}) == len(releases)
            assert all(release.state in (ReleaseState.CONFIRMED, ReleaseState.HELD) for release in releases)
            if batch.shown_name.endswith(".pdf"):
                assert (document.state, batch.state) == (DocumentState.RELEASED, BatchState.DONE)
    assert verify_journal(observer.uow().reading()) is None
    assert sanity(observer.uow().reading(), observer.images, now=observer.clock.now()) == []


def check_destinations(observer: Installation) -> None:
    """One deposit for each confirmed release, none besides, none half."""
    out = observer.settings.outgoing
    with observer.uow().reading() as uow:
        confirmed = [r for r in uow.releases.latest(100_000) if r.state is ReleaseState.CONFIRMED]
        labels = {r.id: uow.documents.get(r.document_id) for r in confirmed}
    archived = [labels[r.id] for r in confirmed if r.destination == "ged"]
    assert len(archived) >= FILES * 3 // 4
    deposits = [path.parent for path in (out / "ged").rglob("document.json")]
    assert len(deposits) == len(archived)
    registered = sum(r.destination == "meter_readings" for r in confirmed)
    assert len(list((out / "comptabilite" / "releves").rglob("*.csv"))) == registered
    assert not [path for path in out.rglob("*") if ".part" in path.name and path.is_file()]
