"""Diagnoses of output and loss: identities that hold exactly or not at all, so they never cry wolf."""

from __future__ import annotations

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses

#: Operations whose result has lost the sign or the size that a logit needs.
BENT = {"relu", "tanh", "sigmoid", "hardtanh", "elu", "gelu", "silu", "clamp_min", "softplus", "leaky_relu"}
LOGIT_LOSSES = {"cross_entropy", "bce_with_logits"}
#: Where the targets must lie for each last operation, as the name of the fact that counts those outside.
_REACH = {
    **dict.fromkeys(("relu", "softplus", "exp", "clamp_min"), "below_zero"),
    **dict.fromkeys(("sigmoid", "softmax"), "outside_one"),
    "tanh": "outside_signed",
}


@diagnoses.register
def softmax_twice(chart: Chart) -> Finding | None:
    """TW201: The network ends with softmax and the loss applies it again.

    What it means: Cross-entropy of probabilities cannot get near zero: logits between 0 and 1 differ by a factor e at most, so
        the network stays unsure and learns slowly.
    Evidence: Every row of the output is at least 0 and sums to 1, and the loss is one that expects logits. Exact.
    Remedy: Remove the softmax and return logits: `return self.head(x)`; apply it only to show probabilities.
    Reference: Humbatova et al., "Taxonomy of real faults in deep learning systems", ICSE 2020; Stack Overflow 55675345.

    Example:
        >>> softmax_twice(Chart.of(rows_sum_to_one=True, loss_kind="cross_entropy")).severity
        'error'
    """
    if not chart.fact("rows_sum_to_one") or chart.fact("loss_kind") != "cross_entropy":
        return None
    text = "each row of the output is at least 0 and sums to 1, and the loss applies softmax to it again"
    return Finding(
        text, severity="error", measurement={"least": chart.number("output_min"), "most": chart.number("output_max")}
    )


@diagnoses.register
def sigmoid_twice(chart: Chart) -> Finding | None:
    """TW202: The network ends with a sigmoid and the loss applies it again.

    What it means: sigmoid of a number in (0, 1) lies between 0.5 and 0.73: "no" cannot be said.
    Evidence: The last operation is a sigmoid and the loss is the one with logits. Exact.
    Remedy: Remove the sigmoid and return the logit; or use `nn.BCELoss()` with it, which is less stable.
    Reference: PyTorch documentation of BCEWithLogitsLoss; TheDeepChecker (ISSTA 2022).

    Example:
        >>> sigmoid_twice(Chart.of(last_operation="sigmoid", loss_kind="bce_with_logits")).measurement["last"]
        'sigmoid'
    """
    bounded = chart.number("output_min", -1) >= 0 and chart.number("output_max", 2) <= 1
    known = chart.fact("last_operation") == "sigmoid" or (bounded and chart.fact("last_operation") in ("mul", "add", "softmax"))
    if chart.fact("loss_kind") != "bce_with_logits" or not known:
        return None
    text = "the network ends with a sigmoid, and the loss applies one again"
    return Finding(text, severity="error", measurement={"last": chart.fact("last_operation")})


@diagnoses.register
def logits_as_probabilities(chart: Chart) -> Finding | None:
    """TW203: A cross-entropy of probabilities is given numbers outside [0, 1].

    What it means: The loss takes the logarithm of something that is no probability: torch's own refuses it, a clamped one of
        your own cuts the gradient of every row that is outside.
    Evidence: The loss is the cross-entropy of probabilities, of one unit or of several, and outputs lie outside [0, 1], before
        the first update or at an evaluation. Exact.
    Remedy: Use `nn.BCEWithLogitsLoss()` or `nn.CrossEntropyLoss()`, which take logits; in Keras `from_logits=True`.
    Reference: PyTorch documentation of BCELoss; TheDeepChecker (ISSTA 2022).

    Example:
        >>> logits_as_probabilities(Chart.of(loss_kind="bce", output_min=-1.2, output_max=0.9)).measurement["least"]
        -1.2
    """
    if chart.fact("loss_kind") not in ("bce", "cross_entropy_of_shares"):
        return None
    seen = [(0, chart.number("output_min", 0.5), chart.number("output_max", 0.5))]
    seen += [(int(r["step"]), float(r["train_low"]), float(r["train_high"])) for r in chart.checks if "train_low" in r]
    outside = next((row for row in seen if row[1] < -1e-4 or row[2] > 1 + 1e-4), None)  # NaN is neither
    if outside is None:
        return None
    step, low, high = outside
    text = f"the loss expects probabilities, the output reaches from {low:.3g} to {high:.3g}"
    return Finding(text, step=step, severity="error", measurement={"least": low, "most": high})


