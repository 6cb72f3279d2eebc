"""How the benchmark of invoices counts: per layout, then the mean, and only what the truth names."""

from __future__ import annotations

import pytest

from pipeline.benchmark.invoices import Found, is_same


def _answer(**values: str) -> dict[str, object]:
    return {"fields": {name: {"value": value, "decision": "accepted"} for name, value in values.items()}, "lines": []}


def test_the_mean_is_over_layouts_so_that_one_supplier_with_many_invoices_does_not_hide_the_others() -> None:
    found = Found()
    for _ in range(9):
        found.add("often", "fr", {"invoice_number": "A1"}, _answer(invoice_number="A1"))
    found.add("once", "fr", {"invoice_number": "B1"}, _answer(invoice_number="B2"))

    mean, together, _ = found.of_language("fr")

    assert mean == pytest.approx(0.5)
    assert (together.right, together.seen, together.accepted_wrong) == (9, 10, 1)


def test_what_the_truth_does_not_name_is_not_counted() -> None:
    found = Found()

    found.add("one", "fr", {"seller_siret_or_siren": "732829320"}, _answer(seller_siret="73282932000074", due_date="x"))

    assert {name: tally.right for name, tally in found.fields["one"].items()} == {"seller_siret": 1}


@pytest.mark.parametrize(
    ("name", "truth", "read", "alike", "right"),
    [
        ("total_tax", 0.0, "0.00", False, True),
        ("total_tax", 0.0, None, False, False),
        ("seller_siret", "732829320", "73282932000074", False, True),
        ("seller_siret", "73282932000074", "732829320", False, False),
        ("seller_name", "LIAN HING STATIONERY", "LAN HING STATIONERY", True, True),
        ("seller_name", "LIAN HING STATIONERY", "LAN HING STATIONERY", False, False),
    ],
)
def test_values_are_compared_as_people_would(
    name: str, truth: object, read: str | None, alike: bool, right: bool
) -> None:
    assert is_same(name, truth, read, alike=alike) is right
