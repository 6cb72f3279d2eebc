"""Lattices become the value that can be true, and a probability that is a probability."""

from __future__ import annotations

import itertools
import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction import decoding
from extraction.words import Mixture, decode_place, decode_words, vocabulary
from extraction.written_values import decode_comb, decode_line
from models.geometry import Box
from models.reading import Reading
from models.text import Character
from models.values.bank import check_iban
from models.values.identifiers import check_siret

TODAY = date(2026, 11, 24)


def sure(text: str, length: int | None = None) -> list[Character]:
    """Cells that were read well; a space is an empty cell."""
    padded = text.ljust(length or len(text))
    return [Character((("" if c == " " else c, 0.97), ("8" if c != "8" else "3", 0.01))) for c in padded]


def unsure(cells: list[Character], place: int, *alternatives: tuple[str, float]) -> list[Character]:
    return [*cells[:place], Character(alternatives), *cells[place + 1 :]]


def best(value_type: str, name: str, cells: list[Character]) -> tuple[str, float]:
    guess = decode_comb(value_type, name, cells, today=TODAY)[0]
    return guess.text, guess.probability


IBAN = "FR7630006000011234567890189"
LETTERED = "FR1420041010050500013M02606"


@pytest.mark.parametrize("iban", [IBAN, LETTERED])
def test_an_iban_read_well_stays_as_it_is(iban: str) -> None:
    assert check_iban(iban) == ()
    text, probability = best("iban", "iban", sure(iban))
    assert text == iban
    assert probability > 0.98


@pytest.mark.parametrize("place", [5, 10, 16, 26])
def test_the_key_of_an_iban_decides_between_two_digits(place: int) -> None:
    wrong = str((int(IBAN[place]) + 3) % 10)
    cells = unsure(sure(IBAN), place, (wrong, 0.6), (IBAN[place], 0.38))

    text, probability = best("iban", "iban", cells)

    assert text == IBAN
    assert probability > 0.8


def test_letters_that_look_like_digits_are_digits_in_a_french_account() -> None:
    cells = unsure(sure(IBAN), 17, ("S", 0.7), (IBAN[17], 0.25))

    assert best("iban", "iban", cells)[0] == IBAN


def test_a_foreign_iban_is_read_too() -> None:
    assert best("iban", "iban", sure("DE89370400440532013000", 27))[0] == "DE89370400440532013000"


def test_an_iban_whose_key_is_right_only_with_unlikely_digits_is_doubted() -> None:
    wrong = IBAN[:12] + str((int(IBAN[12]) + 1) % 10) + IBAN[13:]

    guesses = decode_comb("iban", "iban", sure(wrong), today=TODAY)

    assert all(not check_iban(guess.text) for guess in guesses if guess.text)
    assert guesses[0].probability < 0.6


@given(st.integers(0, 10**13 - 1), st.integers(0, 13))
@settings(max_examples=25, deadline=None)
def test_a_siret_that_is_answered_has_right_check_digits(number: int, place: int) -> None:
    text = f"{number:013d}0"
    cells = [Character(((c, 0.6), (str((int(c) + 1) % 10), 0.2), (str((int(c) + 5) % 10), 0.1))) for c in text]

    for guess in decode_comb("siret", "siret", cells, today=TODAY):
        assert guess.text == "" or check_siret(guess.text) == ()
        assert 0 <= guess.probability <= 1


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8), st.floats(0.4, 0.99))
@settings(max_examples=40, deadline=None)
def test_probabilities_of_a_number_do_not_exceed_one(digits: list[int], trust: float) -> None:
    cells = [Character(((str(d), trust), (str((d + 1) % 10), (1 - trust) / 2), ("", (1 - trust) / 2))) for d in digits]

    assert sum(guess.probability for guess in decoding.number(cells)) <= 1 + 1e-9


def test_a_day_that_does_not_exist_becomes_the_likeliest_that_does() -> None:
    cells = unsure(sure("31112026"), 0, ("3", 0.7), ("2", 0.28))

    assert best("date", "signature_date", cells)[0] == "2026-11-21"


