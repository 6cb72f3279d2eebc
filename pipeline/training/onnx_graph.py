"""An ONNX graph as a torch module: weights that were given to us as ONNX can be trained further and written back.

Only the operators of the recognisers that ship are known. What comes back is the same graph with other weights, so a
network that was trained here runs wherever the one it came from runs.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

_GELU = ("Div", "Erf", "Add", "Mul", "Mul")


def exported(
    network: nn.Module,
    example: tuple[Tensor, ...],
    names: tuple[list[str], list[str]],
    sizes: dict[str, dict[int, Any]],
) -> onnx.ModelProto:
    """A trained network as ONNX, without the exporter's notes on where its code lay.

    Args:
        example: inputs. names: of inputs and of outputs. sizes: by input, the axes whose length is free.
    Raises: RuntimeError when the exporter gives nothing.
    """
    inputs, outputs = names
    program = torch.onnx.export(
        network.eval(), example, dynamo=True, input_names=inputs, output_names=outputs, dynamic_shapes=sizes
    )
    if program is None:
        raise RuntimeError("the ONNX exporter returned nothing")
    proto: onnx.ModelProto = program.model_proto
    for node in [*proto.graph.node, *proto.graph.value_info]:
        del node.metadata_props[:]
        node.doc_string = ""
    return proto


class OnnxNetwork(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """Runs the graph of a recogniser up to its softmax: (n, 1, height, width) -> logits (n, steps, classes)."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Args:
        model: left unchanged; opset 11, its last node a softmax over the last axis.
        Raises: ValueError when it ends otherwise or holds an operator that is not known.
        """
        super().__init__()
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        nodes = list(self.model.graph.node)
        if nodes[-1].op_type != "Softmax":
            raise ValueError(f"the graph ends in {nodes[-1].op_type}, not in a softmax")
        self._names: dict[str, str] = {}
        self._constants: dict[str, Any] = {}
        for number, tensor in enumerate(self.model.graph.initializer):
            values = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if values.is_floating_point() and values.numel() > 1:
                self._names[tensor.name] = f"w{number}"
                self.register_parameter(f"w{number}", nn.Parameter(values))
            elif values.is_floating_point():
                self._constants[tensor.name] = float(values.reshape(-1)[0])
            else:
                self._constants[tensor.name] = values.tolist()
        self._input = self.model.graph.input[0].name
        wide = {t.name for t in self.model.graph.initializer if len(t.dims) == 4 and tuple(t.dims[2:]) == (1, 1)}
        self._steps = _fused(nodes[:-1], wide)
        self._output = self._steps[-1].output
        unknown = {step.kind for step in self._steps} - set(_OPERATORS) - {"BatchNormalization"}
        if unknown:
            raise ValueError(f"the graph holds operators that are not known: {', '.join(sorted(unknown))}")

    def forward(self, lines: Tensor) -> Tensor:
        values: dict[str, Any] = {self._input: lines}
        for step in self._steps:
            arguments = [self._value(name, values) for name in step.inputs]
            values[step.output] = _OPERATORS[step.kind](arguments, step.attributes)
        logits: Tensor = values[self._output]
        return logits

    def proto(self) -> onnx.ModelProto:
        """The graph with the weights as they are now."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for tensor in model.graph.initializer:
            if tensor.name in self._names:
                values = getattr(self, self._names[tensor.name]).detach().float().numpy()
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
        return model

    def _value(self, name: str, values: dict[str, Any]) -> Any:
        if name in values:
            return values[name]
        return getattr(self, self._names[name]) if name in self._names else self._constants[name]


class _Step:
    """One operator with its inputs by name."""

    def __init__(self, kind: str, inputs: list[str], output: str, attributes: dict[str, Any]) -> None:
        self.kind, self.inputs, self.output, self.attributes = kind, inputs, output, attributes


def _fused(nodes: Iterable[onnx.NodeProto], biases: Container[str]) -> list[_Step]:
    """The nodes without identities; a GELU spelled out in five is taken as one, a bias into its convolution."""
    alias: dict[str, str] = {}
    steps: list[_Step] = []
    for node in nodes:
        inputs = [alias.get(name, name) for name in node.input]
        if node.op_type == "Identity":
            alias[node.output[0]] = inputs[0]
            continue
        before = steps[-1] if steps else None
        if before and node.op_type == "Add" and before.kind == "Conv" and len(before.inputs) == 2:
            other = [name for name in inputs if name != before.output]
            if len(other) == 1 and other[0] in biases:
                steps[-1] = _Step("Conv", [*before.inputs, other[0]], node.output[0], before.attributes)
                continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        steps.append(_Step(node.op_type, inputs, node.output[0], attributes))
        if tuple(step.kind for step in steps[-5:]) == _GELU and steps[-5].inputs[0] in steps[-2].inputs:
            source = steps[-5].inputs[0]
            steps[-5:] = [_Step("Gelu", [source], node.output[0], {})]
    return steps


