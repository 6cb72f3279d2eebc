"""`depli train`: which program rebuilds which weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from models.errors import Misconfigured

Program = Callable[[Path, Path, int], Iterable[str] | None]
"""(folder of the data, folder of the weights, seed) -> lines to show while it works."""
WEIGHTS = Path("models/learned/weights")
SHIPPED_LIMITS = Path("extraction")


def _icr(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.icr import train_icr

    train_icr(data, output, seed)


def _line(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.lines import train_line

    train_line(data, output, seed)


def _ppocr(data: Path, output: Path, seed: int) -> None:
    from pipeline.training.ppocr import build

    build(data, output)


def _invoice(data: Path, output: Path, seed: int) -> Iterable[str]:
    from pipeline.training.invoice import train_invoice

    return train_invoice(data, output, seed)


def _classifier(data: Path, output: Path, seed: int) -> Iterable[str]:
    from pipeline.training.classifier import train_classifier

    return train_classifier(data, output, seed)


def _separation(data: Path, output: Path, seed: int) -> Iterable[str]:
    from pipeline.training.separation import train_separation

    return train_separation(data, output, seed)


def draw_mail(data: Path, output: Path, seed: int, count: int, forms: int) -> Iterable[str]:
    """A simulated mailbag of `count` documents, some of them on `forms` forms drawn for it."""
    from pipeline.training.mail.mailbag import draw_mailbag

    return draw_mailbag(data, output, seed=seed, count=count, new_forms=forms)


def calibrate(mailbags: Sequence[Path], output: Path, cache: Path | None) -> Iterable[str]:
    """Calibration and limits of acceptance from one or several mailbags."""
    from pipeline.training.calibration import fit

    return fit(mailbags, output, cache=cache)


# The programs' imports stand in functions: torch is only there with the extra.
PROGRAMS: dict[str, Program] = {
    "classifier": _classifier,
    "icr": _icr,
    "invoice": _invoice,
    "line": _line,
    "ppocr": _ppocr,
    "separation": _separation,
}
"""What `depli train` may be asked for."""
MAILBAG = "mailbag"
"""Simulated mail to train and to measure with: no weights come of it."""


CALIBRATION = "calibration"
"""Says from which confidence on values pass: no weights either, and it takes several mailbags."""


def run(
    what: str,
    *,
    data: Sequence[Path],
    output: Path | None,
    seed: int,
    count: int,
    forms: int,
    cache: Path | None,
    out: Console,
    err: Console,
) -> int:
    """Rebuild one set of weights, draw a mailbag of `count` documents and `forms` new forms, or fit the calibration.

    Args:
        output: where it ships when `None`. cache: folder for page readings, for the calibration.
    Returns: 2 for a name we do not know, or several folders for a program that takes one.
    Raises: Misconfigured when the extra `train` is missing.
    """
    if what == CALIBRATION:
        for line in calibrate(data, output or SHIPPED_LIMITS, cache):
            out.print(line, markup=False)
        return 0
    program = partial(draw_mail, count=count, forms=forms) if what == MAILBAG else PROGRAMS.get(what)
    if program is None:
        names = ", ".join([*PROGRAMS, MAILBAG, CALIBRATION])
        err.print(f"depli train: nothing is called {what}; one of {names}.", style="red")
        return 2
    if len(data) != 1:
        err.print(f"depli train {what}: give one --data.", style="red")
        return 2
    output = output or WEIGHTS
    try:
        for line in program(data[0], output, seed) or ():
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
