"""Diagnoses of the network as it begins: initialisation, depth, wiring."""

from __future__ import annotations

from collections.abc import Sequence

from trainwell.doctor.chart import Chart, Row, middle
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses


@diagnoses.register
def vanishing_gradient(chart: Chart, *, ratio: float = 1e-3) -> Finding | None:
    """TW101: The gradient shrinks on its way to the first layers until nothing of it is left.

    What it means: Each layer multiplies the gradient by its weights and by the slope of its activation. Where the product is
        below one, the first layers get next to nothing and keep their random weights.
    Evidence: Norm of the gradient of the first weight matrix over that of the last, median of the first updates. Healthy
        networks of every depth measured between 0.03 and 50; sick ones below 1e-5.
    Remedy: Use ReLU with He initialisation and add normalisation (`norm=batch`); deep networks want residual connections.
    Reference: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.

    Args:
        ratio: smallest healthy ratio.

    Example:
        >>> probe = {"split": "probe", "step": 0, "gradient": [1e-8, 1e-3, 1.0]}
        >>> vanishing_gradient(Chart.of([probe], layers=["0", "2", "4"])).layer
        '0'
    """
    pairs = [r["gradient"] for r in chart.early if len(r.get("gradient", ())) > 1]
    ratios = [g[0] / g[-1] for g in pairs if g[-1] > 0]
    if len(chart.layers) < 3 or not ratios or middle(ratios) >= ratio or not any(g[0] > 0 for g in pairs):
        return None
    text = f"the first layer's gradient is {middle(ratios):.1g} of the last layer's"
    return Finding(text, layer=chart.layer(0), severity="error", measurement={"ratio": middle(ratios)})


@diagnoses.register
def exploding_gradient(chart: Chart, *, factor: float = 100.0, large: float = 1e3) -> Finding | None:
    """TW102: The gradient grows on its way through the network, or from update to update, without bound.

    What it means: Where each layer or time step multiplies by more than one, a small change at the input becomes a huge one at
        the output; updates throw the weights far away, and soon everything is NaN.
    Evidence: Norm of the whole gradient in the first updates, and its largest value against its median. Clipping and warm-up
        hold it; so a network whose updates are small all the same is let pass.
    Remedy: Clip the gradient (`clip_norm=1`), and begin with smaller weights (orthogonal for recurrent networks).
    Reference: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013.

    Args:
        factor: growth over the median of the early norms that counts as an explosion.
        large: norm that no healthy start reaches with inputs of unit scale.

    Example:
        >>> probe = {"split": "probe", "update": [9.0], "weight": [1.0]}
        >>> rows = [{**probe, "step": i, "gradient_norm": n} for i, n in enumerate([5e4, 8e5])]
        >>> exploding_gradient(Chart.of(rows, layers=["0"])).severity
        'error'
    """
    norms = [n if n == n else float("inf") for n in chart.values("gradient_norm")]
    early = norms[:10]
    if not early or _held(chart):
        return None
    growth = max(norms) / max(middle(early), 1e-12) if len(norms) > 4 else 0.0
    if middle(early) <= large and not (growth > factor and max(norms) > large):
        return None
    step = next(int(r["step"]) for r in chart.probes if not float(r.get("gradient_norm") or 0) <= min(large, max(early)))
    text = f"the gradient's norm is {middle(early):.3g} at the start and {max(norms):.3g} at its largest"
    return Finding(text, step=step, severity="error", measurement={"start": middle(early), "largest": max(norms)})


def _held(chart: Chart) -> bool:
    """Whether updates stayed small although gradients are large: clipped, normalised, or scaled for mixed precision."""
    ratios = update_ratios(chart.early)
    return bool(ratios) and max(ratios) < 0.1


def update_ratios(rows: Sequence[Row]) -> list[float]:
    """For each probe the largest update of a layer as a share of its weights."""
    found = []
    for row in rows:
        moved = row.get("update", ())
        weights = row["weight"] if moved else ()
        floors = row.get("floor", [0.0] * len(weights))
        shares = [u / max(w, f, 1e-12) for u, w, f in zip(moved, weights, floors, strict=True)]
        if shares:
            found.append(max(s if s == s else float("inf") for s in shares))
    return found


