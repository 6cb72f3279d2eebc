"""Which values pass unseen: thresholds fitted on evidence, and the decision they make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from models.definitions import field_definition
from models.reading import Decision, FieldValue

NEVER = 1.01
"""A threshold no confidence reaches: everything of that type goes to a person."""
BLOCKING_FLAGS = frozenset({"crossed_out", "overwritten", "outside_cells", "several_ticked", "repaired", "unsure_type"})
"""What a person must look at whatever the confidence."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which calibrated confidence a value of a type passes unseen."""

    by_type: Mapping[str, float]
    """Key: `FieldDefinition.value_type`."""
    default: float = NEVER
    """For types without evidence."""
    fitted_on: str = ""
    """The evidence, in words."""

    def of(self, value_type: str) -> float:
        """The threshold of a value type."""
        return self.by_type.get(value_type, self.default)


def decide(field: FieldValue, thresholds: Thresholds) -> Decision:
    """Whether a value passes unseen: its confidence reaches its type's threshold and nothing speaks against it."""
    if field.confidence is None or field.failed_rules or BLOCKING_FLAGS.intersection(field.flags):
        return Decision.TO_VERIFY
    limit = thresholds.of(field_definition(field.name).value_type)
    return Decision.ACCEPTED if field.confidence >= limit else Decision.TO_VERIFY


@cache
def shipped_thresholds() -> Thresholds:
    """The thresholds that come with the product."""
    data = json.loads(resources.files("extraction").joinpath("thresholds.json").read_text(encoding="utf-8"))
    return Thresholds({str(k): float(v) for k, v in data["by_type"].items()}, float(data["default"]), data["fitted_on"])


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
