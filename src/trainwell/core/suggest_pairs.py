"""What to suggest for networks that make pictures: a generator and the critic that it is trained against."""

from __future__ import annotations

from trainwell.core.choice import Choice, Choices
from trainwell.core.part import Part
from trainwell.core.shape import Facts

#: Registered networks that make pictures.
PICTURE_MAKERS = ("dcgan", "wgan_gp")
#: Updates of the critic by preset, and training pictures below which they are cropped.
UPDATES = {"quick": 1_500, "good": 4_000, "best": 16_000}
FEW = 10_000


def for_generation(facts: Facts, preset: str, chosen: Part) -> Choices:
    """A pair of a size that a processor trains in minutes."""
    name = PICTURE_MAKERS[0] if chosen.is_auto else chosen.name
    game, batch = "wasserstein" if name == "wgan_gp" else "hinge", min(64, facts.rows)
    updates, scores = UPDATES[preset], ["frechet_distance", "manifold_precision", "manifold_recall"]
    return {
        "model": Choice(Part(name=name), "a generator and a critic of convolutions"),
        "loss": Choice(Part(name=game), "the game that this pair is made for"),
        "metrics": Choice(scores, "how believable and how varied made pictures are"),
        "monitor": Choice("frechet_distance", "believable and varied in one number"),
        "optimizer": Choice(Part.of({"name": "adam", "betas": (0.0, 0.9)}), "no momentum: the opponent has moved meanwhile"),
        "learning_rate": Choice(4e-4, "measured on 8x8 digits and 28x28 clothes"),
        "schedule": Choice(Part(name="constant"), "the average of the weights settles, not the rate"),
        "batch_size": Choice(batch, f"{facts.rows} training pictures"),
        "epochs": Choice(round(updates * batch / facts.rows, 4), f"preset {preset}: {updates:,} updates of the critic"),
        "early_stopping": Choice(0, "a game has its ups and downs; the best validated weights are kept"),
        "weight_decay": Choice(0.0, "each network is held back by the other"),
        "clip_norm": Choice(0.0, "each network is held back by the other"),
        "label_smoothing": Choice(0.0, "there are no labels to smooth"),
        "ema": Choice(0.995, "averaged weights make steadier pictures than those of any update"),
        "augment": _changes(facts),
        "validate_every": Choice(max(1, updates // 20), "twenty times in a run"),
        "precision": Choice("float32", "games are touchy about rounding"),
        "compile": Choice("off", "a step is two networks and up to four passes"),
    }


def _changes(facts: Facts) -> Choice:
    if facts.rows >= FEW:
        return Choice([], "there are enough pictures")
    return Choice(
        [Part.of({"name": "crop", "share": 0.1})], "real and made ones alike: the critic would learn few pictures by heart"
    )
