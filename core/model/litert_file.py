"""Read and edit LiteRT files without TensorFlow: outputs, head and weights of a network.

A LiteRT file is a FlatBuffer (schema: `tensorflow/compiler/mlir/lite/schema/schema.fbs`). Adding an
output or replacing a kernel takes hundredths of a second, another conversion about ten seconds.
"""

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
OTHER_HEAD = "the layers above the embedding are not dense with ReLU in between and a softmax"


class LitertFile:
    """One LiteRT file with a single subgraph, in memory."""

    def __init__(self, source: Path | bytes) -> None:
        content: bytes | mmap.mmap
        if isinstance(source, bytes):
            content = source
        else:
            with source.open("rb") as handle:
                # Only the parts of a large file that are read get into memory.
                content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        (self.graph,) = self._model.subgraphs
        self.outputs: dict[str, int] = {
            output.name.decode(): int(output.tensorIndex)
            for output in self._model.signatureDefs[0].outputs
        }
        """Index of the tensor of each output, by its name."""

    def output_of(self, layer: str) -> int:
        """Index of the output tensor of a Keras layer.

        Raises:
            LookupError: the converter removed the tensor.
        """
        named = re.compile(rf"(^|/){re.escape(layer)}(_\d+)?(/|$)")
        for operator in reversed(self.graph.operators):
            for index in operator.outputs:
                tensor = self.graph.tensors[index]
                # A fused operation has several names, that of its last part first.
                if len(tensor.shape) == 4 and named.search(tensor.name.decode().split(";")[0]):
                    return int(index)
        raise LookupError(f"the LiteRT file has no tensor of layer {layer!r}")

    def head(self) -> DenseHead:
        """The layers between the outputs `embedding` and `probabilities`.

        Raises:
            LookupError: an output is missing, or the layers are not dense with ReLU and a softmax.
        """
        embedding = self._output("embedding")
        operator, kind = self._producer(self._output("probabilities"))
        if kind != schema.BuiltinOperator.SOFTMAX or operator.builtinOptions.beta != 1:
            raise LookupError(OTHER_HEAD)
        layers: list[tuple[np.ndarray, np.ndarray]] = []
        while operator.inputs[0] != embedding:
            operator, kind = self._producer(operator.inputs[0])
            activation = schema.ActivationFunctionType
            expected = activation.RELU if layers else activation.NONE
            kernel, bias = (self.constant(index) for index in [*operator.inputs, -1, -1][1:3])
            if (
                kind != schema.BuiltinOperator.FULLY_CONNECTED
                or operator.builtinOptions.fusedActivationFunction != expected
                or kernel is None
            ):
                raise LookupError(OTHER_HEAD)
            bias = np.zeros(len(kernel), np.float32) if bias is None else bias
            layers.insert(0, (kernel.T, bias))
        return DenseHead(tuple(layers))

    def keep(self, *names: str, inside: Mapping[str, int] | None = None) -> None:
        """Keep some outputs and the operations that they need; remove all others.

        Args:
            inside: additional outputs, as name → tensor index.
        """
        self.outputs = {name: self.outputs[name] for name in names} | dict(inside or {})
        self._model.signatureDefs[0].outputs = [
            schema.TensorMapT(name.encode(), index) for name, index in self.outputs.items()
        ]
        self.graph.outputs = np.array([*self.outputs.values()], np.int32)
        self._prune()

    def add_head(self, head: DenseHead, *kept: str) -> None:
        """Add a float32 head on the output `embedding`, in place of the old one if there is one.

        Args:
            kept: outputs that stay beside the new `probabilities`.

        Raises:
            LookupError: the file has no output `embedding`.
        """
        tensor = self._output("embedding")
        kinds, activation = schema.BuiltinOperator, schema.ActivationFunctionType
        for number, (kernel, bias) in enumerate(head.layers, 1):
            weights = [self._new(array.shape, array) for array in (kernel.T, bias)]
            function = activation.NONE if number == len(head.layers) else activation.RELU
            output = self._new((1, len(bias)))
            options = schema.FullyConnectedOptionsT(fusedActivationFunction=function)
            self._append(kinds.FULLY_CONNECTED, [tensor, *weights], output, options)
            tensor = output
        output = self._new((1, head.classes))
        self._append(kinds.SOFTMAX, [tensor], output, schema.SoftmaxOptionsT(beta=1.0))
        self.keep(*kept, inside={"probabilities": output})

    def add_depths(self, layers: Iterable[str]) -> None:
        """Append the pooled activations of layers to the output `embedding`.

        Raises:
            LookupError: a layer has no tensor in the file, or the embedding is not a mean.
        """
        embedding = self._output("embedding")
        pooling, kind = self._producer(embedding)
        if kind != schema.BuiltinOperator.MEAN:
            raise LookupError("the embedding is not a mean of an activation")
        vectors = [embedding]
        for source in map(self.output_of, layers):
            vectors.append(self._new((1, int(self.graph.tensors[source].shape[-1]))))
            options = schema.ReducerOptionsT(keepDims=False)
            self._append(kind, [source, int(pooling.inputs[1])], vectors[-1], options)
        self.outputs["embedding"] = self._join(vectors)

    def join(self, names: Iterable[str], name: str) -> None:
        """Concatenate outputs, (1, c) float32 each, to a single output."""
        joined = self._join([self.outputs[part] for part in names])
        self.keep(inside={name: joined})

    def _join(self, vectors: list[int]) -> int:
        output = self._new((1, sum(int(self.graph.tensors[index].shape[-1]) for index in vectors)))
        options = schema.ConcatenationOptionsT(axis=1)
        self._append(schema.BuiltinOperator.CONCATENATION, vectors, output, options)
        return output

    def retrain(self, layers: Iterable[Retrained]) -> None:
        """Replace kernels and biases of trained layers.

        The converter folds batch normalisation into the convolution before it, so the file holds
        each kernel times a factor per output. A layer is recognised by its old kernel, and the new
        kernel is multiplied by the same factors.

        Raises:
            LookupError: no operation or several match the layer, or its factors are unknown because
                the training changed filters that were all zero.
        """
        for layer in layers:
            self._replace(layer)

    def describe(self, sentence: str, entries: Mapping[str, str]) -> None:
        """Describe the file to people and, by named entries, to programs; name its input."""
        (tensor,) = self._model.signatureDefs[0].inputs
        tensor.name = b"picture"
        self._model.description = sentence
        self._model.metadata = self._model.metadata or []
        for name, content in entries.items():
            buffer, entry = schema.BufferT(), schema.MetadataT()
            buffer.data = np.frombuffer(content.encode(), np.uint8)
            entry.name, entry.buffer = name.encode(), len(self._model.buffers)
            self._model.buffers.append(buffer)
            self._model.metadata.append(entry)

    def change_constants(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Replace every float32 constant of the file by one of the same shape."""
        changed: set[int] = set()
        for index, tensor in enumerate(self.graph.tensors):
            values = self.constant(index)
            if values is not None and tensor.buffer not in changed:
                self._store(index, change(values), values.shape)
                changed.add(tensor.buffer)

    def kind(self, operator: Any) -> int:
        """The kind of an operation, as in `schema.BuiltinOperator`."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        # Kinds below 127 are in the older field, the others in the newer.
        return max(code.builtinCode, code.deprecatedBuiltinCode)

    def constant(self, index: int) -> np.ndarray | None:
        """A float32 constant of the file; None if the tensor is not constant."""
        if index < 0:
            return None
        tensor = self.graph.tensors[index]
        content = self._model.buffers[tensor.buffer].data
        if content is None or tensor.type != schema.TensorType.FLOAT32:
            return None
        return np.frombuffer(bytes(content), np.float32).reshape(tensor.shape)

    def integers(self, index: int) -> np.ndarray:
        """An int32 constant of the file."""
        tensor = self.graph.tensors[index]
        content = bytes(self._model.buffers[tensor.buffer].data)
        return np.frombuffer(content, np.int32).reshape(tensor.shape)

    def content(self) -> bytes:
        """The file as bytes."""
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), MAGIC)
        return bytes(builder.Output())

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        files.write_bytes(path, self.content())

    def _replace(self, layer: Retrained) -> None:
        old = layer.flat(layer.kernel)
        matches = []
        for operator in self.graph.operators:
            if len(operator.inputs) < 2:
                continue
            weights = self.constant(operator.inputs[1])
            if weights is None or weights.size != old.size:
                continue
            stored = rows_of(weights, depthwise=layer.depthwise)
            if stored.shape == old.shape and (factors := factors_of(stored, old)) is not None:
                matches.append((operator, weights, factors))
        if len(matches) != 1:
            raise LookupError(f"{len(matches)} operations can be the layer {layer.kernel.shape}")
        operator, weights, factors = matches[0]
        new = layer.flat(layer.new_kernel)
        if new[~old.any(axis=1)].any():
            raise LookupError(f"zero filters of the layer {layer.kernel.shape} changed")
        new = new * factors[:, None]
        self._store(operator.inputs[1], new.T if layer.depthwise else new, weights.shape)
        if layer.bias is None or layer.new_bias is None:
            return
        bias = self.constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
        if bias is None:
            raise LookupError(f"the layer {layer.kernel.shape} has no bias in the file")
        new_bias = bias + factors * (layer.new_bias - layer.bias)
        self._store(operator.inputs[2], new_bias, bias.shape)

    def _output(self, name: str) -> int:
        """Index of the tensor of an output."""
        if name not in self.outputs:
            raise LookupError(f"the LiteRT file has only the outputs {', '.join(self.outputs)}")
        return self.outputs[name]

    def _producer(self, tensor: int) -> tuple[Any, int]:
        """The operation that computes a tensor, and its kind."""
        for operator in self.graph.operators:
            if tensor in operator.outputs:
                return operator, self.kind(operator)
        raise LookupError(f"no operation computes tensor {tensor}")

    def _new(self, shape: tuple[int, ...], values: np.ndarray | None = None) -> int:
        """Add a float32 tensor: a constant, or the output of an operation."""
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.shape, tensor.type = np.array(shape, np.int32), schema.TensorType.FLOAT32
        tensor.buffer, index = len(self._model.buffers), len(self.graph.tensors)
        tensor.name = f"head/{index}".encode()
        self._model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        if values is not None:
            self._store(index, values, shape)
        return index

    def _append(self, kind: int, inputs: list[int], output: int, options: Any) -> None:
        """Add an operation at the end; all that are added are in both fields for kinds."""
        code = schema.OperatorCodeT(builtinCode=kind, deprecatedBuiltinCode=kind, version=1)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes)
        self._model.operatorCodes.append(code)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
        self.graph.operators.append(operator)

    def _store(self, index: int, values: np.ndarray, shape: tuple[int, ...]) -> None:
        content = np.ascontiguousarray(values, np.float32).reshape(shape)
        buffer = self._model.buffers[self.graph.tensors[index].buffer]
        buffer.data = np.frombuffer(content.tobytes(), np.uint8)

    def _prune(self) -> None:
        needed = set(self.graph.outputs.tolist())
        operators: list[Any] = []
        for operator in reversed(self.graph.operators):
            if needed & set(operator.outputs.tolist()):
                operators.insert(0, operator)
                needed |= {index for index in operator.inputs.tolist() if index >= 0}
        self.graph.operators = operators
        used = {self.graph.tensors[index].buffer for index in needed}
        constants = {tensor.buffer for tensor in self.graph.tensors}
        for index, buffer in enumerate(self._model.buffers):
            if index in constants - used:
                buffer.data = None
