"""What is decided of a whole document beside its single values."""

from __future__ import annotations

import pytest

from models.promise import is_eligible
from models.reading import Decision, FieldValue, Value
from pipeline.engines import templates
from pipeline.recognition import _suspicious_if_empty

CARD = next(t.definition for t in templates(()) if t.id == "tcard-a")


def fields(**values: Value) -> dict[str, FieldValue]:
    return {name: FieldValue(name, value, 0.999, Decision.TO_VERIFY) for name, value in values.items()}


def test_a_card_on_which_nothing_is_written_goes_to_a_person() -> None:
    found = _suspicious_if_empty(
        fields(subscriber_name="DURAND", meter_index=None, phone="", remark=[], signature=False), CARD
    )

    assert is_eligible(found["subscriber_name"])
    assert not any(is_eligible(found[name]) for name in ("meter_index", "phone", "remark", "signature"))


@pytest.mark.parametrize("written", [{"meter_index": "12"}, {"remark": ["leak_suspected"]}, {"signature": True}])
def test_one_mark_of_a_pen_is_enough(written: dict[str, Value]) -> None:
    empty: dict[str, Value] = {"meter_index": None, "phone": None, "remark": [], "signature": False}
    found = _suspicious_if_empty(fields(**empty | written), CARD)

    assert all(is_eligible(value) for value in found.values())
