"""Which values pass unseen: limits fitted on evidence so that a promise about their errors holds, and the decision.

The statistics and what they rest on: docs/decisions/0018-the-promise.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from extraction.calibration import Seen
from models.bounds import chance_of_at_most, lower_bound, upper_bound
from models.definitions import DocumentType
from models.promise import NEVER, RISK, Thresholds, is_eligible
from models.reading import Decision, FieldValue

LEAST = 0.95
"""No value less sure than that passes, whatever the others leave room for: a mail with more of the hard ones than the
evidence had must not break the promise."""
_LEVELS = 48
_AT_STRICTEST = 0.25
"""Share of the risk spent at the strictest level, in case the confidences foretell badly."""
_CONTRADICTED = 0.05
_UNEVEN = 2.0
"""Fields are not alike: one that is surely wrong more than that many times as often as promised, at a risk of
`_CONTRADICTED`, gets a limit of its own."""
_PRIOR = 200.0
"""Values that the calibrated probability counts for beside what was seen of a document type or field."""
Array = NDArray[np.float64]


def decide(value: FieldValue, thresholds: Thresholds, *, document_type: DocumentType) -> Decision:
    """Whether a value passes unseen: its confidence reaches its limit and nothing speaks against it."""
    if not is_eligible(value) or value.confidence is None:
        return Decision.TO_VERIFY
    limit = thresholds.of(document_type.value, value.name)
    return Decision.ACCEPTED if value.confidence >= limit else Decision.TO_VERIFY


def fit_thresholds(
    seen: Sequence[Seen], confidence: Array, *, error: float, risk: float = RISK, least: float = LEAST, folds: int = 5
) -> Thresholds:
    """The limits that let most values pass with at most `error` wrong among them, at probability 1 - `risk`.

    One limit for all on the calibrated confidence: accepting the surest first gives most values for the errors it
    costs. Which document types and fields get a stricter limit is settled, for each document tested, on the other
    documents; then the limit is tested on all by a fixed sequence.

    Args:
        seen: values with known truth, all of them, not only those that passed. confidence: calibrated on other
            documents than their own, shape (values,).
    """
    clusters = np.unique([s.document for s in seen], return_inverse=True)[1] if seen else np.zeros(0, int)
    able = np.array([s.eligible for s in seen], bool)
    right = np.array([s.right for s in seen], float)
    tested = np.where(able, confidence, 0.0)
    tested[tested < least] = 0.0
    for fold in range(folds):
        own = clusters % folds == fold
        strict = _stricter(seen, confidence, np.flatnonzero(~own & able), error=error, least=least)
        for place in np.flatnonzero(own & (tested > 0)).tolist():
            each = seen[place]
            if confidence[place] < max(strict[0].get(each.document_type, 0.0), strict[1].get(each.field, 0.0)):
                tested[place] = 0.0
    limit, passed = loosest_level(tested, right, clusters, error=error, risk=risk)
    by_type, by_field = _stricter(seen, confidence, np.flatnonzero(able), error=error, least=least)
    wrong = int((1 - right[passed]).sum())
    able_too = np.flatnonzero(tested > 0)
    effect = design_effect(likeness(right[able_too], clusters[able_too]), clusters, passed) if len(passed) else 1.0
    return Thresholds(
        limit=_up(limit),
        by_type={name: _up(value) for name, value in sorted(by_type.items()) if value > limit},
        by_field={name: _up(value) for name, value in sorted(by_field.items()) if value > limit},
        error=error,
        risk=risk,
        seen=len(passed),
        errors=wrong,
        bound=round(upper_bound(wrong / effect, len(passed) / effect, risk=risk), 5),
        coverage=round(len(passed) / max(1, len(seen)), 4),
    )


def _up(limit: float) -> float:
    return limit if limit >= 1 else min(0.9999, math.ceil(limit * 1e4) / 1e4)


def _stricter(
    seen: Sequence[Seen], confidence: Array, places: NDArray[np.intp], *, error: float, least: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Limits of document types that would break the promise if they came alone, and of fields whose errors do."""
    by_type: dict[str, float] = {}
    by_field: dict[str, float] = {}
    groups: dict[str, list[int]] = {}
    for place in places:
        if confidence[place] >= least:
            groups.setdefault(seen[place].document_type, []).append(int(place))
    for document_type, own in groups.items():
        held = _contradicted(seen, confidence, own, error=error)
        left = [place for place in own if confidence[place] >= held.get(seen[place].field, 0.0)]
        limit = by_type[document_type] = _own_limit(seen, confidence, left, error=error)
        passing = [place for place in left if confidence[place] >= limit]
        by_field.update(held | _contradicted(seen, confidence, passing, error=error))
    return by_type, by_field


def _contradicted(seen: Sequence[Seen], confidence: Array, places: Sequence[int], *, error: float) -> dict[str, float]:
    """The fields that are surely wrong too often, with the limit from which on they keep the promise by themselves."""
    fields: dict[str, list[int]] = {}
    for place in places:
        fields.setdefault(seen[place].field, []).append(place)
    return {
        name: _own_limit(seen, confidence, own, error=error)
        for name, own in fields.items()
        if lower_bound(sum(not seen[place].right for place in own), len(own), risk=_CONTRADICTED) > _UNEVEN * error
    }


