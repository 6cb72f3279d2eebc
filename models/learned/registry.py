"""The registry of learned weights: every file we ship, its hash, its licence, and the one door to load it.

A file whose content is not the one registered is refused: weights decide what is read on a mandate or an invoice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime

from models.errors import Misconfigured

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the shipped files; each `X.onnx` has a model card `X.md` beside it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights."""

    file: str
    """Name in the weights folder."""
    sha256: str
    licence: str
    """SPDX expression of the weights themselves."""
    origin: str
    """Who made them and how they are made again."""


REGISTRY: dict[str, Weights] = {
    "icr-glyphs": Weights(
        file="icr-glyphs.onnx",
        sha256="7880e3f121ac09956910d084464445c07f06b6aaa6e6b12cbc34144a9aa256e7",
        licence="EUPL-1.2",
        origin="made by `depli train icr`",
    ),
}
"""Name used in the code -> file. Add an entry when a file is added; the model card says the rest."""


def path(name: str, *, registry: Mapping[str, Weights] = REGISTRY, folder: Path = WEIGHTS) -> Path:
    """The verified file of the weights called `name`.

    The content is hashed once per process and file.

    Raises: Misconfigured when the name is not registered, or the file is missing or not the one registered.
    """
    entry = registry.get(name)
    if entry is None:
        raise Misconfigured(f"No weights are registered as {name!r}; known: {', '.join(sorted(registry)) or 'none'}.")
    file = folder / entry.file
    _verify(file, entry.sha256)
    return file


def session(
    name: str,
    threads: int = 1,
    *,
    registry: Mapping[str, Weights] = REGISTRY,
    folder: Path = WEIGHTS,
) -> onnxruntime.InferenceSession:
    """The ONNX Runtime session of the weights called `name`, on the CPU; made once per process, file and `threads`.

    Sessions may be shared between threads of a process, so do not change them.

    Raises: Misconfigured, naming the file and the remedy.
    """
    return _open(path(name, registry=registry, folder=folder), threads)


@cache
def _verify(file: Path, sha256: str) -> None:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise Misconfigured(f"The weights {file} cannot be read ({error.strerror}). Install Depli again.") from error
    if found != sha256:
        raise Misconfigured(
            f"The weights {file} are not the registered ones (sha256 {found[:12]}…, expected {sha256[:12]}…). "
            "Install Depli again, or register the new file in models/learned/registry.py."
        )


@cache
def _open(file: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning idle threads would take the core from the other workers of the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises bare RuntimeError subclasses of its own
        raise Misconfigured(f"The weights {file} cannot be loaded by ONNX Runtime ({error}).") from error
