"""Forms that nobody designed are forms like any other: a folder that loads, with zones that keep out of one another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.definitions import DocumentType, ZoneKind
from pipeline.engines import templates
from pipeline.templates import load_template
from pipeline.training.mail.mailbag import draw_mailbag
from pipeline.training.mail.random_forms import random_form
from tests.pipeline.mail_material import handwriting

FAMILIES = (DocumentType.T_CARD, DocumentType.SUBSCRIPTION_FORM, DocumentType.SEPA_MANDATE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_a_random_form_loads_as_a_template(tmp_path: Path, family: DocumentType, seed: int) -> None:
    form = random_form(np.random.default_rng(seed), family)

    template = load_template(form.save(tmp_path / "form"))

    assert template.definition.document_type is family
    assert ZoneKind.SIGNATURE in {zone.kind for zone in template.definition.zones}
    zones = template.definition.zones
    for number, zone in enumerate(zones):
        for other in zones[number + 1 :]:
            shared = zone.box.grown(-0.05).intersection(other.box)
            assert shared is None, (zone.name, other.name)


def test_boxes_lie_where_the_description_says() -> None:
    """The lower edge of every box is printed: that holds for boxes, combs and tinted cells in any colour."""
    seen = 0
    for seed in range(6):
        blank = random_form(np.random.default_rng(seed), DocumentType.SEPA_MANDATE).blank()
        page = blank.pages[0].min(axis=2)
        for zone in blank.definition.zones:
            for cell in zone.cells:
                area = cell.scaled(300 / 25.4)
                edge = page[round(area.bottom) - 4 : round(area.bottom) + 4, round(area.x) + 4 : round(area.right) - 4]
                assert edge.min() < 235
                seen += 1
    assert seen > 300


def test_the_same_generator_draws_the_same_form() -> None:
    first, second = (random_form(np.random.default_rng(8)) for _ in range(2))

    assert first.description == second.description
    assert first.pdf == second.pdf


def test_a_mailbag_brings_the_forms_drawn_for_it(tmp_path: Path) -> None:
    """As templates in `forms/`, named by the truth of the sheets that were filled in."""
    (tmp_path / "data").mkdir()
    bag = tmp_path / "bag"

    told = list(draw_mailbag(handwriting(tmp_path / "data"), bag, seed=5, count=16, stacks=0, new_forms=6))

    drawn = {template.definition.id for template in templates((bag / "forms",))}
    truth = [json.loads(line) for line in (bag / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert told == []
    assert len(truth) == 16
    assert {each["form"] for each in truth} - {None} <= drawn
    assert [name for name in drawn if name in {each["form"] for each in truth}]
    assert sum(name.startswith("form-5-") for name in drawn) == 6
