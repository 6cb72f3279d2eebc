"""Leases and answers: stored once, never over a newer one, taken back until the document is frozen."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from models.batch import Document, DocumentState, Field, FieldState
from models.jobs import Step
from models.releases import ReleaseState
from models.verification import Keying, KeyingAction
from tests.videocoding_ui.desk_app import DeskApp
from tests.videocoding_ui.visitor import Visitor


def document(desk: DeskApp, document_id: str) -> Document:
    with desk.open_uow() as uow:
        return uow.documents.get(document_id)


def field(desk: DeskApp, field_id: str) -> Field:
    with desk.open_uow() as uow:
        return uow.fields.get(field_id)


def keyings(desk: DeskApp, document_id: str) -> list[Keying]:
    with desk.open_uow() as uow:
        return list(uow.keyings.of_document(document_id))


def task_of(lease: dict[str, Any], name: str) -> dict[str, Any]:
    return next(task for task in lease["tasks"] if task["field"] == name)


def test_a_coder_gets_the_oldest_document_with_its_waiting_fields(desk: DeskApp) -> None:
    (lease,) = Visitor(desk.app, "coder").lease()

    assert lease["lease"] == desk.seeded.documents["mandate0"]
    assert [task["field"] for task in lease["tasks"]] == [
        "debtor_name",
        "debtor_postal_code",
        "iban",
        "bic",
        "payment_type",
        "signature_date",
        "signature",
    ]


def test_nothing_of_the_machines_value_is_sent_for_a_blind_field(desk: DeskApp) -> None:
    (lease,) = Visitor(desk.app, "coder").lease()

    blind = task_of(lease, "bic")
    assert blind["mode"] == "blind"
    assert "value" not in blind
    assert blind["candidates"] == [] == blind["doubts"]
    assert "PSSTFRPPLIL" not in str(lease)


def test_a_critical_value_without_check_digit_is_never_proposed(desk: DeskApp) -> None:
    leases = Visitor(desk.app, "coder").lease(want=3)

    modes = {task["field"]: task["mode"] for lease in leases for task in lease["tasks"]}
    assert modes["meter_index"] == modes["invoice_number"] == modes["total_with_tax"] == "blind"
    assert modes["iban"] == modes["seller_siret"] == "confirm"


def test_doubtful_characters_are_marked_in_the_value_as_shown(desk: DeskApp) -> None:
    (lease,) = Visitor(desk.app, "coder").lease()

    iban = task_of(lease, "iban")
    assert iban["value"] == "FR14 2004 1010 0505 0001 3M02 606"
    assert [iban["value"][place] for place in iban["doubts"]] == ["0", "M"]


def test_two_coders_never_get_the_same_document(desk: DeskApp) -> None:
    first = Visitor(desk.app, "coder").lease(want=2)
    second = Visitor(desk.app, "coder2").lease(want=6)

    assert second
    assert not {lease["lease"] for lease in first} & {lease["lease"] for lease in second}


def test_a_verified_document_has_its_release_planned_in_the_same_transaction(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()

    verdicts = [coder.answer(lease, task) for task in lease["tasks"]]

    assert [verdict["outcome"] for verdict in verdicts] == ["ok"] * 7
    assert [verdict["verified"] for verdict in verdicts] == [False] * 6 + [True]
    done = document(desk, lease["lease"])
    assert (done.state, done.straight_through) == (DocumentState.VERIFIED, False)
    with desk.open_uow() as uow:
        assert [release.state for release in uow.releases.of_document(done.id)] == [ReleaseState.PLANNED]
        assert uow.jobs.unfinished_of_batch(done.batch_id, Step.RELEASE_DOCUMENT) == 1
    assert len(desk.rung) == 1


def test_the_same_answer_sent_twice_is_stored_once(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    task = task_of(lease, "debtor_name")
    given = {"uuid": str(uuid.uuid4()), "value": "LEFEVRE MARIE"}

    outcomes = [coder.answer(lease, task, **given)["outcome"] for _ in range(2)]

    assert outcomes == ["ok", "dup"]
    (stored,) = keyings(desk, lease["lease"])
    assert (stored.action, stored.value) == (KeyingAction.CORRECTED, "LEFEVRE MARIE")


def test_a_stale_answer_is_kept_as_trace_and_never_written_over_a_newer_one(desk: DeskApp) -> None:
    slow, quick = Visitor(desk.app, "coder"), Visitor(desk.app, "coder2")
    (lease,) = slow.lease()
    desk.clock.advance(minutes=6)
    newer = next(each for each in quick.lease(want=6) if each["lease"] == lease["lease"])
    task = task_of(lease, "debtor_name")
    assert newer["fence"] == lease["fence"] + 1
    quick.answer(newer, task, value="LEFEBVRE MARIA")

    verdict = slow.answer(lease, task, value="SOMETHING OLD")

    assert verdict["outcome"] == "stale"
    assert field(desk, task["id"]).value == "LEFEBVRE MARIA"
    assert [(keying.value, keying.stale) for keying in keyings(desk, lease["lease"])] == [
        ("LEFEBVRE MARIA", False),
        ("SOMETHING OLD", True),
    ]


def test_renewing_a_lease_that_somebody_else_took_answers_409(desk: DeskApp) -> None:
    slow, quick = Visitor(desk.app, "coder"), Visitor(desk.app, "coder2")
    (lease,) = slow.lease()
    assert slow.api("PUT", f"leases/{lease['lease']}", {"fence": lease["fence"]}).status_code == 200
    desk.clock.advance(minutes=6)
    quick.lease(want=6)

    lost = slow.api("PUT", f"leases/{lease['lease']}", {"fence": lease["fence"]})

    assert lost.status_code == 409
    assert lost.headers["content-type"] == "application/problem+json"


def test_a_dropped_lease_frees_the_document_at_once(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()

    coder.api("DELETE", f"leases/{lease['lease']}")

    assert Visitor(desk.app, "coder2").lease()[0]["lease"] == lease["lease"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("iban", "FR14 2004 1010 0505 0001 3M02 607", "iban.check_digits"),
        ("debtor_postal_code", "00000", "postal_code.unknown"),
    ],
)
def test_a_value_that_fails_its_check_needs_to_be_forced(desk: DeskApp, name: str, value: str, problem: str) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    task = task_of(lease, name)

    refused = coder.answer(lease, task, value=value)
    forced = coder.answer(lease, task, value=value, forced=True)

    assert (refused["outcome"], refused["problems"]) == ("invalid", [problem])
    assert forced["outcome"] == "ok"
    assert field(desk, task["id"]).forced


@pytest.mark.parametrize(("name", "value"), [("signature_date", "31/02/2026"), ("signature_date", "demain")])
def test_what_has_no_canonical_form_cannot_be_forced(desk: DeskApp, name: str, value: str) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    task = task_of(lease, name)

    assert coder.answer(lease, task, value=value, forced=True)["outcome"] == "invalid"
    assert field(desk, task["id"]).state is FieldState.TO_VERIFY


def test_a_choice_outside_the_form_is_refused(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    task = task_of(lease, "payment_type")
    assert [option["value"] for option in task["options"]] == ["recurrent", "one_off"]

    assert coder.answer(lease, task, value="never")["problems"] == ["choice.unknown"]


def test_values_are_stored_canonical(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    leases = coder.lease(want=3)
    stored: dict[str, object] = {}
    for lease in leases:
        for task in lease["tasks"]:
            if task["field"] in ("iban", "signature_date", "phone", "remark", "signature"):
                coder.answer(lease, task)
                stored[task["field"]] = field(desk, task["id"]).value

    assert stored == {
        "iban": "FR1420041010050500013M02606",
        "signature_date": "2026-11-12",
        "phone": "0612345678",
        "remark": ["leak_suspected"],
        "signature": True,
    }


def test_illegible_and_empty_are_answers(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    name, bic = task_of(lease, "debtor_name"), task_of(lease, "bic")

    coder.answer(lease, name, flag="illegible")
    coder.answer(lease, bic, flag="empty")

    assert field(desk, name["id"]).state is FieldState.ILLEGIBLE
    assert (field(desk, bic["id"]).state, field(desk, bic["id"]).value) == (FieldState.KEYED, None)
    assert [keying.action for keying in keyings(desk, lease["lease"])] == [KeyingAction.ILLEGIBLE, KeyingAction.EMPTY]


def test_an_answer_is_taken_back_also_after_the_last_one_until_the_document_is_frozen(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    verdicts = [coder.answer(lease, task) for task in lease["tasks"]]

    back = coder.api("POST", f"answers/{verdicts[-1]['uuid']}/undo")

    assert back.status_code == 200
    assert document(desk, lease["lease"]).state is DocumentState.TO_VERIFY
    again = back.json()["lease"]
    assert [task["field"] for task in again["tasks"]] == ["signature"]
    last = coder.answer(again, again["tasks"][0], value=False)
    assert last["verified"]
    desk.clock.advance(seconds=31)
    assert coder.api("POST", f"answers/{last['uuid']}/undo").status_code == 409


def test_nobody_takes_back_the_answer_of_somebody_else(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    verdict = coder.answer(lease, lease["tasks"][0])

    assert Visitor(desk.app, "coder2").api("POST", f"answers/{verdict['uuid']}/undo").status_code == 404


def test_a_coder_says_what_an_unsure_document_is(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    lease = next(each for each in coder.lease(want=6) if each["kind"] == "classify")

    body = {"fence": lease["fence"], "type": "t_card"}
    outcomes = [coder.api("POST", f"documents/{lease['lease']}/type", body).json()["outcome"] for _ in range(2)]

    assert outcomes == ["ok", "dup"]
    said = document(desk, lease["lease"])
    assert (said.state, said.document_type) == (DocumentState.SEPARATED, "t_card")
    assert len(desk.rung) == 1


def test_a_document_without_waiting_fields_is_confirmed_whole(desk: DeskApp) -> None:
    supervisor = Visitor(desk.app, "supervisor")
    quarantined = desk.seeded.documents["quarantined"]
    supervisor.post(f"/documents/{quarantined}/rouvrir")
    lease = next(each for each in supervisor.lease(want=6) if each["lease"] == quarantined)

    assert lease["kind"] == "whole"
    path = f"documents/{quarantined}/whole"
    outcomes = [supervisor.api("POST", path, {"fence": lease["fence"]}).json()["outcome"] for _ in range(2)]
    assert outcomes == ["ok", "dup"]


def test_the_journal_names_fields_and_never_values(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    (lease,) = coder.lease()
    for task in lease["tasks"]:
        coder.answer(lease, task)

    with desk.open_uow() as uow:
        entries = [str(entry) for entry in uow.journal.entries()]

    assert any("field_keyed" in entry and "iban" in entry for entry in entries)
    for value in ("2004101005", "LEFEBVRE", "PSSTFR", "59800"):
        assert not any(value in entry for entry in entries)


def test_an_odd_request_is_refused_without_repeating_its_values(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")

    answer = coder.api("POST", "answers", [{"uuid": "u", "task": "t", "fence": "x", "value": "SECRET VALUE"}])

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "SECRET" not in answer.text
