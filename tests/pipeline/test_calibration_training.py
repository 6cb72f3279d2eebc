"""`depli train calibration`: from mailbags with truth to the two files that ship."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from extraction.calibration import Seen
from models.errors import Misconfigured
from models.promise import Thresholds
from pipeline.training import calibration
from pipeline.training.evidence import evidence_of


def some_mail(mailbag: Path, *, cache: Path | None = None) -> Iterator[Seen]:
    """180 documents whose readers are right as often as they say, in any order."""
    rng = np.random.default_rng(len(mailbag.name))
    for document in reversed(range(180)):
        for name in "abcdefgh":
            odds = float(rng.uniform(2, 7))
            right = rng.random() < 1 / (1 + np.exp(-odds - 2))
            yield Seen(f"{mailbag.name}/{document:06d}", "t_card", name, "text", {"odds": odds}, right=bool(right))


@pytest.fixture
def mailbags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(calibration, "evidence_of", some_mail)
    folders = [tmp_path / "one", tmp_path / "another"]
    for folder in folders:
        folder.mkdir()
        (folder / "truth.jsonl").write_text("{}\n")
    return folders


def test_several_mailbags_give_limits_that_say_what_they_were_fitted_on(mailbags: list[Path], tmp_path: Path) -> None:
    told = list(calibration.fit(mailbags, tmp_path / "out"))

    assert any("180 documents" in line for line in told)
    limits = json.loads((tmp_path / "out" / "thresholds.json").read_text())
    assert "180 documents of one and 180 documents of another" in limits["fitted_on"]
    assert len(limits["mailbags"][0]["truth_sha256"]) == 64
    usual = next(Thresholds(**entry) for entry in limits["targets"] if entry["error"] == 0.005)
    assert usual.coverage > 0.5
    assert usual.bound <= 0.005
    fitted = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert fitted["coefficients"]["odds"] > 0


def test_the_same_mail_gives_the_same_files(mailbags: list[Path], tmp_path: Path) -> None:
    for out in ("first", "second"):
        list(calibration.fit(mailbags, tmp_path / out))

    for name in ("calibration.json", "thresholds.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_folder_without_truth_is_no_mailbag(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"truth\.jsonl"):
        list(evidence_of(tmp_path))
