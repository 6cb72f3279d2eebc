"""The promise of an installation: fitted on its own sample, tightened at once when the sample contradicts it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from extraction.acceptance import shipped_thresholds
from models.batch import Batch, Document
from models.definitions import DocumentType
from models.promise import ALL, NEVER, Alarm, Evidence, PolicyVersion, Thresholds
from models.store import SqlUnitOfWork
from pipeline.promise import Promise, PromiseKeeper, next_version, policy_of, with_alarms

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
PROMISE = Promise(error=0.005, risk=0.05, audit_share=0.02)
LIMITS = Thresholds(limit=0.96, by_type={"sepa_mandate": 0.98}, error=0.005)


def answer(
    number: int,
    *,
    name: str = "meter_index",
    kind: DocumentType = DocumentType.T_CARD,
    confirmed: bool = True,
    passed: bool = True,
    drawn: bool = True,
    confidence: float = 0.995,
    document: str = "",
) -> Evidence:
    return Evidence(
        id=f"{kind.value[:4]}{name[:6]}{number:020d}",
        field_id=f"f{number}",
        document_id=document or f"d{number}",
        document_type=kind,
        name=name,
        value_type="index",
        numbers={"odds": 5.0},
        confidence=confidence,
        eligible=True,
        passed=passed,
        drawn=drawn,
        confirmed=confirmed,
        answered_at=NOW + timedelta(minutes=number),
    )


def following(
    current: PolicyVersion | None,
    sample: list[Evidence],
    *,
    answers: list[Evidence] | None = None,
    minutes: int = 10**6,
) -> PolicyVersion | None:
    now = NOW + timedelta(minutes=minutes)
    return next_version(current, sample, answers or sample, count=len(sample), promise=PROMISE, now=now)


def test_a_thin_sample_changes_nothing() -> None:
    assert following(None, [answer(n) for n in range(100)]) is None


def test_what_ships_counts_until_the_own_sample_bears_limits() -> None:
    made = following(None, [answer(n) for n in range(500)])

    assert made is not None
    assert (made.number, made.reason, made.thresholds) == (1, "fitted", None)
    assert policy_of(made, PROMISE).thresholds == shipped_thresholds(0.005)


def test_limits_are_fitted_on_the_own_sample_when_it_is_large_enough() -> None:
    made = following(None, [answer(n) for n in range(1500)])

    assert made is not None and made.thresholds is not None
    assert made.thresholds.limit < NEVER
    assert made.thresholds.bound <= 0.005
    assert policy_of(made, PROMISE).thresholds == made.thresholds
    assert following(made, [answer(n) for n in range(1600)]) is None


def test_limits_fitted_for_a_looser_promise_are_not_used() -> None:
    made = following(None, [answer(n) for n in range(1500)])

    strict = replace(PROMISE, error=0.001)
    assert policy_of(made, strict).thresholds == shipped_thresholds(0.001)


def test_a_field_that_breaks_the_promise_is_closed_and_those_around_it_are_not_punished() -> None:
    sample = [answer(n, name="email" if n % 5 == 0 else "phone", confirmed=n % 5 != 0 or n < 200) for n in range(300)]
    made = following(None, sample)

    assert made is not None
    assert made.reason == "alarm"
    assert [(alarm.stratum, alarm.closed) for alarm in made.alarms] == [("t_card/email", True)]
    assert policy_of(made, PROMISE).thresholds.of("t_card", "email") == NEVER
    again = following(made, sample)
    assert again is None or again.reason != "alarm"


def test_errors_scattered_over_all_fields_tighten_everything_and_then_close_it() -> None:
    sample = [answer(n, name=f"field_{n % 61}", confirmed=n % 12 != 0) for n in range(150)]
    first = following(None, sample, minutes=150)
    assert first is not None
    assert [(alarm.stratum, alarm.closed) for alarm in first.alarms] == [("t_card", False)]

    later = [answer(n, name=f"field_{n % 61}", confirmed=n % 12 != 0) for n in range(151, 300)]
    second = following(first, [*sample, *later], minutes=300)

    assert second is not None
    assert [(alarm.stratum, alarm.closed) for alarm in second.alarms] == [("t_card", True)]
    assert policy_of(second, PROMISE).thresholds.of("t_card", "field_1") == NEVER


def test_an_alarm_ends_by_new_evidence_alone() -> None:
    alarm = Alarm("t_card/email", NOW, seen=40, errors=4, closed=True)
    closed = PolicyVersion(
        number=3, made_at=NOW, reason="alarm", coefficients={}, thresholds=LIMITS, evidence=10**6, alarms=(alarm,),
        cleared={},
    )  # fmt: skip
    keyed = [answer(n, name="email", passed=False, drawn=False) for n in range(1, 200)]

    assert following(closed, [], answers=keyed[:100]) is None
    assert following(closed, [], answers=[replace_confirmed(e, each % 40 != 0) for each, e in enumerate(keyed)]) is None
    made = following(closed, [], answers=keyed)

    assert made is not None
    assert (made.reason, made.alarms, list(made.cleared)) == ("recovered", (), ["t_card/email"])
    assert policy_of(made, PROMISE).thresholds == LIMITS


def replace_confirmed(evidence: Evidence, confirmed: bool) -> Evidence:
    return answer(int(evidence.field_id[1:]), name="email", passed=False, drawn=False, confirmed=confirmed)


@pytest.mark.parametrize(
    ("alarm", "kind", "name", "limit"),
    [
        (Alarm(ALL, NOW, 1, 1, closed=False), "t_card", "email", 0.992),
        (Alarm(ALL, NOW, 1, 1, closed=True), "t_card", "email", NEVER),
        (Alarm("t_card", NOW, 1, 1, closed=False), "t_card", "email", 0.992),
        (Alarm("t_card", NOW, 1, 1, closed=False), "supplier_invoice", "email", 0.96),
        (Alarm("sepa_mandate", NOW, 1, 1, closed=False), "sepa_mandate", "iban", 0.996),
        (Alarm("t_card/email", NOW, 1, 1, closed=True), "t_card", "email", NEVER),
        (Alarm("t_card/email", NOW, 1, 1, closed=True), "t_card", "phone", 0.96),
    ],
)
def test_an_alarm_holds_its_stratum_and_no_other(alarm: Alarm, kind: str, name: str, limit: float) -> None:
    assert with_alarms(LIMITS, [alarm]).of(kind, name) == pytest.approx(limit)


def test_in_simulated_histories_drift_is_stopped_before_it_costs_much() -> None:
    """Errors jump to ten times the promise: what passes afterwards is little, and quiet histories are left alone."""
    rng = np.random.default_rng(2611)
    stopped, false_alarms, histories = [], 0, 30
    for _ in range(histories):
        good = [answer(n, name=f"field_{n % 10}", confirmed=bool(rng.random() > 0.002)) for n in range(300)]
        bad = [answer(300 + n, name=f"field_{n % 10}", confirmed=bool(rng.random() > 0.05)) for n in range(400)]
        before = following(None, good)
        false_alarms += before is not None and before.reason == "alarm"
        for count in range(40, 401, 40):
            made = following(None, [*good, *bad[:count]])
            if made is not None and made.reason == "alarm":
                stopped.append(count)
                break
        else:
            stopped.append(1000)

    assert false_alarms <= 2
    assert np.median(stopped) <= 160
    assert max(stopped) <= 400


class HandClock:
    def now(self) -> datetime:
        return NOW + timedelta(days=1000)


class Site:
    """A record with one document, whose evidence the test writes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.lot = Batch(shown_name="x", source="cli", received_at=NOW)
        self.document = Document(batch_id=self.lot.id, position=0, formed_at=NOW)
        with self.uow() as uow:
            uow.batches.add(self.lot)
            uow.documents.add(self.document)
            uow.commit()
        self.keeper = PromiseKeeper(uow=self.uow, clock=HandClock(), promise=PROMISE)

    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine)

    def learn(self, evidence: Iterable[Evidence]) -> None:
        with self.uow() as uow:
            uow.evidence.replace(self.document.id, evidence)
            uow.commit()

    def events(self) -> list[str]:
        with self.uow().reading() as uow:
            return [entry.event for entry in uow.journal.entries()]


