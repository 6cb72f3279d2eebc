"""Our own supervisor of worker processes: starts them, restarts the dead and the silent, replaces the old, drains.

Not dramatiq's command line: one dead worker ends all of that, and it was seen to hang when workers die at boot.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

from pipeline.queue import RECYCLED

log = structlog.get_logger()

LIFE_FD = "DEPLI_LIFE_FD"
"""Environment variable that tells a worker into which pipe it writes its signs of life."""
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
"""A worker that lived that long did not die of its start: the next pause is short again."""


def sign_of_life() -> Callable[[], bool] | None:
    """For a worker: a function that shows the supervisor that we live; False = the supervisor is gone.

    `None` when this process was not started by a supervisor.
    """
    number = os.environ.get(LIFE_FD, "")
    if not number.isdigit():
        return None
    pipe = int(number)
    os.set_blocking(pipe, False)
    # what we start must not keep our pipe open: we would look alive when we are not
    os.set_inheritable(pipe, False)

    def show() -> bool:
        try:
            os.write(pipe, b".")
        except BlockingIOError:
            return True  # full: a busy supervisor has many signs to read already
        except OSError:
            return False
        return True

    return show


@dataclass(slots=True)
class _Unit:
    """One place for a worker, and the process that fills it."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    pipe: int = -1
    started_at: float = 0.0
    heard_at: float = 0.0
    deaths_in_a_row: int = 0
    start_at: float = 0.0
    """Not before (back-off)."""
    history: list[int] = field(default_factory=list)
    """The last hundred exit codes, newest last."""


class Supervisor:
    """Keeps `count` worker processes alive until SIGTERM or SIGINT.

    Args:
        command: starts one worker; it calls `sign_of_life()` each second, as `run_worker` does.
        count: workers.
        environment: added to ours.
        silent_s: a worker that gave no sign for that long is killed, seconds. Longer than any start (loading models).
        drain_s: seconds that workers get to finish after a signal.
        first_pause_s: rest after a death; doubles with each death in a row, to a minute at most.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        count: int,
        environment: Mapping[str, str] | None = None,
        silent_s: float = 120.0,
        drain_s: float = 75.0,
        first_pause_s: float = 1.0,
    ) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._silent_s = silent_s
        self._drain_s = drain_s
        self._first_pause_s = first_pause_s
        self._units = [_Unit(number) for number in range(count)]
        self._ending = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [unit.process.pid for unit in self._units if unit.process is not None]

    @property
    def exits(self) -> list[list[int]]:
        """The last exit codes of each place."""
        return [list(unit.history) for unit in self._units]

    def run(self) -> int:
        """Work until a signal comes; answers the exit code. In the main thread."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._ending:
                self.look_after()
        finally:
            code = self.end()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return code

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._ending:
            log.warning("supervisor_hurries", signal=number)
            self._kill_all()
        self._ending = True

    def look_after(self, *, wait_s: float = 0.5) -> None:
        """One round: bury, kill the silent, start what is missing, listen for `wait_s` seconds."""
        now = time.monotonic()
        for unit in self._units:
            if unit.process is not None and unit.process.poll() is not None:
                self._bury(unit, now)
            elif unit.process is not None and now - unit.heard_at > self._silent_s:
                log.error("worker_silent", unit=unit.number, pid=unit.process.pid)
                self._kill(unit)
            if unit.process is None and now >= unit.start_at and not self._ending:
                self._start(unit, now)
        self._listen(wait_s)

    def end(self) -> int:
        """Ask all workers to finish, wait, kill what is left; 0 when none had to be killed."""
        self._ending = True
        for unit in self._units:
            if unit.process is not None:
                unit.process.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + self._drain_s
        while any(unit.process is not None for unit in self._units) and time.monotonic() < give_up:
            for unit in self._units:
                if unit.process is not None and unit.process.poll() is not None:
                    self._bury(unit, time.monotonic())
            self._listen(0.1)
        left = [unit for unit in self._units if unit.process is not None]
        self._kill_all()
        for unit in left:
            if unit.process is not None:
                unit.process.wait()
                self._bury(unit, time.monotonic())
        return 1 if left else 0

    def _start(self, unit: _Unit, now: float) -> None:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            unit.process = subprocess.Popen(  # noqa: S603 - a command of ours, no shell
                self._command,
                env={**self._environment, LIFE_FD: str(theirs)},
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                # a group of its own: Ctrl-C comes to us alone, and a kill takes its child processes along
                start_new_session=True,
            )
        except OSError as error:
            os.close(ours)
            log.error("worker_not_started", unit=unit.number, error=str(error))
            self._rest(unit, now)
            return
        finally:
            os.close(theirs)
        os.set_blocking(ours, False)
        unit.pipe, unit.started_at, unit.heard_at = ours, now, now
        log.info("worker_process_started", unit=unit.number, pid=unit.process.pid)

    def _bury(self, unit: _Unit, now: float) -> None:
        process = unit.process
        if process is None:
            return
        code = process.returncode
        # its child processes must not outlive it
        self._kill_group(process.pid)
        os.close(unit.pipe)
        unit.history = [*unit.history[-99:], code]
        unit.process, unit.pipe = None, -1
        if self._ending:
            return
        if code == RECYCLED:
            log.info("worker_recycled", unit=unit.number, lived_s=round(now - unit.started_at))
            unit.deaths_in_a_row, unit.start_at = 0, now
            return
        if now - unit.started_at > STEADY_S:
            unit.deaths_in_a_row = 0
        log.error("worker_died", unit=unit.number, code=code, lived_s=round(now - unit.started_at))
        self._rest(unit, now)

    def _rest(self, unit: _Unit, now: float) -> None:
        unit.start_at = now + min(LONGEST_PAUSE_S, self._first_pause_s * 2 ** min(unit.deaths_in_a_row, 10))
        unit.deaths_in_a_row += 1

    def _listen(self, wait_s: float) -> None:
        by_pipe = {unit.pipe: unit for unit in self._units if unit.pipe >= 0}
        ready, _, _ = select.select(list(by_pipe), [], [], wait_s)
        at_end = 0
        for pipe in ready:
            try:
                heard = os.read(pipe, 65536)
            except BlockingIOError:
                continue
            if heard:
                by_pipe[pipe].heard_at = time.monotonic()
            else:
                at_end += 1
        if ready and at_end == len(ready):
            # every pipe that spoke is at its end: its process is about to be buried, no need to spin until then
            time.sleep(min(wait_s, 0.1))

    def _kill(self, unit: _Unit) -> None:
        if unit.process is not None:
            self._kill_group(unit.process.pid)
            unit.process.wait()
            self._bury(unit, time.monotonic())

    def _kill_all(self) -> None:
        for unit in self._units:
            if unit.process is not None:
                self._kill_group(unit.process.pid)

    @staticmethod
    def _kill_group(pid: int) -> None:
        # the worker leads its own session, so its group has its id, also after its own death
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError:
            log.warning("worker_group_not_killed", pid=pid)


def worker_command(*arguments: str) -> list[str]:
    """This interpreter with the command line's arguments: `worker_command("worker", "--unit")`."""
    return [sys.executable, "-m", "pipeline.cli", *arguments]
