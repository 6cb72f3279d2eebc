"""How the processes of a run are set up, before any of them loads what it works with."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

_PRELOADED = "pipeline.preloaded"


def one_thread() -> None:
    """Keep numeric libraries at one thread: there is one process a core."""
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import cv2

    cv2.setNumThreads(1)


def reading_context() -> ForkServerContext:
    """The way reading processes are made: forked from a server that has loaded what they share.

    Asked for early, the server loads while the asking process does; asked for again it is the same.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    forkserver.ensure_running()
    return context
