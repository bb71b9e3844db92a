"""A network that makes pictures in formats that other programs run: noise or pictures and class codes in, pictures out.

B pictures, C channels of H x W pixels, Z numbers of noise, K classes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, UsageError
from trainwell.core.seeds import draw_seed
from trainwell.models.autoencoder import Autoencoder, PictureMaker
from trainwell.models.cyclegan import Translator
from trainwell.ship.answering import traced_quietly
from trainwell.ship.onnx_file import without_remarks
from trainwell.ship.onnx_graph import OPSET, need_onnx
from trainwell.ship.onnx_rows import session_of
from trainwell.train.run import Run

#: Made pictures on which a file is compared with the network.
COMPARED = 32
#: Pictures from what is given and class codes.
Made = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MakerFile:
    """What is to be written, and how far its pictures are from the network's.

    Args:
        content: of the file.
        difference: the largest of a pixel in [0, 1].
        rows: pictures that were compared.
        inputs: what the file asks for, by name.
    """

    content: bytes
    difference: float
    rows: int
    inputs: dict[str, str]


class Making(nn.Module):
    """What makes the pictures, without what it was trained against.

    **Shape:** noise `(B, Z)` or pictures `(B, C, H, W)`, and codes `(B,)` → `(B, C, H, W)` in [0, 1].
    """

    def __init__(self, network: PictureMaker) -> None:
        super().__init__()
        self.ways = nn.ModuleList(network.generator.of) if isinstance(network, Translator) else nn.ModuleList()
        if isinstance(network, Autoencoder):
            self.generator: nn.Module = network.decoder
            self.centre, self.scale = nn.Buffer(network.centre), nn.Buffer(network.scale())
        elif not isinstance(network, Translator):
            self.generator = network.generator
        self.by_code = isinstance(network, Autoencoder)

    def forward(self, given: Tensor, codes: Tensor) -> Tensor:
        if self.ways:
            first, second = (way(given) for way in self.ways)
            return torch.where(codes[:, None, None, None] == 1, second, first)
        if self.by_code:
            given = self.centre[codes] + torch.matmul(self.scale[codes], given[:, :, None])[:, :, 0]
        out: Tensor = self.generator(given, codes)
        return out


def maker_file(run: Run, form: str, *, batch: int | None) -> MakerFile:
    """The network that makes pictures as a file of this format, compared with the network on noise or pictures.

    Raises:
        UsageError: a Java project is asked for, which answers rows.
        CompileError: the network cannot be traced.
        MissingExtra: `onnx` needs the extra `onnx`.
    """
    if form == "djl":
        raise UsageError("a Java project answers rows, and this network makes pictures", remedy="Write onnx, and load that.")
    assert isinstance(run.network, PictureMaker), "see export"
    network = deepcopy(run.network).cpu().eval()  # the caller's stays where it is
    module = Making(network).eval()
    given, codes = _examples(run, network, batch or COMPARED)
    with torch.no_grad():
        ours = network.make(given, codes)
        try:
            content, answer = _traced(module, form, given, codes, batch, _inputs(network))
        except Exception as error:  # tracing runs much of torch
            told = " ".join(str(error).split())[:300]
            raise CompileError(f"the network cannot be traced ({type(error).__name__}: {told})") from None
        theirs = answer(given, codes)
    difference = float((ours - theirs).abs().max()) if theirs.shape == ours.shape else float("inf")
    return MakerFile(content, difference, len(given), _inputs(network))


def _inputs(network: PictureMaker) -> dict[str, str]:
    first = {"picture": "(rows, channels, height, width) float32 in [0, 1]"}
    if not isinstance(network, Translator):
        first = {"noise": f"(rows, {network.noise}) float32, normal"}
    return first | {"class": f"(rows,) int64, from 0 to {network.classes - 1}"}


def _examples(run: Run, network: PictureMaker, n: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(draw_seed(0, "export"))
    codes = torch.arange(n) % network.classes
    if isinstance(network, Translator):
        return torch.rand(n, *run.preparation.shape.inputs[0].shape, generator=draw), codes
    return torch.randn(n, network.noise, generator=draw), codes


def _traced(
    module: Making, form: str, given: Tensor, codes: Tensor, batch: int | None, inputs: dict[str, str]
) -> tuple[bytes, Made]:
    """The bytes of the file, and what makes pictures from them."""
    buffer, told = io.BytesIO(), json.dumps({"inputs": inputs, "made": "(rows, channels, height, width) in [0, 1]"})
    with traced_quietly():
        if form == "torchscript":
            torch.jit.save(torch.jit.trace(module, (given, codes)), buffer, _extra_files={"trainwell.json": told})
            return buffer.getvalue(), torch.jit.load(io.BytesIO(buffer.getvalue()))
        rows = torch.export.Dim("rows", min=1, max=1 << 16)
        program = torch.export.export(module, (given, codes), dynamic_shapes=None if batch else ({0: rows}, {0: rows}))
        if form == "pt2":
            torch.export.save(program, buffer, extra_files={"trainwell.json": told})
            return buffer.getvalue(), torch.export.load(io.BytesIO(buffer.getvalue())).module()
    return _as_onnx(program, inputs)


def _as_onnx(program: torch.export.ExportedProgram, inputs: dict[str, str]) -> tuple[bytes, Made]:
    need_onnx()
    names = tuple(inputs)
    with traced_quietly(), without_remarks():
        made = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, output_names=["made"], opset_version=OPSET
        )
    assert made is not None
    from onnx import helper

    model = made.model_proto
    helper.set_model_props(model, {"trainwell.inputs": json.dumps(inputs)})
    content = model.SerializeToString()
    session = session_of(content)

    def answer(given: Tensor, codes: Tensor) -> Tensor:
        fed = dict(zip(names, (given.numpy(), codes.numpy()), strict=True))
        known = {value.name for value in session.get_inputs()}  # without classes the codes are not asked for
        return torch.from_numpy(np.asarray(session.run(None, {k: v for k, v in fed.items() if k in known})[0]))

    return content, answer
