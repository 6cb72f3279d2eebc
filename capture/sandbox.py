"""Every untrusted file is opened in a child process with limits; here is its parent.

The child is forked from a forkserver (about 20 ms), limits its own memory, CPU, files and rights, and answers on a
pipe. When it dies or takes too long, only that file is refused, with a code of `models.errors.REFUSALS`.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from capture import opening
from capture.sources import Limits, Member, RasterPage, SourceInfo
from models.errors import REFUSALS, UnusableImage

__all__ = ["Member", "RasterPage", "Sandbox", "SourceInfo", "protections"]

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4


class Sandbox:
    """Opens untrusted files in limited children. May be used from several threads at a time.

    Args:
        max_pages: larger files are refused.
    """

    def __init__(self, *, max_pages: int = 2000, limits: Limits | None = None) -> None:
        base = limits or Limits()
        self._limits = Limits(
            **{name: getattr(base, name) for name in base.__dataclass_fields__ if name != "max_pages"},
            max_pages=max_pages,
        )
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["capture.opening"])

    def inspect(self, path: Path) -> SourceInfo:
        """Kind, number of pages, embedded e-invoices.

        Raises: UnusableImage with its code; OSError when the file cannot be read by us.
        """
        info: SourceInfo = self._run(path, opening.inspect, path, self._limits)
        return info

    def raster(self, path: Path, numbers: Sequence[int], *, out: Path) -> list[RasterPage]:
        """Gray pictures of some pages (1-based) at their own resolution, in files of the folder `out`.

        Raises: UnusableImage with its code, for the first page that fails.
        """
        pages: list[RasterPage] = self._run(path, opening.raster, path, list(numbers), out, self._limits)
        if [page.number for page in pages] != list(numbers) or any(page.file.parent != out for page in pages):
            raise UnusableImage(f"{path.name}: {REFUSALS['crashed']}", code="crashed")
        return pages

    def expand(self, path: Path) -> list[Member]:
        """The files inside an archive.

        Raises: UnusableImage `archive_unsafe`, `encrypted`, `no_page`.
        """
        with tempfile.TemporaryDirectory(prefix="depli-zip-") as folder:
            taken = self._run(path, opening.expand, path, Path(folder), self._limits)
            return [Member(name, file.read_bytes()) for name, file in taken]

    def _run(self, path: Path, work: Callable[..., Any], *args: Any) -> Any:
        with path.open("rb"):
            pass  # rights and existence are our business, not the child's
        receiver, sender = self._context.Pipe(duplex=False)
        child = self._context.Process(target=_child, args=(sender, self._limits, work, args), daemon=True)
        child.start()
        sender.close()
        answer: tuple[str, Any] | None = None
        timed_out = False
        try:
            if receiver.poll(self._limits.wall_s):
                answer = receiver.recv()
            else:
                timed_out = True
        except (EOFError, OSError):
            answer = None
        finally:
            receiver.close()
            _end(child)
        return _outcome(path, answer, timed_out=timed_out, exitcode=child.exitcode)


def _end(child: Any) -> None:
    child.join(timeout=0.5)
    if child.pid is not None:
        for end in (os.killpg, os.kill):
            try:
                end(child.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
    child.join(timeout=5)


def _outcome(path: Path, answer: tuple[str, Any] | None, *, timed_out: bool, exitcode: int | None) -> Any:
    if timed_out:
        raise UnusableImage(f"{path.name}: {REFUSALS['timeout']}", code="timeout")
    if answer is None:
        code = "timeout" if exitcode == -signal.SIGXCPU else "memory" if exitcode == -signal.SIGABRT else "crashed"
        raise UnusableImage(f"{path.name}: {REFUSALS[code]}", code=code)
    kind, content = answer
    if kind == "refused":
        code, why = content
        raise UnusableImage(f"{path.name}: {REFUSALS[code]} ({why})", code=code)
    return content


def _child(sender: Connection, limits: Limits, work: Callable[..., Any], args: Sequence[Any]) -> None:
    _confine(limits)
    try:
        answer: tuple[str, Any] = ("ok", work(*args))
    except UnusableImage as error:
        answer = ("refused", (error.code, str(error)))
    except MemoryError:
        answer = ("refused", ("memory", "too much memory"))
    except RecursionError:
        answer = ("refused", ("crashed", "nested too deeply"))
    except Exception as error:
        answer = ("refused", ("crashed", type(error).__name__))
    sender.send(answer)
    sender.close()
    # libraries in a strange state are not asked to tidy up
    os._exit(0)


def _confine(limits: Limits) -> None:
    os.setsid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _cut_network(libc)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for which, bound in (
        (resource.RLIMIT_AS, used + limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        top = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(which, (top, top))
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)


def _cut_network(libc: ctypes.CDLL) -> bool:
    """A network space of its own, empty; needs root or user namespaces."""
    return bool(libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _can_cut_network(sender: Connection) -> None:
    sender.send(_cut_network(ctypes.CDLL(None, use_errno=True)))
    sender.close()


def protections() -> Mapping[str, bool]:
    """Which protections the children have on this machine, for the health page."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    probe = context.Process(target=_can_cut_network, args=(sender,), daemon=True)
    probe.start()
    sender.close()
    no_network = bool(receiver.recv()) if receiver.poll(10) else False
    probe.join(timeout=5)
    return {"limits": True, "no_new_privileges": True, "no_network": no_network}
