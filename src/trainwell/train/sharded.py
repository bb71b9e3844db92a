"""A network whose weights, gradients and optimizer's memory lie in pieces, one in each process of a team (FSDP2).

Of every tensor a process holds some rows of its first axis. Before a block is computed its weights are collected, and after its
backward pass each process keeps the sum of its own rows' gradients. Update rules, averages and constraints see plain tensors:
the process's own rows.

Source: Zhao et al., "PyTorch FSDP: experiences on scaling fully sharded data parallel", VLDB 2023; Rajbhandari et al.,
"ZeRO: memory optimizations toward training trillion parameter models", SC 2020.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.optim import limits
from trainwell.train.checkpoint import Piece
from trainwell.train.distributed import Team
from trainwell.train.engine import Engine, SingleEngine
from trainwell.train.recompute import blocks_of

#: Update rules that look at whole matrices; every other registered one looks at one number at a time.
WHOLE_MATRICES = ("muon", "lamb")
#: What recipe keys that would need a whole network in one place may be.
ALLOWED: dict[str, tuple[object, ...]] = {
    "parametrize": ("none",),
    "prune": (0,),
    "time_limit": (0,),
    "transfer.unfreeze": (0,),
    "compile": ("auto", "off"),
    "memory_format": ("auto", "contiguous"),
}


def check_sharded(recipe: Recipe, network: nn.Module) -> None:
    """Whether this network can be trained in pieces as the recipe says.

    Raises:
        RecipeError: naming the key that needs it whole.
        CompileError: a weight is a single number, which has no rows.
    """
    fields = recipe.model_dump() | {"transfer.unfreeze": recipe.transfer.unfreeze}
    for key, allowed in ALLOWED.items():
        if fields[key] not in allowed:
            what = f"{key}={fields[key]!r} needs the whole network in one place"
            raise RecipeError(what, where=f"recipe key {key!r}", remedy=f"Set {key}={allowed[-1]}, or sharded=false.")
    name = recipe.optimizer.name
    if name in WHOLE_MATRICES or ":" in name:
        what = f"{name} {'looks' if name in WHOLE_MATRICES else 'may look'} at whole matrices, and no process has one"
        raise RecipeError(what, where="recipe key 'optimizer'", remedy="Use adamw, or sharded=false.")
    if single := next((n for n, p in network.named_parameters() if p.ndim == 0), None):
        remedy = "Give it an axis: torch.ones(1) instead of torch.tensor(1.0)."
        raise CompileError("a weight that is a single number has no rows to share", where=single, remedy=remedy)


class Pieces:
    """A network in pieces, beside the whole one, which has no numbers meanwhile; see `Weights` for what the methods are for.

    Args:
        whole: on the CPU; its weights move into the pieces, and come back by `gather`.
        device: where the pieces lie.
        team: the processes.
        batch_size: rows of a batch, over all of them.

    Attributes:
        network: computes what the whole one does; every process has to call it as often as the others.
        own: this process's rows of each parameter, as plain tensors over the same memory.
    """

    halves = False

    def __init__(self, whole: nn.Module, device: torch.device, team: Team, batch_size: int) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        team.spread_state(whole)
        self.whole, self.network = whole, _copy_with_the_numbers(whole)
        self._team, self._batch_size = team, batch_size
        mesh = init_device_mesh(device.type, (team.size,))
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")  # its gradients are right
        for part in [*_separate_blocks(self.network), self.network]:
            # Also the outermost part lets go of its whole weights: averages take the place of the rows behind its back.
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        self.own: dict[Tensor, nn.Parameter] = {}
        for parameter in self.network.parameters():
            self.own[parameter] = nn.Parameter(_rows(parameter).detach(), parameter.requires_grad)
        #: This process's rows of a weight, and the shape of the whole, by the weight's names.
        self._places = {n: (self.own[t], t.shape) for n, t in self._named() if t in self.own}
        self._in_order: list[tuple[Tensor, torch.Size]] = []

    def _named(self) -> Iterable[tuple[str, Tensor]]:
        return dict(self.network.state_dict(keep_vars=True)).items()

    def owned_by(self, rule: torch.optim.Optimizer) -> None:
        """Remember the order in which the update rule knows the weights: that of its memory in a checkpoint."""
        shapes = {own: parameter.shape for parameter, own in self.own.items()}
        self._in_order = [(p, shapes[p]) for group in rule.param_groups for p in group["params"]]

    def live(self) -> dict[str, Tensor]:
        return {name: self.own.get(t, t) for name, t in self._named()}

    def state(self) -> dict[str, Tensor]:
        return {name: tensor.detach() for name, tensor in self.live().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.copy_(tensors[name])

    def begin(self, rows: int) -> float:
        for parameter in self.own:
            parameter.grad = None
        return self._team.size * rows / self._batch_size  # FSDP takes the plain mean over the processes

    def add_up(self, parameters: Sequence[nn.Parameter], loss: float, rows: int) -> float:  # noqa: ARG002  it has them
        for parameter, own in self.own.items():
            own.grad = None if parameter.grad is None else _rows(parameter.grad)
        return self._team.settle(self.network, loss, rows, device=next(iter(self.own.values())).device)

    def agree(self, finite: bool) -> bool:
        return self._team.all(finite, next(iter(self.own.values())).device)

    def norm(self, gradients: Sequence[Tensor]) -> Tensor:
        square = limits.total_norm(gradients).square()
        dist.all_reduce(square)
        return square.sqrt()

    def gather(self) -> nn.Module:
        """The whole network on the CPU, with the weights of all pieces; every process has to ask for it."""
        with torch.no_grad():
            for name, parameter in self.whole.named_parameters():
                own, shape = self._places[name]
                parameter.data = _from_all(own.detach(), shape).cpu()
            for buffer, kept in zip(self.whole.buffers(), self.network.buffers(), strict=True):
                buffer.copy_(kept)
        return self.whole

    def piece(self, tensors: Mapping[str, Tensor]) -> Piece:
        """Which of a checkpoint's tensors are rows of this process."""
        split = [name for name, t in tensors.items() if (found := self._place_of(name)) and t.shape == found[0].shape]
        return Piece(self._team.rank, self._team.size, tuple(split))

    def cut(self, name: str, whole: Tensor) -> Tensor:
        """This process's rows of a tensor of a checkpoint that a single process wrote, or another number of them."""
        found = self._place_of(name)
        if found is None or whole.shape != found[1]:
            return whole
        parts = whole.chunk(self._team.size)  # as FSDP does it
        return parts[self._team.rank] if self._team.rank < len(parts) else whole[:0]

    def _place_of(self, name: str) -> tuple[Tensor, torch.Size] | None:
        """The rows of this process to which a tensor of a checkpoint belongs, and the whole shape; None for what is not cut."""
        head, _, rest = name.partition(".")
        if head != "optimizer":
            return self._places.get(rest)
        place = rest.partition(".")[0]
        return self._in_order[int(place)] if place.isdigit() else None


