"""A network as ONNX Runtime computes it, in float and in whole numbers whose scales were measured beforehand (static int8)."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, MissingExtra
from trainwell.core.shape import Shape
from trainwell.train.steps import as_floats

#: What the extra `onnx` installs.
NEEDED = ("onnx", "onnxruntime", "onnxscript")
#: Rows of each batch on which the ranges of activations are measured.
CALIBRATION_ROWS = 64


class OnnxNetwork(nn.Module):
    """A file of ONNX in place of the network that it was made of, on one thread.

    **Shape:** the network's inputs → its output.

    Args:
        path: of the file; its inputs are named `input 0`, `input 1`, ….
        shape: the network's inputs.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.path, self.lengths = path, [i.size if i.kind == "text" else 0 for i in shape.inputs]
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(self, *inputs: Tensor) -> Tensor:
        whole = [_padded(x, length) for x, length in zip(inputs, self.lengths, strict=True)]
        fed = {f"input {i}": x.numpy() for i, x in enumerate(whole)}
        return torch.from_numpy(self.session.run(None, fed)[0])


def _padded(x: Tensor, length: int) -> Tensor:
    """Texts have their whole length again: a graph knows one."""
    return nn.functional.pad(x, (0, length - x.shape[1])) if length else x


def onnx_forms(network: nn.Module, shape: Shape, batches: Sequence[tuple[Tensor, ...]], folder: Path) -> dict[str, OnnxNetwork]:
    """The network as `folder/network.onnx`, and with convolutions and linear layers in whole numbers as `network-int8.onnx`.

    Inputs are encoded ones, as `Preparation.encode` gives them; pictures are floats in [0, 1].

    Args:
        network: in evaluation mode.
        shape: its inputs.
        batches: encoded training rows, on which the range of every activation is measured.
        folder: where the files are written.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        CompileError: the network cannot be traced, or ONNX Runtime refuses it.

    Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
    CVPR 2018.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        remedy = 'Run pip install "trainwell[onnx]".'
        raise MissingExtra(f"ONNX forms need the extra onnx ({missing[0]} is missing)", remedy=remedy)
    folder.mkdir(parents=True, exist_ok=True)
    plain, rounded = folder / "network.onnx", folder / "network-int8.onnx"
    with _quietly():
        try:
            _write(network, batches[0], plain)
            _round(plain, rounded, batches)
            return {"ONNX": OnnxNetwork(plain, shape), "ONNX int8 static": OnnxNetwork(rounded, shape)}
        except Exception as error:  # the exporter and the runtime raise errors of many kinds; each is a refusal
            raise CompileError(f"the network cannot be written as ONNX ({type(error).__name__})", remedy="") from error


def _write(network: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    example = tuple(x[:3] for x in as_floats(inputs))
    with torch.no_grad():
        graph = torch.export.export(_InOrder(network).eval(), example, dynamic_shapes=(tuple({0: rows} for _ in example),))
    names = [f"input {i}" for i in range(len(example))]
    made = torch.onnx.export(graph, dynamo=True, verbose=False, input_names=names, output_names=["output"])
    assert made is not None
    made.save(path)


class _InOrder(nn.Module):
    """A network whose inputs have no names of their own, so that its axes of rows can be named alike."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        found: Tensor = self.network(*inputs)
        return found


def _round(plain: Path, rounded: Path, batches: Sequence[tuple[Tensor, ...]]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Rows(CalibrationDataReader):
        """Batches, one after the other."""

        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, object] | None:
            inputs = next(self.left, None)
            return None if inputs is None else {f"input {i}": x.numpy() for i, x in enumerate(as_floats(inputs))}

    with tempfile.TemporaryDirectory() as place:
        ready = Path(place) / "ready.onnx"
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            rounded,
            Rows(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "Relu", "MaxPool", "AveragePool", "Add"],
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """What torch and ONNX Runtime say of their own ways is not for users of this package."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
