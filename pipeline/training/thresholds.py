"""Fits the thresholds of acceptance from readings with truth: what passes unseen, per kind of value."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from extraction.acceptance import fit_threshold
from models.definitions import field_definition
from pipeline.benchmark import read_all
from pipeline.scoring import Tally, comparable

ERROR = 0.01
"""Share of wrong values among those that pass unseen, aimed at."""
RISK = 0.5
"""The true share is as likely above as below `ERROR`: a first rule, not yet a promise."""
LEAST = 0.9
"""No value passes below that confidence, however few errors were seen."""
FEWEST = 80
"""Value types with fewer right answers than that share one threshold."""
FOLDS = 5
NEVER = 1.01
Evidence = list[tuple[float, bool, int]]
"""(confidence, right, fold) of a value that no rule and no flag speaks against."""


def fit_thresholds(data: Path, output: Path) -> Iterator[str]:
    """Read a mailbag (`truth.jsonl` and its documents), fit on it, write `thresholds.json`, tell what cross-validation says.

    A threshold is the lowest confidence from which on the Clopper-Pearson bound of the error at `RISK` stays under
    `ERROR`. With few samples the bound at 95 % is much higher, and `docs/benchmarks.md` says so.
    """
    truth = [json.loads(line) for line in (data / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    by_source = {
        Path(line["source"]).name: line for line in read_all([data / t["file"] for t in truth]) if "fields" in line
    }
    by_type = _evidence(truth, by_source)
    rare = [pair for name, pairs in by_type.items() if len(pairs) < FEWEST for pair in pairs]
    fitted = {name: _fit(pairs) for name, pairs in sorted(by_type.items()) if len(pairs) >= FEWEST}
    default = _fit(rare) if len(rare) >= FEWEST else NEVER
    fitted_on = (
        f"{len(truth)} documents of {data.name}, {datetime.now(UTC):%Y-%m-%d}, error <= {ERROR:.1%} at risk {RISK}"
    )
    content = {"fitted_on": fitted_on, "default": default, "by_type": fitted}
    output.mkdir(parents=True, exist_ok=True)
    (output / "thresholds.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    yield "value type            threshold  values  | cross-validated: accepted, wrong"
    total = Tally()
    for name, pairs in sorted(by_type.items()):
        tally = _cross_validated(pairs if len(pairs) >= FEWEST else rare, own=pairs)
        total.seen += tally.seen
        total.accepted += tally.accepted
        total.accepted_wrong += tally.accepted_wrong
        limit = fitted.get(name, default)
        yield f"{name:20}  {limit:9.4f}  {len(pairs):6}  | {tally.accepted:5}  {tally.accepted_wrong:3}"
    yield f"together: {total.accepted} of {total.seen} accepted, {total.accepted_wrong} wrong"


def _evidence(truth: Sequence[Mapping[str, Any]], readings: Mapping[str, Mapping[str, Any]]) -> dict[str, Evidence]:
    found: dict[str, Evidence] = defaultdict(list)
    for number, expected in enumerate(truth):
        reading = readings.get(Path(expected["file"]).name)
        if reading is None or expected["document_type"] == "other":
            continue
        for name, value in expected["fields"].items():
            answer = reading["fields"].get(name)
            if answer is None or answer["confidence"] is None or answer.get("failed_rules") or answer.get("flags"):
                continue
            right = comparable(name, value) == comparable(name, answer["value"])
            found[field_definition(name).value_type].append((answer["confidence"], right, number % FOLDS))
    return found


def _fit(pairs: Evidence) -> float:
    limit = fit_threshold([(confidence, right) for confidence, right, _ in pairs], error=ERROR, risk=RISK)
    return round(max(LEAST, limit), 4)


def _cross_validated(pairs: Evidence, *, own: Evidence) -> Tally:
    tally = Tally()
    for fold in range(FOLDS):
        limit = _fit([pair for pair in pairs if pair[2] != fold])
        for confidence, right, place in own:
            if place == fold:
                tally.count(right=right, accepted=confidence >= limit)
    return tally