def _copy_with_the_numbers(whole: nn.Module) -> nn.Module:
    """A copy that has the weights themselves; the given network keeps its structure and empty weights."""
    numbers = [p.data for p in whole.parameters()]
    for parameter in whole.parameters():
        parameter.data = parameter.data.new_empty(0)
    copy = deepcopy(whole)
    for parameter, data in zip(copy.parameters(), numbers, strict=True):
        parameter.data = data
    return copy


def _separate_blocks(network: nn.Module) -> list[nn.Module]:
    """The blocks whose weights occur nowhere else in the network; what others share is put together with the rest."""
    total = _occurrences(network)
    blocks = {id(block): block for block in blocks_of(network)}.values()
    return [block for block in blocks if all(total[p] == n for p, n in _occurrences(block).items())]


def _occurrences(module: nn.Module) -> Counter[nn.Parameter]:
    return Counter(p for _, p in module.named_parameters(remove_duplicate=False))


def _from_all(own: Tensor, shape: torch.Size) -> Tensor:
    """The whole tensor of which each process has some rows."""
    most = -(-shape[0] // dist.get_world_size())
    padded = own.new_zeros((most, *shape[1:]))
    padded[: len(own)] = own
    rows = [torch.empty_like(padded) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, padded)
    return torch.cat(rows)[: shape[0]]


def _rows(split: Any) -> Tensor:
    """This process's rows of a tensor in pieces."""
    found: Tensor = split.to_local()
    return found


def pieces_of(engine: Engine) -> Pieces | None:
    """The pieces in which an engine's network lies; None where it is whole."""
    return engine.weights if isinstance(engine, SingleEngine) and isinstance(engine.weights, Pieces) else None
