"""The hot folder: files are taken when they are whole, and moved aside once the record has them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from capture.opening import clean_name

__all__ = ["DONE", "REFUSED", "HotFolder", "clean_name"]

DONE = "done"
REFUSED = "refused"
PARTIAL = (".part", ".tmp", ".crdownload", ".filepart", ".partial")
READY_MARK = ".done"
"""`scan.pdf.done` beside `scan.pdf` says that the scanner has finished."""


@dataclass(slots=True)
class _Seen:
    size: int
    changed_ns: int
    since_s: float


@dataclass(slots=True)
class HotFolder:
    """A folder that scanners write to. `look` is called again and again with a monotonic time."""

    folder: Path
    stable_s: float
    _seen: dict[Path, _Seen] = field(default_factory=dict)

    def ready(self, now_s: float) -> list[Path]:
        """Files that are whole: unchanged for `stable_s` seconds, or marked with `.done`.

        Hidden files, partial files, links, folders and what was moved aside are left alone.
        """
        found: list[Path] = []
        present: set[Path] = set()
        for entry in sorted(os.scandir(self.folder), key=lambda e: e.name):
            path = Path(entry.path)
            if not self._counts(entry):
                continue
            present.add(path)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            seen = self._seen.get(path)
            if seen is None or (seen.size, seen.changed_ns) != (status.st_size, status.st_mtime_ns):
                self._seen[path] = seen = _Seen(status.st_size, status.st_mtime_ns, now_s)
            if now_s - seen.since_s >= self.stable_s or path.with_name(path.name + READY_MARK).exists():
                found.append(path)
        for gone in set(self._seen) - present:
            del self._seen[gone]
        return found

    @staticmethod
    def _counts(entry: os.DirEntry[str]) -> bool:
        name = entry.name.lower()
        return (
            entry.is_file(follow_symlinks=False)
            and not name.startswith(".")
            and not name.endswith(PARTIAL)
            and not name.endswith(READY_MARK)
        )

    def take(self, path: Path, accept: Callable[[Path, str], str]) -> str:
        """Hand a file to `accept(path, shown_name)`, which answers once the record has it; then move it to `done/`.

        A crash between the two leaves the file where it is: it is offered again, and the record knows its bytes.
        Raises: what `accept` raises; the file stays.
        """
        batch = accept(path, clean_name(path.name))
        self._aside(path, DONE)
        return batch

    def refuse(self, path: Path, reason: str) -> None:
        """Move a file to `refused/`, the reason beside it."""
        target = self._aside(path, REFUSED)
        target.with_name(target.name + ".txt").write_text(reason + "\n", encoding="utf-8")

    def _aside(self, path: Path, where: str) -> Path:
        folder = self.folder / where
        folder.mkdir(exist_ok=True)
        target = folder / path.name
        while True:
            try:
                # a link fails where the name is taken: nothing is ever overwritten
                os.link(path, target)
                break
            except FileExistsError:
                target = folder / f"{path.stem}-{secrets.token_hex(3)}{path.suffix}"
            except OSError:
                path.rename(target if not target.exists() else folder / f"{secrets.token_hex(6)}-{path.name}")
                break
        path.unlink(missing_ok=True)
        path.with_name(path.name + READY_MARK).unlink(missing_ok=True)
        self._seen.pop(path, None)
        return target
