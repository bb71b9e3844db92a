"""Rules about networks that make pictures: the game between generator and critic goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses


def _judged(chart: Chart) -> list[Mapping[str, Any]]:
    """Validations of made pictures, one after another."""
    return [r for r in chart.part("valid") if r.get("manifold_recall") is not None and r.get("diversity") is not None]


@diagnoses.register
def mode_collapse(
    chart: Chart, *, recall: float = 0.1, diversity: float = 0.6, checks: int = 3, first: int = 5
) -> Finding | None:
    """TW601: The generator makes the same few pictures again and again.

    What it means: It has found pictures that the critic lets pass, and makes little else. Single samples may look good.
    Evidence: Made pictures of a class lie much nearer to each other than real ones, and hardly any real picture lies among
        them, in several validations in a row. The first validations of a run do not count: every generator begins like this.
    Remedy: Let the critic keep up: `model.spectral=true`, a smaller learning rate, `loss.critic_rate=1` or more. See to it
        that the batch is large enough to show variety, and that classes are told (`model.conditional=true`).
    Reference: Salimans et al., "Improved techniques for training GANs", NeurIPS 2016; recall as in Kynkäänniemi et al., 2019.

    Args:
        recall: largest share of real pictures that lie among the made ones.
        diversity: largest spread of made pictures as a share of that of real ones.
        checks: validations in a row.
        first: validations before which nothing is said, unless the recall was high already.

    Example:
        >>> rows = [{"split": "valid", "step": s, "manifold_recall": 0.02, "diversity": 0.2} for s in (1, 2, 3, 4, 5)]
        >>> mode_collapse(Chart(rows)).step
        3
    """
    rows = _judged(chart)
    last = rows[-checks:]
    fell = any(r["manifold_recall"] > 3 * recall for r in rows)
    if len(last) < checks or not (len(rows) >= first or fell or chart.finished):
        return None
    if any(r["manifold_recall"] > recall or r["diversity"] > diversity for r in last):
        return None
    end = last[-1]
    among = f"{end['manifold_recall']:.1%} of these lie among them"
    text = f"made pictures of a class vary {end['diversity']:.0%} as much as real ones, and {among}"
    measured = {"recall": end["manifold_recall"], "diversity": end["diversity"]}
    return Finding(text, step=int(last[0]["step"]), severity="error", measurement=measured)


@diagnoses.register
def critic_wins(
    chart: Chart,
    *,
    accuracy: float = 0.98,
    recall: float = 0.1,
    checks: int = 2,
    first: int = 3,
    vanished: float = 0.01,
    nearer: float = 0.8,
) -> Finding | None:
    """TW602: The critic tells every made picture from every real one, and the generator learns nothing from it.

    What it means: A critic that is always sure says only that a picture is made, not what would make it better.
    Evidence: Between the last validations the critic told nearly all pairs of a real and a made picture apart, while hardly any
        real picture lies among the made ones, nor have these come nearer to them. A gradient of the generator that has all but
        vanished makes it an error.
    Remedy: Hold the critic back: `model.spectral=true` or a penalty (`model=wgan_gp`), `loss.critic_rate=0.25`, one update of
        it for one of the generator, `augment` for few pictures.
    Reference: Arjovsky and Bottou, "Towards principled methods for training generative adversarial networks", ICLR 2017.

    Args:
        accuracy: smallest share of pairs that is told apart.
        recall: largest share of real pictures among the made ones.
        checks: validations between which the critic was that good.
        first: validations before which nothing is said.
        vanished: share of its first gradient below which the generator's has vanished.
        nearer: share of the Fréchet distance before these validations below which the generator is learning.

    Example:
        >>> valid = [{"split": "valid", "step": s, "manifold_recall": 0.0, "diversity": 0.4} for s in (10, 20, 30)]
        >>> train = [{"split": "train", "step": s, "critic_accuracy": 1.0, "generator_gradient": 2.0} for s in range(1, 30)]
        >>> critic_wins(Chart([*train, *valid])).severity
        'warning'
    """
    rows = _judged(chart)
    if len(rows) < first or any(r["manifold_recall"] > recall for r in rows[-checks:]):
        return None
    distances = chart.values("frechet_distance", rows[-checks - 1 :])
    if len(distances) > 1 and distances[-1] < nearer * distances[0]:
        return None
    since = rows[-checks]["step"]
    lines = [r for r in chart.part("train") if r.get("critic_accuracy") is not None]
    told = chart.values("critic_accuracy", [r for r in lines if r["step"] > since])
    if not told or min(sum(told) / len(told), told[-1]) < accuracy:
        return None
    gradients = chart.values("generator_gradient", lines)
    share = gradients[-1] / gradients[0] if gradients and gradients[0] > 0 else 1.0
    sure, reached = sum(told) / len(told), f"{rows[-1]['manifold_recall']:.1%} of real pictures lie among the made ones"
    text = f"the critic tells {sure:.1%} of pairs of a real and a made picture apart, and {reached}"
    measured = {"accuracy": sure, "recall": rows[-1]["manifold_recall"], "gradient": share}
    return Finding(text, step=int(since), severity="error" if share < vanished else "warning", measurement=measured)
