"""Several processes that train one network together, started by `torchrun`: each computes its part of every batch.

All of them hold the same weights and make the same update. Once a step they exchange gradients, loss, running statistics of
batch norm, and whether one of them was asked to stop. Only the first one writes.
"""

from __future__ import annotations

import atexit
import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainwell.core.errors import TrainingError
from trainwell.core.seeds import draw_seed
from trainwell.core.torchrun import team_size

T = TypeVar("T")

#: Processes wait so long for one another: reading and planning differ by minutes at most.
PATIENCE = timedelta(minutes=30)


class Team:
    """The processes, seen from one of them.

    Args:
        rank: its number; the first one, 0, plans and writes.
        size: how many they are.

    Attributes:
        wish: the signal that this process got; 0 for none.
        agreed: the signal by which all of them stop, known to all after the same step.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.wish = self.agreed = 0

    def part_of(self, n: int) -> slice:
        """The places of this process in a batch of `n`.

        Example:
            >>> [Team(rank, 2).part_of(5) for rank in (0, 1)]
            [slice(0, 3, None), slice(3, 5, None)]
        """
        share, rest = divmod(n, self.size)
        start = self.rank * share + min(self.rank, rest)
        return slice(start, start + share + (self.rank < rest))

    def seed_of(self, seed: int) -> int:
        """The seed of what this process draws for its own rows; the first one draws what a process of its own would.

        Example:
            >>> Team(0, 2).seed_of(7), Team(1, 2).seed_of(7) != 7
            (7, True)
        """
        return draw_seed(seed, "process", self.rank) if self.rank else seed

    def add_up(self, network: nn.Module, parameters: Sequence[nn.Parameter], loss: float, rows: int) -> float:
        """Gradients and running statistics become those of the whole batch, to the same bits in every process.

        Args:
            network: its running statistics are averaged.
            parameters: their gradients are; one that no process has stays absent.
            loss: mean over the rows of this process.
            rows: how many these are.

        Returns:
            The mean loss over all rows.
        """
        running = running_statistics(network)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        there = [p.grad is not None for p in parameters]
        means, present, total = self._mean([*gradients, *running], there, loss, rows, device=gradients[0].device)
        for parameter, mean, seen in zip(parameters, means, present, strict=False):
            parameter.grad = mean.view_as(parameter) if seen else None
        for kept, mean in zip(running, means[len(gradients) :], strict=True):
            kept.copy_(mean.view_as(kept))
        return total

    def settle(self, network: nn.Module, loss: float, rows: int, *, device: torch.device) -> float:
        """The same where gradients have been added up."""
        running = running_statistics(network)
        means, _, total = self._mean(running, [], loss, rows, device=device)
        for kept, mean in zip(running, means, strict=True):
            kept.copy_(mean.view_as(kept))
        return total

    def spread_state(self, network: nn.Module) -> None:
        """Weights and buffers become those of the first process, in all of them."""
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)

    def all(self, true: bool, device: torch.device) -> bool:
        """Whether it is true in every process."""
        found = torch.tensor(float(true), device=device)
        dist.all_reduce(found, dist.ReduceOp.MIN)
        return bool(found.item())

    def _mean(
        self, tensors: Sequence[Tensor], flags: Sequence[bool], loss: float, rows: int, *, device: torch.device
    ) -> tuple[Sequence[Tensor], list[float], float]:
        """One exchange: the tensors as they are on average over all rows, how many raised each flag, the mean loss."""
        said = torch.tensor([*flags, loss * rows, rows, self.wish != 0], device=device, dtype=torch.float32)
        flat = torch.cat([*(rows * t.detach().flatten() for t in tensors), said])
        dist.all_reduce(flat)
        *raised, total, count, wishes = flat[-len(said) :].tolist()
        self.agreed = (self.wish or signal.SIGTERM) if wishes else 0
        sizes = [t.numel() for t in tensors]
        return (flat[: sum(sizes)] / count).split(sizes), raised, total / count

    def share(self, make: Callable[[], T]) -> T:
        """What `make` gives in the first process, in all of them; what it raises there, all of them raise."""
        box: list[Any] = [None, None]
        if self.rank == 0:
            try:
                box = [make(), None]
            except Exception as error:  # whatever it is, the others must not wait for an answer
                box = [None, error]
        dist.broadcast_object_list(box)
        if box[1] is not None:
            raise box[1]
        answer: T = box[0]
        return answer

    def spread(self, rows: np.ndarray) -> np.ndarray:
        """The rows of this process, equally many for each: the last row is repeated where they do not come out even."""
        places = np.arange(self.rank, -(-len(rows) // self.size) * self.size, self.size)
        return rows[places.clip(max=len(rows) - 1)]

    def collect(self, found: Tensor, n: int) -> Tensor:
        """What all processes found for the rows that `spread` gave them, in the order of the `n` rows."""
        pieces = [torch.empty_like(found) for _ in range(self.size)]
        dist.all_gather(pieces, found.contiguous())
        return torch.stack(pieces, 1).flatten(0, 1)[:n]  # (N, …)

    def hear(self, value: str) -> list[str]:
        """What every process says, in their order."""
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def check_same(self, what: str, value: str) -> None:
        """All processes must have the same `value`.

        Raises:
            TrainingError: they do not.
        """
        if len(set(self.hear(value))) > 1:
            remedy = "Start all of them with the same command, on the same files."
            raise TrainingError(f"the {what} differ between the {self.size} processes", remedy=remedy)


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Mean and variance of every normalisation that keeps them; the other buffers are the same everywhere."""
    kept = [(getattr(m, "running_mean", None), getattr(m, "running_var", None)) for m in network.modules()]
    return [t for pair in kept for t in pair if isinstance(t, Tensor)]


@cache
def team_here() -> Team | None:
    """The team in which `torchrun` started this process; None for a process of its own."""
    if team_size() < 2:
        return None
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        # Plain objects travel by gloo even where gradients travel by nccl.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
        atexit.register(_leave)
    return Team(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """Let the threads that exchange tensors come to rest before Python ends: one that still drops a tensor then aborts all.

    They end with the last reference to the group. Of a network that lay in pieces torch keeps some in caches of its own, so
    these threads live on, and need a moment.
    """
    dist.destroy_process_group()
    time.sleep(0.2)


def refuse_teams(what: str) -> None:
    """For work that several processes would only do several times.

    Raises:
        TrainingError: `torchrun` started several processes.
    """
    if team_size() > 1:
        remedy = "Start it without torchrun; it shares its work among the cores by itself."
        raise TrainingError(f"{what} does not run in several processes of torchrun", remedy=remedy)
