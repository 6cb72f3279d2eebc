"""What speaks for and against a value, as numbers: the raw confidence, its margin, rules, second reader, page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from models.geometry import MM_PER_INCH, Box
from models.reading import FieldValue, PageReading
from models.rules import RuleResult

_MOST_SURE = 7.0
"""Log-odds beyond which readers' confidences tell nothing more."""
_USUAL = 3.0
"""Log-odds of a usual value."""
_NOTED = frozenset({"assumed", "filled", "readers_disagree", "no_valid_value"})
"""Flags that make a value less sure without sending it to a person by themselves."""
DATA_READERS = ("cii", "ubl")
"""Readers of the data that travels with an e-invoice: nothing was recognised, nothing is calibrated."""


def with_evidence(
    fields: Mapping[str, FieldValue],
    pages: Sequence[PageReading],
    results: Iterable[RuleResult],
    *,
    type_confidence: float,
) -> dict[str, FieldValue]:
    """The fields with their readers' confidence put aside and all that bears on it noted.

    Args:
        fields: confidences as the readers gave them. pages: of the document, in order. results: of the rules.
    """
    kept = list(results)
    odds = {name: log_odds(value.confidence or 0.0) for name, value in fields.items()}
    hopeless = sum(each < 0 for each in odds.values())
    illegible = [_illegible(page) for page in pages]
    noted = {}
    for name, value in fields.items():
        evidence = _evidence(value, _page_of(value, pages), kept, type_confidence)
        if len(fields) > 1:
            # a hand, a scan or a layout that makes the other fields hard makes this one hard too
            around = (sum(odds.values()) - odds[name]) / (len(fields) - 1)
            evidence["around"] = round(around - _USUAL, 4)
            evidence |= _kept({"hopeless": (hopeless - (odds[name] < 0)) / (len(fields) - 1)})
        evidence |= _kept({"illegible": max(illegible, default=0.0)})
        noted[name] = replace(value, raw_confidence=value.confidence, evidence=evidence)
    return noted


def _page_of(value: FieldValue, pages: Sequence[PageReading]) -> PageReading | None:
    number = value.page or 1
    return pages[number - 1] if 0 < number <= len(pages) else None


def _evidence(
    value: FieldValue, page: PageReading | None, results: Sequence[RuleResult], type_confidence: float
) -> dict[str, float]:
    """What bears on one value; only what is not 0 is kept."""
    about = [result for result in results if value.name in result.fields]
    empty = value.value in (None, "", [], False)
    found = {
        "odds": log_odds(value.confidence or 0.0),
        "margin": _margin(value),
        "weakest": _weakest(value),
        "length": math.log1p(sum(bool(c.best) for c in value.characters)) if value.characters else 0.0,
        "empty": float(empty),
        "confirmed": 0.0 if empty else min(3.0, float(sum(result.ok for result in about))),
        "doubted": min(2.0, float(sum(not result.ok and not result.blocking for result in about))),
        "failed": min(2.0, float(len(value.failed_rules))),
        "agreed": float(" + " in value.reader),
        "noted": float(bool(_NOTED.intersection(value.flags))),
        "unsure_type": max(0.0, 4.0 - log_odds(type_confidence)) / 4.0,
        "data": float(value.reader.split("+")[0].strip() in DATA_READERS),
        **(_page_evidence(page) if page is not None else {}),
        "misread": _misread(value, page) if page is not None else 0.0,
    }
    return _kept(found)


def _kept(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(number, 4) for name, number in found.items() if number}


def log_odds(confidence: float) -> float:
    """Of a probability, cut at 7 either way."""
    clipped = min(max(confidence, 1e-6), 1 - 1e-6)
    return max(-_MOST_SURE, min(_MOST_SURE, math.log(clipped / (1 - clipped))))


def _margin(value: FieldValue) -> float:
    """Log of how much likelier the value is than the next; 0 where nothing else was thought of."""
    others = [c.confidence for c in value.candidates if c.value != value.value and c.confidence]
    if not others or not value.confidence:
        return 0.0
    return max(-2.0, min(_MOST_SURE, math.log(value.confidence / max(*others, 1e-6))))


def _weakest(value: FieldValue) -> float:
    """How unsure the least sure character is: -log of its probability."""
    return max((-math.log(max(c.probability(c.best), 1e-3)) for c in value.characters), default=0.0)


def _misread(value: FieldValue, page: PageReading) -> float:
    """How unsurely the least sure word in a value's place was read: -log of its probability, 3 at most."""
    if page.text is None or value.box is None:
        return 0.0
    place = value.box.scaled(page.dpi / MM_PER_INCH)
    near = (line for line in page.text.lines if line.box.intersection(place) is not None)
    sure = [word.confidence for line in near for word in line.words if _is_in(word.box, place)]
    return min(3.0, -math.log(max(min(sure, default=1.0), 1e-3)))


def _is_in(word: Box, place: Box) -> bool:
    return place.x <= word.center_x <= place.right and place.y <= word.center_y <= place.bottom


def _illegible(page: PageReading) -> float:
    """Share of the words on a page that were read unsurely."""
    words = [word for line in page.text.lines for word in line.words] if page.text is not None else []
    return sum(word.confidence < _UNSURE for word in words) / len(words) if words else 0.0


_UNSURE = 0.5
"""A word less sure than that may hold anything, or be a stamp."""


def _page_evidence(page: PageReading) -> dict[str, float]:
    quality = page.quality
    return {
        "off_mm": min(1.0, page.form.error_mm) if page.form is not None else 0.0,
        "coarse": float(page.dpi < 250),
        "bitonal": float(quality.bitonal),
        "blurred": max(0.0, 0.6 - quality.sharpness),
        "pale": max(0.0, 0.6 - quality.contrast),
    }
