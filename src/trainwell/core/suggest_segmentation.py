"""What to suggest for networks that tell the class of every pixel."""

from __future__ import annotations

from trainwell.core.choice import Choice, Choices
from trainwell.core.part import Part
from trainwell.core.shape import Facts

#: Updates by preset, and features of the network at full size.
SIZES = {"quick": (300, 16), "good": (1_500, 16), "best": (6_000, 32)}


def for_segmentation(facts: Facts, preset: str) -> Choices:
    """A U-Net, trained as classifiers of pictures are."""
    updates, width = SIZES[preset]
    batch = min(16, max(2, facts.rows // 4))
    epochs = max(1, round(updates * batch / max(1, facts.rows)))
    return {
        "model": Choice(Part.of({"name": "unet", "width": width}), "what surrounds a pixel is seen at every size"),
        "loss": Choice(Part(name="dice_cross_entropy"), "small objects count as much as large ones"),
        "metrics": Choice(["mean_iou", "pixel_accuracy"], "the usual scores for masks"),
        "monitor": Choice("mean_iou", "the score by which masks are compared"),
        "optimizer": Choice(Part(name="adamw"), "robust to the scale of gradients"),
        "learning_rate": Choice(2e-3, "usual for one cycle of adamw; no other was measured"),
        "schedule": Choice(Part.of({"name": "polynomial", "warmup": 0.2}), "one cycle: up for a fifth, then down to zero"),
        "batch_size": Choice(batch, "every pixel is an example, so few pictures make a batch"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates:,} updates"),
        "early_stopping": Choice(0, "a one-cycle run is best at its end"),
        "weight_decay": Choice(0.01, "usual with adamw"),
        "clip_norm": Choice(0.0, "batch norm keeps gradients in range"),
        "label_smoothing": Choice(0.0, "probabilities stay honest"),
        "ema": Choice(0.0, "one cycle ends in a flat place by itself"),
        "augment": Choice([Part(name="flip"), Part.of({"name": "crop", "share": 0.07})], "masks are moved with their pictures"),
        "validate_every": Choice(max(1, min(facts.rows // batch, updates // 10)), "once an epoch, ten times at least"),
    }
