"""The sample on the coder's screen, and the promise on the supervisor's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from models.batch import DocumentState, Field, FieldState
from models.definitions import DocumentType
from models.promise import Alarm, Evidence, PolicyVersion
from models.reading import Decision
from tests.videocoding_ui.desk_app import DeskApp
from tests.videocoding_ui.seed import NOW
from tests.videocoding_ui.visitor import Visitor


def draw(desk: DeskApp, name: str) -> str:
    """Put a field that the machine accepted, and whose document no other field holds, into the sample."""
    with desk.open_uow() as uow:
        document = uow.documents.get(desk.seeded.documents["t_card"])
        old = uow.fields.of_document(document.id)
        uow.fields.remove_of_document(document.id)
        for each in old:
            machine = replace(
                each.machine, decision=Decision.ACCEPTED, raw_confidence=0.9, evidence={"odds": 2.0}, confidence=0.999
            )
            uow.fields.add(
                Field(
                    document_id=document.id,
                    name=each.name,
                    label=each.label,
                    value_type=each.value_type,
                    position=each.position,
                    machine=machine,
                    page_id=each.page_id,
                    snippet=each.snippet,
                    drawn=each.name == name,
                )
            )
        uow.commit()
    return document.id


def test_a_sampled_field_holds_its_document_and_is_keyed_blind(desk: DeskApp) -> None:
    document_id = draw(desk, "meter_index")
    coder = Visitor(desk.app, "coder")

    lease = next(each for each in coder.lease(want=6) if each["lease"] == document_id)

    assert [task["field"] for task in lease["tasks"]] == ["meter_index"]
    (task,) = lease["tasks"]
    assert task["mode"] == "blind"
    assert "value" not in task
    assert "drawn" not in str(lease) and "accepted" not in str(task)


def test_the_answer_on_a_sampled_field_is_evidence_and_the_document_goes_on(desk: DeskApp) -> None:
    document_id = draw(desk, "meter_index")
    coder = Visitor(desk.app, "coder")
    lease = next(each for each in coder.lease(want=6) if each["lease"] == document_id)

    coder.answer(lease, lease["tasks"][0], value="00042")

    with desk.open_uow().reading() as uow:
        document = uow.documents.get(document_id)
        (evidence,) = uow.evidence.drawn(10)
    assert document.state is DocumentState.VERIFIED
    assert not document.straight_through
    assert (evidence.name, evidence.passed, evidence.confirmed) == ("meter_index", True, False)


def evidence(desk: DeskApp, number: int, *, confirmed: bool) -> Evidence:
    return Evidence(
        field_id=f"f{number}",
        document_id=desk.seeded.documents["t_card"],
        document_type=DocumentType.T_CARD,
        name="meter_index",
        value_type="index",
        numbers={"odds": 3.0},
        confidence=0.99,
        eligible=True,
        passed=True,
        drawn=True,
        confirmed=confirmed,
        answered_at=NOW + timedelta(seconds=number),
    )


def test_the_supervisor_sees_coverage_and_bound(desk: DeskApp) -> None:
    with desk.open_uow() as uow:
        uow.evidence.replace("x", [evidence(desk, n, confirmed=n > 2) for n in range(1, 801)])
        uow.commit()

    text = Visitor(desk.app, "supervisor").get("/supervision/promesse").text

    assert "800 valeurs vues, 2 fautes" in text
    assert "0,78" in text  # upper bound of 2 in 800
    assert "1\u202f404 valeurs vues, 1 fautes" in text
    assert "Index relevé" in text


def test_the_supervisor_is_told_of_an_alarm(desk: DeskApp) -> None:
    alarms = (Alarm("t_card/meter_index", NOW, 40, 4, closed=True), Alarm("all", NOW, 90, 5, closed=False))
    with desk.open_uow() as uow:
        uow.policies.add(
            PolicyVersion(
                number=1,
                made_at=NOW,
                reason="alarm",
                coefficients={},
                thresholds=None,
                evidence=0,
                alarms=alarms,
                cleared={},
            )
        )
        uow.commit()

    text = Visitor(desk.app, "supervisor").get("/supervision").text

    assert text.count('role="alert"') == 2
    assert "Carte T, Index relevé" in text
    assert "4 fautes sur 40 valeurs" in text
    assert "fermé : alarme" in text
    assert Visitor(desk.app, "coder").get("/supervision/promesse").status_code == 403


def test_a_field_of_the_sample_reopens_as_waiting(desk: DeskApp) -> None:
    document_id = draw(desk, "meter_index")
    with desk.open_uow() as uow:
        (field,) = [each for each in uow.fields.of_document(document_id) if each.drawn]
        field.key("1")
        field.reopen()
        assert field.state is FieldState.TO_VERIFY


def test_the_supervisor_settles_who_was_right(desk: DeskApp) -> None:
    document_id = draw(desk, "meter_index")
    coder, supervisor = Visitor(desk.app, "coder"), Visitor(desk.app, "supervisor")
    lease = next(each for each in coder.lease(want=6) if each["lease"] == document_id)
    coder.answer(lease, lease["tasks"][0], value="00042")
    with desk.open_uow().reading() as uow:
        (contested,) = uow.evidence.contested(10)
    text = supervisor.get("/supervision/promesse").text
    assert "ne disent pas la même chose" in text
    assert f"/images/champs/{contested.field_id}" in text

    assert coder.post(f"/supervision/promesse/{contested.id}", right="machine").status_code == 403
    assert supervisor.post(f"/supervision/promesse/{contested.id}", right="machine").status_code == 303

    with desk.open_uow().reading() as uow:
        (settled,) = uow.evidence.drawn(10)
        assert uow.evidence.contested(10) == []
        assert [e.event for e in uow.journal.of_document(document_id)][-1] == "evidence_settled"
    assert (settled.confirmed, settled.settled) == (True, True)
    assert "ne disent pas la même chose" not in supervisor.get("/supervision/promesse").text
    assert supervisor.post("/supervision/promesse/nothing", right="machine").status_code == 404
