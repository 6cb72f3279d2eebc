"""The promise about errors: what people's answers say of the machine's values, and the limits in force."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.batch import Document, Field, FieldState, new_id
from models.definitions import DocumentType
from models.errors import WrongState
from models.reading import Decision, FieldValue, Value

NEVER = 1.01
"""A limit no confidence reaches: everything goes to a person."""
RISK = 0.05
"""Probability that a fitted limit lets more errors through than promised."""
ALL = "all"
"""The stratum of every value; the others are a document type, or a field as `document_type/name`."""
_WITHIN = 0.5
"""Share of its fields drawn in a document that is drawn."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which calibrated confidence a value passes unseen."""

    limit: float = NEVER
    by_type: Mapping[str, float] = field(default_factory=dict)
    """Stricter limits of document types, so that the promise does not hang on their mixture."""
    by_field: Mapping[str, float] = field(default_factory=dict)
    """Stricter limits of fields, `document_type/name`, whose own evidence contradicts the promise."""
    error: float = 0.0
    """Share of wrong values among those that pass unseen that is promised."""
    risk: float = RISK
    seen: int = 0
    """Values that passed, in the evidence the limit was tested on."""
    errors: int = 0
    """The wrong ones of these."""
    bound: float = 1.0
    """Upper bound of the error rate at `risk`."""
    coverage: float = 0.0
    """Share of all values that passed."""
    fitted_on: str = ""
    """The evidence, in words."""

    def of(self, document_type: str, name: str) -> float:
        """The limit of a field."""
        by_type = self.by_type.get(document_type, 0.0)
        return max(self.limit, by_type, self.by_field.get(f"{document_type}/{name}", 0.0))


@dataclass(kw_only=True)
class Evidence:
    """What a person's answer says of one value of the machine."""

    field_id: str
    document_id: str
    document_type: DocumentType
    name: str
    value_type: str
    numbers: dict[str, float]
    """As in `FieldValue.evidence`."""
    confidence: float
    """Calibrated, when it was decided."""
    eligible: bool
    """Nothing sent it to a person whatever its confidence."""
    passed: bool
    """The machine accepted it."""
    drawn: bool
    """It belongs to the random sample, keyed blind."""
    confirmed: bool
    """The person answered what the machine had read."""
    answered_at: datetime
    id: str = field(default_factory=new_id)
    settled: bool = False
    """A supervisor compared a differing answer with the paper."""

    def settle(self, *, machine_right: bool) -> None:
        """A supervisor says who was right where coder and machine differ."""
        if not self.drawn or (self.confirmed and not self.settled):
            raise WrongState(f"evidence {self.id} is not contested: reload the page.")
        self.confirmed, self.settled = machine_right, True

    @property
    def strata(self) -> tuple[str, str, str]:
        """From the widest to the finest: all, the document type, its field."""
        return ALL, self.document_type.value, f"{self.document_type.value}/{self.name}"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stratum whose sample contradicts the promise."""

    stratum: str
    raised_at: datetime
    seen: int
    """Values of the sample that had passed, up to the alarm."""
    errors: int
    closed: bool
    """Everything of it goes to a person; else it is held to a stricter limit."""


@dataclass(kw_only=True)
class PolicyVersion:
    """The calibration and the limits in force from a moment on; kept for good."""

    number: int
    """Counts from 1; the highest is in force."""
    made_at: datetime
    reason: str
    """`fitted`, `alarm`, `recovered`."""
    coefficients: dict[str, float]
    """Of the calibration; empty = the one that comes with the product."""
    thresholds: Thresholds | None
    """`None` = those that come with the product."""
    evidence: int
    """Drawn values that stood in the record when it was made."""
    alarms: tuple[Alarm, ...]
    cleared: dict[str, datetime]
    """Strata whose alarm ended: their sample counts from then on."""
    id: str = field(default_factory=new_id)


def is_drawn(document_id: str, name: str, *, share: float) -> bool:
    """Whether a field belongs to the sample; the same answer for the same document for good.

    Documents are drawn, then half of the fields of each: a sample of single fields would put a coder before nearly
    every document. Nothing is known of the value yet, so the sample is fair whatever the limits are.
    """
    within = max(_WITHIN, share)
    return _chance(document_id) < share / within and _chance(f"{document_id}/{name}") < within


def _chance(key: str) -> float:
    """A number in 0..1 that nobody can choose: identifiers are random."""
    return int.from_bytes(hashlib.sha256(f"audit/{key}".encode()).digest()[:8]) / 2**64


def evidence_of(document: Document, fields: Iterable[Field], *, now: datetime) -> list[Evidence]:
    """What the answers of a verified document say.

    Fields that nobody keyed or could read say nothing, nor do accepted ones that were not drawn: who has them keyed
    after all suspects something.
    """
    found = []
    for each in fields:
        machine = each.machine
        if each.state is not FieldState.KEYED or not speaks(machine):
            continue
        passed = machine.decision is Decision.ACCEPTED
        if passed and not each.drawn:
            continue
        found.append(
            Evidence(
                field_id=each.id,
                document_id=document.id,
                document_type=document.document_type,
                name=each.name,
                value_type=each.value_type,
                numbers=dict(machine.evidence),
                confidence=machine.confidence or 0.0,
                eligible=is_eligible(machine),
                passed=passed,
                drawn=each.drawn,
                confirmed=same_value(each.value, machine.value),
                answered_at=now,
            )
        )
    return found


def speaks(machine: FieldValue) -> bool:
    """Whether a value was recognised at all: the data of an e-invoice was not."""
    return bool(machine.evidence) and machine.raw_confidence is not None and not machine.evidence.get("data")


BLOCKING_FLAGS = frozenset(
    {
        "crossed_out", "overwritten", "outside_cells", "several_ticked", "repaired", "unsure_type", "unsure_boundary",
        "not_visible",
        "crossed_by", "covered",
        "page_missing", "nothing_written", "faint", "not_found",
    }
)  # fmt: skip
"""What a person must look at whatever the confidence."""


def is_eligible(value: FieldValue) -> bool:
    """Nothing sends the value to a person whatever its confidence."""
    return value.confidence is not None and not value.failed_rules and not BLOCKING_FLAGS.intersection(value.flags)


_BETWEEN_WORDS = re.compile(r"(?<!\d)\.|\.(?!\d)|(?!^)-|[^a-z0-9.-]+")
"""Not the point of an amount, nor the sign before it."""


def same_value(keyed: Value, read: Value) -> bool:
    """Whether two canonical values say the same: case, accents and signs between words do not count."""
    return _plain(keyed) == _plain(read)


def _plain(value: Value) -> object:
    if value in (None, "", [], False):
        return None
    if isinstance(value, list):
        return tuple(sorted(value))
    if not isinstance(value, str):
        return value
    spelled = unicodedata.normalize("NFD", value.replace("œ", "oe").replace("Œ", "OE").casefold())
    bare = "".join(c for c in spelled if not unicodedata.combining(c))
    if "@" in bare:
        return bare.replace(" ", "")
    return " ".join(_BETWEEN_WORDS.sub(" ", bare).split())
