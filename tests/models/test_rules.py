from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.definitions import DocumentType
from models.reading import Decision, FieldValue, InvoiceLine, Value, VatShare
from models.rules import RuleResult, Window, apply_rules, consumption, failed_rules, with_failures
from models.values.sentences import SENTENCES

CENTS = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("999999.99"), places=2)
INVOICE: dict[str, Value] = {
    "issue_date": "2026-09-30",
    "due_date": "2026-10-30",
    "total_without_tax": "100.00",
    "total_tax": "20.00",
    "total_with_tax": "120.00",
    "amount_due": "120.00",
    "seller_siret": "73282932000074",
    "seller_vat_id": "FR44732829320",
    "buyer_siret": "21690123100011",
}
SHARE = VatShare(rate="20", base="100.00", tax="20.00")
LINE = InvoiceLine(description="Compteur", quantity="2", unit_price="50.00", line_total="100.00", vat_rate="20")


def failing(results: Iterable[RuleResult]) -> set[str]:
    return {result.code for result in results if not result.ok}


def test_a_good_invoice_fails_nothing_and_most_rules_had_a_say() -> None:
    results = apply_rules(INVOICE, vat_breakdown=[SHARE], lines=[LINE], window=Window(date(2026, 10, 5)))

    assert failing(results) == set()
    assert len(results) >= 12


def test_a_rule_without_its_values_is_silent() -> None:
    assert apply_rules({}) == ()
    assert apply_rules({"total_tax": "20.00", "iban": None, "signature": True}) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total_with_tax": "120.02"}, "totals.sum"),
        ({"total_tax": "21.00", "total_with_tax": "121.00"}, "totals.vat_sum"),
        ({"total_without_tax": "101.00"}, "totals.base_sum"),
        ({"total_tax": "-20.00"}, "totals.sign"),
        ({"amount_due": "210.00"}, "totals.due"),
        ({"due_date": "2026-09-29"}, "dates.order"),
        ({"due_date": "2028-09-29"}, "dates.due_far"),
        ({"issue_date": "2026-12-30", "due_date": None}, "dates.future"),
        ({"issue_date": "2016-12-30"}, "dates.old"),
        ({"seller_siret": "35600000049837"}, "identity.vat_siret"),
        ({"buyer_siret": "73282932000074"}, "identity.parties"),
    ],
)
def test_one_wrong_value_fails_its_rule(change: dict[str, Value], code: str) -> None:
    results = apply_rules({**INVOICE, **change}, vat_breakdown=[SHARE], lines=[LINE], window=Window(date(2026, 10, 5)))

    assert code in failing(results)


def test_a_vat_line_must_be_its_base_times_its_rate_within_rounding() -> None:
    assert failing(apply_rules({}, vat_breakdown=[VatShare("5.5", "2326.48", "127.96")])) == set()
    assert failing(apply_rules({}, vat_breakdown=[VatShare("5.5", "2326.48", "128.96")])) == {"totals.vat_rate"}
    assert failing(apply_rules({}, vat_breakdown=[VatShare("19", "100.00", "19.00")])) == {"vat.rate_unknown"}


def test_line_items_that_do_not_add_up_are_a_hint() -> None:
    (result,) = apply_rules({"total_without_tax": "90.00"}, lines=[LINE])

    assert not result.ok
    assert not result.blocking


@given(CENTS, CENTS)
def test_totals_that_add_up_pass_and_a_cent_more_is_tolerated_but_not_two(net: Decimal, tax: Decimal) -> None:
    def verdict(gross: Decimal) -> bool:
        values = {"total_without_tax": str(net), "total_tax": str(tax), "total_with_tax": str(gross)}
        return "totals.sum" not in failing(apply_rules(values))

    assert verdict(net + tax)
    assert verdict(net + tax + Decimal("0.01"))
    assert not verdict(net + tax + Decimal("0.02"))


@given(CENTS)
def test_a_credit_note_with_all_its_amounts_below_zero_is_consistent(net: Decimal) -> None:
    values = {"total_without_tax": str(-net), "total_tax": "0.00", "total_with_tax": str(-net), "amount_due": str(-net)}

    assert failing(apply_rules(values)) == set()