@diagnoses.register
def saturated_units(chart: Chart, *, share: float = 0.5) -> Finding | None:
    """TW103: Most values of a tanh or sigmoid layer lie on its flat ends.

    What it means: There the slope is almost zero, so the layers before get almost no gradient.
    Evidence: Share of values beyond 0.99 of the range, on fixed rows, at the start. Healthy layers have under 5%.
    Remedy: Scale the inputs, begin with Xavier's weights (`nn.init.xavier_uniform_`), or use ReLU.
    Reference: Glorot and Bengio, 2010, section 3; Rakitianskaia and Engelbrecht, "Measuring saturation", 2015.

    Args:
        share: largest healthy share of values on a flat end.

    Example:
        >>> saturated_units(Chart.of(saturated=[0.1, 0.87], activations=["1.tanh", "3.tanh"], kinds=["squasher"] * 2)).layer
        '3.tanh'
    """
    return _worst_unit(chart, "saturated", share, "{:.0%} of the values are on the flat ends")


@diagnoses.register
def dead_relu(chart: Chart, *, dead: float = 0.5, dead_later: float = 0.8) -> Finding | None:
    """TW104: More than half of a layer's units output zero for every example.

    What it means: A rectifier that is never above zero passes no gradient; such a unit is lost for the rest of the training.
    Evidence: Units whose largest value over fixed rows is zero. The share of zeros is no sign of it: half of all values of a
        healthy layer are zero. At the start a bad bias or scale does it, later a learning rate that is too high. Networks that
        reach the reference model's score may lose units on the way, and are let pass.
    Remedy: Begin with bias 0 and He's weights (`nn.init.kaiming_normal_`). If units die later, lower the rate or use LeakyReLU.
    Reference: Lu et al., "Dying ReLU and initialization", 2020.

    Args:
        dead: largest healthy share of silent units in a layer.
        dead_later: the same where units died during training and no reference model tells whether it matters.

    Example:
        >>> dead_relu(Chart.of(silent=[0.0, 1.0], activations=["1.relu", "3.relu"], kinds=["rectifier"] * 2)).layer
        '3.relu'
    """
    found = _worst_unit(chart, "silent", dead, "{:.0%} of the units output zero for every row")
    where = chart.standing()
    if found is None or found.step == 0:
        return found
    return found if (found.measurement["last"] > dead_later if where is None else where < 0.9) else None


def _worst_unit(chart: Chart, name: str, limit: float, text: str) -> Finding | None:
    """The first measurement in which a layer passes the limit: at the start, or in the first updates and still at the last."""
    start, names = chart.fact(name, ()), chart.fact("activations", ())
    moments = [(0, start)] if start else []
    probes = [(int(r["step"]) + 1, r[name]) for r in chart.probes if r.get(name)]
    # A passing state of one update is no pathology: it must still hold at the latest measurement.
    last = probes[-1][1] if probes else start
    for step, shares in [*moments, *probes]:
        for place, (share, still) in enumerate(zip(shares, last, strict=False)):
            if share > limit and still > limit:
                layer = names[place] if place < len(names) else ""
                return Finding(text.format(share), step=step, layer=layer, measurement={"share": share, "last": still})
    return None


@diagnoses.register
def alike_units(chart: Chart) -> Finding | None:
    """TW105: All units of a layer begin with the same weights, and stay the same.

    What it means: Equal units get equal gradients: the layer has one unit, whatever its width.
    Evidence: A weight matrix whose rows are all equal and not zero. Exact. (A last layer of zeros is a known trick and
        harmless.)
    Remedy: Draw the weights: `nn.init.kaiming_normal_(layer.weight)`, or leave PyTorch's own initialisation.
    Reference: Goodfellow et al., "Deep Learning", section 8.4: breaking symmetry.

    Example:
        >>> alike_units(Chart.of(constant_layers=["2"])).layer
        '2'
    """
    layers = chart.fact("constant_layers", ())
    if not layers:
        return None
    text = f"all units begin with the same weights in {', '.join(layers[:3])}"
    return Finding(text, layer=layers[0], severity="error", measurement={"layers": list(layers)})


