"""A seeded record with the application on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.videocoding_ui.desk_app import DeskApp, make_desk


@pytest.fixture
def desk(tmp_path: Path) -> DeskApp:
    """One mandate, a T-card and a document in each other state."""
    return make_desk(tmp_path)
