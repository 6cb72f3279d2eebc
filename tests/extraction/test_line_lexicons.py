"""Lists make likely what is usual and keep possible what is not."""

from __future__ import annotations

from datetime import date

import pytest

from extraction.line_lexicons import proposals
from extraction.written_values import decode_line
from models.geometry import Box
from models.reading import Reading


@pytest.mark.parametrize(
    ("value_type", "read", "meant"),
    [
        ("email", "marie.petit@orauge.fr", "marie.petit@orange.fr"),
        ("email", "marie.petitagmail.com", "marie.petit@gmail.com"),
        ("email", "marie.petiteyahoo.tr", "marie.petit@yahoo.fr"),
        ("email", "marie.petitemairie-dole.fr", "marie.petit@mairie-dole.fr"),
        ("email", "marie.petit@mairie_fr", "marie.petit@mairie.fr"),
        ("city", "Poutarlier", "Pontarlier"),
        ("city", "VILLENEUVE D'ASCO", "VILLENEUVE-D'ASCQ"),
        ("name", "Marie Lefebvne", "Marie Lefebvre"),
        ("street", "12 rve de la gare", "12 rue de la gare"),
    ],
)
def test_what_is_usual_there_is_proposed(value_type: str, read: str, meant: str) -> None:
    propose = proposals(value_type)

    assert propose is not None
    assert meant in set(propose([read]))


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("horset_lilane62@laposte.net", "bouvet_liliane62@laposte.net"),
        ("l.bowet@orange.fr", "l.bouvet@orange.fr"),
        ("liliane.bouvetl2@free.fr", "liliane.bouvet12@free.fr"),
        ("lilianebouvet@orauge.fr", "liliane.bouvet@orange.fr"),
    ],
)
def test_addresses_of_the_writers_names_are_proposed(read: str, meant: str) -> None:
    propose = proposals("email", ("bouvet", "liliane"))

    assert propose is not None
    assert meant in set(propose([read]))


def test_free_text_is_left_alone() -> None:
    assert proposals("text") is None


def values(value_type: str, name: str, *alternatives: tuple[str, float]) -> list[tuple[str, float]]:
    reading = Reading(alternatives[0][0], alternatives[0][1], Box(0, 0, 9, 9), "test", alternatives=alternatives)
    found = decode_line(value_type, name, reading, today=date(2026, 11, 25))
    return [(guess.text, guess.probability) for guess in found]


def test_texts_that_mean_one_value_add_up() -> None:
    found = values("city", "place", ("Pontarlier", 0.5), ("Pontarlier.", 0.3), ("Pontarlien", 0.1))

    assert found[0][0] == "Pontarlier"
    assert found[0][1] == pytest.approx(0.8)


def test_a_text_without_a_value_is_hardly_what_was_meant() -> None:
    found = values("email", "email", ("x.roygmail.com", 0.5), ("x.roy@gmail.com", 0.4))

    assert found[0][0] == "x.roy@gmail.com"
    assert 0.6 < found[0][1] < 0.9


def test_what_the_reader_leaves_open_stays_doubt() -> None:
    assert values("city", "place", ("Pontarlier", 0.3), ("Pontarlien", 0.1))[0][1] < 0.85
