"""The supervisor keeps its workers: the dead come back, the silent go, the old are replaced, nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.queue import RECYCLED
from pipeline.supervisor import LIFE_FD, Supervisor, sign_of_life

LIVING = """
import signal, sys, time
from pipeline.supervisor import sign_of_life
show, ending = sign_of_life(), []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
while not ending:
    if not show():
        sys.exit(3)
    time.sleep(0.02)
"""
SILENT = "import time; time.sleep(60)"
DEAF = LIVING.replace("lambda *_: ending.append(1)", "signal.SIG_IGN")


def command(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(program: str, *, count: int = 1, **more: float) -> Supervisor:
        options = {"silent_s": 30.0, "drain_s": 5.0, "first_pause_s": 0.05} | more
        supervisor = Supervisor(command(program), count=count, **options)
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        for pid in supervisor.pids:
            os.kill(pid, signal.SIGKILL)
        supervisor.end()


def look_after(supervisor: Supervisor, condition: Callable[[], bool], *, within_s: float = 20.0) -> bool:
    give_up = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        supervisor.look_after(wait_s=0.02)
    return True


def heard(supervisor: Supervisor) -> bool:
    """Every worker has given its first sign: its handlers are in place."""
    return bool(supervisor.pids) and all(unit.heard_at > unit.started_at for unit in supervisor._units)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_as_many_workers_as_asked_for_are_started(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(LIVING, count=3)
    supervisor.look_after(wait_s=0)

    assert len(set(supervisor.pids)) == 3


def test_a_killed_worker_is_replaced_and_the_others_stay(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(LIVING, count=2)
    supervisor.look_after(wait_s=0)
    killed, other = supervisor.pids

    os.kill(killed, signal.SIGKILL)

    assert look_after(supervisor, lambda: killed not in supervisor.pids and len(supervisor.pids) == 2)
    assert other in supervisor.pids
    assert supervisor.exits == [[-signal.SIGKILL], []]


def test_a_worker_that_dies_at_its_start_is_tried_again_more_and_more_slowly(
    supervise: Callable[..., Supervisor],
) -> None:
    supervisor = supervise("raise SystemExit(9)", first_pause_s=0.02)

    assert look_after(supervisor, lambda: len(supervisor.exits[0]) >= 3)
    (unit,) = supervisor._units
    assert unit.deaths_in_a_row >= 3
    assert set(supervisor.exits[0]) == {9}
    pause = unit.start_at - time.monotonic()
    assert pause <= 60


def test_the_pause_grows_to_a_minute_and_is_short_again_after_a_steady_life(
    supervise: Callable[..., Supervisor],
) -> None:
    supervisor = supervise(LIVING, first_pause_s=1.0)
    (unit,) = supervisor._units
    pauses = []
    for _ in range(8):
        supervisor._rest(unit, 1000.0)
        pauses.append(unit.start_at - 1000.0)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_worker_that_gives_no_sign_of_life_is_killed_and_replaced(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(SILENT, silent_s=0.2)
    supervisor.look_after(wait_s=0)
    (first,) = supervisor.pids

    assert look_after(supervisor, lambda: supervisor.exits[0] == [-signal.SIGKILL])
    assert not lives(first)


def test_signs_of_life_keep_a_worker(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(LIVING)
    assert look_after(supervisor, lambda: heard(supervisor))
    (first,) = supervisor.pids
    (unit,) = supervisor._units
    started = unit.heard_at
    supervisor._silent_s = 1.5

    assert look_after(supervisor, lambda: unit.heard_at > started + 1.6)
    assert supervisor.pids == [first]


def test_a_worker_that_grew_old_is_replaced_without_a_pause(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(f"raise SystemExit({RECYCLED})", first_pause_s=3600.0)

    assert look_after(supervisor, lambda: len(supervisor.exits[0]) >= 2)
    assert set(supervisor.exits[0]) == {RECYCLED}


def test_the_child_processes_of_a_dead_worker_die_with_it(supervise: Callable[..., Supervisor], tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    supervisor = supervise(program)
    assert look_after(supervisor, lambda: note.exists() and note.read_text() != "")
    child = int(note.read_text())
    assert lives(child)

    os.kill(supervisor.pids[0], signal.SIGKILL)

    assert look_after(supervisor, lambda: not lives(child))


def test_at_the_end_workers_finish_and_the_deaf_are_killed(supervise: Callable[..., Supervisor]) -> None:
    polite, deaf = supervise(LIVING, count=2), supervise(DEAF, drain_s=0.2)
    for supervisor in (polite, deaf):
        assert look_after(supervisor, lambda it=supervisor: heard(it))  # type: ignore[misc]
    pids = polite.pids + deaf.pids

    assert polite.end() == 0
    assert polite.exits == [[0], [0]]
    assert deaf.end() == 1
    assert not any(lives(pid) for pid in pids)


def test_a_signal_ends_the_supervisor_and_its_workers(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    program = (
        "import sys, pathlib, threading, time\n"
        "from pipeline.supervisor import Supervisor\n"
        f"s = Supervisor([sys.executable, '-c', {LIVING!r}], count=2, drain_s=10)\n"
        "def note():\n"
        "    while len(s.pids) < 2 or any(u.heard_at <= u.started_at for u in s._units): time.sleep(0.02)\n"
        f"    pathlib.Path({str(note)!r}).write_text(' '.join(map(str, s.pids)) + '.')\n"
        "threading.Thread(target=note, daemon=True).start()\n"
        "sys.exit(s.run())"
    )
    supervisor = subprocess.Popen(command(program), stdout=subprocess.DEVNULL)
    pids = noted(note)

    supervisor.send_signal(signal.SIGTERM)

    assert supervisor.wait(timeout=20) == 0
    assert not any(lives(pid) for pid in pids)


def test_workers_whose_supervisor_was_killed_end_by_themselves(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    program = (
        "import sys, pathlib\n"
        "from pipeline.supervisor import Supervisor\n"
        f"s = Supervisor([sys.executable, '-c', {LIVING!r}], count=2)\n"
        "s.look_after(wait_s=0.01)\n"
        f"pathlib.Path({str(note)!r}).write_text(' '.join(map(str, s.pids)) + '.')\n"
        "s.run()"
    )
    supervisor = subprocess.Popen(command(program), stdout=subprocess.DEVNULL)
    pids = noted(note)
    supervisor.kill()
    supervisor.wait()

    give_up = time.monotonic() + 20
    while any(lives(pid) for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert not any(lives(pid) for pid in pids)


def noted(note: Path) -> list[int]:
    give_up = time.monotonic() + 20
    while not (note.exists() and note.read_text().endswith(".")):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return [int(pid) for pid in note.read_text().rstrip(".").split()]


def test_a_process_without_supervisor_gives_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIFE_FD, raising=False)
    assert sign_of_life() is None


def test_a_full_pipe_is_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    monkeypatch.setenv(LIFE_FD, str(theirs))
    show = sign_of_life()
    assert show is not None
    try:
        assert all(show() for _ in range(70_000))
    finally:
        os.close(ours)
    assert not show()
    os.close(theirs)


def test_a_command_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    supervisor = Supervisor([str(tmp_path / "missing")], count=1, first_pause_s=3600)
    supervisor.look_after(wait_s=0)
    supervisor.look_after(wait_s=0)

    assert supervisor.pids == []
    assert supervisor._units[0].deaths_in_a_row == 1
    assert supervisor.end() == 0
