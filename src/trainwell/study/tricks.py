"""The known tricks of training, each as two functions Recipe -> Recipe: without it and with it.

A trick that is on in a recipe keeps the recipe's own setting (its dropout, its schedule); one that is off gets a usual setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.models.registry import models
from trainwell.score.registry import losses

#: How many times larger batches are where the trick "batch" is off.
LARGER = 8
#: Activations that flatten out on both sides.
SATURATING = ("sigmoid", "tanh", "softsign")


@dataclass(frozen=True)
class Trick:
    """One trick.

    Args:
        name: as the table shows it.
        about: what is on and what is off.
        off: a resolved recipe without it.
        on: the recipe with it.
        not_for: why it has no place in this recipe on these data; "" where it has.
        source: where it comes from.
    """

    name: str
    about: str
    off: Callable[[Recipe, Facts], Recipe]
    on: Callable[[Recipe, Facts], Recipe]
    not_for: Callable[[Recipe, Facts], str] = lambda _recipe, _facts: ""
    source: str = ""

    def is_on(self, recipe: Recipe, facts: Facts) -> bool:
        """Whether the recipe has it: taking it away changes something."""
        return self.off(recipe, facts) != recipe


def _has(option: str) -> Callable[[Recipe, Facts], str]:
    """Only for networks with that option."""

    def why(recipe: Recipe, _facts: Facts) -> str:
        name = recipe.model.name
        if ":" in name:
            return "a module of your own has no such option"
        return "" if option in models.options(name) else f"{name} has no option {option}"

    return why


def _option(recipe: Recipe, option: str) -> Any:
    """The value a recipe gives to an option of its network, else the network's default."""
    return recipe.model.options.get(option, models.options(recipe.model.name)[option].default)


def _with_option(recipe: Recipe, option: str, value: Any) -> Recipe:
    """Unchanged where the option has that value already, so that equal recipes look equal."""
    return recipe if _option(recipe, option) == value else recipe.but(model=recipe.model.but(**{option: value}))


def _option_off(option: str, value: Any) -> Callable[[Recipe, Facts], Recipe]:
    return lambda recipe, _facts: _with_option(recipe, option, value)


def _option_on(option: str, off: Any, usual: Callable[[Recipe], Any]) -> Callable[[Recipe, Facts], Recipe]:
    def on(recipe: Recipe, _facts: Facts) -> Recipe:
        return _with_option(recipe, option, usual(recipe)) if _option(recipe, option) == off else recipe

    return on


def _default(recipe: Recipe, option: str, off: Any, usual: Any) -> Any:
    """The network's own default where that is not "off", else the usual value."""
    default = models.options(recipe.model.name)[option].default
    return usual if default == off else default


def _keys_off(**values: Any) -> Callable[[Recipe, Facts], Recipe]:
    return lambda recipe, _facts: recipe.but(**values)


def _key_on(key: str, value: Any) -> Callable[[Recipe, Facts], Recipe]:
    return lambda recipe, _facts: recipe if getattr(recipe, key) else recipe.but(**{key: value})


def _no_pictures(_recipe: Recipe, facts: Facts) -> str:
    return "" if facts.shape.of_kind("picture") else "the data have no pictures"


def _augment(recipe: Recipe, facts: Facts) -> Recipe:
    usual = [Part(name="flip")] if facts.labels_mirror else []
    return recipe if recipe.augment else recipe.but(augment=[*usual, Part(name="crop")])


def _norm(recipe: Recipe) -> Any:
    return _default(recipe, "norm", "none", "batch_norm")


def _saturates(recipe: Recipe) -> bool:
    activation = _option(recipe, "activation")
    return (activation if isinstance(activation, str) else activation["name"]) in SATURATING


