"""The alarm: quiet while the promise is kept, soon when it is broken, also after a long good time."""

from __future__ import annotations

import numpy as np

from extraction.drift import watch

ERROR = 0.005


def delays(rate: float, *, runs: int, longest: int, good_before: int = 0) -> list[int]:
    """Values until the alarm in each run; `longest` where it kept quiet."""
    rng = np.random.default_rng(2611)
    found = []
    for _ in range(runs):
        before = [False] * good_before
        state = watch([*before, *(rng.random(longest) < rate).tolist()], error=ERROR)
        found.append(state.seen - good_before if state.alarmed else longest)
    return found


def test_the_alarm_is_quiet_while_the_promise_is_kept() -> None:
    assert np.mean(np.array(delays(ERROR, runs=200, longest=2000)) < 2000) < 0.25
    assert np.mean(np.array(delays(ERROR / 3, runs=200, longest=2000)) < 2000) < 0.02


def test_the_alarm_comes_soon_when_errors_are_ten_times_the_promise() -> None:
    assert np.median(delays(10 * ERROR, runs=200, longest=2000)) < 100
    assert max(delays(10 * ERROR, runs=200, longest=2000)) < 600


def test_a_long_good_time_does_not_hide_a_bad_one() -> None:
    fresh = np.mean(delays(4 * ERROR, runs=100, longest=3000))
    late = np.mean(delays(4 * ERROR, runs=100, longest=3000, good_before=2000))

    assert late < 1.3 * fresh + 50


def test_one_error_is_no_alarm() -> None:
    state = watch([False] * 10 + [True] + [False] * 500, error=ERROR)

    assert not state.alarmed
    assert (state.seen, state.errors) == (511, 1)
