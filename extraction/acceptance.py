"""Which values pass unseen: thresholds fitted on evidence, and the decision they make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from models.definitions import field_definition
from models.reading import Decision, FieldValue

NEVER = 1.01
"""A threshold no confidence reaches: everything of that type goes to a person."""
BLOCKING_FLAGS = frozenset(
    {"crossed_out", "overwritten", "outside_cells", "several_ticked", "repaired", "unsure_type", "not_visible"}
)
"""What a person must look at whatever the confidence."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which calibrated confidence a value of a type passes unseen."""

    by_type: Mapping[str, float]
    """Key: `FieldDefinition.value_type`."""
    by_field: Mapping[str, float] = field(default_factory=dict)
    """By name, before `by_type`: an invoice's date is found among many and a form's date stands in its boxes, so the
    evidence of one is none of the other."""
    default: float = NEVER
    """Where there is no evidence."""
    fitted_on: str = ""
    """The evidence, in words."""

    def of(self, name: str) -> float:
        """The threshold of a field."""
        if name in self.by_field:
            return self.by_field[name]
        return self.by_type.get(field_definition(name).value_type, self.default)


def decide(value: FieldValue, thresholds: Thresholds) -> Decision:
    """Whether a value passes unseen: its confidence reaches its type's threshold and nothing speaks against it."""
    if value.confidence is None or value.failed_rules or BLOCKING_FLAGS.intersection(value.flags):
        return Decision.TO_VERIFY
    return Decision.ACCEPTED if value.confidence >= thresholds.of(value.name) else Decision.TO_VERIFY


@cache
def shipped_thresholds() -> Thresholds:
    """The thresholds that come with the product."""
    data = json.loads(resources.files("extraction").joinpath("thresholds.json").read_text(encoding="utf-8"))
    return Thresholds(
        by_type={str(k): float(v) for k, v in data["by_type"].items()},
        by_field={str(k): float(v) for k, v in data.get("by_field", {}).items()},
        default=float(data["default"]),
        fitted_on=str(data["fitted_on"]),
    )


def upper_bound(errors: int, seen: int, *, risk: float = 0.05) -> float:
    """The error rate that is not exceeded with probability 1 - risk, given `errors` in `seen` independent values.

    Source: Clopper and Pearson, Biometrika 1934 (one-sided).
    """
    if seen == 0 or errors >= seen:
        return 1.0
    low, high = errors / seen, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _tail(errors, seen, middle) > risk:
            low = middle
        else:
            high = middle
    return high


def _tail(errors: int, seen: int, rate: float) -> float:
    """Probability of at most `errors` in `seen`."""
    term = total = (1 - rate) ** seen
    for k in range(errors):
        term *= (seen - k) / (k + 1) * rate / (1 - rate)
        total += term
    return total


def fit_threshold(evidence: Sequence[tuple[float, bool]], *, error: float, risk: float = 0.05) -> float:
    """The lowest confidence from which on values may pass, so that their error rate stays under `error`.

    Thresholds are tried from the strictest down and the first that fails ends the search (fixed-sequence testing), so
    the bound holds although many are tried.

    Args:
        evidence: (confidence, was right) of values whose truth is known.
    Returns: `NEVER` when the evidence is too thin.
    Source: Angelopoulos et al., Learn then Test, 2021 (fixed sequence).
    """
    ranked = sorted(evidence, key=lambda item: -item[0])
    best, errors = NEVER, 0
    for seen, (confidence, right) in enumerate(ranked, start=1):
        errors += not right
        tied = seen < len(ranked) and ranked[seen][0] == confidence
        if tied:
            continue
        if upper_bound(errors, seen, risk=risk) <= error:
            best = confidence
        elif best < NEVER or errors:
            break
    return best
