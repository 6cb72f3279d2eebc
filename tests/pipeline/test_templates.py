"""A form is a folder: what is wrong with it is told with the file at fault."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import Misconfigured
from pipeline.templates import TEMPLATE_DPI, load_template, load_templates

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"
FIELD = {"page": 1, "name": "phone", "kind": "line", "charset": "digits", "box": [10, 10, 50, 8]}


def folder(at: Path, *, pages: int = 1, size: tuple[int, int] = (1169, 827), field: dict[str, object] = FIELD) -> Path:
    """A form of 148 x 105 mm as scanned at 200 dpi."""
    description = {"id": "own", "family": "t_card", "page_mm": [148, 105], "fields": [field]}
    at.mkdir()
    (at / "fields.json").write_text(json.dumps(description), encoding="utf-8")
    frames = [Image.fromarray(np.full((size[1], size[0]), 255, np.uint8)) for _ in range(pages)]
    frames[0].save(at / "blank.tif", save_all=True, append_images=frames[1:])
    return at


def test_the_forms_that_ship_have_a_picture_of_every_page() -> None:
    forms = {template.id: template for template in load_templates(FORMS)}

    assert set(forms) >= {"tcard-a", "tcard-b", "subscription-a", "sepa-mandate-a"}
    assert len(forms["subscription-a"].blanks) == 2
    width, height = forms["tcard-b"].definition.page_mm
    rows, columns = forms["tcard-b"].blanks[0].shape
    assert rows == pytest.approx(height * TEMPLATE_DPI / 25.4, abs=2)
    assert columns == pytest.approx(width * TEMPLATE_DPI / 25.4, abs=2)


def test_a_form_may_be_a_scanned_image_of_any_resolution(tmp_path: Path) -> None:
    template = load_template(folder(tmp_path / "own", pages=2, size=(1754, 1240)))

    assert len(template.blanks) == 2
    assert template.blanks[0].shape == (827, 1165)


def test_a_folder_of_one_form_is_that_form(tmp_path: Path) -> None:
    assert [template.id for template in load_templates(folder(tmp_path / "own"))] == ["own"]


def test_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"blank\.tif.*148 x 105"):
        load_template(folder(tmp_path / "own", size=(827, 1169)))


def test_a_zone_on_a_page_without_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="page 2"):
        load_template(folder(tmp_path / "own", field={**FIELD, "page": 2}))


def test_a_form_without_picture_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    (place / "blank.tif").unlink()

    with pytest.raises(Misconfigured, match="no picture"):
        load_template(place)


def test_a_description_that_is_no_json_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    (place / "fields.json").write_text("{", encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"fields\.json"):
        load_template(place)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such folder"):
        load_templates(tmp_path / "missing")
