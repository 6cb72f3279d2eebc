import pytest

from models.reading import Decision, FieldValue
from pipeline.scoring import Score, comparable
from pipeline.structured_data import DIFFERS, merged


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("total_with_tax", "1 234,50", "1234.50"),
        ("iban", "FR76 2004", "FR762004"),
        ("meter_index", "00847", "847"),
        ("debtor_city", "Saint-Étienne", "SAINT ETIENNE"),
        ("remark", ["a", "b"], ["b", "a"]),
        ("signature", None, False),
    ],
)
def test_notation_does_not_count(name: str, one: object, other: object) -> None:
    assert comparable(name, one) == comparable(name, other)


def test_a_wrong_digit_counts() -> None:
    assert comparable("meter_index", "847") != comparable("meter_index", "848")


def test_accepted_errors_are_counted_apart() -> None:
    truth = {
        "file": "a.pdf",
        "document_type": "t_card",
        "form": "x",
        "fields": {"meter_index": "12", "phone": "0102030405"},
    }
    reading = {
        "document_type": "t_card",
        "form": "x",
        "fields": {
            "meter_index": {"value": "13", "decision": "accepted"},
            "phone": {"value": "0102030405", "decision": "to_verify"},
        },
    }
    score = Score()
    score.add(truth, reading)
    score.add(truth, None)

    total = score.together()
    assert (total.seen, total.right, total.accepted, total.accepted_wrong) == (4, 1, 1, 1)
    assert (score.types.right, score.forms.right, score.whole.right) == (1, 1, 0)


def value(name: str, text: str | None, reader: str = "ocr") -> FieldValue:
    return FieldValue(name, text, 0.8, Decision.TO_VERIFY, page=1, text=text or "", reader=reader)


def test_data_and_page_that_agree_are_nearly_certain_and_a_contradiction_goes_to_a_person() -> None:
    page = {"a": value("a", "1.00"), "b": value("b", "2.00"), "c": value("c", None), "d": value("d", "4.00")}
    data = {"a": value("a", "1.00", "cii"), "b": value("b", "9.00", "cii"), "c": value("c", "3.00", "cii")}

    result = merged(page, data)

    assert result["a"].confidence is not None
    assert result["a"].confidence > 0.99
    assert (result["b"].value, result["b"].confidence, result["b"].flags) == ("9.00", None, (DIFFERS,))
    assert result["c"].value == "3.00"
    assert result["d"] == page["d"]
