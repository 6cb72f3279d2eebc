"""Fits the thresholds of acceptance from readings with truth: what passes unseen, per kind of value."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from extraction.acceptance import BLOCKING_FLAGS, NEVER, fit_threshold
from models.definitions import INVOICE_FIELDS, field_definition
from pipeline.benchmark.measuring import read_all
from pipeline.scoring import Tally, comparable

ERROR = 0.005
"""Share of wrong values among those that pass unseen that is promised."""
RISK = 0.05
"""Probability that the promise does not hold."""
LEAST_ON_INVOICES = 0.95
"""Other suppliers' layouts are less like those seen than other hands are: invoices get a margin."""
FOLDS = 10
INVOICE_NAMES = tuple(definition.name for definition in INVOICE_FIELDS)
Evidence = list[tuple[str, float, bool, int]]
"""(field or value type, confidence, right, document) of a value that no rule and no flag speaks against."""


def fit_thresholds(data: Path, output: Path) -> Iterator[str]:
    """Read a mailbag (`truth.jsonl` and its documents), fit on it, write `thresholds.json`, tell what it is worth.

    Values on forms go by value type, fields of invoices by name. One threshold for all by fixed-sequence testing with
    the Clopper-Pearson bound: the promise is about everything that passes. Then each name with an error is raised
    halfway from its surest error to certainty, and no invoice field passes below `LEAST_ON_INVOICES`. Cross-validated
    by document.
    """
    truth = [json.loads(line) for line in (data / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = read_all([data / expected["file"] for expected in truth])
    readings = {Path(line["source"]).name: line for line in lines if "fields" in line}
    evidence = _evidence(truth, readings)
    fitted = _fit(evidence)
    by_field = {name: max(fitted.pop(name, NEVER), LEAST_ON_INVOICES) for name in INVOICE_NAMES}
    told = []
    for title, only in (("forms", set(fitted)), ("invoices", set(by_field))):
        tally = _cross_validated(evidence, only)
        told.append(f"{title} {tally.accepted} of {tally.seen} accepted, {tally.accepted_wrong} wrong")
        yield f"{told[-1]} (cross-validated)"
    for name, limit in sorted({**fitted, **by_field}.items()):
        yield f"  {name:22} {limit:.4f}"
    worth = f"error {ERROR:.1%} at risk {RISK:.0%}; cross-validated by document: {'; '.join(told)}"
    content = {
        "fitted_on": f"{len(truth)} documents of {data.name} (synthetic); {worth}",
        "default": NEVER,
        "by_field": by_field,
        "by_type": fitted,
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "thresholds.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _evidence(truth: Sequence[Mapping[str, Any]], readings: Mapping[str, Mapping[str, Any]]) -> Evidence:
    found: Evidence = []
    for number, expected in enumerate(truth):
        reading = readings.get(Path(expected["file"]).name)
        if reading is None or expected["document_type"] == "other":
            continue
        for name, value in expected["fields"].items():
            answer = reading["fields"].get(name)
            if answer is None or answer["confidence"] is None or answer.get("failed_rules"):
                continue
            if BLOCKING_FLAGS.intersection(answer.get("flags", ())):
                continue
            right = comparable(name, value) == comparable(name, answer["value"])
            group = field_definition(name).value_type if expected.get("form") else name
            found.append((group, answer["confidence"], right, number))
    return found


def _fit(evidence: Evidence) -> dict[str, float]:
    """Threshold by name, rounded up."""
    together = fit_threshold([(confidence, right) for _, confidence, right, _ in evidence], error=ERROR, risk=RISK)
    surest_error: dict[str, float] = defaultdict(float)
    names = {name for name, *_ in evidence}
    for name, confidence, right, _ in evidence:
        if not right:
            surest_error[name] = max(surest_error[name], confidence)
    return {name: round(max(together, (1 + surest_error[name]) / 2) + 5e-5, 4) for name in sorted(names)}


def _cross_validated(evidence: Evidence, only: set[str]) -> Tally:
    tally = Tally()
    for fold in range(FOLDS):
        fitted = _fit([each for each in evidence if each[3] % FOLDS != fold])
        for name, confidence, right, number in evidence:
            if number % FOLDS == fold and name in only:
                least = LEAST_ON_INVOICES if name in INVOICE_NAMES else 0.0
                tally.count(right=right, accepted=confidence >= max(least, fitted.get(name, NEVER)))
    return tally
