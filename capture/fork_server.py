"""A small process that forks a child for each task. It has the readers loaded, one thread, no secrets and no database,
so a task costs about 20 ms, whatever the process that asks has loaded.

Not `multiprocessing`: its children import the program's main module again, cannot be started from daemon processes,
and answer in pickles, which an attacker who has taken a child over could use against the parent. Here only JSON goes
back. When the asking process dies, by whatever signal, the server kills the children and ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

_GRACE_S = 5.0
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from capture.fork_server import main; main()"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended."""

    answer: bytes
    """What it wrote; empty when it died before."""
    signal: int
    """The signal that killed it, 0 for none."""
    timed_out: bool
    lost: bool = False
    """The server itself died: nothing is known of the child."""


@dataclass(slots=True)
class ForkServer:
    """The asking side. May be used from several threads; a forked copy of the process starts a server of its own.

    Args:
        module: dotted name of the module whose `handle(request: bytes) -> bytes` runs in the children.
        tasks_a_server: a server is replaced after so many tasks, so that leaks do not add up.
    """

    module: str
    tasks_a_server: int = 500
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _control: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None
    _owner: int = 0
    _tasks: int = 0
    _retired: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, request: bytes, *, wall_s: float, most_bytes: int) -> Ended:
        """Run one task in a child of its own.

        Args:
            request: handed to `handle`; below 100 kB. wall_s: after that the child is killed.
            most_bytes: a longer answer is cut, and the child killed.
        """
        for attempt in (1, 2):
            answer, answer_end = socket.socketpair()
            status, status_end = socket.socketpair()
            try:
                self._send(request, answer_end, status_end)
            finally:
                answer_end.close()
                status_end.close()
            with answer, status:
                ended = _wait(answer, status, wall_s=wall_s, most_bytes=most_bytes)
            if not ended.lost or attempt == 2:
                break
        return ended

    def _send(self, request: bytes, *ends: socket.socket) -> None:
        with self._lock:
            for _ in range(2):
                control = self._running()
                try:
                    socket.send_fds(control, [request], [end.fileno() for end in ends])
                    self._tasks += 1
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self._retire()
            raise RuntimeError("The process that opens files does not start. See its message above; restart.")

    def _running(self) -> socket.socket:
        if self._owner != os.getpid():
            self._control, self._process, self._retired = None, None, []
        elif self._tasks >= self.tasks_a_server or (self._process is not None and self._process.poll() is not None):
            self._retire()
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                environment = {n: os.environ[n] for n in _KEPT_ENVIRONMENT if n in os.environ} | _ONE_THREAD
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-c", _START, json.dumps(sys.path), str(theirs.fileno()), self.module],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=environment,
                )
            self._control, self._owner, self._tasks = ours, os.getpid(), 0
        return self._control

    def _retire(self) -> None:
        """Let the server end once its children have; collect those that did."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._retired.append(self._process)
        self._retired = [process for process in self._retired if process.poll() is None]
        self._control, self._process, self._tasks = None, None, 0

    def close(self) -> None:
        """End the server; a later task starts another."""
        with self._lock:
            process = self._process
            self._retire()
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)


def _wait(answer: socket.socket, status: socket.socket, *, wall_s: float, most_bytes: int) -> Ended:
    """Collect the answer and the way the child ended; hanging up on `status` asks the server to kill the child."""
    end_s = time.monotonic() + wall_s
    parts: list[bytes] = []
    length = 0
    how: bytes | None = None
    timed_out = False
    with selectors.DefaultSelector() as selector:
        selector.register(answer, selectors.EVENT_READ)
        selector.register(status, selectors.EVENT_READ)
        while selector.get_map():
            left_s = end_s - time.monotonic()
            events = selector.select(left_s) if left_s > 0 else []
            if not events:
                if timed_out or how is not None:
                    break
                timed_out, end_s = True, time.monotonic() + _GRACE_S
                status.shutdown(socket.SHUT_WR)
            for key, _ in events:
                if key.fileobj is status:
                    how = _received(status, 4)
                    selector.unregister(status)
                    # a child that is gone has written all it had: what is left is in the socket
                    end_s = min(end_s, time.monotonic() + 0.2)
                    continue
                part = _received(answer, 1 << 16)
                length += len(part)
                parts.append(part)
                if not part or length > most_bytes:
                    selector.unregister(answer)
                    if length > most_bytes and how is None:
                        status.shutdown(socket.SHUT_WR)
    killed_by = int.from_bytes(how or b"", "big", signed=True)
    return Ended(b"".join(parts)[:most_bytes], killed_by, timed_out, lost=how == b"" and not length)


def _received(end: socket.socket, most: int) -> bytes:
    try:
        return end.recv(most)
    except ConnectionResetError:
        return b""


def main() -> NoReturn:
    """The server: loads the readers and forks until the asking process hangs up."""
    import importlib

    handle: Callable[[bytes], bytes] = importlib.import_module(sys.argv[3]).handle
    # a collection in a child would copy every page of memory that it looks at
    gc.collect()
    gc.freeze()
    _Server(socket.socket(fileno=int(sys.argv[2])), handle).serve()
    os._exit(0)


class _Server:
    """Children by process id, each with the socket on which the parent waits for its end."""

    def __init__(self, control: socket.socket, handle: Callable[[bytes], bytes]) -> None:
        self._control = control
        self._handle = handle
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        woken, wake = socket.socketpair()
        for end in (woken, wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # the keyboard's interrupt goes to the whole group; the asking process decides what it means
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        listening = True
        while listening or self._children:
            for key, _ in self._selector.select():
                if key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                    self._reap()
                elif key.fileobj is self._control:
                    listening = self._take()
                elif key.data in self._children:
                    _kill(key.data)  # the parent hung up or wants it dead
                    self._selector.unregister(key.fileobj)

    def _take(self) -> bool:
        request, ends, _, _ = socket.recv_fds(self._control, 1 << 17, 2)
        if not request:
            self._selector.unregister(self._control)
            return False
        answer, status = (socket.socket(fileno=end) for end in ends)
        child = os.fork()
        if child == 0:
            status.close()
            self._be_child(request, answer)
        answer.close()
        self._children[child] = status
        self._selector.register(status, selectors.EVENT_READ, child)
        return True

    def _be_child(self, request: bytes, answer: socket.socket) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            for status in self._children.values():
                status.close()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            answer.sendall(self._handle(request))
        finally:
            # libraries in a strange state are not asked to tidy up
            os._exit(0)

    def _reap(self) -> None:
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            child = ended.si_pid
            _kill(child)  # what it started; before its number can belong to another process
            _, how = os.waitpid(child, 0)
            status = self._children.pop(child)
            with contextlib.suppress(KeyError):
                self._selector.unregister(status)
            killed_by = os.WTERMSIG(how) if os.WIFSIGNALED(how) else 0
            with contextlib.suppress(OSError):
                status.sendall(killed_by.to_bytes(4, "big", signed=True))
            status.close()


def _kill(child: int) -> None:
    """The child and its group; before it leads a group of its own, the child alone."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)
