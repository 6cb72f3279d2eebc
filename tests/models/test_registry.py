"""The registry gives out only the weights that were registered."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.errors import Misconfigured
from models.learned import registry
from models.learned.registry import REGISTRY, WEIGHTS, Weights


def entry(content: bytes, file: str = "net.onnx") -> dict[str, Weights]:
    return {"net": Weights(file, hashlib.sha256(content).hexdigest(), "Apache-2.0", "a test")}


def test_the_registered_file_is_given_out(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"weights")

    assert registry.path("net", registry=entry(b"weights"), folder=tmp_path) == tmp_path / "net.onnx"


def test_a_file_that_was_changed_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"other")

    with pytest.raises(Misconfigured, match=r"net\.onnx.*Install Depli again"):
        registry.path("net", registry=entry(b"weights"), folder=tmp_path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"net\.onnx.*Install Depli again"):
        registry.session("net", registry=entry(b"weights"), folder=tmp_path)


def test_a_name_that_is_not_registered_is_refused() -> None:
    with pytest.raises(Misconfigured, match="nothing-of-ours"):
        registry.path("nothing-of-ours")


def test_a_registered_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"weights")

    with pytest.raises(Misconfigured, match=r"net\.onnx"):
        registry.session("net", registry=entry(b"weights"), folder=tmp_path)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_shipped_file_is_the_registered_one_and_a_model_card_names_it(name: str) -> None:
    file = registry.path(name)

    cards = [text for card in WEIGHTS.glob("*.md") if file.name in (text := card.read_text(encoding="utf-8"))]
    assert any(REGISTRY[name].licence in card for card in cards)


@pytest.mark.parametrize("name", sorted(name for name, weights in REGISTRY.items() if weights.file.endswith(".onnx")))
def test_a_session_is_made_once(name: str) -> None:
    assert registry.session(name) is registry.session(name)


def test_no_weights_are_shipped_that_the_registry_does_not_know() -> None:
    assert {file.name for file in WEIGHTS.glob("*.onnx")} == {
        weights.file for weights in REGISTRY.values() if weights.file.endswith(".onnx")
    }
