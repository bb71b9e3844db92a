"""The range of a key when nobody gives one: from the option's type and default, or from what the recipe suggests."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.registry import Registry
from trainwell.models.registry import activations, models, norms
from trainwell.optim.registry import optimizers, schedules
from trainwell.score.registry import losses
from trainwell.study.tuning.dimension import Choice, Dimension, Range, kind_of

#: Recipe keys that hold a registered name with options.
PARTS: dict[str, Registry[Any]] = {"model": models, "optimizer": optimizers, "schedule": schedules, "loss": losses}
#: Keys searched when the user names none, as far as the recipe's network has them.
USUAL = ("learning_rate", "weight_decay", "model.dropout", "model.width", "model.depth")
#: Activations and norms worth a search; the others are members of the same families.
ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "mish", "tanh")
#: Ranges of recipe keys that do not depend on the data.
FIXED: dict[str, Dimension] = {
    "weight_decay": Range(1e-6, 0.1, log=True),
    "l1": Range(1e-8, 1e-3, log=True),
    "l2": Range(1e-8, 1e-2, log=True),
    "max_norm": Choice((0.0, 1.0, 2.0, 4.0)),
    "clip_norm": Choice((0.0, 0.5, 1.0, 5.0)),
    "clip_value": Choice((0.0, 0.1, 1.0)),
    "label_smoothing": Range(0.0, 0.2),
    "ema": Choice((0.0, 0.99, 0.998)),
    "optimizer": Choice(("adamw", "sgd", "rmsprop")),
}


def usual_space(recipe: Recipe) -> dict[str, str]:
    """The keys that are searched when the user names none: rate, decay, and size and dropout of the network.

    Example:
        >>> list(usual_space(Recipe(model="mlp", learning_rate=0.001)))
        ['learning_rate', 'weight_decay', 'model.dropout', 'model.width', 'model.depth']
    """
    return {key: "search" for key in USUAL if "." not in key or has_own_option(recipe, key)}


def has_option(head: str, name: str, option: str) -> bool:
    """Whether a part of that name takes an option; a module of the user's own is asked only when it is built."""
    return ":" in name or option in PARTS[head].options(name)


def has_own_option(recipe: Recipe, key: str) -> bool:
    """Whether the recipe's own part, of a registered name, takes this option."""
    head, _, option = key.partition(".")
    name = getattr(recipe, head).name
    return ":" not in name and has_option(head, name, option)


def known_range(key: str, recipe: Recipe) -> Dimension:
    """The range that `search` stands for.

    Args:
        key: dotted recipe key.
        recipe: without any `auto`, so that a range can lie around the suggested value.

    Raises:
        RecipeError: no range is known for the key.

    Example:
        >>> str(known_range("learning_rate", Recipe(learning_rate=0.003)))
        '0.0003..0.03:log'
        >>> str(known_range("model.width", Recipe(model={"name": "mlp", "width": 128})))
        '32..512:log'
    """
    head, _, option = key.partition(".")
    found = _of_option(head, option, recipe) if head in PARTS and option else _of_key(key, recipe)
    if found is None:
        raise RecipeError(
            f"no range is known for {key!r}", where=f"search key {key!r}", remedy=f"Write it: {key}=LOW..HIGH, or {key}=A,B."
        )
    return found


def _of_key(key: str, recipe: Recipe) -> Dimension | None:
    if key in FIXED:
        return FIXED[key]
    if key in ("model", "schedule", "loss"):
        return None if key != "schedule" else Choice(tuple(PARTS[key].names()))
    value = getattr(recipe, key, None)
    if key == "learning_rate" and isinstance(value, float) and value > 0:
        return around(value, 10)
    if key == "batch_size" and isinstance(value, int) and value > 0:
        return Choice(tuple(dict.fromkeys(max(2, int(value * f)) for f in (0.25, 0.5, 1, 2, 4))))
    if key in ("epochs", "steps") and isinstance(value, int | float) and value >= 2:
        return Range(round(value / 2), round(value * 2), whole=True, log=True)
    return None


def _of_option(head: str, option: str, recipe: Recipe) -> Dimension | None:
    part = getattr(recipe, head)
    if not has_own_option(recipe, f"{head}.{option}"):
        return None
    known = PARTS[head].options(part.name)[option]
    return of_type(option, known.annotation, part.options.get(option, known.default))


def of_type(name: str, annotation: Any, default: Any) -> Dimension | None:
    """A range from an option's type and default: sizes by factors of four, counts by twice, shares up to a half.

    Example:
        >>> str(of_type("depth", int, 3)), str(of_type("dropout", float, 0.1)), str(of_type("bias", bool, True))
        ('1..6', '0.0..0.5', 'false,true')
    """
    if name in ("activation", "norm"):
        registry, wanted = (activations, ACTIVATIONS) if name == "activation" else (norms, tuple(norms.names()))
        return Choice(tuple(word for word in wanted if word in registry))
    if annotation is bool:
        return Choice((False, True))
    if get_origin(annotation) is Literal:
        return Choice(get_args(annotation))
    if not isinstance(default, int | float) or isinstance(default, bool):
        return None
    if kind_of(annotation) == "int":
        if default >= 8:
            return Range(max(1, default // 4), default * 4, log=True, whole=True)
        return Range(1, max(2, 2 * default), whole=True)
    if "drop" in name or name == "label_smoothing":
        return Range(0.0, 0.5)
    if 0 <= default <= 1 and name in ("warmup", "momentum", "floor", "share"):
        return Range(0.0, max(0.5, default))
    return around(default, 4) if default > 0 else None


def around(value: float, factor: float) -> Range:
    """From a factor below a value to the same factor above it.

    Example:
        >>> str(around(0.02, 10))
        '0.002..0.2:log'
    """
    return Range(float(f"{value / factor:.6g}"), float(f"{value * factor:.6g}"), log=True)
