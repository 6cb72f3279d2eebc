"""Forms filled in by simulation: what is on paper is what the truth says, and nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from models.errors import Misconfigured
from models.geometry import Box
from models.values.bank import bank_of, check_iban
from models.values.identifiers import check_ics, check_siret
from pipeline.training.icr import is_held_out
from pipeline.training.mail.answers import a_siret, a_street, a_town, an_email, an_iban, an_ics
from pipeline.training.mail.forms import draw_form, load_blank
from pipeline.training.mail.hands import Hands
from pipeline.training.mail.ink import PX_PER_MM, gray
from tests.pipeline.mail_material import handwriting, small_form

TODAY = dt.date(2026, 11, 25)


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    return Hands(handwriting(tmp_path), held_out=None)


def test_a_value_leaves_ink_in_its_zone_and_an_empty_field_none(tmp_path: Path, hands: Hands) -> None:
    blank = load_blank(small_form(tmp_path))
    before = gray(blank.pages[0]).astype(int)
    seen = set()
    for seed in range(40):
        drawn = draw_form(np.random.default_rng(seed), blank, hands, today=TODAY, hard=0.0)

        change = before - gray(drawn.pages[0])
        for zone in blank.definition.zones:
            area = zone.box.scaled(PX_PER_MM)
            part = change[round(area.y) : round(area.bottom), round(area.x) : round(area.right)]
            written = drawn.truth["fields"][zone.name] not in (None, [], False)
            assert bool((part > 40).any()) is written, (seed, zone.name)
            seen.add((zone.name, written))
    assert {("meter_index", True), ("remark", False), ("remark", True), ("signature", False)} <= seen


def test_the_bar_code_can_be_read(tmp_path: Path, hands: Hands) -> None:
    drawn = draw_form(np.random.default_rng(1), load_blank(small_form(tmp_path)), hands, today=TODAY)

    assert [code.text for code in zxingcpp.read_barcodes(drawn.pages[0])] == [drawn.truth["fields"]["barcode"]]


def test_the_same_generator_fills_in_the_same_form(tmp_path: Path, hands: Hands) -> None:
    blank = load_blank(small_form(tmp_path))
    first, second = (draw_form(np.random.default_rng(5), blank, hands, today=TODAY, hard=1.0) for _ in range(2))

    assert first.truth == second.truth
    assert np.array_equal(first.pages[0], second.pages[0])


def test_a_slip_and_a_correction_are_told(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    hand = hands.someone(rng, hard=1.0)
    hand.slips, hand.corrects = 1.0, 1.0
    cells = [Box(5 + 8 * k, 15, 8, 10).scaled(PX_PER_MM) for k in range(4)]
    ink = np.zeros((500, 900), np.float32)

    happened = hand.into_cells(ink, cells, "12", rng)

    assert happened[0] == "slipped"
    assert set(happened[1:]) <= {"overwritten", "corrected"}
    assert len(happened) == 3
    first = cells[0]
    assert not ink[round(first.y) : round(first.bottom), round(first.x) : round(first.x + 0.3 * first.width)].any()


def test_writers_held_out_stay_apart(tmp_path: Path) -> None:
    folder = handwriting(tmp_path)
    apart, others = Hands(folder, held_out=True), Hands(folder, held_out=False)

    assert all(is_held_out(writer) for writer in apart.writers)
    assert not set(apart.writers) & set(others.writers)
    assert len(apart.writers) + len(others.writers) == 40


def test_a_folder_without_a_collection_or_a_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"strokes_unipen\.npz"):
        Hands(tmp_path, held_out=None)
    with pytest.raises(Misconfigured, match=r"fields\.json"):
        load_blank(tmp_path / "nothing")


@pytest.mark.parametrize("seed", range(20))
def test_invented_values_pass_their_checks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    iban = an_iban(rng)

    assert check_iban(iban) == ()
    assert bank_of(iban)[0]
    assert check_siret(a_siret(rng)) == ()
    assert check_ics(an_ics(rng)) == ()
    assert len(a_street(rng, 25)) <= 25
    assert len(a_town(rng, 16)[1]) <= 16
    assert an_email("Zoé", "D'ARC", rng).isascii()
