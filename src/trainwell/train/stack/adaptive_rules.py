"""More update rules over all members at once: Adagrad, NAdam, RAdam, Lion, Schedule-Free; see `rules`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainwell.optim.schedule_free import average_of
from trainwell.train.stack.rules import Number, Rule


class Adagrad(Rule):
    """Adagrad as `torch.optim.Adagrad` computes it."""

    def prepare(self) -> None:
        self.eps = self.option("eps")
        if "sum" not in self.state:
            self.state["sum"] = torch.zeros_like(self.parameters) + self.option("start")

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        del number
        self.decay(gradients, rates)
        total = self.state["sum"].addcmul_(gradients, gradients)
        torch.div(gradients, torch.sqrt(total).add_(self.eps), out=self._scratch)
        self.parameters.addcmul_(self._scratch, rates, value=-1)


class Means(Rule):
    """What relatives of Adam begin with: running means of gradients and of their squares."""

    def prepare(self) -> None:
        self.moments("mean", "square")
        self.beta1, self.beta2, self.eps = self.column("betas", 0), self.column("betas", 1), self.option("eps")
        self._decoupled = bool(self.options[0]["decoupled"]) if self.options else True

    def column(self, name: str, place: int) -> Tensor:
        """The option of all members as `()` or `(K, 1)`, in double precision: powers of it lose digits in single."""
        return torch.as_tensor(self.option(name, place), dtype=torch.float64, device=self.parameters.device)

    def means(self, gradients: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Decay, then bring both means up to date."""
        self.decay(gradients, rates)
        mean, square, like = self.state["mean"], self.state["square"], self.parameters.dtype
        mean.lerp_(gradients, (1 - self.beta1).to(like))
        square.lerp_(torch.mul(gradients, gradients, out=self._scratch), (1 - self.beta2).to(like))
        return mean, square

    def move(self, along: Tensor, by: Tensor | Number) -> None:
        """Subtract `along` times `by`."""
        factor = torch.as_tensor(by, device=self.parameters.device).to(self.parameters.dtype)
        self.parameters.addcmul_(along, factor, value=-1)


class NAdam(Means):
    """NAdam as `torch.optim.NAdam` computes it."""

    def prepare(self) -> None:
        super().prepare()
        self.slowly = self.option("momentum_decay")
        self.state.setdefault("product", torch.ones(len(self.parameters), 1, device=self.parameters.device))

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        t = number + 1
        mean, square = self.means(gradients, rates)
        now, later = (self.beta1 * (1 - 0.5 * 0.96 ** (n * self.slowly)) for n in (t, t + 1))
        product = self.state["product"].mul_(now)
        root = (square / (1 - self.beta2**t).to(square.dtype)).sqrt_().add_(self.eps)
        self.move(gradients.div_(root), rates * (1 - now) / (1 - product))
        self.move(torch.div(mean, root, out=self._scratch), rates * later / (1 - product * later))


class RAdam(Means):
    """RAdam as `torch.optim.RAdam` computes it."""

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        t = number + 1
        mean, square = self.means(gradients, rates)
        rest = 1 - self.beta2**t
        most = 2 / (1 - self.beta2) - 1
        now = most - 2 * t * self.beta2**t / rest
        trusted = (now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)
        rectified = torch.where(now > 5, (trusted.clamp(min=0.0) * rest).sqrt(), 0.0)
        adapted = mean / torch.sqrt(square).add_(self.eps) * rectified.to(mean.dtype)
        step = torch.where(now > 5, adapted, mean)
        self.move(step, rates / (1 - self.beta1**t))


class Lion(Rule):
    """Lion as `trainwell.optim.lion` computes it."""

    def prepare(self) -> None:
        self.moments("momentum")
        self.mix, self.keeping = self.option("betas", 0), self.option("betas", 1)

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        del number
        mean = self.state["momentum"]
        self.decay(gradients, rates)
        step = torch.lerp(mean, gradients, 1 - self.mix).sign_()
        self.parameters.addcmul_(step, rates, value=-1)
        mean.lerp_(gradients, 1 - self.keeping)


class ScheduleFree(Rule):
    """Schedule-Free AdamW as `trainwell.optim.schedule_free` computes it: the parameters hold y, the average is judged."""

    def prepare(self) -> None:
        self.moments("square")
        self.state.setdefault("z", self.parameters.clone())
        self.beta1, self.beta2, self.eps = self.option("betas", 0), self.option("betas", 1), self.option("eps")
        clock = torch.zeros(len(self.parameters), 2, dtype=torch.float64, device=self.parameters.device)
        self.state.setdefault("clock", clock)

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        square, z, clock, y = self.state["square"], self.state["z"], self.state["clock"], self.parameters
        largest = torch.maximum(clock[:, :1], rates)  # (K, 1)
        total = clock[:, 1:] + largest**2
        share = torch.where(total > 0, largest**2 / total, 0.0).to(y.dtype)
        clock.copy_(torch.cat([largest, total], 1))
        square.lerp_(torch.mul(gradients, gradients, out=self._scratch), 1 - self.beta2)
        step = gradients.div_((square / (1 - self.beta2 ** (number + 1))).sqrt_().add_(self.eps))
        self.decay(step, rates)
        y.lerp_(z, share).addcmul_(step, rates * (self.beta1 * (1 - share) - 1))
        z.addcmul_(step, rates, value=-1)

    def judged(self) -> Tensor:
        return average_of(self.parameters, self.state["z"], self.beta1)
