"""Where the weights of a network lie: whole in this process, or (see `sharded`) in pieces, one in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from trainwell.optim import limits
from trainwell.train.distributed import Team


class Weights(Protocol):
    """What an engine asks of weights and their gradients.

    Attributes:
        halves: whether this process may compute its batch in smaller parts than the others do.
    """

    halves: bool

    def state(self) -> dict[str, Tensor]:
        """Weights and buffers by name, as far as they lie here."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Set what `state` gives to these."""

    def live(self) -> dict[str, Tensor]:
        """What `state` gives, the tensors themselves: those of two names are one."""

    def begin(self, rows: int) -> float:
        """A batch of which `rows` are for this process begins; the factor of its loss."""

    def add_up(self, parameters: Sequence[nn.Parameter], loss: float, rows: int) -> float:
        """Gradients become those of the whole batch; its mean loss."""

    def agree(self, finite: bool) -> bool:
        """Whether the gradients are finite everywhere."""

    def norm(self, gradients: Sequence[Tensor]) -> Tensor:
        """The Euclidean norm of all gradients, those of other processes included."""

    def gather(self) -> nn.Module:
        """The network with all its weights."""


class Whole:
    """All weights lie here, and are the same in every process.

    Args:
        network: on its device.
        team: the processes that train it together; None for one.
    """

    halves = True

    def __init__(self, network: nn.Module, team: Team | None = None) -> None:
        self._network, self._team = network, team

    def state(self) -> dict[str, Tensor]:
        return self._network.state_dict()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        self._network.load_state_dict(tensors)

    def live(self) -> dict[str, Tensor]:
        return dict(self._network.state_dict(keep_vars=True))

    def begin(self, rows: int) -> float:  # noqa: ARG002  gradients are weighed when they are added up
        return 1.0

    def add_up(self, parameters: Sequence[nn.Parameter], loss: float, rows: int) -> float:
        return loss if self._team is None else self._team.add_up(self._network, parameters, loss, rows)

    def agree(self, finite: bool) -> bool:
        return finite

    def norm(self, gradients: Sequence[Tensor]) -> Tensor:
        return limits.total_norm(gradients)

    def gather(self) -> nn.Module:
        return self._network
