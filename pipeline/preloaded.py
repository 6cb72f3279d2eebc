"""What all reading processes share, loaded once: the fork server imports this module, then forks them from itself.

Only what is read and never written: code, word lists, forms. Networks are loaded in each process, ONNX Runtime starts
a thread with its first session and threads are lost in a fork.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

from models.errors import Misconfigured
from pipeline.processes import one_thread


def _load() -> Iterator[None]:
    """All of it, in steps."""
    yield
    one_thread()
    yield
    from pipeline import page_tasks, pool  # noqa: F401 - what runs in the processes

    yield
    from classifiers import forms
    from extraction import registration
    from extraction.line_lexicons import proposals
    from extraction.writing_models import writing_model
    from extraction.written_values import decode_name
    from models.text import Character
    from pipeline.engines import templates

    yield
    shipped = templates(())
    forms.prepare(shipped)
    registration.prepare(shipped)
    for value_type in ("name", "city", "street", "email"):
        yield
        writing_model(value_type)
        propose = proposals(value_type)
        if propose is not None:
            list(propose(["LENOIR"]))
    yield
    decode_name([Character(((letter, 0.9),)) for letter in "LENOIR"])


def _load_while_wanted() -> None:
    owner = os.getppid()
    try:
        for _ in _load():
            if os.getppid() != owner:
                # Whoever asked is gone; the fork server itself looks only when it has imported this module.
                raise SystemExit
    except Misconfigured:
        return  # each reading process will say what is missing
    # What is loaded stays where it is: a collection would touch, and so copy, every page of memory in every process.
    gc.collect()
    gc.freeze()


_load_while_wanted()