def _conv(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    lines, weight = inputs[0], inputs[1]
    if attributes.get("auto_pad") == b"SAME_UPPER":
        lines = _same_upper(lines, attributes)
        padding: list[int] | int = 0
    else:
        padding = _symmetric(attributes)
    bias = inputs[2].reshape(-1) if len(inputs) > 2 else None
    strides, group = attributes["strides"], attributes.get("group", 1)
    return functional.conv2d(lines, weight, bias, strides, padding, groups=group)


def _symmetric(attributes: dict[str, Any]) -> list[int]:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        raise ValueError("padding that differs from side to side is not known")
    return [top, left]


def _same_upper(lines: Tensor, attributes: dict[str, Any]) -> Tensor:
    if list(attributes["strides"]) != [1, 1]:
        raise ValueError("padding to the same size is known at stride 1 only")
    high, wide = (size - 1 for size in attributes["kernel_shape"])
    return functional.pad(lines, (wide // 2, wide - wide // 2, high // 2, high - high // 2))


def _max_pool(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    # The padding may be zero: what is pooled comes out of a ReLU.
    lines = _same_upper(inputs[0], attributes) if attributes.get("auto_pad") == b"SAME_UPPER" else inputs[0]
    return functional.max_pool2d(lines, attributes["kernel_shape"], attributes["strides"])


def _average_pool(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    return functional.avg_pool2d(inputs[0], attributes["kernel_shape"], attributes["strides"])


def _normalised(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    """Batch normalisation with the statistics it came with."""
    lines, scale, shift, mean, variance = inputs
    factor = scale / torch.sqrt(variance.detach() + attributes["epsilon"])
    offset = shift - mean.detach() * factor
    return lines * factor.reshape(1, -1, 1, 1) + offset.reshape(1, -1, 1, 1)


def _mean(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    mean: Tensor = inputs[0].mean(dim=list(attributes["axes"]), keepdim=bool(attributes.get("keepdims", 1)))
    return mean


def _slice(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    source, starts, ends, axes = inputs[:4] if len(inputs) > 3 else (*inputs[:3], [0])
    if isinstance(source, list):
        return source[starts[0] : ends[0]]
    for start, end, axis in zip(starts, ends, axes, strict=True):
        source = source.narrow(axis, start, min(end, source.shape[axis]) - start)
    return source


def _squeeze(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    source = inputs[0]
    if isinstance(source, list):
        return source[0]
    for axis in sorted(attributes["axes"], reverse=True):
        source = source.squeeze(axis)
    return source


def _unsqueeze(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    source = inputs[0]
    if not isinstance(source, Tensor):
        return [source]
    for axis in sorted(attributes["axes"]):
        source = source.unsqueeze(axis)
    return source


def _concat(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    if isinstance(inputs[0], list):
        return [value for part in inputs for value in part]
    return torch.cat(inputs, dim=attributes["axis"])


def _reshape(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    source, shape = inputs
    sizes = [source.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    reshaped: Tensor = source.reshape(sizes)
    return reshaped


def _hard_sigmoid(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    return torch.clamp(inputs[0] * attributes["alpha"] + attributes["beta"], 0.0, 1.0)


_OPERATORS: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Add": lambda i, _: i[0] + i[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _normalised,
    "Concat": _concat,
    "Conv": _conv,
    "Div": lambda i, _: i[0] / i[1],
    "Erf": lambda i, _: torch.erf(i[0]),
    "Gelu": lambda i, _: functional.gelu(i[0]),
    "HardSigmoid": _hard_sigmoid,
    "MatMul": lambda i, _: i[0] @ i[1],
    "MaxPool": _max_pool,
    "Mul": lambda i, _: i[0] * i[1],
    "Pow": lambda i, _: i[0] ** i[1],
    "ReduceMean": _mean,
    "Relu": lambda i, _: functional.relu(i[0]),
    "Reshape": _reshape,
    "Shape": lambda i, _: list(i[0].shape),
    "Sigmoid": lambda i, _: torch.sigmoid(i[0]),
    "Slice": _slice,
    "Softmax": lambda i, a: torch.softmax(i[0], dim=a["axis"]),
    "Sqrt": lambda i, _: torch.sqrt(i[0]),
    "Squeeze": _squeeze,
    "Sub": lambda i, _: i[0] - i[1],
    "Transpose": lambda i, a: i[0].permute(*a["perm"]),
    "Unsqueeze": _unsqueeze,
}
"""What each operator computes from its inputs and attributes."""
