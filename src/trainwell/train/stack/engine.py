"""The engine of a stack: many networks of one structure make each update together.

K members in the stack, P numbers in each. All parameters lie in one tensor `(K, P)`, of which every network's own are views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from trainwell.core.recipe import Recipe
from trainwell.core.seeds import purpose_key
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import parameter_groups
from trainwell.train.compile import Program
from trainwell.train.machine import swa_start
from trainwell.train.plan import step_count
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.draws import Draws, Recording, Site
from trainwell.train.stack.group import filled
from trainwell.train.stack.known_rules import RULES
from trainwell.train.stack.limits import StackLimits
from trainwell.train.stack.loss import stack_loss
from trainwell.train.stack.memory import settle
from trainwell.train.stack.rules import Rule
from trainwell.train.stack.trace import NotStackable, Tensors, trace
from trainwell.train.steps import Inputs, as_floats

#: Members that have ended stay in the stack, idle, until this share is left: making the stack smaller means tracing again.
SPARSE = 0.9


class StackEngine:
    """K networks and their update rule.

    Args:
        programs: one per member, of one group (see `group`); their networks are trained in place.
        batches: of all members.

    Raises:
        NotStackable: the networks' code cannot be traced.
    """

    def __init__(self, programs: Sequence[Program], batches: StackBatches) -> None:
        self.programs, self.micro = list(programs), 1
        self.batches, self._device = batches, programs[0].device
        self._best: dict[int, dict[str, Tensor]] = {}
        self._active = self._stack = list(range(len(programs)))
        self._layout = Layout([p.network for p in programs])
        inputs, target = self._augmented(*batches[0], 0)
        self._sites, self._rates = record(programs, inputs)
        self._own_buffers = changing_buffers(programs, inputs)
        for program in programs:
            program.network.eval()  # a graph trains them; they themselves only judge
        self._lay_out()
        self._trace(inputs, target)

    def _lay_out(self) -> None:
        """Gather the networks of the stack into its tensors."""
        programs = [self.programs[i] for i in self._stack]
        networks = [p.network for p in programs]
        self._flat = self._layout.gather(networks)
        self._buffers = {n: torch.stack([_tensor(w, n) for w in networks]) for n in self._own_buffers}
        self._point(self._flat, self._buffers)
        self._weights = list(self._layout.views(self._flat).values())
        self._gradients = torch.empty_like(self._flat)
        starts = [swa_start(p.recipe, step_count(p.recipe, len(p.data.rows["train"]), p.batch_size)) for p in programs]
        self._limits = StackLimits([p.recipe for p in programs], starts, self._layout.matrices, self._flat)
        self._average = self._flat.clone() if self._limits.averages else None
        self._averaged = {n: b.clone() for n, b in self._buffers.items() if b.is_floating_point() and self._limits.averages}
        self._rule = new_rule([p.recipe for p in programs], self._flat, self._layout.decayed)

    def _point(self, flat: Tensor, buffers: dict[str, Tensor]) -> None:
        """Make every network's parameters and buffers views of the stack."""
        for row, member in enumerate(self._stack):
            self._layout.point(self.programs[member].network, flat[row], {n: b[row] for n, b in buffers.items()})

    def _trace(self, inputs: Inputs, target: Tensor) -> None:
        programs = [self.programs[i] for i in self._stack]
        keys = [purpose_key(p.seed, "network") for p in programs]
        self._draws = Draws(self._sites, [self._rates[i] for i in self._stack], keys, self._device)
        network = programs[0].network
        state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        known = {*self._layout.names, *self._own_buffers}
        views = self._layout.views(self._flat)
        tensors = Tensors(views, self._buffers, {n: t.detach() for n, t in state.items() if n not in known})
        network.train()
        graph = trace(network, tensors, stack_loss(programs), inputs, target, self._draws.factors)
        network.eval()
        self._drawn = tuple(f for f in self._draws.factors if f is not None)
        fixed = (*views.values(), *self._buffers.values())
        self._step = settle(graph, fixed, len(self._drawn), list(self._layout.views(self._gradients).values()))

    def _augmented(self, inputs: Inputs, target: Tensor, number: int) -> tuple[Inputs, Tensor]:
        """Bytes as floats, then each member's own augmentation."""
        inputs = as_floats(inputs)
        changes = [self.programs[i].augment for i in self._stack]
        if not any(changes):
            return inputs, target
        pieces = [
            change(tuple(x[k] for x in inputs), target[k], number) if change else (tuple(x[k] for x in inputs), target[k])
            for k, change in enumerate(changes)
        ]
        columns = list(zip(*(piece[0] for piece in pieces), strict=True))
        return tuple(torch.stack(column) for column in columns), torch.stack([piece[1] for piece in pieces])

    @torch.no_grad()
    def step(self, inputs: Inputs, target: Tensor, *, rates: Sequence[float], number: int) -> Sequence[float | None]:
        inputs, target = self._augmented(inputs, target, number)
        self._draws.fill(number)
        losses = self._step(*inputs, target, *self._drawn)
        column = self._flat.new_tensor(self._spread(rates))[:, None]
        shown: list[float] = losses.tolist()
        bad = None if math.isfinite(sum(shown) + self._gradients.sum().item()) else self._not_finite(losses)
        if bad is not None:
            self._gradients[bad] = 0.0
            column[bad] = 0.0
        self._limits.before(self._gradients, self._flat)
        self._rule.update(self._gradients, column, number)
        self._limits.after(self._weights)
        if self._average is not None:
            self._limits.average(self._average, self._flat, self._averaged, self._buffers, number)
        return self._of_active(shown, bad)

    def _spread(self, rates: Sequence[float]) -> Sequence[float]:
        """The rates of the stack: those that have ended get 0."""
        if len(rates) == len(self._stack):
            return rates
        of = dict(zip(self._active, rates, strict=True))
        return [of.get(member, 0.0) for member in self._stack]

    def _not_finite(self, losses: Tensor) -> Tensor | None:
        """Which members' loss or gradient is not finite, bool `(K,)`; None if a mere sum of finite numbers was too large."""
        bad = ~(torch.isfinite(losses) & torch.isfinite(self._gradients).all(1))
        return bad if bool(bad.any()) else None

    def _of_active(self, losses: list[float], bad: Tensor | None) -> Sequence[float | None]:
        if bad is None and len(self._active) == len(self._stack):
            return losses
        ended = set() if bad is None else {m for m, b in zip(self._stack, bad.tolist(), strict=True) if b}
        of = dict(zip(self._stack, losses, strict=True))
        return [None if m in ended else of[m] for m in self._active]

    @contextmanager
    def _judged(self, member: int) -> Iterator[nn.Module]:
        network, row = self.programs[member].network, self._stack.index(member)
        shown = self._average if self._average is not None else self._rule.judged()
        if shown is not self._flat:
            buffers = self._averaged if self._average is not None else self._buffers
            self._layout.point(network, shown[row], {n: b[row] for n, b in buffers.items()})
        try:
            yield network
        finally:
            if shown is not self._flat:
                self._layout.point(network, self._flat[row], {n: b[row] for n, b in self._buffers.items()})

    def evaluating(self, member: int) -> AbstractContextManager[nn.Module]:
        return self._judged(member)

    def keep_best(self, member: int) -> None:
        with self.evaluating(member) as network:
            self._best[member] = {name: t.detach().clone() for name, t in network.state_dict().items()}

    def keep(self, members: Sequence[int]) -> None:
        for member in set(self._active) - set(members) - set(self._best):
            self.keep_best(member)
        self._active = list(members)
        if 0 < len(members) <= SPARSE * len(self._stack):
            self._shrink()

    def _shrink(self) -> None:
        """Take those that have ended out of the stack."""
        rows = torch.tensor([self._stack.index(m) for m in self._active], device=self._device)
        rule, average, averaged = self._rule, self._average, self._averaged
        self._stack = list(self._active)
        self.batches.keep(self._stack)
        self._lay_out()
        rule.keep(rows, self._flat)
        self._rule = rule
        if average is not None and self._average is not None:
            self._average.copy_(average[rows])
            self._averaged = {n: b[rows].clone() for n, b in averaged.items()}
        self._trace(*self._augmented(*self.batches[0], 0))

    def finish(self, member: int) -> nn.Module:
        if member not in self._best:
            self.keep_best(member)
        network = self.programs[member].network
        network.load_state_dict(self._best[member])
        return network

    def tensors(self) -> dict[str, Tensor]:
        found = {"stack": torch.tensor(self._stack), "flat": self._flat}
        found |= {f"rule.{n}": t for n, t in self._rule.state.items()}
        found |= {f"buffer.{n}": t for n, t in self._buffers.items()}
        if self._average is not None:
            found |= {"average": self._average} | {f"averaged.{n}": t for n, t in self._averaged.items()}
        return found | {f"best {m}.{n}": t for m, best in self._best.items() for n, t in best.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        if tensors["stack"].tolist() != self._stack:
            self._stack = tensors["stack"].tolist()
            self.batches.keep(self._stack)
            self._lay_out()
            self._trace(*self._augmented(*self.batches[0], 0))
        self._best = {}
        places = {"flat": self._flat, "average": self._average}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            if head.startswith("best "):
                self._best.setdefault(int(head[5:]), {})[rest] = tensor.to(self._device)
            elif head != "stack":
                parts = {"rule": self._rule.state, "buffer": self._buffers, "averaged": self._averaged}
                place = parts[head][rest] if rest else places[head]
                assert place is not None
                place.copy_(tensor)


class Layout:
    """Where each parameter lies in a member's P numbers: decaying matrices, other matrices, the rest.

    Args:
        networks: of one structure.

    Attributes:
        decayed: how many of the first numbers decay.
        matrices: how many of the first numbers belong to matrices.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        network = networks[0]
        trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
        decayed = {id(p) for p in parameter_groups(network, 1.0)[0]["params"]}
        rank = {n: 0 if id(p) in decayed and p.ndim > 1 else 1 if p.ndim > 1 else 2 for n, p in trained.items()}
        self.names = sorted(trained, key=lambda n: rank[n])
        self.shapes = [tuple(trained[n].shape) for n in self.names]
        self.sizes = [trained[n].numel() for n in self.names]
        self.decayed = sum(s for n, s in zip(self.names, self.sizes, strict=True) if rank[n] == 0)
        self.matrices = sum(s for n, s in zip(self.names, self.sizes, strict=True) if rank[n] < 2)

    def gather(self, networks: Sequence[nn.Module]) -> Tensor:
        """The parameters of networks as `(K, P)`."""
        own = [dict(network.named_parameters()) for network in networks]
        return torch.stack([torch.cat([p[n].detach().reshape(-1) for n in self.names]) for p in own])

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Each parameter of all members, `(K, …)`, over the memory of `flat`."""
        pieces = zip(self.names, flat.split(self.sizes, 1), self.shapes, strict=True)
        return {name: piece.view(len(flat), *shape) for name, piece, shape in pieces}

    def point(self, network: nn.Module, row: Tensor, buffers: dict[str, Tensor]) -> None:
        """Make the parameters of a network views of `row` `(P,)`, and its buffers these."""
        parameters = dict(network.named_parameters())
        for name, piece, shape in zip(self.names, row.split(self.sizes), self.shapes, strict=True):
            parameters[name].data = piece.view(shape)
        own = fixed_tensors(network)
        for name, buffer in buffers.items():
            own[name].data = buffer


def _tensor(network: nn.Module, name: str) -> Tensor:
    return fixed_tensors(network)[name].detach()


def new_rule(recipes: Sequence[Recipe], flat: Tensor, decayed: int) -> Rule:
    """The update rule of these recipes over their parameters."""
    name = recipes[0].optimizer.name
    options = [filled(optimizers.bind(name, r.optimizer.options), name) for r in recipes]
    decay = [float(r.weight_decay) for r in recipes]
    return RULES[name](flat, options, decay=decay, decayed=decayed)


def record(programs: Sequence[Program], inputs: Inputs) -> tuple[list[Site], list[list[float]]]:
    """The dropouts of one forward pass, and every member's rates."""
    recordings = [recorded(program, tuple(x[k] for x in inputs)) for k, program in enumerate(programs)]
    sites, texts = recordings[0].sites, programs[0].data.shape.texts
    if any(recording.sites != sites for recording in recordings):
        raise NotStackable("the members draw random numbers in different places")
    # Alone, a batch is as long as its longest text; in a stack, as long as the longest of all.
    shorter = tuple(x[0][:, : (x.shape[-1] + 1) // 2] if place in texts else x[0] for place, x in enumerate(inputs))
    if texts and recorded(programs[0], shorter).sites != sites:
        raise NotStackable("its dropout draws for every token, and alone the batches are shorter")
    return sites, [recording.rates for recording in recordings]


def recorded(program: Program, inputs: Inputs) -> Recording:
    """The dropouts of one forward pass of a copy."""
    with Recording() as recording, torch.no_grad():
        deepcopy(program.network).train()(*inputs)
    return recording


def fixed_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Buffers and frozen parameters."""
    frozen = {name: p for name, p in network.named_parameters() if not p.requires_grad}
    return frozen | dict(network.named_buffers())


def changing_buffers(programs: Sequence[Program], inputs: Inputs) -> list[str]:
    """Names of buffers that training changes, and of buffers and frozen parameters that differ between members."""
    copy = deepcopy(programs[0].network).train()
    before = {name: (id(b), b.clone()) for name, b in copy.named_buffers()}
    with Recording(), torch.no_grad():
        copy(*(x[0] for x in inputs))
    after = dict(copy.named_buffers())
    if any(id(after[name]) != was for name, (was, _) in before.items()):
        raise NotStackable("the network replaces a buffer in its forward pass")
    changed = {name for name, (_, value) in before.items() if not torch.equal(value, after[name])}
    first, *others = [fixed_tensors(p.network) for p in programs]
    return [n for n in first if n in changed or any(not torch.equal(first[n], o[n]) for o in others)]
