"""What to suggest for networks that make pictures: a generator and the critic that it is trained against."""

from __future__ import annotations

from trainwell.core.choice import Choice, Choices
from trainwell.core.part import Part
from trainwell.core.shape import Facts

#: Registered networks that make pictures from noise, and all of them.
FROM_NOISE = ("dcgan", "wgan_gp", "autoencoder")
PICTURE_MAKERS = (*FROM_NOISE, "cyclegan")
#: Updates of the critic by preset, and training pictures below which they are cropped.
UPDATES = {"quick": 1_500, "good": 4_000, "best": 16_000}
FEW = 10_000
#: Pictures of the commoner class over those of the other, from where both are drawn equally often.
UNEVEN = 1.5


def for_generation(facts: Facts, preset: str, chosen: Part) -> Choices:
    """A pair of a size that a processor trains in minutes."""
    name, updates = FROM_NOISE[0] if chosen.is_auto else chosen.name, UPDATES[preset]
    kinds = {"cyclegan": _for_translation, "autoencoder": _for_codes}
    own = kinds[name](facts) if name in kinds else _for_noise(facts, name)
    batch = own["batch_size"].value
    return {
        "epochs": Choice(round(updates * batch / facts.rows, 4), f"preset {preset}: {updates:,} updates"),
        "model": Choice(Part(name=name), "a generator and a critic of convolutions"),
        "metrics": Choice(
            ["frechet_distance", "manifold_precision", "manifold_recall"], "how believable and how varied made pictures are"
        ),
        "monitor": Choice("frechet_distance", "believable and varied in one number"),
        "early_stopping": Choice(0, "a game has its ups and downs; the best validated weights are kept"),
        "weight_decay": Choice(0.0, "each network is held back by the other"),
        "clip_norm": Choice(0.0, "each network is held back by the other"),
        "label_smoothing": Choice(0.0, "there are no labels to smooth"),
        "ema": Choice(0.995, "averaged weights make steadier pictures than those of any update"),
        "validate_every": Choice(max(1, updates // 20), "twenty times in a run"),
        "precision": Choice("float32", "games are touchy about rounding"),
        "compile": Choice("off", "a step is two networks and up to four passes"),
    } | own


def _for_noise(facts: Facts, name: str) -> Choices:
    game, batch = "wasserstein" if name == "wgan_gp" else "hinge", min(64, facts.rows)
    return {
        "loss": Choice(Part(name=game), "the game that this pair is made for"),
        "optimizer": Choice(Part.of({"name": "adam", "betas": (0.0, 0.9)}), "no momentum: the opponent has moved meanwhile"),
        "learning_rate": Choice(4e-4, "measured on 8x8 digits and 28x28 clothes"),
        "schedule": Choice(Part(name="constant"), "the average of the weights settles, not the rate"),
        "batch_size": Choice(batch, f"{facts.rows} training pictures"),
        "augment": _changes(facts),
    }


def _for_codes(facts: Facts) -> Choices:
    """One network and one loss: it falls, and so does the rate."""
    return {
        "loss": Choice(Part(name="elbo"), "what codes tell is weighed against the error by the batch itself"),
        "optimizer": Choice(Part(name="adamw"), "usual for autoencoders"),
        "learning_rate": Choice(2e-3, "usual for one cycle of adamw"),
        "schedule": Choice(Part(name="one_cycle"), "one cycle over the run"),
        "batch_size": Choice(min(128, facts.rows), f"{facts.rows} training pictures"),
        "clip_norm": Choice(1.0, "the loss is a logarithm: its slope grows as the error falls"),
        "augment": Choice([], "digits of 8x8 pixels: changed pictures are made, too, Fréchet distance 5.9 instead of 0.4"),
    }


def _for_translation(facts: Facts) -> Choices:
    """Small batches of both classes; the rate and its fall are those of the paper."""
    batch = min(16, facts.rows)
    flips = [Part(name="flip")] if facts.labels_mirror else []
    return {
        "loss": Choice(Part(name="least_squares"), "a patch that is sure to be told apart still says in which direction"),
        "optimizer": Choice(Part.of({"name": "adam", "betas": (0.5, 0.999)}), "little momentum: the opponent has moved"),
        "learning_rate": Choice(2e-4, "usual for translation between pictures"),
        "schedule": Choice(Part.of({"name": "polynomial", "hold": 0.5}), "falls to zero over the second half of the run"),
        "batch_size": Choice(batch, "small batches: every update turns each picture up to six times"),
        "sampling": Choice("balanced" if facts.imbalance > UNEVEN else "shuffle", "each critic learns from one class"),
        "augment": Choice(flips, "pictures may be mirrored" if flips else "mirrored letters and digits are others"),
    }


def _changes(facts: Facts) -> Choice:
    if facts.rows >= FEW:
        return Choice([], "there are enough pictures")
    return Choice(
        [Part.of({"name": "crop", "share": 0.1})], "real and made ones alike: the critic would learn few pictures by heart"
    )
