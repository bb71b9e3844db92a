"""What to put where a recipe says `auto`, from the facts of the data, and why.

The numbers were measured on the data sets listed in `docs/log.md`; each reason is one line that the saved recipe shows.
"""

from __future__ import annotations

from typing import NamedTuple

from trainwell.core.choice import Choice, Choices
from trainwell.core.part import Part
from trainwell.core.shape import Facts, Shape
from trainwell.core.suggest_generation import for_generation
from trainwell.core.suggest_segmentation import batch_for_masks, for_segmentation

#: Pixels at which larger pictures are trained and judged: a few thousand photographs gain more from many passes.
WORKING_SIDE = 64


#: Top learning rates by update rule: Adam's family moves by about the rate itself, SGD by the rate times the gradient.
RATES = {"sgd": 0.05, "rmsprop": 1e-3, "adagrad": 0.02, "lion": 3e-4}


#: Rows of the commonest class over rows of the rarest, from where accuracy alone says little.
IMBALANCED = 4.0


def suggestions(facts: Facts, *, preset: str, optimizer: str, model: Part | None = None, sharded: bool = False) -> Choices:
    """A value and its reason for every key of a recipe that may say `auto`.

    Args:
        facts: what is known about the data.
        preset: "quick", "good" or "best": how much time may be spent.
        optimizer: the update rule the user chose, or "auto".
        model: the network the user chose, or None; crops of pictures have the size at which it judges.
        sharded: no process has a whole weight matrix.

    Example:
        >>> from trainwell.core.shape import Input, Shape
        >>> table = Shape((Input("number", "number", (8,)),))
        >>> found = suggestions(Facts(rows=1000, shape=table, task="regression", n_out=1), preset="good", optimizer="auto")
        >>> found["loss"].value.name, found["loss"].why
        ('mean_squared_error', 'the target is a number')
    """
    if facts.task == "segmentation":
        choices = _pictures_with_adamw(facts, batch_for_masks(facts)) | for_segmentation(facts, preset)
    elif facts.task == "generation":
        choices = for_generation(facts, preset, model or Part())
    else:
        choices = _for_inputs(facts, preset, model or Part())
    if facts.ordered:
        choices["label_smoothing"] = Choice(0.0, "neighbouring ranks are near already")
    choices.setdefault("sampling", _sampling(facts))
    if optimizer in RATES and choices["optimizer"].value != optimizer:
        choices["learning_rate"] = Choice(RATES[optimizer], f"usual top rate of {optimizer}")
    if optimizer == "schedule_free":
        choices["schedule"] = Choice(Part.of({"name": "constant", "warmup": 0.1}), "schedule_free averages instead of falling")
        choices["ema"] = Choice(0.0, "schedule_free averages by itself")
    if sharded and Part.of(choices["optimizer"].value).name == "muon":
        choices["optimizer"] = Choice(Part(name="adamw"), "muon looks at whole matrices, and they lie in pieces")
    return choices


def _for_inputs(facts: Facts, preset: str, model: Part) -> Choices:
    """By what the network is told and what it is asked."""
    picture = facts.shape.of_kind("picture")
    choices = _for_task(facts)
    if facts.task == "language":
        choices = _for_language(facts, preset)
    elif facts.shape.horizon:
        choices |= _for_forecasts(facts, preset)
    elif facts.shape.of_kind("series") and len(facts.shape.inputs) == 1:
        choices |= _for_series(facts, preset)
    elif is_mixture(facts.shape):
        choices |= _for_mixtures(facts, preset)
    elif facts.shape.texts:
        choices |= _for_texts(facts, preset)
    elif picture is None:
        choices |= _for_tables(facts, preset)
    elif picture.shape[-1] < 16:
        choices |= _for_tiny_pictures(facts, preset)
    else:
        choices |= _for_pictures(facts, preset, max(picture.shape[1:]), model)
    return choices


def _sampling(facts: Facts) -> Choice:
    if facts.shape.texts:
        return Choice("lengths", "texts of like length in a batch: the same scores on reviews in half the time")
    return Choice("shuffle", "every row once an epoch")


