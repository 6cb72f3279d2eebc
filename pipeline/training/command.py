"""`depli train`: which program rebuilds which weights."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from models.errors import Misconfigured


def run(what: str, *, data: Path, output: Path, seed: int, out: Console, err: Console) -> int:
    """Rebuild one set of weights; 2 for a name we do not know.

    Raises: Misconfigured when the extra `train` is missing.
    """
    try:
        if what == "icr":
            from pipeline.training.icr import train_icr

            train_icr(data, output, seed)
        elif what == "ppocr":
            from pipeline.training.ppocr import build

            build(data, output)
        elif what == "thresholds":
            from pipeline.training.thresholds import fit_thresholds

            for line in fit_thresholds(data, output):
                out.print(line, markup=False)
        else:
            err.print(f"depli train: nothing is called {what}; one of icr, ppocr, thresholds.", style="red")
            return 2
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"Training needs {error.name}: install the extra, pip install 'depli[train]' (or .[train])."
        ) from error
    out.print(f"{output}: {what} rebuilt; register its hash in models/learned/registry.py when it ships", markup=False)
    return 0