@pytest.mark.parametrize(
    ("name", "written", "day"),
    [
        ("reading_date", "121026", "2026-10-12"),
        ("signature_date", "05112026", "2026-11-05"),
        ("birth_date", "07121946", "1946-12-07"),
        ("entry_date", "12122026", "2026-12-12"),
    ],
)
def test_dates_are_read_in_both_lengths(name: str, written: str, day: str) -> None:
    text, probability = best("date", name, sure(written))

    assert text == day
    assert probability > 0.9


def test_a_birth_date_lies_in_the_past() -> None:
    cells = unsure(sure("07122046"), 4, ("2", 0.6), ("1", 0.35))
    cells = unsure(cells, 5, ("0", 0.6), ("9", 0.35))

    assert best("date", "birth_date", cells)[0] == "1946-12-07"


@pytest.mark.parametrize("value_type", ["date", "iban", "phone", "name", "index", "siret", "street", "city", "bic"])
def test_an_empty_comb_is_an_empty_field(value_type: str) -> None:
    lengths = {"date": 8, "iban": 27, "phone": 10, "siret": 14, "bic": 11}
    text, probability = best(value_type, "x", sure("", lengths.get(value_type, 6)))

    assert text == ""
    assert probability > 0.8


@pytest.mark.parametrize(("cells", "value"), [("  583", "583"), ("00583", "583"), ("583  ", "583"), ("00000", "0")])
def test_an_index_may_stand_left_or_right_or_with_zeros(cells: str, value: str) -> None:
    assert best("index", "meter_index", sure(cells))[0] == value


def test_a_digit_nobody_can_read_takes_confidence_away() -> None:
    cells = unsure(sure("0612345678"), 4, ("", 0.7), ("3", 0.2))

    text, probability = best("phone", "phone", cells)

    assert text == "0612345678"
    assert probability < 0.4


def test_a_phone_number_begins_with_zero() -> None:
    cells = unsure(sure("0612345678"), 0, ("6", 0.6), ("0", 0.38))

    assert best("phone", "phone", cells)[0] == "0612345678"


def test_a_meter_number_takes_its_usual_shape_but_need_not() -> None:
    cells = unsure(sure("I16UA463055", 12), 0, ("1", 0.7), ("I", 0.28))

    assert best("reference", "meter_serial", cells)[0] == "I16UA463055"
    assert best("reference", "meter_serial", sure("4711-22", 12))[0] == "4711-22"


def test_a_name_on_the_list_wins_over_look_alike_letters() -> None:
    cells = unsure(sure("MARTIN", 10), 4, ("L", 0.55), ("I", 0.4))

    assert best("name", "last_name", cells)[0] == "MARTIN"


def test_a_thin_stroke_that_looks_like_an_empty_cell_does_not_part_a_name() -> None:
    text, _ = best("name", "first_name", sure("GUI LAUME", 14))

    assert text == "GUILLAUME"


def test_two_names_stay_two_names() -> None:
    text, _ = best("name", "first_name", sure("ANNE MARIE", 14))

    assert text == "ANNE MARIE"


def test_a_lone_stroke_far_behind_a_name_is_dirt() -> None:
    cells = unsure(sure("MILLET", 16), 14, ("'", 0.7), ("", 0.2), ("I", 0.1))

    assert best("name", "last_name", cells)[0] == "MILLET"


def test_an_article_before_a_street_name_does_not_hide_the_name() -> None:
    cells = unsure(sure("6 ROUTE DE L'ARISTIDE", 26), 15, ("O", 0.9), ("I", 0.02))

    assert best("street", "street", cells)[0] == "6 ROUTE DE L'ARISTIDE"


def test_a_meter_number_of_digits_only_is_usual_too() -> None:
    cells = unsure(sure("09914995", 12), 7, ("S", 0.6), ("5", 0.38))

    assert best("reference", "meter_serial", cells)[0] == "09914995"


