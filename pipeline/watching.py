"""Looks at the hot folder in a thread of its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import structlog

from capture.intake import HotFolder
from models.errors import UnusableImage
from models.ports import Clock
from pipeline.intake import Incoming, RecordIntake

log = structlog.get_logger()

LOOK_S = 1.0


class HotFolderWatch:
    """Takes in what scanners put into a folder, as soon as it is whole."""

    def __init__(self, folder: Path, *, intake: RecordIntake, clock: Clock, stable_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._hot = HotFolder(folder, stable_s)
        self._intake, self._clock = intake, clock
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hot-folder", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file under way."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._done.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Take in what is ready; a fault of one file or of the record never ends the watch."""
        try:
            ready = self._hot.ready(time.monotonic())
        except OSError as error:
            log.error("hot_folder_unreadable", error=str(error))
            return
        for path in ready:
            if self._done.is_set():
                return
            try:
                self._hot.take(path, self._accept)
            except UnusableImage as error:
                self._hot.refuse(path, str(error))
                log.warning("file_refused", code=error.code)
            except FileNotFoundError:
                continue
            except Exception as error:
                # the file stays and is offered again
                log.error("file_not_taken", error=type(error).__name__)

    def _accept(self, path: Path, shown_name: str) -> str:
        with path.open("rb") as stream:
            return self._intake.take([Incoming(shown_name, stream)], shown_name=shown_name, source="folder").batch_id
