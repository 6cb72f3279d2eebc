"""The sample is drawn before anything is known of a value; answers are compared as people mean them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.batch import Document, Field, FieldState, new_id
from models.definitions import DocumentType
from models.promise import Thresholds, evidence_of, is_drawn, same_value
from models.reading import Decision, FieldValue, Value

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
NAMES = [f"field_{n}" for n in range(15)]


def test_the_share_asked_for_is_drawn_and_touches_few_documents() -> None:
    documents = [f"{n:032x}" for n in range(20_000)]
    drawn = [[name for name in NAMES if is_drawn(document, name, share=0.02)] for document in documents]

    assert sum(map(len, drawn)) / (20_000 * 15) == pytest.approx(0.02, rel=0.1)
    assert sum(map(bool, drawn)) / 20_000 == pytest.approx(0.04, rel=0.1)


def test_the_draw_of_a_document_stays() -> None:
    document = new_id()

    assert [is_drawn(document, n, share=0.3) for n in NAMES] == [is_drawn(document, n, share=0.3) for n in NAMES]


def test_all_or_nothing_can_be_drawn() -> None:
    assert all(is_drawn(new_id(), name, share=1.0) for name in NAMES)
    assert not any(is_drawn(new_id(), name, share=0.0) for name in NAMES)


@pytest.mark.parametrize(
    ("keyed", "read", "same"),
    [
        ("Saint-Étienne", "SAINT ETIENNE", True),
        ("12 bis av. des Sœurs", "12 BIS AV DES SOEURS", True),
        ("120.50", "120.50", True),
        ("120.50", "12050", False),
        ("-120.00", "120.00", False),
        ("a.b@c.fr", "ab@c.fr", False),
        ("2026-11-25", "2026-11-25", True),
        (None, "", True),
        (None, False, True),
        (True, False, False),
        (["b", "a"], ["a", "b"], True),
        (None, "x", False),
    ],
)
def test_answers_are_compared_as_people_mean_them(keyed: Value, read: Value, *, same: bool) -> None:
    assert same_value(keyed, read) is same


def field(name: str, *, decision: Decision, drawn: bool = False, **more: float) -> Field:
    machine = FieldValue(
        name, "1554", 0.99, decision, raw_confidence=0.98, evidence={"odds": 3.9} | more, reader="glyphs"
    )
    return Field(document_id="d", name=name, label=name, value_type="index", position=0, machine=machine, drawn=drawn)


def test_a_drawn_field_waits_for_a_coder_although_the_machine_accepted_it() -> None:
    assert field("meter_index", decision=Decision.ACCEPTED).state is FieldState.ACCEPTED
    assert field("meter_index", decision=Decision.ACCEPTED, drawn=True).state is FieldState.TO_VERIFY


def test_only_what_a_person_keyed_is_evidence() -> None:
    document = Document(batch_id="b", position=0, formed_at=NOW, document_type=DocumentType.T_CARD)
    drawn = field("meter_index", decision=Decision.ACCEPTED, drawn=True)
    drawn.key("1554")
    wrong = field("phone", decision=Decision.TO_VERIFY)
    wrong.key("0123456789")
    unreadable = field("email", decision=Decision.TO_VERIFY)
    unreadable.record_illegible()
    data = field("siret", decision=Decision.TO_VERIFY, data=1.0)
    data.key("1554")
    untouched = field("barcode", decision=Decision.ACCEPTED)

    found = evidence_of(document, [drawn, wrong, unreadable, data, untouched], now=NOW)

    assert [(e.name, e.passed, e.drawn, e.confirmed) for e in found] == [
        ("meter_index", True, True, True),
        ("phone", False, False, False),
    ]
    assert found[0].strata == ("all", "t_card", "t_card/meter_index")


def test_the_strictest_limit_counts() -> None:
    limits = Thresholds(limit=0.96, by_type={"t_card": 0.97}, by_field={"t_card/email": 0.99, "t_card/phone": 0.5})

    assert limits.of("supplier_invoice", "email") == 0.96
    assert limits.of("t_card", "meter_index") == 0.97
    assert limits.of("t_card", "email") == 0.99
    assert limits.of("t_card", "phone") == 0.97