def _for_task(facts: Facts) -> Choices:
    if facts.task == "language":
        return {}
    if facts.task == "multilabel":
        return {
            "loss": Choice(Part(name="binary_cross_entropy"), f"{facts.n_out} labels that may hold together"),
            "metrics": Choice(["average_precision", "f1_micro"], "the usual scores for labels"),
            "monitor": Choice("loss", "smoother than scores, and honest about probabilities"),
        }
    if facts.ordered:
        return {
            "loss": Choice(Part(name="ordinal"), f"the {facts.n_out} classes are ranks: far off costs more than beside"),
            "metrics": Choice(["quadratic_kappa", "rank_mae", "accuracy"], "the usual scores for ranks"),
            "monitor": Choice("loss", "smoother than scores, and honest about probabilities"),
        }
    if facts.task == "regression":
        return {
            "loss": Choice(Part(name="mean_squared_error"), "the target is a number"),
            "metrics": Choice(["rmse", "mae", "r2"], "the usual scores for numbers"),
            "monitor": Choice("loss", "squared error on validation rows"),
        }
    names = ["accuracy", "auroc"] if facts.n_out == 2 else ["accuracy"]
    if facts.imbalance > IMBALANCED:
        names.append("balanced_accuracy")
    return {
        "loss": Choice(Part(name="cross_entropy"), f"the target has {facts.n_out} classes"),
        "metrics": Choice(names, "the usual scores for classes"),
        "monitor": Choice("loss", "smoother than accuracy, and honest about probabilities"),
    }


class Table(NamedTuple):
    """Size of the network for tables and updates of the run, by preset."""

    width: int
    k: int
    updates: int


TABLES = {"quick": Table(128, 8, 1_000), "good": Table(128, 16, 2_200), "best": Table(256, 32, 3_500)}


def _cosine_with_adamw(facts: Facts, batch: int) -> Choices:
    """What most networks are trained with unless something else was measured to be better."""
    return {
        "optimizer": Choice(Part(name="adamw"), "robust to the scale of gradients"),
        "schedule": Choice(Part.of({"name": "cosine", "warmup": 0.1}), "rises for a tenth of the run, then falls to zero"),
        "batch_size": Choice(batch, f"{facts.rows} training rows"),
        "clip_norm": Choice(0.0, "not needed with adamw and a warm-up"),
        "label_smoothing": Choice(0.0, "probabilities stay honest"),
        "validate_every": _once_an_epoch(facts, batch),
    }


