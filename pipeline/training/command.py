"""`depli train`: which program rebuilds which weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from rich.console import Console

from models.errors import Misconfigured

Program = Callable[[Path, Path, int], Iterable[str] | None]
"""(folder of the data, folder of the weights, seed) -> lines to show while it works."""


def _icr(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.icr import train_icr

    train_icr(data, output, seed)


def _line(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.lines import train_line

    train_line(data, output, seed)


def _ppocr(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.ppocr import build

    build(data, output)


def _thresholds(data: Path, output: Path, seed: int) -> Iterable[str]:
    from pipeline.training.thresholds import fit_thresholds

    return fit_thresholds(data, output)


def _classifier(data: Path, output: Path, seed: int) -> Iterable[str]:
    from pipeline.training.classifier import train_classifier

    return train_classifier(data, output, seed)


def draw_mail(data: Path, output: Path, seed: int, count: int) -> Iterable[str]:
    """A simulated mailbag of `count` documents."""
    from pipeline.training.mail.mailbag import draw_mailbag

    return draw_mailbag(data, output, seed=seed, count=count)


# The programs' imports stand in functions: torch is only there with the extra.
PROGRAMS: dict[str, Program] = {
    "classifier": _classifier,
    "icr": _icr,
    "line": _line,
    "ppocr": _ppocr,
    "thresholds": _thresholds,
}
"""What `depli train` may be asked for."""
MAILBAG = "mailbag"
"""Simulated mail to train and to measure with: no weights come of it."""


def run(what: str, *, data: Path, output: Path, seed: int, count: int, out: Console, err: Console) -> int:
    """Rebuild one set of weights, or draw a mailbag of `count` documents; 2 for a name we do not know.

    Raises: Misconfigured when the extra `train` is missing.
    """
    program = partial(draw_mail, count=count) if what == MAILBAG else PROGRAMS.get(what)
    if program is None:
        err.print(f"depli train: nothing is called {what}; one of {', '.join([*PROGRAMS, MAILBAG])}.", style="red")
        return 2
    try:
        for line in program(data, output, seed) or ():
            out.print(line, markup=False)
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"Training needs {error.name}: install the extra, pip install 'depli[train]' (or .[train])."
        ) from error
    if what == MAILBAG:
        out.print(f"{output}: a simulated mailbag; score readings with its truth.jsonl and batches.jsonl", markup=False)
        return 0
    out.print(f"{output}: {what} rebuilt; register its hash in models/learned/registry.py when it ships", markup=False)
    return 0
