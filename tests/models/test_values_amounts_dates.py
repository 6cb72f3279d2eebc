from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.amounts import AmbiguousAmountError, amount_fr, amount_text, parse_amount
from models.values.dates import MONTHS, date_fr, parse_date

AMOUNTS = st.decimals(min_value=Decimal("-99999999.99"), max_value=Decimal("99999999.99"), places=2)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))
RECENT_DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2069, 12, 31))


def written(amount: Decimal, group: str, decimal: str) -> str:
    return f"{amount:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", group)


@given(AMOUNTS, st.sampled_from([" ", "\u00a0", "\u202f", ".", "'", "", "\u2009"]))
def test_an_amount_with_a_decimal_comma_is_read_whatever_groups_its_thousands(amount: Decimal, group: str) -> None:
    assert parse_amount(written(amount, group, ",")) == amount


@given(AMOUNTS, st.sampled_from([" ", "\u00a0", ",", "'", ""]))
def test_an_amount_with_a_decimal_point_is_read_whatever_groups_its_thousands(amount: Decimal, group: str) -> None:
    assert parse_amount(written(amount, group, ".")) == amount


@given(AMOUNTS, st.sampled_from(["{} €", "{}€", "€ {}", "EUR {}", "{} EUR", "{} euros", "***{}***"]))
def test_a_currency_beside_an_amount_changes_nothing(amount: Decimal, form: str) -> None:
    assert parse_amount(form.format(amount_fr(amount_text(amount)))) == amount


@given(AMOUNTS.filter(lambda amount: amount > 0), st.sampled_from(["-{}", "- {}", "{}-", "({})", "\u2212{}", "{} € -"]))
def test_an_amount_below_zero_keeps_its_sign(amount: Decimal, form: str) -> None:
    assert parse_amount(form.format(written(amount, " ", ","))) == -amount


@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(",."))
def test_one_sign_and_three_digits_read_both_ways_and_are_refused(left: int, right: int, sign: str) -> None:
    with pytest.raises(AmbiguousAmountError):
        parse_amount(f"{left}{sign}{right:03d}")


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_not_and_never_a_crash(text: str) -> None:
    try:
        value = parse_amount(text)
    except AmbiguousAmountError:
        return
    assert value is None or parse_amount(amount_text(value)) == value or len(amount_text(value).partition(".")[2]) == 3


@given(DAYS, st.sampled_from(["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %m %Y", "%Y-%m-%d", "%Y/%m/%d", "%d / %m / %Y"]))
def test_a_day_in_figures_is_read_in_every_usual_form(day: date, form: str) -> None:
    assert parse_date(day.strftime(form)) == day


@given(RECENT_DAYS, st.sampled_from(["%d/%m/%y", "%d-%m-%y", "%d%m%y"]))
def test_a_two_digit_year_is_of_this_century(day: date, form: str) -> None:
    assert parse_date(day.strftime(form)) == day


@given(st.dates(min_value=date(1932, 1, 1), max_value=date(2099, 12, 31)))
def test_eight_digits_are_day_month_year(day: date) -> None:
    assert parse_date(day.strftime("%d%m%Y")) == day


@given(DAYS, st.sampled_from(["{day} {month} {year}", "le {day} {month} {year}", "{day:02d}-{month}-{year}"]))
def test_a_month_is_read_by_its_french_name(day: date, form: str) -> None:
    assert parse_date(form.format(day=day.day, month=MONTHS[day.month - 1], year=day.year)) == day
    assert parse_date(form.format(day=day.day, month=MONTHS[day.month - 1].upper(), year=day.year)) == day


@given(DAYS)
def test_a_day_shown_in_french_is_read_back(day: date) -> None:
    assert parse_date(date_fr(day.isoformat())) == day


@pytest.mark.parametrize(
    "text", ["30/02/2026", "31/04/2026", "00/01/2026", "12/2026", "2026", "mars 2026", "hier", "12/03"]
)
def test_what_is_no_day_is_not_read(text: str) -> None:
    assert parse_date(text) is None


@given(st.text(max_size=20))
def test_any_text_is_a_day_or_not_and_never_a_crash(text: str) -> None:
    day = parse_date(text)

    assert day is None or 1900 <= day.year <= 2099
