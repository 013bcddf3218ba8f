"""Translate a LiteRT file into an ONNX file, operation by operation, without TensorFlow.

LiteRT keeps the channels of an activation last, ONNX first. The picture is transposed once, and
every activation after that has its channels first.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert.schema_py_generated import ActivationFunctionType, BuiltinOperator, Padding
from onnx import TensorProto, helper, numpy_helper

from core.model.litert_file import LitertFile
from core.system import files

OPSET, IR_VERSION = 17, 8
"""Versions that runtimes since 2022 read."""
CHANNELS_FIRST = (0, 3, 1, 2)
"""The transposition of an activation from channels last to channels first."""


def write(source: LitertFile, path: Path, sentence: str, entries: dict[str, str]) -> None:
    """Write the model for batches of any size: `picture` in, `probabilities` and others out.

    Args:
        source: takes one picture, float32 (1, size, size, 3); its outputs have one row each.
        sentence, entries: as from `formats.describe`.

    Raises:
        LookupError: the file has an operation that is not translated.
    """
    (picture,) = source.graph.inputs
    # Programs of earlier versions read the first output.
    outputs = sorted(source.outputs.items(), key=lambda output: output[0] != "probabilities")
    size, _, channels = source.graph.tensors[picture].shape[1:].tolist()
    translation = _Translation(source)
    translation.add("Transpose", ["picture"], translation.name(picture), perm=CHANNELS_FIRST)
    for operator in source.graph.operators:
        kind = source.kind(operator)
        if kind not in TRANSLATIONS:
            raise LookupError(f"an operation of kind {kind} cannot be translated to ONNX")
        TRANSLATIONS[kind](translation, operator)
    results = []
    for name, tensor in outputs:
        translation.add("Identity", [translation.name(tensor)], name)
        results.append(_value(name, ["batch", translation.shape(tensor)[-1]]))
    graph = helper.make_graph(
        translation.nodes,
        "classifier",
        [_value("picture", ["batch", size, size, channels])],
        results,
        translation.constants,
    )
    opset = [helper.make_operatorsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    model.doc_string = sentence
    helper.set_model_props(model, entries)
    onnx.checker.check_model(model, full_check=True)
    with files.replacing(path) as temporary:
        onnx.save(model, temporary)


def _value(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


class _Translation:
    """The nodes and constants of the ONNX graph so far."""

    def __init__(self, source: LitertFile) -> None:
        self.source = source
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def name(self, tensor: int) -> str:
        """The name of an activation."""
        return f"t{tensor}"

    def shape(self, tensor: int) -> list[int]:
        """The shape of a tensor in LiteRT."""
        return [int(length) for length in self.source.graph.tensors[tensor].shape]

    def constant(self, values: np.ndarray) -> str:
        """Add a constant. Returns its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weights(self, tensor: int) -> np.ndarray:
        """A float32 constant of the LiteRT file."""
        values = self.source.constant(tensor)
        if values is None:
            raise LookupError(f"tensor {tensor} is no constant")
        return values

    def argument(self, tensor: int) -> str:
        """An activation, or a constant in the layout of activations."""
        values = self.source.constant(tensor)
        if values is None:
            return self.name(tensor)
        if values.size == 1 or values.ndim in (0, 2):
            return self.constant(values.reshape(-1) if values.size == 1 else values)
        channels = values.reshape((1,) * (4 - values.ndim) + values.shape)
        return self.constant(channels.transpose(CHANNELS_FIRST))

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def add_operation(self, kind: str, inputs: list[str], operator: Any, **attributes: Any) -> None:
        """Add the node of an operation, and its activation function."""
        output = self.name(operator.outputs[0])
        function = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        if function == ActivationFunctionType.NONE:
            self.add(kind, inputs, output, **attributes)
            return
        self.add(kind, inputs, f"{output} raw", **attributes)
        if function == ActivationFunctionType.RELU:
            self.add("Relu", [f"{output} raw"], output)
        elif function == ActivationFunctionType.RELU6:
            limits = [self.constant(np.array(limit, np.float32)) for limit in (0, 6)]
            self.add("Clip", [f"{output} raw", *limits], output)
        else:
            raise LookupError(f"activation function {function} cannot be translated to ONNX")


