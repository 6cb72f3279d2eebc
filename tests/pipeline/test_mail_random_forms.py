"""Forms that nobody designed are forms like any other: a folder that loads, with zones that keep out of one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.definitions import DocumentType, ZoneKind
from pipeline.templates import load_template
from pipeline.training.mail.random_forms import random_form

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