@diagnoses.register
def nll_without_log(chart: Chart) -> Finding | None:
    """TW204: The negative log-likelihood is given something that is no log-probability.

    What it means: This loss only picks the output of the true class and turns its sign. Without the logarithm it has no
        bottom: outputs grow without end, or nothing is learnt.
    Evidence: The loss is the negative log-likelihood, and exp of the outputs does not sum to 1 in each row. Exact.
    Remedy: Use `nn.CrossEntropyLoss()` on logits, or end with `log_softmax(dim=1)`.
    Reference: PyTorch documentation of NLLLoss.

    Example:
        >>> nll_without_log(Chart.of(loss_kind="nll", log_rows_sum_to_one=False, outputs=10)).severity
        'error'
    """
    if chart.fact("loss_kind") != "nll" or chart.fact("log_rows_sum_to_one", True):
        return None
    low, high = chart.number("output_min"), chart.number("output_max")
    text = f"the outputs are no log-probabilities: they reach from {low:.3g} to {high:.3g}"
    return Finding(text, severity="error", measurement={"most": chart.number("output_max")})


@diagnoses.register
def softmax_of_one(chart: Chart) -> Finding | None:
    """TW205: Softmax over a single unit is always 1.

    What it means: The answer is the same for every row, and its gradient is zero.
    Evidence: The last operation is a softmax and the output has one unit, or does not change from row to row. Exact.
    Remedy: Use a sigmoid for one unit, or better return the logit and use `nn.BCEWithLogitsLoss()`.
    Reference: Stack Overflow question 31880720.

    Example:
        >>> softmax_of_one(Chart.of(last_operation="softmax", outputs=1)).severity
        'error'
    """
    if chart.fact("last_operation") not in ("softmax", "log_softmax") or chart.fact("outputs") != 1:
        return None
    if not chart.fact("output_constant", True):
        return None
    return Finding("softmax over one unit gives 1 for every row, whatever the weights", severity="error")


@diagnoses.register
def rows_depend_on_batch(chart: Chart, *, share: float = 1e-3) -> Finding | None:
    """TW206: A row's answer changes with the rows beside it.

    What it means: An operation runs over the batch instead of over classes or features. Scores depend on how rows are
        grouped, and one row alone gets another answer.
    Evidence: The first half of a batch is answered alone and with the other half, in evaluation mode. Rounding gives 1e-6;
        the threshold is a thousand times that.
    Remedy: Name the axis of classes: `softmax(dim=1)`; look for `dim=0`, `mean(0)` and reshapes that mix rows.
    Reference: TheDeepChecker (ISSTA 2022), "wrong axis of softmax".

    Args:
        share: largest healthy change as a share of the spread of the answers.

    Example:
        >>> rows_depend_on_batch(Chart.of(batch_dependence=0.4, columns_sum_to_one=True)).measurement["change"]
        0.4
    """
    change = chart.number("batch_dependence")
    if change <= share:
        return None
    over = "; each column sums to 1 over the batch, so a softmax has dim=0" if chart.fact("columns_sum_to_one") else ""
    text = f"answers change by {change:.1%} of their spread when other rows join the batch{over}"
    return Finding(text, severity="error", measurement={"change": change})


@diagnoses.register
def bent_logits(chart: Chart) -> Finding | None:
    """TW207: The logits pass through a non-linearity before the loss.

    What it means: With ReLU no class can be spoken against, and a unit that is negative for every row gets no gradient; tanh
        and sigmoid bound the logits so that the network stays unsure.
    Evidence: The last operation of the network is such a function and the loss takes logits. Exact.
    Remedy: Return the output of the last linear layer as it is: `return self.head(x)`.
    Reference: Stack Overflow question 47352366.

    Example:
        >>> bent_logits(Chart.of(last_operation="relu", loss_kind="cross_entropy")).measurement["last"]
        'relu'
    """
    last, kind = chart.fact("last_operation", ""), chart.fact("loss_kind", "")
    if last not in BENT or kind not in LOGIT_LOSSES or (last == "sigmoid" and kind == "bce_with_logits"):
        return None
    return Finding(
        f"the network ends with {last}, the loss ({kind}) expects free logits", severity="error", measurement={"last": last}
    )