def test_the_record_keeps_each_version_with_what_it_was_fitted_on(any_engine: Engine) -> None:
    site = Site(any_engine)
    site.learn(answer(n, document=site.document.id) for n in range(1500))

    made = site.keeper()

    assert made is not None and made.reason == "fitted"
    with site.uow().reading() as uow:
        kept = uow.policies.current()
    assert kept is not None
    assert (kept.number, kept.thresholds, kept.alarms) == (1, made.thresholds, ())
    assert site.keeper() is None
    assert site.events() == ["promise_fitted"]


def test_an_alarm_is_written_to_the_journal_and_counts_at_once(any_engine: Engine) -> None:
    site = Site(any_engine)
    site.learn(answer(n, name="email", confirmed=n < 20, document=site.document.id) for n in range(26))

    site.keeper()

    assert site.events() == ["promise_alarm"]
    with site.uow().reading() as uow:
        assert policy_of(uow.policies.current(), PROMISE).thresholds.of("t_card", "email") == NEVER
        assert uow.evidence.audited() == [(DocumentType.T_CARD, "email", 26, 6)]


def test_answers_given_again_take_the_place_of_those_before(any_engine: Engine) -> None:
    site = Site(any_engine)
    site.learn([answer(1, document=site.document.id), answer(2, document=site.document.id)])
    site.learn([answer(3, document=site.document.id, drawn=False)])

    with site.uow().reading() as uow:
        assert uow.evidence.count_drawn() == 0
        assert [each.field_id for each in uow.evidence.latest(10)] == ["f3"]


def test_two_processes_make_one_version(any_engine: Engine) -> None:
    site = Site(any_engine)
    site.learn(answer(n, name="email", confirmed=n < 20, document=site.document.id) for n in range(26))
    other = PromiseKeeper(uow=site.uow, clock=HandClock(), promise=PROMISE)
    with site.uow().reading() as uow:
        current, sample = uow.policies.current(), list(uow.evidence.drawn(100))
    made = following(current, sample)
    assert made is not None

    assert site.keeper() is not None
    assert other._keep(made, current) is False
    assert site.events() == ["promise_alarm"]
