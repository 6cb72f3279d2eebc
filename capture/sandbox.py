"""Every untrusted file is opened in a child process with limits; here is its parent.

The child is forked from a small server (`capture.fork_server`), gives up memory, time, network and other files
(`capture.confinement`) and answers in JSON. When it dies or takes too long, only that file is refused, with a code of
`models.errors.REFUSALS`. Nothing it says is believed unchecked: it may be in the hands of who made the file.
"""

from __future__ import annotations

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from capture.fork_server import Ended, ForkServer
from capture.messages import Answer, Task, answer_from_json, to_json
from capture.sources import Limits, Member, RasterPage, SourceInfo
from models.errors import REFUSALS, UnusableImage

__all__ = ["Limits", "Member", "RasterPage", "Sandbox", "SourceInfo", "protections"]

MOST_ANSWER_BYTES = 64 * 1024 * 1024
_MEMORY_SIGNALS = (signal.SIGABRT, signal.SIGKILL)
"""PDFium aborts where memory ends; without our asking, only the system's own watch over memory kills."""
_server = ForkServer("capture.opener")


class Sandbox:
    """Opens untrusted files in limited children. May be used from several threads and processes at a time.

    Args:
        max_pages: larger files are refused. parallel: children at a time; more callers wait.
    """

    def __init__(self, *, max_pages: int = 2000, limits: Limits | None = None, parallel: int | None = None) -> None:
        self._limits = replace(limits or Limits(), max_pages=max_pages)
        self._places = threading.BoundedSemaphore(parallel or os.cpu_count() or 1)

    def inspect(self, path: Path) -> SourceInfo:
        """Kind, number of pages, embedded e-invoices.

        Raises: UnusableImage with its code; OSError when the file cannot be read by us.
        """
        return self._info(path, self._run("inspect", path))

    def open(self, path: Path, *, most: int, out: Path) -> tuple[SourceInfo, list[RasterPage]]:
        """`inspect` and `raster` of the first pages by one child, which takes half the time for a file of one page.

        Args:
            most: pages, 20 at most; an archive has none.
        Raises: as `inspect` and `raster`; ask them one by one to know which page is at fault.
        """
        answer = self._run("open", path, out=out.resolve(), numbers=tuple(range(1, most + 1)))
        info = self._info(path, answer)
        return info, self._pages(path, answer, range(1, min(most, info.pages) + 1), out.resolve())

    def raster(self, path: Path, numbers: Sequence[int], *, out: Path) -> list[RasterPage]:
        """Gray pictures of some pages (1-based) at their own resolution, in files of the folder `out`.

        Ask for at most 20 pages at a time: they share one child's time.
        Raises: UnusableImage with its code, for the first page that fails; OSError as `inspect`.
        """
        folder = out.resolve()
        return self._pages(path, self._run("raster", path, out=folder, numbers=tuple(numbers)), numbers, folder)

    def expand(self, path: Path) -> list[Member]:
        """The files inside an archive. Their contents stay on disk until asked for, and go with the members.

        Raises: UnusableImage `archive_unsafe`, `encrypted`, `no_page`; OSError as `inspect`.
        """
        place = tempfile.TemporaryDirectory(prefix="depli-zip-")
        folder = Path(place.name).resolve()
        members = []
        for shown_name, name in self._run("expand", path, out=folder).members:
            file = folder / name
            if file.parent != folder or not _is_plain_file(file, self._limits.file_bytes):
                raise _refused(path, "archive_unsafe")
            members.append(Member(shown_name, file, place))
        return members

    def _info(self, path: Path, answer: Answer) -> SourceInfo:
        if answer.info is None or not 0 <= answer.info.pages <= self._limits.max_pages:
            raise _refused(path, "crashed")
        return answer.info

    def _pages(self, path: Path, answer: Answer, numbers: Sequence[int], folder: Path) -> list[RasterPage]:
        if [page.number for page in answer.pages] != list(numbers):
            raise _refused(path, "crashed")
        for page in answer.pages:
            largest = self._limits.max_pixels * 2 + 4096
            if page.file.parent != folder or not _is_plain_file(page.file, largest) or not 1 <= page.dpi < 10_000:
                raise _refused(path, "crashed")
        return list(answer.pages)

    def _run(self, work: str, path: Path, *, out: Path | None = None, numbers: tuple[int, ...] = ()) -> Answer:
        with path.open("rb"):
            pass  # rights and existence are our business, not the child's
        task = Task(work, path.resolve(), self._limits, out, numbers)
        with self._places:
            ended = _server.run(to_json(task), wall_s=self._limits.wall_s, most_bytes=MOST_ANSWER_BYTES)
        return _checked(path, ended)


def _is_plain_file(file: Path, largest: int) -> bool:
    try:
        status = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= largest


def _refused(path: Path, code: str, why: str = "") -> UnusableImage:
    return UnusableImage(f"{path.name}: {REFUSALS[code]}" + (f" ({why})" if why else ""), code=code)


def _checked(path: Path, ended: Ended) -> Answer:
    if ended.timed_out or ended.signal == signal.SIGXCPU:
        raise _refused(path, "timeout")
    try:
        answer = answer_from_json(ended.answer)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise _refused(path, "memory" if ended.signal in _MEMORY_SIGNALS else "crashed") from None
    if answer.code is not None:
        why = "".join(c for c in answer.why if c.isprintable())[:200]
        raise _refused(path, answer.code if answer.code in REFUSALS else "crashed", why)
    return answer


def protections() -> Mapping[str, bool]:
    """Which protections the children have on this machine, for the health page: tried out, not assumed."""
    with tempfile.TemporaryDirectory(prefix="depli-probe-") as name:
        folder = Path(name).resolve()
        for file in ("given", "secret"):
            (folder / file).write_text(file)
        ended = _server.run(to_json(Task("probe", folder / "given", Limits())), wall_s=10, most_bytes=10_000)
    held = _checked(folder, ended).holds or {}
    return {"limits": True, "no_new_privileges": True, **held}
