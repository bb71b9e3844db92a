"""Weights from files into networks: read without executing anything, matched by name, fitted to other channels and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.core.errors import CompileError
from trainwell.models.layers import layers_of

#: Files of weights in a folder, the first that is there: of a run, of Hugging Face.
IN_FOLDERS = ("weights.safetensors", "model.safetensors", "pytorch_model.bin")
#: Endings of torch's own files, which are read as plain tensors only.
OF_TORCH = (".pth", ".pt", ".bin")
#: Under these keys others keep the weights beside counters and optimizer state.
NESTED = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "module", "weights")
#: What wrappers put before every name.
PREFIXES = ("", "module.", "model.", "network.", "backbone.", "encoder.", "net.", "_orig_mod.", "one_logit.")
#: The parameter in which vision transformers keep the position of each patch.
POSITIONS = "pos_embed"
KEY = "recipe key 'init_from'"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of weights, or in a folder that holds one.

    `.safetensors` holds nothing but tensors. `.pth`, `.pt` and `.bin` are pickles: torch reads them with `weights_only=True`,
    which builds tensors and plain containers and refuses everything else, so nothing in the file is executed.

    Raises:
        CompileError: there is no such file, it is damaged, or it holds more than tensors.

    Example:
        >>> from safetensors.torch import save_file
        >>> save_file({"head.bias": torch.zeros(3)}, "weights.safetensors")
        >>> read_weights(Path("weights.safetensors"))
        {'head.bias': tensor([0., 0., 0.])}
    """
    if path.is_dir():
        found = [path / name for name in IN_FOLDERS if (path / name).exists()]
        if not found:
            remedy = f"Give the folder of a run that has ended, or a file of weights ({', '.join(IN_FOLDERS)})."
            raise CompileError(f"{str(path)!r} holds no final weights", where=KEY, remedy=remedy)
        path = found[0]
    if not path.exists():
        raise CompileError(f"there is no file {str(path)!r}", where=KEY, remedy="Give a run folder or a file of weights.")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise CompileError(f"{str(path)!r} is no whole safetensors file ({error})", where=KEY) from None
    if path.suffix not in OF_TORCH:
        remedy = "Give a .safetensors, .pth, .pt or .bin file, or a run folder."
        raise CompileError(f"{path.name!r} is no file of weights", where=KEY, remedy=remedy)
    return _of_torch(path)


def _of_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds of errors for files that are not plain tensors; each is a refusal
        what = f"{str(path)!r} is damaged, or holds more than tensors, which is not executed"
        remedy = "Save the state dict alone: torch.save(model.state_dict(), …), or safetensors."
        raise CompileError(what, where=KEY, remedy=remedy) from None
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        raise CompileError(f"{str(path)!r} holds no named tensors", where=KEY, remedy="Save a state dict.")
    return tensors


@dataclass(frozen=True)
class Matched:
    """What became of the weights of a file.

    Args:
        loaded: names taken as they are.
        fitted: name → how it was fitted.
        new: names of the network that were drawn anew, or are as the data say.
        unused: names of the file that the network does not have.
        origin: where the file was fetched.
    """

    loaded: list[str] = field(default_factory=list)
    fitted: dict[str, str] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    origin: str = ""

    def __str__(self) -> str:
        taken, every = len(self.loaded) + len(self.fitted), len(self.loaded) + len(self.fitted) + len(self.new)
        said = [f"{taken} of {every} tensors taken{self.origin and f' from {self.origin}'}"]
        said += [f"{name} {how}" for name, how in self.fitted.items()]
        said += [f"new: {_few(self.new)}"] if self.new else []
        said += [f"not used: {_few(self.unused)}"] if self.unused else []
        return "; ".join(said)


