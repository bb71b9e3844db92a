"""What to suggest for networks that tell the class of every pixel."""

from __future__ import annotations

from trainwell.core.choice import Choice, Choices
from trainwell.core.part import Part
from trainwell.core.shape import Facts

#: Updates by preset, and features of the network at full size.
SIZES = {"quick": (300, 16), "good": (1_500, 16), "best": (6_000, 32)}


def batch_for_masks(facts: Facts) -> int:
    """Few pictures make a batch, as every pixel is an example, but enough for batch norm."""
    return min(16, max(8, facts.rows // 4))


def for_segmentation(facts: Facts, preset: str) -> Choices:
    """What differs from classifiers of pictures that are trained in one cycle."""
    (updates, width), batch = SIZES[preset], batch_for_masks(facts)
    epochs = max(1, round(updates * batch / max(1, facts.rows)))
    return {
        "model": Choice(Part.of({"name": "unet", "width": width}), "what surrounds a pixel is seen at every size"),
        "loss": Choice(Part(name="dice_cross_entropy"), "small objects count as much as large ones"),
        "metrics": Choice(["mean_iou", "pixel_accuracy"], "the usual scores for masks"),
        "monitor": Choice("mean_iou", "the score by which masks are compared"),
        "learning_rate": Choice(2e-3, "usual for one cycle of adamw; no other was measured"),
        "batch_size": Choice(batch, "every pixel is an example, so few pictures make a batch"),
        "epochs": Choice(epochs, f"preset {preset}: about {updates:,} updates"),
        "weight_decay": Choice(0.01, "usual with adamw"),
        "augment": Choice([Part(name="flip"), Part.of({"name": "crop", "share": 0.07})], "masks are moved with their pictures"),
        "validate_every": Choice(max(1, min(facts.rows // batch, updates // 10)), "once an epoch, ten times at least"),
    }
