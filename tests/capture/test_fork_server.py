import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.fork_server import ForkServer

CHILD = """
import os, subprocess, time

def handle(request: bytes) -> bytes:
    word = request.decode()
    if word == "die":
        os.abort()
    if word == "sleep":
        os.setsid()
        subprocess.Popen(["sleep", "60.517"])
        time.sleep(60)
    if word == "flood":
        return b"x" * 10_000_000
    if word == "secret":
        return os.environ.get("DEPLI_SECRET_KEY", "").encode()
    return f"{word} {os.getpid()}".encode()
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    (tmp_path / "child_of_test.py").write_text(CHILD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DEPLI_SECRET_KEY", "very secret")
    server = ForkServer("child_of_test", tasks_a_server=20)
    yield server
    server.close()


def run(server: ForkServer, word: str, *, wall_s: float = 10) -> bytes:
    return server.run(word.encode(), wall_s=wall_s, most_bytes=1_000_000).answer


def test_each_task_has_a_child_of_its_own(server: ForkServer) -> None:
    answers = {run(server, "hello") for _ in range(3)}

    assert len(answers) == 3
    assert all(answer.startswith(b"hello ") for answer in answers)


def test_threads_may_ask_at_the_same_time(server: ForkServer) -> None:
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(run(server, "hello"))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(answers)) == 30


def test_a_child_that_dies_costs_only_its_task(server: ForkServer) -> None:
    ended = server.run(b"die", wall_s=10, most_bytes=100)

    assert (ended.signal, ended.answer, ended.timed_out) == (signal.SIGABRT, b"", False)
    assert run(server, "hello").startswith(b"hello")


def test_a_child_that_hangs_is_killed_with_all_it_started(server: ForkServer) -> None:
    ended = server.run(b"sleep", wall_s=0.5, most_bytes=100)

    assert ended.timed_out
    assert ended.signal == signal.SIGKILL
    # a killed process is gone once the kernel has run it for the last time, not when the signal is sent
    _wait_until(lambda: not any(line.startswith("sleep 60.517") for line in _commands()))


def test_an_answer_without_end_is_cut(server: ForkServer) -> None:
    assert len(run(server, "flood")) == 1_000_000


def test_children_do_not_inherit_secrets(server: ForkServer) -> None:
    assert run(server, "secret") == b""


def test_a_server_that_was_killed_is_replaced(server: ForkServer) -> None:
    run(server, "hello")
    assert server._process is not None
    server._process.kill()
    server._process.wait()

    assert run(server, "hello").startswith(b"hello")


def test_nothing_is_left_when_the_asking_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "child_of_test.py").write_text(CHILD.replace('"60.517"', '"61.283"'))
    program = (
        f"import sys; sys.path[:0] = {[str(tmp_path), *sys.path]!r}\n"
        "from capture.fork_server import ForkServer\n"
        "ForkServer('child_of_test').run(b'sleep', wall_s=60, most_bytes=10)\n"
    )
    asking = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _wait_until(lambda: any(line.startswith("sleep 61.283") for line in _commands()))
    os.kill(asking, signal.SIGKILL)
    os.waitpid(asking, 0)

    _wait_until(lambda: not any(line.startswith("sleep 61.283") or "child_of_test" in line for line in _commands()))


def _wait_until(true: object) -> None:
    end = time.monotonic() + 10
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _commands() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:
            continue
    return found
