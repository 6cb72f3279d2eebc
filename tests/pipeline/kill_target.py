"""What `depli serve` runs without the screens, on the home folder given: hot folder, crew, reading processes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from pipeline.installation import Installation
from pipeline.settings import Settings
from pipeline.watching import HotFolderWatch


def settings_of(home: Path) -> Settings:
    return Settings(home=home, workers=2, undo_s=0, stable_s=0.5, sweep_s=0.5, audit_share=0)


def main(home: Path) -> None:
    installation = Installation(settings_of(home))
    watch = HotFolderWatch(
        installation.settings.incoming, intake=installation.intake, clock=installation.clock, stable_s=0.5
    )
    installation.start_crew()
    watch.start()
    sys.stdout.write("working\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
