"""A whole mailbag by simulation: single documents and stacks with their truth, in the format that is scored."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import Misconfigured
from pipeline.training.mail.drawing import Drawn
from pipeline.training.mail.forms import Blank, draw_form, load_blank
from pipeline.training.mail.hands import Hands
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.random_forms import random_form
from pipeline.training.mail.receipts import draw_receipt
from pipeline.training.mail.scanner import scan
from pipeline.training.mail.stacks import SEPARATORS, Draw, draw_stack, save

TODAY = dt.date(2026, 11, 20)
SHARES = {"invoice": 0.42, "receipt": 0.04, "letter": 0.2, "form": 0.34}
"""What a mailbag holds."""
HARD = (0.1, 0.3, 0.5, 0.8)
"""How hard scans are, equally often."""


def draw_mailbag(
    data: Path,
    output: Path,
    *,
    seed: int,
    count: int,
    stacks: int = 3,
    forms: Path | None = None,
    new_forms: int = 0,
    held_out: bool | None = True,
) -> Iterator[str]:
    """Draw `count` documents and some stacks; `docs`, `truth.jsonl`, `batches`, `batches.jsonl` appear in `output`.

    Args:
        data: folder that holds `handwriting` (or is it) and, if there are more typefaces, `fonts`.
        forms: folder of forms to fill in; the ones that come with the program when not given.
        new_forms: forms that nobody designed, filled in as often as those; `output/forms` holds them as templates.
        held_out: writers as `Hands` takes them; True are those the readers never learned from.
    Yields: a line now and then for who waits.
    Raises: Misconfigured when the handwriting is not there.
    """
    handwriting = data / "handwriting" if (data / "handwriting").is_dir() else data
    fonts = data / "fonts" if (data / "fonts").is_dir() else None
    known = sorted(folder for folder in (forms or _shipped_forms()).iterdir() if (folder / "fields.json").is_file())
    if not known:
        raise Misconfigured(f"{forms} holds no form. Give a folder of forms.")
    drawn = [
        random_form(np.random.default_rng([seed, 3, number]), name=f"form-{seed}-{number}")
        for number in range(new_forms)
    ]
    added = [form.save(output / "forms" / form.description["id"]) for form in drawn]
    kinds = _kinds(Hands(handwriting, held_out=held_out), fonts, [load_blank(folder) for folder in known + added])
    for folder in (output / "docs", output / "batches"):
        folder.mkdir(parents=True, exist_ok=True)
    with (output / "truth.jsonl").open("w", encoding="utf-8") as truths:
        for number in range(count):
            line = _document(np.random.default_rng([seed, 1, number]), kinds, output, f"docs/{number:04d}")
            truths.write(json.dumps(line, ensure_ascii=False) + "\n")
            if (number + 1) % 25 == 0:
                yield f"{number + 1} documents of {count}"
    with (output / "batches.jsonl").open("w", encoding="utf-8") as truths:
        for number in range(stacks):
            line = _stack(np.random.default_rng([seed, 2, number]), kinds, output, number)
            truths.write(json.dumps(line, ensure_ascii=False) + "\n")
            yield f"stack {number + 1} of {stacks}"


def any_letter(kinds: dict[str, Draw], rng: np.random.Generator) -> Drawn:
    """A letter of a kind that comes as often as it does in a mailbag."""
    names = [name for name in SHARES if name in kinds]
    weights = np.array([SHARES[name] for name in names])
    return kinds[str(rng.choice(names, p=weights / weights.sum()))](rng)


def _kinds(hands: Hands, fonts: Path | None, blanks: Sequence[Blank]) -> dict[str, Draw]:
    def form(rng: np.random.Generator) -> Drawn:
        return draw_form(rng, blanks[int(rng.integers(len(blanks)))], hands, today=TODAY)

    return {
        "invoice": partial(draw_invoice, fonts=fonts),
        "receipt": partial(draw_receipt, fonts=fonts),
        "letter": partial(draw_letter, fonts=fonts),
        "form": form,
    }


def _shipped_forms() -> Path:
    return Path(__file__).parent.parent.parent / "forms"


def _document(rng: np.random.Generator, kinds: dict[str, Draw], output: Path, name: str) -> dict[str, Any]:
    drawn = any_letter(kinds, rng)
    hard = float(rng.choice(HARD))
    first = scan(drawn.pages[0], rng, hard=hard)
    scans = [first, *(scan(page, rng, hard=hard, mode=first.mode, dpi=first.dpi) for page in drawn.pages[1:])]
    suffix = str(rng.choice([".pdf", ".pdf", ".tif", ".jpg"] if len(scans) == 1 else [".pdf", ".pdf", ".tif"]))
    if first.mode == "bitonal" and suffix == ".jpg":
        suffix = ".tif"
    save(scans, output / f"{name}{suffix}", rng=rng)
    return {
        "file": f"{name}{suffix}",
        "document_type": drawn.truth["document_type"],
        "form": drawn.truth["form"],
        "pages": len(scans),
        "dpi": first.dpi,
        "mode": first.mode,
        "hard": hard >= 0.8,
        "scan": [one.notes() for one in scans],
        "fields": drawn.truth["fields"],
    }


def _stack(rng: np.random.Generator, kinds: dict[str, Draw], output: Path, number: int) -> dict[str, Any]:
    separator = SEPARATORS[number % len(SEPARATORS)]
    letters: list[Callable[[np.random.Generator], Drawn]] = [partial(any_letter, kinds)] * int(rng.integers(6, 14))
    stack = draw_stack(rng, letters, separator=separator, duplex=rng.random() < 0.5, hard=float(rng.choice(HARD[:3])))
    suffix = str(rng.choice([".pdf", ".tif"]))
    save(stack.scans, output / f"batches/batch-{number}{suffix}", rng=rng)
    return {"file": f"batches/batch-{number}{suffix}", **stack.truth}