@diagnoses.register
def start_scale(chart: Chart, *, factor: float = 10.0) -> Finding | None:
    """TW106: The first loss is far above that of guessing: the network begins with huge answers.

    What it means: A fresh network should not prefer anything. One that begins with a confident wrong opinion has to unlearn it
        with gradients that are as huge as its answers.
    Evidence: The loss of the first batch over that of equal answers: ln K for classes, the mean square for numbers. Healthy
        initialisations lie between 0.9 and 2.
    Remedy: Use He's initialisation for ReLU and Xavier's for tanh; a normalisation layer forgives most of it.
    Reference: Karpathy, "A recipe for training neural networks", 2019: verify loss at init; He et al., 2015.

    Args:
        factor: largest healthy ratio.

    Example:
        >>> start_scale(Chart.of(loss_start=1e5, loss_expected=2.3)).measurement["ratio"] > 1e4
        True
    """
    start, expected = chart.number("loss_start"), chart.number("loss_expected")
    if not expected > 0 or start <= factor * expected:
        return None
    text = f"the first loss is {start:.3g} where equal answers have {expected:.3g}"
    return Finding(text, severity="error", measurement={"start": start, "expected": expected, "ratio": start / expected})


@diagnoses.register
def missing_nonlinearity(chart: Chart, *, deviation: float = 1e-3) -> Finding | None:
    """TW107: Several linear layers follow each other without an activation between them.

    What it means: Together they are one linear layer: the depth buys nothing.
    Evidence: No bending operation runs before the last layer, and the answer to the middle of two inputs is the middle of the
        two answers, for large random inputs. Exact up to rounding.
    Remedy: Put an activation between the layers: `nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))`.
    Reference: UMLAUT (CHI 2021), missing activation functions.

    Args:
        deviation: largest deviation from a straight line, as a share, that counts as none.

    Example:
        >>> missing_nonlinearity(Chart.of(nonlinear=False, depth=3, linearity=1e-7)).measurement["depth"]
        3.0
    """
    depth, bend = chart.number("depth"), chart.fact("linearity")
    if chart.fact("nonlinear", True) or depth < 2 or bend is None or bend > deviation:
        return None
    return Finding(
        f"{depth:.0f} linear layers without an activation between them", severity="error", measurement={"depth": depth}
    )


@diagnoses.register
def unregistered_parameters(chart: Chart) -> Finding | None:
    """TW108: Layers are kept in a plain list or dict, where the optimizer does not find them.

    What it means: `parameters()` does not know them: they keep their random weights, do not move to the GPU and are not saved.
    Evidence: Attributes that hold modules or trainable tensors which `parameters()` does not list. Exact.
    Remedy: Use `nn.ModuleList(layers)`, `nn.ModuleDict(…)` or `nn.Parameter(…)`.
    Reference: PyTorch documentation of ModuleList; TrainCheck (OSDI 2025).

    Example:
        >>> unregistered_parameters(Chart.of(unregistered=["layers"])).layer
        'layers'
    """
    names = chart.fact("unregistered", ())
    if not names:
        return None
    return Finding(f"layers in {', '.join(names[:3])} are not registered", layer=names[0], severity="error",
                   measurement={"attributes": list(names)})  # fmt: skip


@diagnoses.register
def untrained_parameters(chart: Chart, *, share: float = 0.1) -> Finding | None:
    """TW109: Parameters that ask for a gradient are never updated.

    What it means: They are not in the optimizer, or the loss does not reach them: a forgotten group, a `detach()`, a branch
        that is never called. What is frozen on purpose says so with `requires_grad=False` and is left alone.
    Evidence: Parameters with `requires_grad` outside the optimizer, or without any gradient after the first backward, as a
        share of all. A small unused head is let pass.
    Remedy: Give the optimizer `model.parameters()` and take out `detach()`; what shall stay frozen gets
        `requires_grad_(False)`.
    Reference: TrainCheck (OSDI 2025): an optimizer that holds only the head.

    Args:
        share: largest healthy share of parameters.

    Example:
        >>> untrained_parameters(Chart.of(trainable=100, outside=90, outside_names=["body.weight"])).layer
        'body.weight'
    """
    trainable = max(1.0, chart.number("trainable"))
    outside, without = chart.number("outside") / trainable, chart.number("without_gradient") / trainable
    if outside <= share and not share < without < 1:
        return None
    names = chart.fact("outside_names" if outside > share else "without_names", ())
    why = f"{outside:.0%} of the parameters are not in the optimizer" if outside > share else f"{without:.0%} get no gradient"
    measured = {"outside": outside, "without_gradient": without}
    return Finding(f"{why} ({', '.join(names[:3])})", layer=names[0] if names else "", severity="error", measurement=measured)
