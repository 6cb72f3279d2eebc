"""`depli train calibration`: fits the calibration and the limits of acceptance on mailbags with truth."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extraction.acceptance import fit_thresholds
from extraction.calibration import Seen, Table, calibration_error, fit_calibration, held_out
from models.bounds import upper_bound
from models.promise import NEVER, RISK, Thresholds
from pipeline.training.evidence import evidence_of

TARGETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02)
"""Residual errors for which limits ship."""
USUAL = 0.005
Array = NDArray[np.float64]


def fit(mailbags: Sequence[Path], output: Path, *, cache: Path | None = None) -> Iterator[str]:
    """Read the mailbags, fit on them, write `calibration.json` and `thresholds.json`, tell what it is worth.

    Everything told is cross-validated by document: no value is judged by a calibration that saw its document. The same
    mailbags give the same files.

    Raises: Misconfigured when a folder is no mailbag.
    """
    seen: list[Seen] = []
    for mailbag in mailbags:
        own = sorted(evidence_of(mailbag, cache=cache), key=lambda each: (each.document, each.name))
        seen.extend(own)
        yield f"{mailbag.name}: {len({each.document for each in own})} documents, {len(own)} values"
    if not seen:
        yield "No value with known truth: nothing is written."
        return
    table = Table.of(seen)
    whole = fit_calibration(table)
    confidence = held_out(table, start=whole)
    error = calibration_error(confidence, table.right)
    yield f"calibration error (ECE, cross-validated) {error:.2%} over {len(seen)} values"
    documents = Counter(each.split("/")[0] for each in dict.fromkeys(s.document for s in seen))
    told = " and ".join(f"{count} documents of {name}" for name, count in documents.items())
    fitted_on = f"{told}, {len(seen)} values, {datetime.now(UTC):%Y-%m}; ECE {error:.4f} cross-validated by document"
    calibration = replace(whole, fitted_on=fitted_on)
    fitted = [fit_thresholds(seen, confidence, error=target) for target in TARGETS]
    yield from _worth(seen, confidence, fitted)
    mails = [
        {"name": mailbag.name, "truth_sha256": hashlib.sha256((mailbag / "truth.jsonl").read_bytes()).hexdigest()}
        for mailbag in mailbags
    ]
    output.mkdir(parents=True, exist_ok=True)
    head = {"fitted_on": fitted_on, "mailbags": mails}
    _write(output / "calibration.json", {**head, "coefficients": dict(calibration.coefficients)})
    targets = [_as_json(each) for each in fitted if each.limit < NEVER]
    _write(output / "thresholds.json", {**head, "targets": targets})
    yield f"{output / 'calibration.json'} and thresholds.json written"


def _as_json(thresholds: Thresholds) -> dict[str, Any]:
    names = ("limit", "by_type", "by_field", "error", "risk", "seen", "errors", "bound", "coverage")
    return {name: getattr(thresholds, name) for name in names}


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _worth(seen: Sequence[Seen], confidence: Array, fitted: Sequence[Thresholds]) -> Iterator[str]:
    """What each promise lets through, and field by field what the usual one does."""
    for each in fitted:
        passes = _passes(seen, confidence, each)
        straight = _straight(seen, passes)
        yield (
            f"promise {each.error:.1%} at risk {RISK:.0%}: limit {each.limit:.4f}, {each.coverage:.1%} of values pass, "
            f"{each.errors} of {each.seen} wrong, bound {each.bound:.2%}; {straight:.1%} of documents straight through"
            + ("" if each.limit < NEVER else " (evidence too thin: everything goes to a person)")
        )
    usual = next(each for each in fitted if each.error == USUAL)
    passes = _passes(seen, confidence, usual)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, each_seen in enumerate(seen):
        groups[each_seen.field].append(place)
    yield f"{'field':44} seen  right  pass  wrong  bound   ECE   (at {USUAL:.1%})"
    for name, places in sorted(groups.items()):
        right = np.array([seen[place].right for place in places], float)
        through = passes[places]
        wrong = int((1 - right[through]).sum())
        yield (
            f"{name:44} {len(places):4}  {right.mean():.3f}  {through.mean():.2f}  {wrong:3}   "
            f"{upper_bound(wrong, int(through.sum())):.3f}  {calibration_error(confidence[places], right, bins=5):.3f}"
        )
    for document_type, limit in usual.by_type.items():
        yield f"stricter for {document_type}: {limit:.4f}"
    for name, limit in usual.by_field.items():
        yield f"stricter for {name}: {limit:.4f}"


def _passes(seen: Sequence[Seen], confidence: Array, thresholds: Thresholds) -> NDArray[np.bool_]:
    limits = np.array([thresholds.of(each.document_type, each.name) for each in seen])
    able = np.array([each.eligible for each in seen], bool)
    return np.asarray(able & (confidence >= limits), bool)


def _straight(seen: Sequence[Seen], passes: NDArray[np.bool_]) -> float:
    whole: dict[str, bool] = {}
    for each, through in zip(seen, passes, strict=True):
        whole[each.document] = whole.get(each.document, True) and bool(through)
    return sum(whole.values()) / max(1, len(whole))
