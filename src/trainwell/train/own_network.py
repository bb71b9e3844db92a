"""A network of the user's own that gives one output for two classes: a second is added, and losses of one output see one."""

from __future__ import annotations

from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.data.data import Data
from trainwell.models.one_logit import OneLogit
from trainwell.train.signs.activations import look_through
from trainwell.train.signs.quiet import undisturbed
from trainwell.train.steps import CPU, Inputs, Loss, batch_of, member_loss


def two_logits(network: nn.Module, data: Data) -> nn.Module:
    """The network, with a second logit where it gives one output and the data have two classes.

    Raises:
        CompileError: its one output has been through a sigmoid already.
    """
    if data.task != "classification" or data.n_out != 2:
        return network
    device = next((p.device for p in network.parameters()), CPU)
    inputs, target = batch_of(data, data.rows["train"][:4], device)
    found = _output_and_last_operation(network, inputs)
    if found is None or target.ndim != 1 or found[0].shape not in ((len(target), 1), (len(target),)):
        return network
    if found[1] == "sigmoid":
        what = "the network's one output has been through a sigmoid, and the loss takes what comes before it"
        raise CompileError(what, remedy="Leave the sigmoid out; predictions are probabilities all the same.")
    return OneLogit(network)


def _output_and_last_operation(network: nn.Module, inputs: Inputs) -> tuple[Tensor, str] | None:
    """What it gives for a tiny batch; None where it refuses the batch, which whoever checks it next says better."""
    try:
        with undisturbed(network, "judge"):
            look = look_through(network, inputs, statistics=False)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return None
    return (look.output, look.operations[-1] if look.operations else "") if isinstance(look.output, Tensor) else None


def loss_of_second(output: Tensor, target: Tensor, *, of: Loss) -> Tensor:
    """The loss of the second class's logit `(B, 1)` against its share `(B, 1)`."""
    share = target[:, 1:] if target.ndim == 2 else target[:, None].to(output.dtype)
    return of(output[:, 1:], share)


def check_loss(loss: Loss, output: Tensor, target: Tensor, name: str) -> None:
    """One look at a loss of the user's own, on two rows.

    Raises:
        CompileError: it refuses them, gives no single number, or none that the output has a part in.
    """
    kind = str(target.dtype).removeprefix("torch.")
    what = f"the loss {name!r}, given an output {tuple(output.shape)} and a target {tuple(target.shape)} of {kind}"
    try:
        found = member_loss(loss, output.detach().requires_grad_(), target)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CompileError(f"{what}, fails ({' '.join(str(error).split())})") from error
    if not isinstance(found, Tensor) or found.ndim:
        given = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise CompileError(f"{what}, gives {given}, not one number", remedy="Return the mean over the rows.")
    if not found.requires_grad:
        raise CompileError(f"{what}, gives a number without a gradient", remedy="Compute it from the output by torch alone.")
