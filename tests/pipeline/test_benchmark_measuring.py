"""What a measurement counts as the cost of a run."""

from __future__ import annotations

import pytest

from pipeline.benchmark.measuring import Watch, WatchedProcess


def test_what_ran_before_a_run_is_not_counted_and_what_still_runs_is(monkeypatch: pytest.MonkeyPatch) -> None:
    families = iter(
        (
            {1: WatchedProcess(parent=0, own_s=2.0, reaped_s=98.0, resident_mb=100.0)},
            {
                1: WatchedProcess(parent=0, own_s=3.0, reaped_s=98.5, resident_mb=100.0),
                2: WatchedProcess(parent=1, own_s=50.0, reaped_s=0.0, resident_mb=400.0),
            },
        )
    )
    monkeypatch.setattr("pipeline.benchmark.measuring._family", lambda root: next(families))
    watch = Watch(seconds=None)
    with watch:
        watch.look()

    assert watch.cpu_s == pytest.approx(1.0 + 50.0 + 0.5)
    assert watch.samples == [(0, 500.0)]