@diagnoses.register
def wrong_loss(chart: Chart) -> Finding | None:
    """TW208: A loss for numbers is used for classes.

    What it means: Squared distance to 0 and 1 has almost no gradient where a probability is confidently wrong, and treats class
        codes as if 3 lay between 2 and 4.
    Evidence: The loss is squared or absolute distance, and the targets are class codes, one-hot rows, or a column of 0 and 1.
    Remedy: Use `nn.CrossEntropyLoss()` on logits with class codes (`nn.BCEWithLogitsLoss()` for yes or no).
    Reference: Golik et al., "Cross-entropy vs. squared error training", Interspeech 2013.

    Example:
        >>> wrong_loss(Chart.of(loss_kind="mse", target_kind="one_hot")).measurement["target"]
        'one_hot'
    """
    kind, target = chart.fact("loss_kind", ""), chart.fact("target_kind", "")
    if kind not in ("mse", "l1", "huber") or target not in ("classes", "one_hot", "binary"):
        return None
    return Finding(f"the loss is {kind}, the targets are classes ({target})", measurement={"loss": kind, "target": target})


@diagnoses.register
def unreachable_target(chart: Chart, *, share: float = 0.05) -> Finding | None:
    """TW209: Targets lie outside what the last activation can reach.

    What it means: ReLU never answers below 0, a sigmoid never outside (0, 1), tanh never outside (-1, 1); rows beyond are
        never met.
    Evidence: Share of targets outside the range of the last operation.
    Remedy: End with a linear layer: `return self.head(x)`; or scale the target into the range.
    Reference: Stack Overflow questions 48221692 and 48251943.

    Args:
        share: largest healthy share of targets outside.

    Example:
        >>> unreachable_target(Chart.of(last_operation="relu", target_below_zero=0.5, loss_kind="mse")).measurement["share"]
        0.5
    """
    fact = _REACH.get(chart.fact("last_operation", ""))
    outside = chart.number(f"target_{fact}") if fact else 0.0
    if outside <= share or chart.fact("loss_kind") in LOGIT_LOSSES:
        return None
    last = chart.fact("last_operation")
    return Finding(f"the network ends with {last}, and {outside:.0%} of the targets are out of its reach", severity="error",
                   measurement={"last": last, "share": outside})  # fmt: skip


@diagnoses.register
def silent_broadcast(chart: Chart) -> Finding | None:
    """TW210: Output and target have different shapes and are stretched to a square.

    What it means: `(N, 1)` against `(N,)` compares every answer with every target; the best answer is then the mean of all.
    Evidence: The two shapes hold as many numbers but are stretched to a larger one. Exact.
    Remedy: Give both the same shape: `loss(output.squeeze(1), target)`.
    Reference: torch only warns about it in MSELoss, and not in a loss of your own.

    Example:
        >>> silent_broadcast(Chart.of(shapes_broadcast=True, output_shape=[32, 1], target_shape=[32])).severity
        'error'
    """
    if not chart.fact("shapes_broadcast"):
        return None
    shapes = {"output": chart.fact("output_shape"), "target": chart.fact("target_shape")}
    text = f"output {tuple(shapes['output'])} and target {tuple(shapes['target'])} are stretched against each other"
    return Finding(text, severity="error", measurement=shapes)


@diagnoses.register
def summed_loss(chart: Chart, *, rows: int = 4) -> Finding | None:
    """TW211: The loss is a sum over the batch, so the learning rate grows with the batch.

    What it means: A batch of 32 makes steps 32 times those of a mean; a rate from a recipe is too high by that factor.
    Evidence: A batch taken twice has twice the loss; for a mean it has the same. Exact.
    Remedy: Use `reduction="mean"`, or divide the learning rate by the batch size.
    Reference: TheDeepChecker (ISSTA 2022); Goyal et al., "Accurate, large minibatch SGD", 2017, on the scaling.

    Args:
        rows: batches with fewer rows are let pass, for there it changes little.

    Example:
        >>> summed_loss(Chart.of(reduction="sum", batch_size=32)).measurement["batch_size"]
        32.0
    """
    size = chart.number("batch_size")
    if chart.fact("reduction") != "sum" or size < rows:
        return None
    return Finding(f"the loss adds over the batch of {size:.0f} rows instead of averaging", measurement={"batch_size": size})