@pytest.mark.parametrize(
    ("iban", "bic", "failed"),
    [
        ("FR7630004649257331309396242", "BNPAFRPPXXX", set()),
        ("FR7630004649257331309396242", "AGRIFRPP881", {"bank.bic_bank"}),
        ("DE89370400440532013000", "BNPAFRPP", {"bank.bic_country", "bank.bic_bank"}),
    ],
)
def test_a_bic_belongs_to_the_bank_and_country_of_the_iban(iban: str, bic: str, failed: set[str]) -> None:
    assert failing(apply_rules({"iban": iban, "bic": bic})) == failed


def test_a_known_commune_without_this_post_code_is_a_hint_an_unknown_one_says_nothing() -> None:
    (result,) = apply_rules({"debtor_postal_code": "74000", "debtor_city": "LYON"})

    assert not result.ok
    assert not result.blocking
    assert apply_rules({"postal_code": "74000", "city": "MONTBREL"}) == ()


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100, 150, (50, False)),
        (100, 100, (0, False)),
        (9990, 15, (25, True)),
        (99950, 100, (150, True)),
        (5000, 15, (None, False)),
        (90, 15, (None, False)),
    ],
)
def test_a_smaller_index_is_believed_only_at_the_turn_of_the_wheels(
    before: int, now: int, expected: tuple[int | None, bool]
) -> None:
    assert consumption(before, now) == expected


def test_a_meter_that_runs_backwards_or_too_fast_is_seen() -> None:
    assert failing(apply_rules({"previous_index": "500", "meter_index": "400"})) == {"meter.backwards"}
    assert failing(apply_rules({"previous_index": "500", "meter_index": "1400"}, largest_consumption=600)) == {
        "meter.consumption"
    }


def test_a_mandate_needs_its_signature_and_its_references() -> None:
    mandate: dict[str, Value] = {"iban": "FR7630004649257331309396242", "mandate_reference": None, "signature": False}
    results = apply_rules(mandate, document_type=DocumentType.SEPA_MANDATE)

    assert failing(results) == {"mandate.required", "mandate.signature"}
    assert failed_rules(results) == {"mandate_reference": ("mandate.required",), "signature": ("mandate.signature",)}
    assert apply_rules(mandate) == ()


def test_a_blocking_rule_sends_its_fields_to_a_person_and_a_hint_does_not() -> None:
    values: dict[str, Value] = {
        "total_without_tax": "100.00",
        "total_tax": "20.00",
        "total_with_tax": "130.00",
        "postal_code": "74000",
        "city": "LYON",
    }
    fields = {name: FieldValue(name, value, 0.99, Decision.ACCEPTED) for name, value in values.items()}

    noted = with_failures(fields, apply_rules(values))

    assert noted["total_tax"].failed_rules == ("totals.sum",)
    assert {name for name, field in noted.items() if field.decision is Decision.TO_VERIFY} == {
        "total_without_tax",
        "total_tax",
        "total_with_tax",
    }
    assert noted["city"] is fields["city"]
    assert failed_rules(apply_rules(values), hints=True)["city"] == ("address.city",)


def test_every_rule_speaks_french() -> None:
    results = apply_rules(
        {
            **INVOICE,
            "birth_date": "1990-01-01",
            "previous_index": "1",
            "meter_index": "2",
            "barcode": "T1",
            "city": "Lyon",
        },
        vat_breakdown=[SHARE],
        lines=[LINE],
        window=Window(date(2026, 10, 5)),
        largest_consumption=10,
    )

    assert all(result.message == SENTENCES[result.code] for result in results)


@given(
    st.dictionaries(st.sampled_from([*INVOICE, "iban", "bic", "meter_index", "previous_index"]), st.text(max_size=12))
)
def test_odd_values_never_make_a_rule_crash(values: dict[str, Value]) -> None:
    apply_rules(values, vat_breakdown=[VatShare("x", "1", "")], lines=[LINE], window=Window(date(2026, 10, 5)))