def _few(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def renamed(weights: Mapping[str, Tensor], rules: Mapping[str, str], known: Iterable[str]) -> dict[str, Tensor]:
    """The tensors under the names of the network: by the rules given, and without the prefix that fits most names.

    Example:
        >>> list(renamed({"module.enc.weight": torch.ones(2)}, {"module.enc.": "body."}, ["body.weight"]))
        ['body.weight']
    """
    for old, new in rules.items():
        weights = {new + name[len(old) :] if name.startswith(old) else name: t for name, t in weights.items()}
    names = set(known)

    def without(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in weights.items()}

    return without(max(PREFIXES, key=lambda prefix: len(names & set(without(prefix)))))


def take_over(
    network: nn.Module, weights: Mapping[str, Tensor], *, new_head: bool = False, rename: Mapping[str, str] | None = None
) -> Matched:
    """Copy weights into a network by name.

    A first layer for another number of channels is summed or repeated over them; positions of another number of patches are
    interpolated; a head of another size stays new; statistics of the data that the file does not have stay as they are.

    Args:
        network: changed in place.
        weights: by name.
        new_head: leave the head as it was drawn, even where its weights fit.
        rename: beginnings of names → what they are in the network.

    Raises:
        CompileError: weights below the head are missing or have other shapes.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5))
        >>> old = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)).state_dict()
        >>> print(take_over(network, old))
        2 of 4 tensors taken; new: 1.weight, 1.bias
    """
    own = network.state_dict(keep_vars=True)
    given = renamed(weights, rename or {}, own)
    layers = layers_of(network)
    head = set(layers[-1].parameters) if layers else set()
    found = Matched(unused=[name for name in given if name not in own])
    wrong: list[str] = []
    for name, tensor in own.items():
        source, parameter = given.get(name), isinstance(tensor, nn.Parameter)
        if new_head and name in head:
            found.new.append(name)
        elif source is not None and source.shape == tensor.shape:
            tensor.data.copy_(source)
            found.loaded.append(name)
        elif source is not None and parameter and (fitted := fit_to(name, source, tuple(tensor.shape))) is not None:
            tensor.data.copy_(fitted[0])
            found.fitted[name] = fitted[1]
        elif name in head or not parameter:
            found.new.append(name)
        else:
            came = "is missing" if source is None else f"is {tuple(source.shape)}, here {tuple(tensor.shape)}"
            wrong.append(f"{name} {came}")
    if wrong or not any(name in own and isinstance(own[name], nn.Parameter) for name in [*found.loaded, *found.fitted]):
        raise CompileError(
            f"the weights do not fit the network: {_few(wrong) or 'no name is the same'}",
            where=KEY,
            remedy=_stem(own, given) or "Use the model that they were trained with; transfer.rename maps beginnings of names.",
        )
    return found


def _stem(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """What to say where the first convolutions alone differ, as those of residual networks do for small pictures."""
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), "")
    if first not in given or given[first].shape[2:] == own[first].shape[2:]:
        return ""
    size = "imagenet" if given[first].shape[-1] == 7 else "small"
    return f"A ResNet begins with another convolution on pictures of this size: set model.stem={size}."


def fit_to(name: str, source: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, str] | None:
    """The tensor in another shape and how it was done; None where that makes no sense.

    Example:
        >>> fit_to("conv1.weight", torch.ones(8, 3, 7, 7), (8, 1, 7, 7))[0].mean()
        tensor(3.)
    """
    square = len(shape) == 3 and all(round((n - 1) ** 0.5) ** 2 == n - 1 for n in (source.shape[1], shape[1]))
    if name.split(".")[-1] == POSITIONS and source.ndim == 3 and source.shape[-1] == shape[-1] and square:
        return _positions(source, shape[1]), f"interpolated from {source.shape[1]} to {shape[1]} positions"
    same = source.ndim == len(shape) >= 3 and source.shape[0] == shape[0] and source.shape[2:] == shape[2:]
    if not same or min(source.shape[1], shape[1]) > 4:  # pictures have one to four channels, inner layers have more
        return None
    n_in, n_out = source.shape[1], shape[1]
    how = f"fitted from {n_in} to {n_out} channels"
    if n_out == 1:
        return source.sum(1, keepdim=True), how  # a grey picture is the same in every channel
    chosen = torch.arange(n_out) % n_in
    return source[:, chosen] * (n_in / n_out), how


def _positions(source: Tensor, count: int) -> Tensor:
    """Positions `(1, 1 + h · h, D)` of square pictures for another number of patches; the class token keeps its own."""
    token, grid = source[:, :1], source[:, 1:]
    side, wanted = round(grid.shape[1] ** 0.5), round((count - 1) ** 0.5)
    square = grid.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    larger: Any = F.interpolate(square, (wanted, wanted), mode="bicubic", antialias=True)
    return torch.cat([token, larger.permute(0, 2, 3, 1).flatten(1, 2)], 1)
