"""What people write is favoured; what they do not is held back, never forbidden."""

from __future__ import annotations

import pytest

from extraction.readers.line_search import log_likelihood
from extraction.writing_models import Words, writing_model


def test_shares_of_beginnings_add_up() -> None:
    words = Words.of({"été": 2.0, "étable": 1.0, "mer": 1.0, "merle": 4.0})

    assert words.begun("é") == pytest.approx(3 / 8)
    assert words.begun("mer") == pytest.approx(5 / 8)
    assert words.ended("mer") == pytest.approx(1 / 8)
    assert words.begun("x") == words.ended("me") == 0


@pytest.mark.parametrize(
    ("value_type", "usual", "strange"),
    [
        ("text", "dans la commune française", "clans la commnne francaire"),
        ("text", "l'été dernier", "l'eté deruier"),
        ("name", "Marie Lefèvre", "Manie Lefeune"),
        ("city", "Pontarlier", "Poutarlien"),
        ("street", "12 rue de la gare", "12 rve de ba gave"),
        ("email", "marie.petit@orange.fr", "manie.pelil@orauge.lr"),
    ],
)
def test_what_people_write_is_favoured(value_type: str, usual: str, strange: str) -> None:
    likely = writing_model(value_type)

    assert likely is not None
    assert log_likelihood(likely, usual) > log_likelihood(likely, strange) + 3


@pytest.mark.parametrize("value_type", ["text", "name", "city", "street", "email"])
def test_nothing_is_forbidden(value_type: str) -> None:
    likely = writing_model(value_type)

    assert likely is not None
    assert all(likely(before, character) > 0 for before in ("", "zxq", "a@b") for character in "éZ7 .@-ß")


def test_names_may_follow_one_another_in_an_address() -> None:
    likely = writing_model("email")

    assert likely is not None
    assert log_likelihood(likely, "claudelacroix@orange.fr") > log_likelihood(likely, "claudelacnoix@orange.fr") + 2


def test_a_number_in_an_address_goes_on_with_digits() -> None:
    likely = writing_model("email")

    assert likely is not None
    assert log_likelihood(likely, "harry.koch61@gmail.com") > log_likelihood(likely, "harry.koch6l@gmail.com") + 1


def test_an_address_is_likely_made_of_the_writers_names() -> None:
    anybody, somebody = writing_model("email"), writing_model("email", ("xavi", "zubeldia"))

    assert anybody is not None
    assert somebody is not None
    for own in ("xavi.zubeldia@orange.fr", "xzubeldia31@free.fr", "zubeldia_xavi@mairie-x.fr"):
        assert log_likelihood(somebody, own) > log_likelihood(anybody, own) + 3
    other = "marie.petit@orange.fr"
    assert log_likelihood(somebody, other) == pytest.approx(log_likelihood(anybody, other), abs=4)


def test_a_year_in_an_address_has_four_digits() -> None:
    likely = writing_model("email")

    assert likely is not None
    assert log_likelihood(likely, "marie1993@free.fr") > log_likelihood(likely, "marie193@free.fr")


def test_codes_have_no_model() -> None:
    assert writing_model("reference") is None