def _tanh(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe if _saturates(recipe) else _with_option(recipe, "activation", "tanh")


def _rectified(recipe: Recipe, _facts: Facts) -> Recipe:
    return _with_option(recipe, "activation", "relu") if _saturates(recipe) else recipe


def _one_spread(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe.but(initializer="normal")


def _matched(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe.but(initializer="he_normal") if recipe.initializer in ("normal", "constant", "zero") else recipe


def _batch(recipe: Recipe) -> int:
    assert recipe.batch_size != "auto"
    return recipe.batch_size


def _large_batch(recipe: Recipe, facts: Facts) -> Recipe:
    """The same passes over the rows in fewer, larger updates; a recipe counted in updates makes fewer of them."""
    size = _batch(recipe)
    if not size or size >= facts.rows // 2:
        return recipe
    large = min(LARGER * size, facts.rows)
    return recipe.but(batch_size=large, steps=max(1, recipe.steps * size // large) if recipe.steps else 0)


def _small_batch(recipe: Recipe, facts: Facts) -> Recipe:
    size = _batch(recipe) or facts.rows
    if size < facts.rows // 2:
        return recipe
    small = max(1, min(size, facts.rows) // LARGER)
    return recipe.but(batch_size=small, steps=recipe.steps * max(1, size // small) if recipe.steps else 0)


def _small_data(_recipe: Recipe, facts: Facts) -> str:
    return "" if facts.rows >= 4 * LARGER else f"{facts.rows} training rows are too few for batches of two sizes"


def _schedule(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe.but(schedule=Part(name="cosine")) if recipe.schedule.name == "constant" else recipe


def _no_schedule(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe if recipe.schedule.name == "constant" else recipe.but(schedule=Part(name="constant"))


def _decay(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe if recipe.weight_decay or recipe.l1 or recipe.l2 else recipe.but(weight_decay=0.01)


def _clip(recipe: Recipe, _facts: Facts) -> Recipe:
    return recipe if recipe.clip_norm or recipe.clip_value else recipe.but(clip_norm=1.0)


def _not_smoothed(recipe: Recipe, facts: Facts) -> str:
    if facts.task != "classification":
        return "the target is a number"
    known = "label_smoothing" in losses.options(recipe.loss.name)
    return "" if known else f"the loss {recipe.loss.name} has no label_smoothing"


def _no_numbers(recipe: Recipe, facts: Facts) -> str:
    return _has("numbers")(recipe, facts) or ("" if facts.shape.of_kind("number") else "the data have no numbers")


#: Every trick, in the order of the table.
TRICKS: tuple[Trick, ...] = (
    Trick("augmentation", "flip (where labels allow) and crop, or none", _keys_off(augment=[]), _augment, _no_pictures),
    Trick(
        "normalisation",
        "the network's norm, or none",
        _option_off("norm", "none"),
        _option_on("norm", "none", _norm),
        _has("norm"),
        "Ioffe and Szegedy 2015",
    ),
    Trick("activation", "ReLU or its like, or tanh", _tanh, _rectified, _has("activation"), "Nair and Hinton 2010"),
    Trick(
        "dropout",
        "of the network, or 0",
        _option_off("dropout", 0.0),
        _option_on("dropout", 0.0, lambda recipe: _default(recipe, "dropout", 0.0, 0.2)),
        _has("dropout"),
        "Srivastava et al. 2014",
    ),
    Trick("initialisation", "fitted to each layer, or one spread for all", _one_spread, _matched, source="He et al. 2015"),
    Trick("batch size", f"the recipe's, or {LARGER} times it", _large_batch, _small_batch, _small_data, "Keskar et al. 2017"),
    Trick("rate schedule", "falling, or constant", _no_schedule, _schedule, source="Loshchilov and Hutter 2017"),
    Trick(
        "weight decay",
        "0.01 if not the recipe's, or 0",
        _keys_off(weight_decay=0.0, l1=0.0, l2=0.0),
        _decay,
        source="Krogh and Hertz 1991; Loshchilov and Hutter 2019",
    ),
    Trick("max-norm", "3, or off", _keys_off(max_norm=0.0), _key_on("max_norm", 3.0), source="Srivastava et al. 2014"),
    Trick("clipping", "norm 1, or off", _keys_off(clip_norm=0.0, clip_value=0.0), _clip, source="Pascanu et al. 2013"),
    Trick(
        "label smoothing",
        "0.1, or off",
        _keys_off(label_smoothing=0.0),
        _key_on("label_smoothing", 0.1),
        _not_smoothed,
        "Szegedy et al. 2016",
    ),
    Trick("averaged weights", "EMA 0.99, or off", _keys_off(ema=0.0), _key_on("ema", 0.99), source="Polyak and Juditsky 1992"),
    Trick(
        "number embeddings",
        "piecewise-linear, or plain numbers",
        _option_off("numbers", "plain"),
        _option_on("numbers", "plain", lambda _recipe: "piecewise"),
        _no_numbers,
        "Gorishniy et al. 2022",
    ),
)