def _convolution(translation: _Translation, operator: Any) -> None:
    options = operator.builtinOptions
    picture, weights, *bias = operator.inputs
    kernel = translation.weights(weights)
    # LiteRT: outputs, height, width, inputs. Depthwise: 1, height, width, channels.
    depthwise = translation.source.kind(operator) == BuiltinOperator.DEPTHWISE_CONV_2D
    kernel = kernel.transpose((3, 0, 1, 2) if depthwise else CHANNELS_FIRST)
    dilations = (options.dilationHFactor, options.dilationWFactor)
    window = [
        (length - 1) * factor + 1
        for length, factor in zip(kernel.shape[2:], dilations, strict=True)
    ]
    arrays = [kernel, *(translation.weights(index) for index in bias if index >= 0)]
    translation.add_operation(
        "Conv",
        [translation.name(picture), *map(translation.constant, arrays)],
        operator,
        group=translation.shape(picture)[3] if depthwise else 1,
        dilations=dilations,
        **_window_attributes(translation, operator, window),
    )


def _pooling(kind: str, translation: _Translation, operator: Any) -> None:
    window = [operator.builtinOptions.filterHeight, operator.builtinOptions.filterWidth]
    translation.add_operation(
        kind,
        [translation.name(operator.inputs[0])],
        operator,
        kernel_shape=window,
        **_window_attributes(translation, operator, window),
    )


def _window_attributes(
    translation: _Translation, operator: Any, window: list[int]
) -> dict[str, list[int]]:
    """Strides and padding of a window that moves over an activation."""
    options = operator.builtinOptions
    strides, before, after = [options.strideH, options.strideW], [], []
    inputs = translation.shape(operator.inputs[0])[1:3]
    outputs = translation.shape(operator.outputs[0])[1:3]
    for length, count, size, stride in zip(inputs, outputs, window, strides, strict=True):
        missing = max(0, (count - 1) * stride + size - length)
        missing = missing if options.padding == Padding.SAME else 0
        before.append(missing // 2)
        after.append(missing - missing // 2)
    return {"strides": strides, "pads": before + after}


def _plain(kind: str, translation: _Translation, operator: Any, **attributes: int) -> None:
    inputs = [*map(translation.argument, operator.inputs)]
    translation.add_operation(kind, inputs, operator, **attributes)


def _mean(translation: _Translation, operator: Any) -> None:
    keep = int(operator.builtinOptions.keepDims)
    source = [translation.name(operator.inputs[0])]
    translation.add_operation("ReduceMean", source, operator, axes=[2, 3], keepdims=keep)


def _dense(translation: _Translation, operator: Any) -> None:
    source, weights, *bias = operator.inputs
    arrays = [translation.weights(index) for index in (weights, *bias) if index >= 0]
    constants = map(translation.constant, arrays)
    translation.add_operation("Gemm", [translation.name(source), *constants], operator, transB=1)


def _pad(translation: _Translation, operator: Any) -> None:
    margins = translation.source.integers(operator.inputs[1])[list(CHANNELS_FIRST)]
    pads = translation.constant(margins.T.ravel().astype(np.int64))
    translation.add_operation("Pad", [translation.name(operator.inputs[0]), pads], operator)


def _reshape(translation: _Translation, operator: Any) -> None:
    target = [0, -1] if len(translation.shape(operator.outputs[0])) == 2 else [0, -1, 1, 1]
    shape = translation.constant(np.array(target, np.int64))
    translation.add_operation("Reshape", [translation.name(operator.inputs[0]), shape], operator)


TRANSLATIONS: dict[int, Callable[[_Translation, Any], None]] = {
    BuiltinOperator.CONV_2D: _convolution,
    BuiltinOperator.DEPTHWISE_CONV_2D: _convolution,
    BuiltinOperator.MAX_POOL_2D: partial(_pooling, "MaxPool"),
    BuiltinOperator.AVERAGE_POOL_2D: partial(_pooling, "AveragePool"),
    BuiltinOperator.ADD: partial(_plain, "Add"),
    BuiltinOperator.SUB: partial(_plain, "Sub"),
    BuiltinOperator.MUL: partial(_plain, "Mul"),
    BuiltinOperator.MEAN: _mean,
    BuiltinOperator.FULLY_CONNECTED: _dense,
    BuiltinOperator.CONCATENATION: partial(_plain, "Concat", axis=1),
    BuiltinOperator.PAD: _pad,
    BuiltinOperator.RESHAPE: _reshape,
    BuiltinOperator.LOGISTIC: partial(_plain, "Sigmoid"),
    BuiltinOperator.RELU: partial(_plain, "Relu"),
    BuiltinOperator.SOFTMAX: partial(_plain, "Softmax"),
}
"""The operations of the backbones in the table: means are over height and width, channels are
concatenated, and a reshape is between (1, d) and (1, 1, 1, d). Of other networks, the verification
withholds the file."""
