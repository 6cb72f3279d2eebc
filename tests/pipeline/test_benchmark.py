"""What the benchmark counts, on made-up runs."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest

from pipeline.benchmark.memory import peak_between, write_stack
from pipeline.benchmark.others import found_share, notations, read_by_others


def test_growth_is_seen_between_the_early_and_the_late_pages_of_a_stack() -> None:
    samples = [(0, 900.0), (100, 500.0), (150, 600.0), (200, 550.0), (300, 2000.0), (450, 700.0)]

    assert peak_between(samples, 100, 200) == 600.0
    assert peak_between(samples, 400, 500) == 700.0
    assert peak_between(samples, 600, 700) == 0.0


def test_a_stack_is_as_long_as_asked_and_keeps_the_order_of_its_scans(tmp_path: Path) -> None:
    scans = []
    for number, width in enumerate((100, 200)):
        with pikepdf.Pdf.new() as pdf:
            pdf.add_blank_page(page_size=(width, 300))
            pdf.save(tmp_path / f"{number}.pdf")
        scans.append(tmp_path / f"{number}.pdf")

    write_stack(scans, tmp_path / "stack.pdf", pages=5)

    with pikepdf.Pdf.open(tmp_path / "stack.pdf") as stack:
        assert [int(page.mediabox[2]) for page in stack.pages] == [100, 200, 100, 200, 100]


def test_true_values_are_found_in_a_usual_notation_and_ticks_are_left_out() -> None:
    page = Path("a.pdf")
    truths = {page: {"issue_date": "2026-11-08", "total": "1234.50", "city": "Épinal", "signature": True, "n": "12"}}

    assert notations("2026-11-08")[1] == "08112026"
    assert found_share(truths, {page: "EPINAL, le 08/11/2026 : 1 234,50 EUR"}) == (3, 3)
    assert found_share(truths, {page: "EPINAL, le 09/11/2026"}) == (1, 3)
    assert found_share(truths, {}) == (0, 3)


def test_a_way_that_is_not_installed_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    others = read_by_others([])

    assert len(others) == 4
    assert all("not installed" in other.skipped for other in others)