def test_a_name_on_no_list_is_still_read() -> None:
    assert best("name", "last_name", sure("XOKWELI", 12))[0] == "XOKWELI"


def test_a_street_has_digits_where_numbers_stand_and_letters_where_words_stand() -> None:
    cells = unsure(sure("12 RUE DE LA GARE", 20), 0, ("I", 0.6), ("1", 0.38))
    cells = unsure(cells, 7, ("0", 0.6), ("D", 0.38))

    assert best("street", "street", cells)[0] == "12 RUE DE LA GARE"


def test_a_word_cut_off_by_the_end_of_the_comb_is_the_beginning_of_a_word() -> None:
    text = "12 RUE DE LA FONT"

    assert best("street", "street", unsure(sure(text), 13, ("P", 0.55), ("F", 0.42)))[0] == text


def test_a_town_is_one_of_its_post_code() -> None:
    cells = unsure(sure("ANNEGY", 10), 4, ("G", 0.6), ("C", 0.35))

    assert decode_place(cells, "74000")[0].text == "ANNECY"


def test_words_keep_their_spaces() -> None:
    people = Mixture(((vocabulary("surname"), 0.5), (vocabulary("first"), 0.4)), 0.1)

    assert decode_words(sure("DURAND MADELEINE", 20), (people,))[0].text == "DURAND MADELEINE"


def reading(text: str, confidence: float = 0.95) -> Reading:
    return Reading(text, confidence, Box(0, 0, 10, 10), "test")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jean.dupont@gmail.com", "jean.dupont@gmail.com"),
        ("anna_leleu42@hotmailfr", "anna_leleu42@hotmail.fr"),
        ("marie@Orange .fr", "marie@orange.fr"),
        ("christine20asfr.fr", "christine20@sfr.fr"),
        ("contact@mairie-valclair.fr", "contact@mairie-valclair.fr"),
    ],
)
def test_an_address_has_a_provider_that_exists_where_it_nearly_is_one(text: str, address: str) -> None:
    assert decode_line("email", "email", reading(text), today=TODAY)[0].text == address


def test_a_printed_meter_number_with_a_one_for_an_i_is_mended() -> None:
    assert decode_line("reference", "meter_serial", reading("117FA744832"), today=TODAY)[0].text == "I17FA744832"
    assert decode_line("reference", "meter_serial", reading("AB-99"), today=TODAY)[0].text == "AB-99"


@given(st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=4), min_size=1, max_size=5), st.integers(1, 3))
def test_the_likeliest_strings_are_those_that_trying_all_would_find(weights: list[list[int]], keep: int) -> None:
    """Digits whose sum is even: strings of equal mass are frequent among them."""
    cells = [dict(zip("1234", (w / 10 for w in row), strict=False)) for row in weights]
    every = [
        (math.prod(cell[c] for cell, c in zip(cells, text, strict=True)), "".join(text))
        for text in itertools.product(*cells)
        if sum(map(int, text)) % 2 == 0
    ]

    found = decoding.searched(cells, start=0, step=lambda odd, _, c: ((int(str(odd)) + int(c)) % 2, 1.0))

    def even(state: object) -> float:
        return float(state == 0)

    likeliest = found.likeliest(even, keep=keep)
    assert found.mass(even) == pytest.approx(sum(mass for mass, _ in every))
    assert len({path.text for path in likeliest}) == len(likeliest) == min(keep, len(every))
    best_masses = sorted((mass for mass, _ in every), reverse=True)[:keep]
    assert [path.mass for path in likeliest] == pytest.approx(best_masses)
    assert all((pytest.approx(path.mass), path.text) in every for path in likeliest)


def test_an_empty_comb_whose_digits_are_all_as_unlikely_is_decided_at_once() -> None:
    nothing = [Character((("", 0.9999), *((c, 1e-5) for c in "0123456789")))] * 14

    guesses = decode_comb("siret", "siret", nothing, today=TODAY)

    assert guesses[0].text == ""
    assert guesses[0].probability > 0.99
