"""The reading processes: what happens when they do not start, or are stopped."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import Unavailable
from pipeline.engines import EngineSettings
from pipeline.pool import ReadingPool


def test_processes_that_do_not_start_cost_no_page_and_are_started_anew(tmp_path: Path) -> None:
    form = tmp_path / "forms" / "broken"
    form.mkdir(parents=True)
    (form / "fields.json").write_text("{")
    pool = ReadingPool(EngineSettings(template_folders=(form.parent,)), processes=1)
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                pool.run(os.getpid)
        shutil.rmtree(form)
        assert pool.run(os.getpid) != os.getpid()
    finally:
        pool.close()


def test_a_page_under_way_when_the_pool_is_closed_is_not_refused() -> None:
    pool = ReadingPool(EngineSettings(), processes=1)
    pool.run(os.getpid)
    ended: list[BaseException] = []

    def read() -> None:
        try:
            pool.run(time.sleep, 60)
        except BaseException as error:
            ended.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    time.sleep(0.3)
    pool.close()
    reader.join(timeout=20)

    assert [type(error) for error in ended] == [Unavailable]


def test_many_pages_are_taken_only_a_few_calls_ahead_of_what_was_answered() -> None:
    pool = ReadingPool(EngineSettings(), processes=2)
    taken = answered = furthest = 0

    def calls() -> Iterator[tuple[int, int]]:
        nonlocal taken, furthest
        for number in range(80):
            taken += 1
            furthest = max(furthest, taken - answered)
            yield number, 1

    try:
        for outcome in pool.map_ordered(pow, calls()):
            assert outcome == answered
            answered += 1
    finally:
        pool.close()

    assert answered == 80
    assert furthest <= 2 * 3 + 1
