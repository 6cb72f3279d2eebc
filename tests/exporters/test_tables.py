import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.tables import cell, table
from models.values.amounts import amount_fr


@pytest.mark.parametrize(
    "value", ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\tx", "\rx", " =1", "-abc", "+"]
)
def test_what_a_spreadsheet_would_run_is_made_text(value: str) -> None:
    assert cell(value).startswith("'")


@pytest.mark.parametrize(
    "value", ["-12,50", "-12.50", "+33612345678", "12", "", "DUPONT", "-1 234,56", "a=b", "Jean-Paul", "1-2"]
)
def test_numbers_phones_and_plain_texts_stay_as_they_are(value: str) -> None:
    assert cell(value) == value


@given(st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=5), min_size=1, max_size=5))
def test_a_table_reads_back_as_the_cells_it_was_made_of(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(table(rows, encoding="utf-8").decode(), newline=""), delimiter=";"))

    assert read == [[cell(value) for value in row] for row in rows]


@given(st.text(max_size=20))
def test_no_cell_starts_like_a_formula_and_none_breaks_its_row(value: str) -> None:
    shown = cell(value)

    assert "\n" not in shown
    assert "\r" not in shown
    assert shown.lstrip(" ")[:1] not in ("=", "@", "\t")


def test_characters_that_the_encoding_lacks_get_their_plain_form() -> None:
    cells = ["d’été", "Œuvre €", "Łódź", amount_fr("-1234.50"), "字"]

    content = table([cells], encoding="iso8859-15").decode("iso8859-15")

    assert content == "d'été;Œuvre €;Lódz;-1 234,50;?\r\n"
