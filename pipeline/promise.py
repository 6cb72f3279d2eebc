"""The promise of one installation: limits refitted from what people answer, an alarm when the sample contradicts them.

A step of the sweep. What it decides is a new version in the record; the old ones stay. docs/decisions/0018.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import structlog

from extraction.acceptance import fit_thresholds, shipped_thresholds
from extraction.calibration import Calibration, Seen, Table, fit_calibration, held_out, shipped_calibration
from extraction.drift import Watch, watch
from models.bounds import upper_bound
from models.ports import Clock, UnitOfWork
from models.promise import ALL, NEVER, Alarm, Evidence, PolicyVersion, Thresholds
from pipeline.recognition import Policy

log = structlog.get_logger()

MOST = 6000
"""Latest answers that a calibration is fitted on."""
SAMPLE = 4000
"""Latest values of the sample that limits are tested on and the alarm looks at."""
FIRST_FIT = 400
"""Sampled values from which on fitting is tried."""
GROWTH = 1.25
"""It is tried again when the sample has grown by that factor."""
STRICTER = 0.2
"""What an alarm leaves of the errors a limit allows."""
_ENOUGH = {0: 1.0, 1: 2.0, 2: 4.0}
"""An alarm ends when the error can be bounded by so many times the promise: all, a document type, one field. A part of
the mail need not prove alone what all of it together must."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the installation promises."""

    error: float
    risk: float
    audit_share: float


UNWATCHED = Promise(error=0.005, risk=0.05, audit_share=0.0)
"""The usual promise where nobody draws a sample."""


def policy_of(version: PolicyVersion | None, promise: Promise) -> Policy:
    """What recognition decides with: the version in force, or what comes with the product, with the alarms on top."""
    if version is None:
        return Policy(shipped_calibration(), shipped_thresholds(promise.error))
    calibration = Calibration(version.coefficients, "this installation") if version.coefficients else None
    return Policy(calibration or shipped_calibration(), with_alarms(_base(version, promise), version.alarms))


def _base(version: PolicyVersion | None, promise: Promise) -> Thresholds:
    """The limits without alarms; those fitted for another promise are not used."""
    own = version.thresholds if version is not None else None
    return own if own is not None and own.error <= promise.error + 1e-12 else shipped_thresholds(promise.error)


def with_alarms(thresholds: Thresholds, alarms: Sequence[Alarm]) -> Thresholds:
    """The limits with every stratum that has an alarm held stricter, or closed."""
    by_type, by_field, limit = dict(thresholds.by_type), dict(thresholds.by_field), thresholds.limit
    for alarm in alarms:
        if alarm.stratum == ALL:
            limit = _tightened(limit, closed=alarm.closed)
        elif "/" in alarm.stratum:
            kind, _, name = alarm.stratum.partition("/")
            by_field[alarm.stratum] = _tightened(thresholds.of(kind, name), closed=alarm.closed)
        else:
            now = max(thresholds.limit, by_type.get(alarm.stratum, 0.0))
            by_type[alarm.stratum] = _tightened(now, closed=alarm.closed)
    return replace(thresholds, limit=limit, by_type=by_type, by_field=by_field)


def _tightened(limit: float, *, closed: bool) -> float:
    return NEVER if closed or limit >= 1 else 1 - (1 - limit) * STRICTER


class PromiseKeeper:
    """Looks at the evidence whenever the sample has grown; one a process, called by the sweep."""

    def __init__(self, *, uow: Callable[[], UnitOfWork], clock: Clock, promise: Promise) -> None:
        self._uow = uow
        self._clock = clock
        self._promise = promise
        self._looked_at = -1
        self._turn = threading.Lock()

    def __call__(self) -> PolicyVersion | None:
        """The version made now, `None` when nothing changed."""
        with self._turn:
            with self._uow().reading() as uow:
                count = uow.evidence.count_drawn()
                if count == self._looked_at:
                    return None
                current = uow.policies.current()
                sample = list(uow.evidence.drawn(SAMPLE))
                answers = list(uow.evidence.latest(MOST))
            made = next_version(current, sample, answers, count=count, promise=self._promise, now=self._clock.now())
            if made is not None and not self._keep(made, current):
                return None
            self._looked_at = count if made is None else -1
            return made

    def _keep(self, made: PolicyVersion, current: PolicyVersion | None) -> bool:
        """False when another process made a version at the same moment: its own is as good."""
        with self._uow() as uow:
            if not uow.policies.add(made):
                return False
            before = {alarm.stratum for alarm in current.alarms} if current is not None else set()
            raised = [alarm for alarm in made.alarms if alarm.stratum not in before]
            limits = made.thresholds
            uow.journal.append(
                f"promise_{made.reason}",
                at=made.made_at,
                subject=f"policy:{made.number}",
                evidence=made.evidence,
                limit=limits.limit if limits is not None else None,
                alarms=", ".join(alarm.stratum for alarm in raised) or None,
                ended=", ".join(sorted(before - {alarm.stratum for alarm in made.alarms})) or None,
            )
            uow.commit()
        level = log.warning if made.reason == "alarm" else log.info
        level("promise_" + made.reason, version=made.number, strata=[alarm.stratum for alarm in made.alarms])
        return True