def _for_tables(facts: Facts, preset: str) -> Choices:
    size = TABLES[preset]
    batch = _batch_for(facts.rows)
    epochs = min(100, max(10, round(size.updates * batch / facts.rows))) if facts.rows < 300_000 else 5
    smooth = facts.task == "regression"
    model = {"name": "tabm", "width": size.width, "depth": 2, "k": size.k, "dropout": 0.0 if smooth else 0.1}
    if smooth:
        model["number_width"] = 32
    return _cosine_with_adamw(facts, batch) | {
        "model": Choice(Part.of(model), f"{size.k} networks in one, piecewise-linear numbers: best measured on tables"),
        "learning_rate": Choice(6e-3 if smooth else 3e-3, "measured on tables with adamw"),
        "epochs": Choice(epochs, f"preset {preset}: about {size.updates} updates, 10 to 100 passes"),
        "early_stopping": Choice(max(8, epochs // 3), "a third of the run without a better score"),
        "weight_decay": Choice(3e-4, "a little, on weight matrices only"),
        "ema": Choice(0.0, "the members are already an average"),
        "augment": Choice([], "none for tables"),
    }


def _for_texts(facts: Facts, preset: str) -> Choices:
    """A linear bag of n-grams and a convolutional network, averaged; texts beside other columns are joined with them."""
    batch = min(64, _batch_for(facts.rows)) if facts.rows < 100_000 else 256
    updates = {"quick": 400, "good": 800, "best": 1_200}[preset]
    epochs = min(60, max({"quick": 3, "good": 5, "best": 8}[preset], round(updates * batch / facts.rows)))
    model = {"name": "text_team", "buckets": 1 << (17 if facts.n_out <= 8 else 15)}
    return _cosine_with_adamw(facts, batch) | {
        "model": Choice(Part.of(model), "a linear bag of n-grams and a convolutional network err on different texts"),
        "learning_rate": Choice(2e-3, "measured on reviews in English and Chinese"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates} updates; texts are soon learnt by heart"),
        "early_stopping": Choice(max(3, epochs // 3), "a third of the run without a better score"),
        "weight_decay": Choice(0.0, "rare tokens would decay to nothing"),
        "ema": Choice(0.0, "the rate falls to zero"),
        "augment": Choice([], "none was measured to pay"),
    }


def _for_language(facts: Facts, preset: str) -> Choices:
    """A small GPT and the number of updates with which 0.8 million parameters are usually trained on a processor."""
    updates = {"quick": 500, "good": 2_000, "best": 8_000}[preset]
    batch = min(12, facts.rows)
    epochs = round(updates * batch / facts.rows, 4)
    model = {"name": "gpt", "dropout": 0.0 if epochs <= 4 else 0.1 if epochs <= 20 else 0.2}
    return {
        "loss": Choice(Part(name="cross_entropy"), "the next token is one of a vocabulary"),
        "metrics": Choice(["perplexity", "bits_per_character"], "the usual scores of language models"),
        "monitor": Choice("loss", "mean loss per validation token"),
        "model": Choice(Part.of(model), "0.8 million parameters: what a processor trains in minutes"),
        "optimizer": Choice(Part(name="muon"), "plays of Shakespeare, 2,000 updates: loss 1.60 instead of adamw's 1.79"),
        "learning_rate": Choice(3e-3, "measured on the plays of Shakespeare with muon"),
        "schedule": Choice(Part.of({"name": "cosine", "warmup": 0.05}), "rises for a twentieth of the run, then falls to zero"),
        "batch_size": Choice(batch, "many small updates learn more than few large ones in the same time"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates:,} updates"),
        "early_stopping": Choice(0, "the best validated weights are kept"),
        "weight_decay": Choice(0.1, "usual on text"),
        "clip_norm": Choice(1.0, "rare passages give large gradients"),
        "label_smoothing": Choice(0.0, "probabilities are what is asked for"),
        "ema": Choice(0.0, "the rate falls to zero"),
        "augment": Choice([], "none for running text"),
        "validate_every": Choice(max(1, updates // 8), "eight times in a run"),
    }


def is_mixture(shape: Shape) -> bool:
    """Whether pictures or series stand beside other columns, or several of them beside each other.

    Texts beside numbers and categories alone are no mixture: networks for texts take those along.

    Example:
        >>> from trainwell.core.shape import Input
        >>> number, photo = Input("number", "number", (3,)), Input("picture", "picture", (1, 8, 8))
        >>> is_mixture(Shape((number, photo))), is_mixture(Shape((photo,)))
        (True, False)
    """
    return len(shape.inputs) > 1 and any(given.kind in ("picture", "series") for given in shape.inputs)


def _for_mixtures(facts: Facts, preset: str) -> Choices:
    """A network for each kind of column, and heads that join them."""
    batch = min(64, _batch_for(facts.rows)) if facts.rows < 50_000 else 256
    updates = {"quick": 400, "good": 900, "best": 2_000}[preset]
    epochs = min(60, max({"quick": 3, "good": 5, "best": 8}[preset], round(updates * batch / facts.rows)))
    kinds = " and ".join(dict.fromkeys(given.kind for given in facts.shape.inputs))
    return _cosine_with_adamw(facts, batch) | {
        "model": Choice(Part(name="mixture"), f"columns of several kinds ({kinds}): a network for each, joined by one"),
        "learning_rate": Choice(2e-3, "measured on a made table of pictures, texts, numbers and categories"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates} updates"),
        "early_stopping": Choice(max(5, epochs // 3), "a third of the run without a better score"),
        "weight_decay": Choice(0.0, "rare tokens would decay to nothing"),
        "ema": Choice(0.0, "the heads are already an average"),
        "augment": Choice([], "a change must suit the labels: flip, crop and others can be added"),
    }


def _for_tiny_pictures(facts: Facts, preset: str) -> Choices:
    batch = min(64, max(8, facts.rows // 16), max(2, facts.rows))
    epochs = {"quick": 15, "good": 30, "best": 60}[preset]
    return _pictures_with_adamw(facts, batch) | {
        "model": Choice(Part.of({"name": "cnn", "width": 32, "stages": 3}), "plain layers suffice under 16 pixels"),
        "learning_rate": Choice(5e-3, "measured on 8x8 digits"),
        "epochs": Choice(epochs, f"preset {preset}"),
        "augment": Choice([], "at this size a shift is a large part of the picture"),
    }


def _for_pictures(facts: Facts, preset: str, side: int, chosen: Part) -> Choices:
    batch = min(128, max(16, facts.rows // 50), max(2, facts.rows))
    flips = [Part(name="flip")] if facts.labels_mirror else []
    if preset == "quick":
        model = {"name": "cnn", "width": 32, "stages": 2, "stride": 2, "head": "flatten", "hidden": 128, "dropout": 0.25}
        return _pictures_with_adamw(facts, batch) | {
            "model": Choice(Part.of(model), "the fastest good network measured on small pictures"),
            "learning_rate": Choice(2e-3, "measured on 28x28 clothes"),
            "epochs": Choice(5 if facts.rows > 20_000 else 20, "preset quick"),
            "augment": Choice([], "too few epochs for it to pay"),
        }
    if side > WORKING_SIDE:
        return _pictures_with_adamw(facts, batch) | _for_large_pictures(facts, preset, side, chosen)
    epochs, width = {"good": (12, 32), "best": (36, 48)}[preset]
    model = {"name": "resnet", "stem": "half", "width": width, "mirror": facts.labels_mirror}
    erased = [Part(name="erase")] if preset == "best" and facts.labels_mirror else []  # not of glyphs: an 8 may become a 0
    return _pictures_with_muon(facts) | {
        "model": Choice(Part.of(model), f"residual convolutions at half resolution for pictures of {side} pixels"),
        "epochs": Choice(epochs if facts.rows > 20_000 else 5 * epochs, f"preset {preset}"),
        "augment": Choice([*flips, Part.of({"name": "crop", "share": 0.07}), *erased], "labels survive them"),
    }


def _for_large_pictures(facts: Facts, preset: str, side: int, chosen: Part) -> Choices:
    """Few large pictures: a cheap network that works on small ones, and many passes over crops of that size."""
    most, seen = {"good": (120, 350_000), "best": (400, 1_200_000)}[preset]
    model = {"name": "cnn", "width": 32, "stages": 4, "stride": 2, "pool": "max", "dropout": 0.2, "side": WORKING_SIDE}
    model["mirror"] = facts.labels_mirror
    rest: Choices = {}
    if facts.task == "classification":
        rest["monitor"] = Choice("accuracy", "over many passes it still rises where over-confidence already spoils the loss")
    return rest | {
        "model": Choice(Part.of(model), f"at {WORKING_SIDE} pixels: many cheap passes beat few dear ones"),
        "optimizer": Choice(Part(name="muon"), "photographs of flowers: .80 instead of adamw's .76 in the same time"),
        "learning_rate": Choice(3e-3, "measured on photographs of flowers with muon"),
        "epochs": Choice(min(most, max(15, seen // max(1, facts.rows))), f"preset {preset}: about {seen:,} pictures seen"),
        "ema": Choice(0.99, "averaged weights generalise better on pictures"),
        "label_smoothing": Choice(0.1 if facts.task == "classification" else 0.0, "less over-confident"),
        "augment": Choice(_changes(facts, _judged_at(chosen, side) / side), "labels survive them"),
    }


def _judged_at(chosen: Part, side: int) -> int:
    """The size at which the network that will be trained judges pictures of this size."""
    wanted = chosen.options.get("side", WORKING_SIDE if chosen.is_auto else 0)
    return min(side, wanted) if isinstance(wanted, int) and wanted > 0 else side


def _changes(facts: Facts, share: float) -> list[Part]:
    if not facts.labels_mirror:
        return [Part.of({"name": "crop", "share": 0.07})]
    crop = Part.of({"name": "random_resized_crop", "side": round(share, 4), "low": 0.3})
    mixed = [Part(name="cutmix")] if facts.task == "classification" else []
    return [crop, Part(name="flip"), Part(name="colour"), *mixed]


def _pictures_with_adamw(facts: Facts, batch: int) -> Choices:
    return {
        "optimizer": Choice(Part(name="adamw"), "fast in few epochs"),
        "schedule": Choice(Part.of({"name": "polynomial", "warmup": 0.2}), "one cycle: up for a fifth, then down to zero"),
        "batch_size": Choice(batch, f"{facts.rows} training pictures"),
        "early_stopping": Choice(0, "a one-cycle run is best at its end"),
        "weight_decay": Choice(0.05, "usual with adamw on pictures"),
        "clip_norm": Choice(0.0, "batch norm keeps gradients in range"),
        "label_smoothing": Choice(0.05 if facts.task == "classification" else 0.0, "less over-confident"),
        "ema": Choice(0.0, "one cycle ends in a flat place by itself"),
        "validate_every": _once_an_epoch(facts, batch),
    }


def _for_forecasts(facts: Facts, preset: str) -> Choices:
    """One linear layer over the window: nothing larger was better on the data measured, and this is done in seconds."""
    updates = {"quick": 400, "good": 1_300, "best": 4_000}[preset]
    batch = min(64, max(2, facts.rows // 8))
    epochs = min(100, max(2, round(updates * batch / facts.rows)))
    return _cosine_with_adamw(facts, batch) | {
        "model": Choice(Part.of({"name": "nlinear"}), "a linear layer on the window: best measured for its cost"),
        "loss": Choice(Part(name="huber"), "large misses of a spiky series pull it less than squares"),
        "metrics": Choice(["mse", "mae"], "the usual scores for forecasts, of scaled values"),
        "monitor": Choice("loss", "Huber loss on validation windows"),
        "learning_rate": Choice(3e-3 if facts.shape.inputs[0].shape[1] <= 400 else 1e-3, "measured on hourly loads"),
        "batch_size": Choice(batch, f"{facts.rows:,} training windows, which overlap"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates:,} updates, 2 to 100 passes"),
        "early_stopping": Choice(0, "the best validated weights are kept, and the run is short"),
        "weight_decay": Choice(1e-2, "a little, on weight matrices only"),
        "clip_norm": Choice(1.0, "a spike in the series is no reason to jump"),
        "label_smoothing": Choice(0.0, "a forecast has no classes"),
        "ema": Choice(0.99, "averaged weights: what one season's validation picks is less by chance"),
        "augment": Choice([], "none for forecasts"),
    }


def _for_series(facts: Facts, preset: str) -> Choices:
    """Convolutions over whole series; most sets are small, so passes are many and cheap."""
    updates = {"quick": 200, "good": 500, "best": 2_000}[preset]
    batch = min(64, max(4, facts.rows // 8), max(2, facts.rows))
    epochs = max(3, round(updates * batch / facts.rows))
    return _cosine_with_adamw(facts, batch) | {
        "model": Choice(Part(name="fcn"), "three convolutions and an average over time: best measured on small sets of series"),
        "learning_rate": Choice(1e-3, "measured on series of the UCR archive"),
        "batch_size": Choice(batch, f"{facts.rows:,} training series"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates:,} updates"),
        "early_stopping": Choice(0, "few validation series say little; the schedule ends in a flat place"),
        "weight_decay": Choice(1e-2, "usual with adamw"),
        "clip_norm": Choice(0.0, "batch norm keeps gradients in range"),
        "ema": Choice(0.0, "the schedule ends in a flat place by itself"),
        "augment": Choice([], "warping and slicing did harm on gestures"),
    }


def _pictures_with_muon(facts: Facts) -> Choices:
    batch = min(256, max(32, facts.rows // 50), max(2, facts.rows))
    return _pictures_with_adamw(facts, batch) | {
        "optimizer": Choice(Part(name="muon"), "28x28 clothes in 5 passes: .927 instead of adamw's .921 in the same time"),
        "learning_rate": Choice(3e-3, "measured on 28x28 clothes with muon"),
        "ema": Choice(0.99, "averaged weights generalise better on pictures"),
    }


def _batch_for(rows: int) -> int:
    if rows >= 300_000:
        return 1024
    return 256 if rows >= 4_000 else 128 if rows >= 1_000 else 64 if rows >= 256 else max(2, min(32, rows // 2))


def _once_an_epoch(facts: Facts, batch: int) -> Choice:
    return Choice(max(1, facts.rows // batch), "once an epoch")