def _own_limit(seen: Sequence[Seen], confidence: Array, own: Sequence[int], *, error: float) -> float:
    """The loosest limit at which a document type or field keeps the promise by itself, as far as can be told."""
    ranked = sorted(own, key=lambda place: -confidence[place])
    expected = wrong = 0.0
    limit = NEVER
    for count, place in enumerate(ranked, start=1):
        wrong += not seen[place].right
        expected += 1 - confidence[place]
        tied = count < len(ranked) and confidence[ranked[count]] == confidence[place]
        if not tied and (wrong + _PRIOR * expected / count) / (count + _PRIOR) <= error:
            limit = float(confidence[place])
    return limit


def loosest_level(
    confidence: Array, right: Array, clusters: NDArray[np.intp], *, error: float, risk: float
) -> tuple[float, NDArray[np.intp]]:
    """The loosest level at which more errors than promised can be ruled out, and the values that pass there.

    Levels lie at fixed ranks of the confidence and are tested from the strictest down. Two of them hold a share of the
    risk: the strictest, and the one at which the confidences themselves foretell the clearest test. A level that passes
    hands its risk to the next, one that fails loses it, so the probability that any level passes wrongly is at most
    `risk`. Nothing of this order depends on who is right.

    Args:
        confidence: shape (values,), 0 for those that cannot pass. clusters: number of each value's document.
    Returns: `NEVER` and nothing when the evidence is too thin.
    Source: Angelopoulos et al., Learn then Test, 2021; fallback procedure, Wiens, Pharmaceutical Statistics 2003.
    """
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] > 0]
    fewest = math.ceil(math.log(risk * _AT_STRICTEST) / math.log1p(-error))
    nothing = np.zeros(0, np.intp)
    if len(order) < fewest:
        return NEVER, nothing
    ranked = confidence[order]
    # a level ends where the confidence does: values alike pass together
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True)) + 1
    wanted = np.linspace(fewest, len(order), _LEVELS)
    levels = np.unique(ends[np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)]).tolist()
    expected = np.cumsum(1 - ranked)
    clearest = min(levels, key=lambda level: (chance_of_at_most(float(expected[level - 1]), level, error), level))
    wrong, alike = np.cumsum(1 - right[order]), likeness(right[order], clusters[order])
    limit, count, carried = NEVER, 0, 0.0
    for level in levels:
        at_hand = carried + risk * ((level == clearest) * (1 - _AT_STRICTEST) + (level == levels[0]) * _AT_STRICTEST)
        carried = 0.0
        if at_hand <= 0:
            continue
        effect = design_effect(alike, clusters, order[:level])
        if chance_of_at_most(float(wrong[level - 1]) / effect, level / effect, error) <= at_hand:
            limit, count, carried = float(ranked[level - 1]), level, at_hand
    return limit, order[:count]


def likeness(right: Array, clusters: NDArray[np.intp]) -> float:
    """How alike values of one document are in being wrong, 0..1: the intra-class correlation of errors.

    Estimated on all values that could pass at the loosest level: at the stricter ones errors are too few to tell.
    Source: Korn and Graubard, 1998 (variance of a ratio); Kish, Survey Sampling, 1965.
    """
    wrong = 1 - right
    rate = float(wrong.mean()) if len(wrong) else 0.0
    sizes = np.bincount(clusters).astype(float)
    documents = int((sizes > 0).sum())
    mean = float(np.square(sizes).sum() / max(1.0, sizes.sum()))
    if not 0 < rate < 1 or documents < 2 or mean < 1.01:
        return 0.0
    left = np.bincount(clusters, weights=wrong - rate)
    variance = float(np.square(left).sum()) * documents / (documents - 1) / len(wrong) ** 2
    ratio = variance / (rate * (1 - rate) / len(wrong))
    return min(1.0, max(0.0, (ratio - 1) / (mean - 1)))


def design_effect(alike: float, clusters: NDArray[np.intp], passed: NDArray[np.intp]) -> float:
    """By how much coming together in documents makes the values that pass worth fewer: 1 and more.

    Source: Kish, Survey Sampling, 1965.
    """
    own = np.bincount(clusters[passed]).astype(float)
    return 1 + alike * max(0.0, float(np.square(own).sum() / max(1.0, own.sum())) - 1)


@cache
def shipped_thresholds(error: float = 0.005) -> Thresholds:
    """The limits that come with the product, for the largest promise tabled that is not above `error`.

    Everything goes to a person when the promise asked for is stricter than any that the evidence supports.
    """
    data = json.loads(resources.files("extraction").joinpath("thresholds.json").read_text(encoding="utf-8"))
    kept = [entry for entry in data["targets"] if entry["error"] <= error + 1e-12]
    if not kept:
        return Thresholds(error=error, fitted_on="nothing")
    best = max(kept, key=lambda entry: entry["error"])
    return Thresholds(**best, fitted_on=data["fitted_on"])