def next_version(
    current: PolicyVersion | None,
    sample: Sequence[Evidence],
    answers: Sequence[Evidence],
    *,
    count: int,
    promise: Promise,
    now: datetime,
) -> PolicyVersion | None:
    """What follows from the evidence: an alarm first, then the end of one, then better limits; `None` for nothing.

    Args:
        sample: drawn values, oldest first. answers: all values that people keyed, oldest first.
        count: drawn values in the record, those not in `sample` too.
    """
    version = current or PolicyVersion(
        number=0, made_at=now, reason="", coefficients={}, thresholds=None, evidence=0, alarms=(), cleared={}
    )
    alarms, explained = _raised(version, sample, promise, now)
    if alarms:
        kept = [alarm for alarm in version.alarms if alarm.stratum not in {a.stratum for a in alarms}]
        cleared = version.cleared | dict.fromkeys(explained, now)
        return _following(version, "alarm", now, alarms=(*kept, *alarms), cleared=cleared)
    ended = _ended(version, answers, promise)
    if ended:
        left = tuple(alarm for alarm in version.alarms if alarm.stratum not in ended)
        return _following(version, "recovered", now, alarms=left, cleared=version.cleared | dict.fromkeys(ended, now))
    if len(sample) >= FIRST_FIT and count >= GROWTH * version.evidence:
        return _fitted(version, sample, answers, count=count, promise=promise, now=now)
    return None


def _following(
    version: PolicyVersion,
    reason: str,
    now: datetime,
    *,
    alarms: tuple[Alarm, ...],
    cleared: Mapping[str, datetime] | None = None,
) -> PolicyVersion:
    return PolicyVersion(
        number=version.number + 1,
        made_at=now,
        reason=reason,
        coefficients=version.coefficients,
        thresholds=version.thresholds,
        evidence=version.evidence,
        alarms=alarms,
        cleared=dict(version.cleared if cleared is None else cleared),
    )


def watched(version: PolicyVersion | None, sample: Sequence[Evidence], promise: Promise) -> dict[str, Watch]:
    """The sequential test of every stratum over the sample's values that had passed, since its last alarm."""
    since: dict[str, datetime] = dict(version.cleared) if version is not None else {}
    since.update({alarm.stratum: alarm.raised_at for alarm in version.alarms} if version is not None else {})
    wrong: dict[str, list[bool]] = {}
    for each in sample:
        for stratum in each.strata if each.passed else ():
            if stratum not in since or each.answered_at > since[stratum]:
                wrong.setdefault(stratum, []).append(not each.confirmed)
    return {stratum: watch(values, error=promise.error) for stratum, values in wrong.items()}


def _raised(
    version: PolicyVersion, sample: Sequence[Evidence], promise: Promise, now: datetime
) -> tuple[tuple[Alarm, ...], set[str]]:
    """New alarms, and the strata around them whose errors they explain.

    A field is closed; a document type, or all, is first held stricter, and closed at the next alarm. The finest stratum
    is the one that is held: those around it begin anew instead of being punished for errors that cannot come again.
    """
    standing = {alarm.stratum for alarm in version.alarms}
    raised: list[Alarm] = []
    explained: set[str] = set()
    found = watched(version, sample, promise)
    for stratum, state in sorted(found.items(), key=lambda item: (-_depth(item[0]), item[0])):
        if state.alarmed and stratum not in explained:
            closed = _depth(stratum) == 2 or stratum in standing
            raised.append(Alarm(stratum, now, state.seen, state.errors, closed))
            explained.update(_above(stratum))
    return tuple(raised), explained


def _depth(stratum: str) -> int:
    return 0 if stratum == ALL else 2 if "/" in stratum else 1


def _above(stratum: str) -> tuple[str, ...]:
    return (ALL, stratum.split("/", maxsplit=1)[0]) if "/" in stratum else (ALL,)


def _ended(version: PolicyVersion, answers: Sequence[Evidence], promise: Promise) -> list[str]:
    """Alarms whose stratum has shown since that what would pass again is right."""
    base = _base(version, promise)
    ended = []
    for alarm in version.alarms:
        right = [
            each.confirmed
            for each in answers
            if alarm.stratum in each.strata
            and each.answered_at > alarm.raised_at
            and each.eligible
            and each.confidence >= base.of(each.document_type.value, each.name)
        ]
        allowed = promise.error * _ENOUGH[_depth(alarm.stratum)]
        if right and upper_bound(right.count(False), len(right), risk=promise.risk) <= allowed:
            ended.append(alarm.stratum)
    return ended


def _fitted(
    version: PolicyVersion,
    sample: Sequence[Evidence],
    answers: Sequence[Evidence],
    *,
    count: int,
    promise: Promise,
    now: datetime,
) -> PolicyVersion:
    """Calibration drawn from the shipped one to this installation's answers, and limits if its own sample bears them.

    Accepted values are seen in the sample alone, so each stands for one over the share drawn; those that coders had to
    verify were all seen.
    """
    both = list({each.id: each for each in (*answers, *sample)}.values())
    drawn = np.array([each.drawn for each in both], bool)
    share = max(0.001, promise.audit_share)
    seen = [_as_seen(each, weight=1 / share if each.passed else 1.0) for each in both]
    table = Table.of(seen)
    shipped = shipped_calibration()
    calibration = fit_calibration(table, believed=shipped)
    confidence = held_out(table, believed=shipped)
    own = [each for each, is_drawn in zip(seen, drawn, strict=True) if is_drawn]
    limits = fit_thresholds(own, confidence[drawn], error=promise.error, risk=promise.risk)
    following = _following(version, "fitted", now, alarms=version.alarms)
    following.evidence = count
    if limits.limit < NEVER:
        following.coefficients = dict(calibration.coefficients)
        following.thresholds = replace(limits, fitted_on=f"{len(own)} sampled values of this installation")
    return following


def _as_seen(each: Evidence, *, weight: float) -> Seen:
    return Seen(
        each.document_id,
        each.document_type.value,
        each.name,
        each.value_type,
        each.numbers,
        right=each.confirmed,
        eligible=each.eligible,
        weight=weight,
    )
