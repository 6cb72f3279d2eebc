"""What is noted beside a value, so that it can be calibrated anew from what is stored."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from extraction.evidence import log_odds, with_evidence
from models.geometry import Box
from models.reading import Candidate, Decision, FieldValue, FormMatch, PageReading, Quality
from models.rules import RuleResult
from models.text import Character, PageText, TextLine, Word

PAGE = PageReading(1654, 2339, 200, 0, 0.0, False, Quality(200, 0.4, 0.9, 0, False, bitonal=True))
FORM = FormMatch("tcard-a", 1, 0.99, (1.0, 0, 0, 0, 1, 0, 0, 0, 1), 0.2)
VALUE = FieldValue(
    "meter_index",
    "1554",
    0.9,
    Decision.TO_VERIFY,
    page=1,
    reader="glyphs",
    candidates=(Candidate("1554", "1554", 0.9, "glyphs"), Candidate("1564", "1564", 0.09, "glyphs")),
    characters=tuple(Character(((c, 0.9 if c == "4" else 0.99),)) for c in "1554"),
    flags=("filled",),
)


def noted(value: FieldValue, *results: RuleResult, page: PageReading = PAGE) -> dict[str, float]:
    return with_evidence({value.name: value}, [page], results, type_confidence=0.99)[value.name].evidence


def test_margin_and_least_sure_character_are_noted() -> None:
    evidence = noted(VALUE)

    assert evidence["odds"] == pytest.approx(log_odds(0.9), abs=1e-3)
    assert evidence["margin"] == pytest.approx(2.303, abs=1e-3)
    assert evidence["weakest"] == pytest.approx(0.105, abs=1e-3)
    assert evidence["noted"] == 1.0


def test_rules_that_hold_confirm_and_hints_that_fail_cast_doubt() -> None:
    good = RuleResult("dates.order", ("meter_index",), ok=True)
    hint = RuleResult("meter.consumption", ("meter_index",), ok=False, blocking=False)
    other = RuleResult("totals.sum", ("total_tax",), ok=True)

    evidence = noted(VALUE, good, hint, other)

    assert (evidence["confirmed"], evidence["doubted"]) == (1.0, 1.0)


def test_no_rule_confirms_what_is_not_there() -> None:
    empty = replace(VALUE, value=None, characters=(), candidates=())

    evidence = noted(empty, RuleResult("dates.order", ("meter_index",), ok=True))

    assert evidence["empty"] == 1.0
    assert "confirmed" not in evidence


def test_the_page_speaks_too() -> None:
    evidence = noted(VALUE, page=replace(PAGE, form=FORM))

    assert (evidence["off_mm"], evidence["coarse"], evidence["bitonal"]) == (0.2, 1.0, 1.0)
    assert evidence["blurred"] == pytest.approx(0.2)
    assert "pale" not in evidence


def test_the_readers_confidence_is_kept_and_survives_storing() -> None:
    (value,) = with_evidence({"meter_index": VALUE}, [PAGE], (), type_confidence=0.99).values()

    stored = msgspec.json.decode(msgspec.json.encode(value), type=FieldValue)

    assert stored == value
    assert stored.raw_confidence == 0.9


def test_hard_fields_around_a_value_are_noted() -> None:
    fields = {name: replace(VALUE, name=name, confidence=sure) for name, sure in (("a", 0.9), ("b", 0.6), ("c", 0.6))}

    found = with_evidence(fields, [PAGE], (), type_confidence=0.99)

    assert found["a"].evidence["around"] == pytest.approx(log_odds(0.6) - 3, abs=1e-3)
    assert found["b"].evidence["around"] > found["a"].evidence["around"]
    assert "hopeless" not in found["a"].evidence


def test_fields_that_could_not_be_read_are_counted() -> None:
    fields = {name: replace(VALUE, name=name, confidence=sure) for name, sure in (("a", 0.9), ("b", 0.2), ("c", 0.1))}

    found = with_evidence(fields, [PAGE], (), type_confidence=0.99)

    assert found["a"].evidence["hopeless"] == 1.0
    assert found["b"].evidence["hopeless"] == 0.5


def test_words_read_unsurely_are_noted_with_the_value_they_make_and_with_all_on_the_page() -> None:
    words = (Word("VOIRIT", Box(100, 100, 90, 20), 0.4), Word("Total", Box(100, 300, 90, 20), 0.99))
    lines = tuple(TextLine(word.text, word.box, word.confidence, (word,)) for word in words)
    page = replace(PAGE, text=PageText(lines, 1654, 2339, 200, "ocr"))
    code = FieldValue("buyer_service_code", "VOIRIT", 0.96, Decision.TO_VERIFY, 1, words[0].box.scaled(25.4 / 200))
    total = replace(code, name="total_tax", box=words[1].box.scaled(25.4 / 200))

    found = with_evidence({"buyer_service_code": code, "total_tax": total}, [page], (), type_confidence=0.99)

    assert found["buyer_service_code"].evidence["misread"] == pytest.approx(0.916, abs=1e-3)
    assert found["total_tax"].evidence["misread"] == pytest.approx(0.01, abs=1e-3)
    assert found["total_tax"].evidence["illegible"] == 0.5
