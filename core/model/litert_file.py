"""Read and change LiteRT files without TensorFlow: the inside of a network, its head, its weights.

A LiteRT file is a FlatBuffer (schema: `tensorflow/compiler/mlir/lite/schema/schema.fbs`). Adding an
output or exchanging a kernel takes hundredths of a second, converting the network again ten.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.model.dense import DenseHead
from core.model.retrained import Retrained, factors_of, rows_of
from core.system import files

MAGIC = b"TFL3"


class LitertFile:
    """One LiteRT file with a single subgraph, in memory."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as handle:
            # Of a large file only what is looked at gets into memory.
            content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        (self._graph,) = self._model.subgraphs
        self._named = {
            output.name.decode(): output for output in self._model.signatureDefs[0].outputs
        }

    def output_of(self, layer: str) -> int:
        """The tensor in which a Keras layer ends.

        Raises:
            LookupError: the converter left no such tensor.
        """
        named = re.compile(rf"(^|/){re.escape(layer)}(_\d+)?(/|$)")
        for operator in reversed(self._graph.operators):
            for index in operator.outputs:
                tensor = self._graph.tensors[index]
                # Of operations that were fused, the last one gives the first name.
                if len(tensor.shape) == 4 and named.search(tensor.name.decode().split(";")[0]):
                    return int(index)
        raise LookupError(f"the LiteRT file has no tensor of layer {layer!r}")

    def head(self) -> DenseHead:
        """The layers that make the output `probabilities` of the output `embedding`.

        Raises:
            LookupError: it lacks one of these, or something else than dense layers with ReLU and a
                softmax lies between them.
        """
        if not {"embedding", "probabilities"} <= set(self._named):
            raise LookupError(f"the LiteRT file has only the outputs {', '.join(self._named)}")
        embedding = self._named["embedding"].tensorIndex
        operator, kind = self._making(self._named["probabilities"].tensorIndex)
        if kind != schema.BuiltinOperator.SOFTMAX or operator.builtinOptions.beta != 1:
            raise LookupError("the LiteRT file does not end in a softmax")
        layers: list[tuple[np.ndarray, np.ndarray]] = []
        while operator.inputs[0] != embedding:
            operator, kind = self._making(operator.inputs[0])
            kernel = self._constant(operator.inputs[1]) if len(operator.inputs) > 1 else None
            if kind != schema.BuiltinOperator.FULLY_CONNECTED or kernel is None:
                raise LookupError("more than dense layers lies above the embedding")
            activation = schema.ActivationFunctionType
            expected = activation.RELU if layers else activation.NONE
            if operator.builtinOptions.fusedActivationFunction != expected:
                raise LookupError("a dense layer has another activation than ReLU")
            bias = self._constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
            bias = np.zeros(len(kernel), np.float32) if bias is None else bias
            layers.insert(0, (kernel.T, bias))
        return DenseHead(tuple(layers))

    def keep(self, *names: str, inside: Mapping[str, int] | None = None) -> None:
        """Leave only some outputs, and only what they are computed from.

        Args:
            names: of outputs that the file has.
            inside: new outputs, as name → tensor.
        """
        kept = [self._named[name] for name in names]
        for name, index in (inside or {}).items():
            output = schema.TensorMapT()
            output.name, output.tensorIndex = name.encode(), index
            kept.append(output)
        self._model.signatureDefs[0].outputs = kept
        self._graph.outputs = np.array([output.tensorIndex for output in kept], np.int32)
        self._prune()

    def crown(self, head: DenseHead) -> None:
        """Put a head in float32 on the output `embedding`; `probabilities` is the only output then.

        Raises:
            LookupError: the file has no such output.
        """
        if "embedding" not in self._named:
            raise LookupError(f"the LiteRT file has only the outputs {', '.join(self._named)}")
        flow = self._named["embedding"].tensorIndex
        kinds, activation = schema.BuiltinOperator, schema.ActivationFunctionType
        for number, (kernel, bias) in enumerate(head.layers, 1):
            weights = [self._new(array.shape, array) for array in (kernel.T, bias)]
            options = schema.FullyConnectedOptionsT()
            last = number == len(head.layers)
            options.fusedActivationFunction = activation.NONE if last else activation.RELU
            made = self._new((1, len(bias)))
            self._append(kinds.FULLY_CONNECTED, [flow, *weights], made, options)
            flow = made
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        made = self._new((1, head.classes))
        self._append(kinds.SOFTMAX, [flow], made, softmax)
        self.keep(inside={"probabilities": made})

    def retrain(self, layers: Iterable[Retrained]) -> None:
        """Exchange kernels and biases.

        The converter folds batch normalisation into the convolution before it, so the file holds
        each kernel times a factor per output. A layer is recognised by its old kernel being just
        that, and the new one is given the same factors.

        Raises:
            LookupError: no operation, or several, can be the layer's, or its factors cannot be
                known, since filters that were all zero no longer are.
        """
        for layer in layers:
            self._exchange(layer)

    def describe(self, sentence: str, entries: Mapping[str, str], *, takes: str) -> None:
        """Let the file say what it is: for people, and by named entries for programs.

        Args:
            takes: what its signature is to call its only input.
        """
        (asked,) = self._model.signatureDefs[0].inputs
        asked.name = takes.encode()
        self._model.description = sentence
        self._model.metadata = self._model.metadata or []
        for name, content in entries.items():
            buffer, entry = schema.BufferT(), schema.MetadataT()
            buffer.data = np.frombuffer(content.encode(), np.uint8)
            entry.name, entry.buffer = name.encode(), len(self._model.buffers)
            self._model.buffers.append(buffer)
            self._model.metadata.append(entry)

    def change_constants(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Exchange every float32 number that is part of the file.

        Args:
            change: float32 array → float32 array of the same shape.
        """
        done: set[int] = set()
        for index, tensor in enumerate(self._graph.tensors):
            values = self._constant(index)
            if values is not None and tensor.buffer not in done:
                self._store(index, change(values), values.shape)
                done.add(tensor.buffer)

    def content(self) -> bytes:
        """The file as it is now."""
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), MAGIC)
        return bytes(builder.Output())

    def write(self, path: Path) -> None:
        """Write the file, at once."""
        files.write_bytes(path, self.content())

    def _exchange(self, layer: Retrained) -> None:
        old = layer.flat(layer.kernel)
        found = []
        for operator in self._graph.operators:
            if len(operator.inputs) < 2:
                continue
            weights = self._constant(operator.inputs[1])
            if weights is None or weights.size != old.size:
                continue
            stored = rows_of(weights, depthwise=layer.depthwise)
            if stored.shape == old.shape and (factors := factors_of(stored, old)) is not None:
                found.append((operator, weights, factors))
        if len(found) != 1:
            raise LookupError(f"{len(found)} operations can be the layer {layer.kernel.shape}")
        operator, weights, factors = found[0]
        new = layer.flat(layer.new_kernel)
        if new[~old.any(axis=1)].any():
            raise LookupError(f"dead filters of the layer {layer.kernel.shape} came alive")
        new = new * factors[:, None]
        self._store(operator.inputs[1], new.T if layer.depthwise else new, weights.shape)
        if layer.bias is None or layer.new_bias is None:
            return
        bias = self._constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
        if bias is None:
            raise LookupError(f"the layer {layer.kernel.shape} has no bias in the file")
        moved = bias + factors * (layer.new_bias - layer.bias)
        self._store(operator.inputs[2], moved, bias.shape)

    def _making(self, tensor: int) -> tuple[Any, int]:
        """The operation that a tensor comes from, and its kind."""
        for operator in self._graph.operators:
            if tensor in operator.outputs:
                code = self._model.operatorCodes[operator.opcodeIndex]
                # Kinds below 127 stand in the older field, the others in the newer.
                return operator, max(code.builtinCode, code.deprecatedBuiltinCode)
        raise LookupError("the probabilities do not come from the embedding")

    def _constant(self, index: int) -> np.ndarray | None:
        """A float32 tensor that is part of the file, in its own shape."""
        if index < 0:
            return None
        tensor = self._graph.tensors[index]
        content = self._model.buffers[tensor.buffer].data
        if content is None or tensor.type != schema.TensorType.FLOAT32:
            return None
        return np.frombuffer(bytes(content), np.float32).reshape(tensor.shape)

    def _new(self, shape: tuple[int, ...], values: np.ndarray | None = None) -> int:
        """A float32 tensor more: a constant, or what an operation makes."""
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.shape, tensor.type = np.array(shape, np.int32), schema.TensorType.FLOAT32
        tensor.buffer, index = len(self._model.buffers), len(self._graph.tensors)
        tensor.name = f"head/{index}".encode()
        self._model.buffers.append(buffer)
        self._graph.tensors.append(tensor)
        if values is not None:
            self._store(index, values, shape)
        return index

    def _append(self, kind: int, inputs: list[int], output: int, options: Any) -> None:
        """An operation more, after all others. Those of a head are older than the newer field."""
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        operator.opcodeIndex = len(self._model.operatorCodes)
        self._model.operatorCodes.append(code)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        operator.builtinOptionsType = {
            schema.BuiltinOperator.FULLY_CONNECTED: schema.BuiltinOptions.FullyConnectedOptions,
            schema.BuiltinOperator.SOFTMAX: schema.BuiltinOptions.SoftmaxOptions,
        }[kind]
        operator.builtinOptions = options
        self._graph.operators.append(operator)

    def _store(self, index: int, values: np.ndarray, shape: tuple[int, ...]) -> None:
        content = np.ascontiguousarray(values, np.float32).reshape(shape)
        buffer = self._model.buffers[self._graph.tensors[index].buffer]
        buffer.data = np.frombuffer(content.tobytes(), np.uint8)

    def _prune(self) -> None:
        needed = set(self._graph.outputs.tolist())
        operators: list[Any] = []
        for operator in reversed(self._graph.operators):
            if needed & set(operator.outputs.tolist()):
                operators.insert(0, operator)
                needed |= {index for index in operator.inputs.tolist() if index >= 0}
        self._graph.operators = operators
        used = {self._graph.tensors[index].buffer for index in needed}
        constants = {tensor.buffer for tensor in self._graph.tensors}
        for place, buffer in enumerate(self._model.buffers):
            if place in constants - used:
                buffer.data = None
