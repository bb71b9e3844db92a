"""The engine of two networks that train each other: two update rules, one step counter.

Step n updates the critic on the batch n; every `critic_steps`-th step also updates the generator. All draws of a step come
from torch's generator, seeded by (seed, n), so that a run resumes to the bit like any other.

B pictures of a batch, P opinions of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn

from trainwell.core.seeds import at_step
from trainwell.models.cyclegan import Pair
from trainwell.optim.limits import MovingAverage, clip_norm, recent, total_norm
from trainwell.train.adversarial.noise_and_cycle import Maker, Shown
from trainwell.train.adversarial.registry import Game
from trainwell.train.engine_state import OneNetwork
from trainwell.train.steps import Inputs, as_floats

#: What is measured at each step and written as means with the lines of the history.
MEASURES = ("generator_loss", "critic_accuracy", "margin", "generator_gradient")

Rule = Callable[[nn.Module], torch.optim.Optimizer]


class AdversarialEngine(OneNetwork):
    """A generator and a critic, each with its own update rule.

    Args:
        network: the pair.
        game: what they make small, and how their updates alternate.
        rule: makes the update rule of one of them.
        maker: what pictures are made from.
        clip: largest norm of each one's gradient; 0 is off.
        ema: decay of the average of the generator's weights, which is what makes pictures in the end; 0 is off.
        seed: of noise, dropout and every other draw.
    """

    def __init__(self, network: Pair, game: Game, rule: Rule, *, maker: Maker, clip: float, ema: float, seed: int) -> None:
        self.pair, self.game, self.micro = network, game, 1
        self._maker, self._clip, self._measures = maker, clip, (*MEASURES, *maker.measures)
        self._sums = torch.zeros(2, len(self._measures), dtype=torch.float64)  # sums, and how many terms they have
        made_by = dict(network.generator.state_dict(keep_vars=True))
        rules = {"generator": rule(network.generator), "critic": rule(network.critic)}
        self._generator, self._critic = _trained(network.generator), _trained(network.critic)
        super().__init__(
            network,
            rules,
            average=MovingAverage(made_by, partial(recent, decay=ema)) if ema else None,
            besides={"sums.sums": self._sums, **maker.tensors},
            seed=seed,
        )

    def step(self, inputs: Inputs, target: Tensor, *, rates: Sequence[float], number: int) -> Sequence[float | None]:
        """Update the critic, and the generator where it is its turn; the critic's loss, None where anything is not finite."""
        self._seed(at_step(self._key, number))
        (pictures,) = as_floats(inputs)
        codes = target if self.pair.classes > 1 else torch.zeros(len(pictures), dtype=torch.int64, device=self._device)
        loss = self._teach_critic(self._maker.shown(pictures, codes, number), rates[0])
        plays = (number + 1) % self.game.critic_steps == 0
        if loss is None or (plays and not self._teach_generator(pictures, codes, rates[0], number)):
            return [None]
        return [loss]

    def _teach_critic(self, shown: Shown, rate: float) -> float | None:
        self._forget()
        real, fake = self.pair.judge(shown.real, shown.codes), self.pair.judge(shown.made, shown.wanted)
        loss = self.game.critic(real, fake)
        if self.game.penalty:
            loss = loss + self.game.penalty * self._slope(shown.real, shown.made, shown.codes)
        loss.backward()
        if not self._finite(loss, self._critic):
            return None
        self._update("critic", self._critic, rate * self.game.critic_rate)
        real, fake = (opinions.detach().reshape(len(opinions), -1).mean(dim=1) for opinions in (real, fake))
        told_apart = (real[:, None] > fake).double().mean()  # of all pairs of a real and a made picture
        self._note(critic_accuracy=float(told_apart), margin=float(real.mean() - fake.mean()))
        return loss.item()

    def _teach_generator(self, pictures: Tensor, codes: Tensor, rate: float, number: int) -> bool:
        self._forget()
        with _frozen(self._critic):
            made = self._maker.made(pictures, codes, number)
            loss = self.game.generator(self.pair.judge(made.pictures, made.wanted))
            (loss + made.owed).backward()
        if not self._finite(loss, self._generator):
            return False
        length = total_norm([p.grad for p in self._generator if p.grad is not None])
        self._update("generator", self._generator, rate)
        if self._average is not None:
            self._average.update(number // self.game.critic_steps)
        self._note(generator_loss=loss.item(), generator_gradient=float(length), **made.measured)
        return True

    def _slope(self, real: Tensor, made: Tensor, codes: Tensor) -> Tensor:
        """How far the slope of the critic is from 1 between real and made pictures, squared."""
        share = torch.rand(len(real), 1, 1, 1, device=self._device)
        between = torch.lerp(real, made, share).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.pair.judge(between, codes).sum(), between, create_graph=True)
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
        return bool(torch.isfinite(loss)) and self._all_finite([p.grad for p in parameters if p.grad is not None])

    def _note(self, **values: float) -> None:
        for name, value in values.items():
            self._sums[:, self._measures.index(name)] += torch.tensor([value, 1.0], dtype=torch.float64)

    def besides(self) -> dict[str, float]:
        """Means of what was measured since this was asked last, for the history."""
        sums, terms = self._sums.tolist()
        self._sums.zero_()
        return {name: total / n for name, total, n in zip(self._measures, sums, terms, strict=True) if n}


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [p for p in network.parameters() if p.requires_grad]


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
