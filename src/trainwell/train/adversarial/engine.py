"""The engine of two networks that train each other: two update rules, one step counter.

Step n updates the critic on the batch n; every `critic_steps`-th step also updates the generator. All draws of a step come
from torch's generator, seeded by (seed, n), so that a run resumes to the bit like any other.

B pictures of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn

from trainwell.core.seeds import at_step, purpose_key
from trainwell.models.adversarial import Adversarial
from trainwell.optim.limits import MovingAverage, clip_norm, recent
from trainwell.train.adversarial.registry import Game
from trainwell.train.engine import draws_on
from trainwell.train.steps import Augment, Inputs, as_floats

#: What is measured at each step and written as means with the lines of the history.
MEASURES = ("generator_loss", "critic_accuracy", "margin", "generator_gradient")

Rule = Callable[[nn.Module], torch.optim.Optimizer]


class AdversarialEngine:
    """A generator and a critic, each with its own update rule.

    Args:
        network: the pair.
        game: what they make small, and how their updates alternate.
        rule: makes the update rule of one of them.
        augment: changes real and made pictures alike, given the step number; None leaves them.
        clip: largest norm of each one's gradient; 0 is off.
        ema: decay of the average of the generator's weights, which is what makes pictures in the end; 0 is off.
        seed: of noise, dropout and every other draw.
    """

    def __init__(
        self, network: Adversarial, game: Game, rule: Rule, *, augment: Augment | None, clip: float, ema: float, seed: int
    ) -> None:
        self.network, self.game, self.micro = network, game, 1
        self._augment, self._clip, self._key = augment, clip, purpose_key(seed, "network")
        self._generator = [p for p in network.generator.parameters() if p.requires_grad]
        self._critic = [p for p in network.critic.parameters() if p.requires_grad]
        self.rules = {"generator": rule(network.generator), "critic": rule(network.critic)}
        made_by = dict(network.generator.state_dict(keep_vars=True))
        self._average = MovingAverage(made_by, partial(recent, decay=ema)) if ema else None
        self._seed = draws_on(self._generator[0].device)
        self._best: dict[str, Tensor] = {}
        self._sums = torch.zeros(2, len(MEASURES), dtype=torch.float64)  # sums, and how many terms they have

    @property
    def _device(self) -> torch.device:
        return self._generator[0].device

    def step(self, inputs: Inputs, target: Tensor, *, rates: Sequence[float], number: int) -> Sequence[float | None]:
        """Update the critic, and the generator where it is its turn; the critic's loss, None where anything is not finite."""
        self._seed(at_step(self._key, number))
        (pictures,) = as_floats(inputs)
        codes = target if self.network.classes > 1 else torch.zeros(len(pictures), dtype=torch.int64, device=self._device)
        loss = self._teach_critic(pictures, codes, rates[0], number)
        plays = (number + 1) % self.game.critic_steps == 0
        if loss is None or (plays and not self._teach_generator(codes, rates[0], number)):
            return [None]
        return [loss]

    def _teach_critic(self, pictures: Tensor, codes: Tensor, rate: float, number: int) -> float | None:
        self._forget()
        with torch.no_grad():
            made = self.network.make(self._noise(len(codes)), codes)
        pictures, made = self._seen(pictures, codes, number), self._seen(made, codes, number)
        real, fake = self.network.judge(pictures, codes), self.network.judge(made, codes)
        loss = self.game.critic(real, fake)
        if self.game.penalty:
            loss = loss + self.game.penalty * self._slope(pictures, made, codes)
        loss.backward()
        if not self._finite(loss, self._critic):
            return None
        self._update("critic", self._critic, rate * self.game.critic_rate)
        told_apart = (real.detach()[:, None] > fake.detach()).double().mean()  # of all pairs of a real and a made picture
        self._note(critic_accuracy=float(told_apart), margin=float(real.detach().mean() - fake.detach().mean()))
        return loss.item()

    def _teach_generator(self, codes: Tensor, rate: float, number: int) -> bool:
        self._forget()
        with _frozen(self._critic):
            made = self._seen(self.network.make(self._noise(len(codes)), codes), codes, number)
            loss = self.game.generator(self.network.judge(made, codes))
            loss.backward()
        if not self._finite(loss, self._generator):
            return False
        gradients = [p.grad for p in self._generator if p.grad is not None]
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        self._update("generator", self._generator, rate)
        if self._average is not None:
            self._average.update(number // self.game.critic_steps)
        self._note(generator_loss=loss.item(), generator_gradient=float(length))
        return True

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, self.network.noise, device=self._device)

    def _seen(self, pictures: Tensor, codes: Tensor, number: int) -> Tensor:
        """Pictures as the critic sees them. Source: Zhao et al., "Differentiable augmentation", NeurIPS 2020."""
        return pictures if self._augment is None else self._augment((pictures,), codes, number)[0][0]

    def _slope(self, real: Tensor, made: Tensor, codes: Tensor) -> Tensor:
        """How far the slope of the critic is from 1 between real and made pictures, squared."""
        share = torch.rand(len(real), 1, 1, 1, device=self._device)
        between = torch.lerp(real, made, share).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.network.judge(between, codes).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def _update(self, name: str, parameters: list[nn.Parameter], rate: float) -> None:
        if self._clip:
            clip_norm([p.grad for p in parameters if p.grad is not None], self._clip)
        for group in self.rules[name].param_groups:
            group["lr"] = rate
        self.rules[name].step()

    def _forget(self) -> None:
        for parameter in chain(self._generator, self._critic):
            parameter.grad = None

    def _finite(self, loss: Tensor, parameters: list[nn.Parameter]) -> bool:
        lengths = torch.stack(torch._foreach_norm([p.grad for p in parameters if p.grad is not None]))
        return bool(torch.isfinite(loss)) and bool(torch.isfinite(lengths).all())

    def _note(self, **values: float) -> None:
        for name, value in values.items():
            self._sums[:, MEASURES.index(name)] += torch.tensor([value, 1.0], dtype=torch.float64)

    def besides(self) -> dict[str, float]:
        """Means of what was measured since this was asked last, for the history."""
        sums, terms = self._sums.tolist()
        self._sums.zero_()
        return {name: total / n for name, total, n in zip(MEASURES, sums, terms, strict=True) if n}

    @contextmanager
    def evaluating(self, member: int = 0) -> Iterator[nn.Module]:  # noqa: ARG002  there is one
        """The pair as it is judged: the generator's averaged weights, evaluation mode; undone on leaving."""
        modes = [(m, m.training) for m in self.network.modules()]
        self.network.eval()
        self._swap()
        try:
            yield self.network
        finally:
            self._swap()
            for module, training in modes:
                module.training = training

    def _swap(self) -> None:
        if self._average is not None:
            self._average.swap()

    def keep_best(self, member: int = 0) -> None:  # noqa: ARG002
        """Remember the weights to be judged as the best so far."""
        with self.evaluating():
            self._best = {name: t.detach().clone() for name, t in self.network.state_dict().items()}

    def keep(self, members: Sequence[int]) -> None:
        raise AssertionError(f"a single pair cannot leave itself: {members}")

    def finish(self, member: int = 0) -> nn.Module:  # noqa: ARG002
        """The pair with its best weights, in evaluation mode."""
        if not self._best:
            self.keep_best()
        self.network.load_state_dict(self._best)
        return self.network.eval()

    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint needs, by name."""
        found = {f"network.{n}": t for n, t in self.network.state_dict().items()} | {"sums.sums": self._sums}
        found |= {f"best.{n}": t for n, t in self._best.items()}
        if self._average is not None:
            found |= {f"average.{n}": t for n, t in zip(self._average.names, self._average.averages, strict=True)}
        for name, rule in self.rules.items():
            found |= {f"{name}.{i}.{key}": t for i, key, t in _state(rule)}
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            parts.setdefault(head, {})[rest] = tensor
        self.network.load_state_dict(parts["network"])
        self._best = {n: t.to(self._device) for n, t in parts.get("best", {}).items()}
        self._sums.copy_(parts["sums"]["sums"])
        for name, rule in self.rules.items():
            _restore(rule, parts.get(name, {}))
        if self._average is not None:
            for name, average in zip(self._average.names, self._average.averages, strict=True):
                average.copy_(parts["average"][name])


@contextmanager
def _frozen(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Without gradients of these parameters, which nobody would use."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _parameters(rule: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in rule.param_groups for p in group["params"]]


def _state(rule: torch.optim.Optimizer) -> Iterator[tuple[int, str, Tensor]]:
    """The tensors of an update rule: the place of their parameter, their key, themselves."""
    for i, parameter in enumerate(_parameters(rule)):
        for key, value in rule.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                yield i, key, value


def _restore(rule: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = _parameters(rule)
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        # In the parameter's own memory order: fused update rules walk both as they lie there.
        own = torch.empty_like(parameter, dtype=tensor.dtype) if tensor.shape == parameter.shape else torch.empty_like(tensor)
        rule.state[parameter][key] = own.copy_(tensor).to(parameter.device)
