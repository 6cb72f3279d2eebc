import json
import re
from importlib import resources
from typing import Any

import pytest

from models.definitions import FORM_FIELDS, INVOICE_FIELDS
from models.errors import Misconfigured
from models.values.kinds import KINDS, judge, kind
from models.values.sentences import SENTENCES, sentence

VECTORS: list[dict[str, Any]] = json.loads(resources.files("models.values").joinpath("checks_vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}:{v['input']}")
def test_every_vector_gets_its_verdict(vector: dict[str, Any]) -> None:
    verdict = judge(vector["kind"], vector["input"])

    assert verdict.canonical == vector["canonical"]
    assert list(verdict.failed) == vector["failed"]
    assert verdict.ok is vector["ok"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["canonical"]], ids=lambda v: f"{v['kind']}:{v['input']}")
def test_a_value_shown_in_french_is_read_back_as_itself(vector: dict[str, Any]) -> None:
    known = kind(vector["kind"])

    assert known.parse(known.format_fr(vector["canonical"])) == vector["canonical"]
    assert known.parse(vector["canonical"]) == vector["canonical"]


def test_every_field_has_a_kind() -> None:
    for definition in (*INVOICE_FIELDS, *FORM_FIELDS):
        assert kind(definition.value_type).name == definition.value_type


def test_an_unknown_kind_is_a_set_up_error() -> None:
    with pytest.raises(Misconfigured, match="iban"):
        kind("ibna")


def test_every_code_has_a_french_sentence() -> None:
    codes = {f"{name}.format" for name in KINDS} | {code for vector in VECTORS for code in vector["failed"]}

    assert codes <= SENTENCES.keys()
    assert all(re.match(r"[A-ZÉ]", text) and text.endswith(".") for text in SENTENCES.values())
    assert sentence("not.ours") == "not.ours"
