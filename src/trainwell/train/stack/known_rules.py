"""Which registered optimizers a stack knows, and why it does not know the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trainwell.train.stack.adaptive_rules import Adagrad, Lion, NAdam, RAdam, ScheduleFree
from trainwell.train.stack.rules import SGD, Adam, RMSProp, Rule

#: Registered optimizers that a stack knows.
RULES: dict[str, Callable[..., Rule]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": partial(Adam, decoupled=True),
    "lion": partial(Lion, decoupled=True),
    "nadam": NAdam,
    "radam": RAdam,
    "rmsprop": RMSProp,
    "schedule_free": ScheduleFree,
    "sgd": SGD,
}
#: The others, whose networks are trained one by one or in processes.
ALONE = {
    "lamb": "every layer's step has the length of that layer's weights, and the rules of a stack know no layers",
    "muon": "every matrix is made orthogonal by itself, and the rules of a stack know no layers",
}
