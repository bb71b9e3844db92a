"""A device that is none, so that code for GPUs is tested without one; run as a program, for torch takes such a device for good.

Its tensors say that they lie elsewhere, are computed on the CPU, and are refused where they meet one that lies here, as a
GPU's are; `.numpy()` too. What it cannot show is arithmetic, speed and memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
import torch._decomp.decompositions as written_out
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import trainwell as tw

NAME = "elsewhere"
aten = torch.ops.aten


class Backend:
    """What torch asks the module of a device for."""

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def _is_in_bad_fork(self) -> bool:
        return False

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def manual_seed_all(self, seed: int) -> None:
        del seed

    def get_rng_state(self, device: object = 0) -> Tensor:
        del device
        return torch.zeros(8, dtype=torch.uint8)

    def set_rng_state(self, state: Tensor, device: object = 0) -> None:
        del state, device

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


class There(Tensor):
    """A tensor around one on the CPU."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> There:
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        there = Tensor._make_wrapper_subclass(cls, inner.size(), device=f"{NAME}:0", **layout)
        there.inner = inner
        return there

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: object, args: tuple = (), kwargs: dict | None = None) -> Any:
        del types
        return carry_out(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.inner.tolist()


def carry_out(func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Compute on the CPU; the answer lies elsewhere if an argument does, or if that is asked for."""
    leaves = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = [x for x in leaves if isinstance(x, There)]
    asked = kwargs.get("device")
    copies = func in (aten.copy_.default, aten._foreach_copy_.default)
    if there and not copies and func is not aten._to_copy.default:
        refuse_strangers(func, leaves)
    here = tree_map(lambda x: x.inner if isinstance(x, There) else on_cpu(x), (args, kwargs))
    out = func(*here[0], **here[1])
    if copies:
        return args[0] if func._schema.returns else None
    if not (on_cpu(asked) != asked if asked is not None else there):
        return out
    same = {id(x.inner): x for x in there}  # what is changed in place is the same tensor afterwards
    return tree_map(lambda x: (same[id(x)] if id(x) in same else There(x)) if isinstance(x, Tensor) else x, out)


def refuse_strangers(func: Any, leaves: list[Tensor]) -> None:
    """As a GPU does: only single numbers and indices may come from the CPU."""
    strangers = [tuple(x.shape) for x in leaves if not isinstance(x, There) and x.dim() > 0]
    if strangers and not func.__name__.startswith("index"):
        raise RuntimeError(f"{func} was given tensors of two devices; on the CPU: {strangers}")


def on_cpu(x: Any) -> Any:
    return torch.device("cpu") if isinstance(x, torch.device) and x.type == NAME else x


class Elsewhere(TorchDispatchMode):
    """Catches what makes a tensor there from nothing, or moves one there."""

    def __torch_dispatch__(self, func: Any, types: object, args: tuple = (), kwargs: dict | None = None) -> Any:
        del types
        return carry_out(func, args, kwargs or {})


class Draws(torch.Generator):
    """A generator that says it is the device's."""

    def __new__(cls, device: torch.device | str = "cpu") -> Draws:
        draws = super().__new__(cls)
        draws.said = torch.device(device)  # type: ignore[attr-defined]
        return draws

    device = property(lambda self: self.said)  # type: ignore[assignment]


@contextmanager
def elsewhere() -> Iterator[None]:
    """The device exists; what torch does below Python for real devices is put in Python's hands."""
    made = torch.tensor

    def tensor(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        return made(data, dtype=dtype) if device is None else made(data, dtype=dtype).to(device)

    def recurrent(padded: Callable, packed: Callable) -> Callable:
        return lambda *args: (packed if isinstance(args[3], list | tuple) else padded)(*args)

    with ExitStack() as stack:
        changed = [(torch, "inference_mode", torch.no_grad), (torch, "Generator", Draws), (torch, "tensor", tensor)]
        changed += [(torch._VF, "lstm", recurrent(written_out.lstm_impl, written_out.lstm_data_impl))]
        changed += [(torch._VF, "gru", recurrent(written_out.gru_impl, written_out.gru_impl_data))]
        for place, name, new in changed:
            stack.enter_context(mock.patch.object(place, name, new))
        stack.enter_context(Elsewhere())
        yield


ROWS = {"a": [i % 7 / 7 for i in range(160)], "b": ["xyz"[i % 3] for i in range(160)], "y": ["no", "yes"] * 80}


def recipe(**words: Any) -> tw.Recipe:
    return tw.Recipe(device=NAME, steps=4, validate_every=2, threads=1, compile="off").but(**words)


def table(**words: Any) -> tw.Data:
    return tw.load(pl.DataFrame(ROWS), "y", recipe=recipe(**{"model": "mlp"} | words))


def trained(data: tw.Data) -> tw.Run:
    """Trained in two halves, judged and asked, all elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        run = tw.fit(data.recipe, data, folder=f"{folder}/run")
        again = tw.fit(data.recipe, data, folder=f"{folder}/run")
        tw.evaluate(again, data)
    assert all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(run.network.parameters(), again.network.parameters(), strict=True))
    return again


def small_pictures(**words: Any) -> tw.Data:
    x = np.random.default_rng(0).integers(0, 256, (120, 1, 12, 12), dtype=np.uint8)
    return tw.load((x, np.arange(120) % 3), recipe=recipe(batch_size=16, **words))


def case_every_update_rule() -> None:
    from trainwell.optim.registry import optimizers

    for name in optimizers.names():
        tw.fit(table(optimizer=name, model__width=8).recipe, table())


def case_limits() -> None:
    for words in ({"ema": 0.9, "clip_norm": 1.0}, {"swa": 0.5, "l1": 0.01, "l2": 0.01}, {"sam": 0.05, "max_norm": 1.0}):
        tw.fit(table(**words).recipe, table())
    for words in ({"accumulate": 2, "class_weight": "balanced"}, {"clip_value": 1.0, "constraint": "unit_norm"}):
        tw.fit(table(**words).recipe, table())


def case_tables() -> None:
    for model in ("tabm", "residual_mlp", "ft_transformer"):
        trained(table(model=model)).predict(pl.DataFrame(ROWS))


def case_pictures() -> None:
    changes = ["flip", "crop", "rotate", "colour", "noise", "erase", "mixup", "cutmix", "random_resized_crop"]
    trained(small_pictures(model="cnn", augment=changes, memory_format="channels_last"))
    for model in ("resnet", "vit", "convnext"):
        tw.fit(small_pictures(model=model).recipe, small_pictures())


def case_texts() -> None:
    texts = pl.DataFrame({"t": [f"a {w} b" for w in ("good", "bad", "fine", "poor")] * 40, "y": ["p", "n"] * 80})
    for model in ("text_team", "rnn", "text_transformer"):
        data = tw.load(texts, "y", recipe=recipe(model=model, columns={"t": "text"}))
        tw.evaluate(tw.fit(data.recipe, data), data)


def case_series() -> None:
    hours = pl.DataFrame({"date": pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2020, 1, 20), "1h", eager=True)})
    hours = hours.with_columns(load=pl.int_range(pl.len()) % 24)
    for model in ("nlinear", "patchtst", "gru"):
        data = tw.load(hours, recipe=recipe(model=model, series={"horizon": 6, "lookback": 12}))
        tw.evaluate(tw.fit(data.recipe, data), data)


def case_language() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.txt").write_text("to be or not to be, that is the question. " * 80)
        data = tw.load(f"{folder}/t.txt", recipe=recipe(task="language", epochs=1))
        tw.generate(tw.fit(data.recipe, data), prompt="to be", length=5)


def case_made_pictures() -> None:
    data = small_pictures(model="dcgan")
    run = tw.fit(data.recipe, data)
    tw.evaluate(run, data)
    tw.sample(run, 3)


def case_stacks() -> None:
    data = table(model__width=8)
    assert len(tw.fit_many([data.recipe.but(lr=rate) for rate in (1e-3, 1e-2)], data, seeds=(0, 1, 2))) == 6
    tw.find_rate(data.recipe, data)


def case_half_precision() -> None:
    data = table(precision="float16")
    tw.evaluate(tw.fit(data.recipe, data), data)


def case_transfer() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = small_pictures(model="vit")
        tw.fit(data.recipe, data, folder=f"{folder}/a")
        tw.fit(data.recipe.but(init_from=f"{folder}/a", transfer__lora=2), data)


def case_bundles() -> None:
    data = table()
    with tempfile.TemporaryDirectory() as folder:
        run = tw.fit(data.recipe, data, folder=f"{folder}/run")
        tw.bundle(run, f"{folder}/run.tw")
        opened = tw.open_bundle(f"{folder}/run.tw").predict(pl.DataFrame(ROWS))
        assert opened.equals(run.predict(pl.DataFrame(ROWS)))


def case_own_loop() -> None:
    network = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2)).to(NAME)
    rule, loss = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    x, y = torch.randn(64, 5).to(NAME), (torch.arange(64) % 2).to(NAME)
    with tw.watch(network, rule, loss, tell=None):
        for _ in range(20):
            rule.zero_grad()
            loss(network(x), y).backward()
            rule.step()


def main() -> None:
    _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
    casts = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
    casts.fallback(torch.library.fallthrough_kernel)
    found = {}
    with elsewhere():
        for name, case in [(n, c) for n, c in globals().items() if n.startswith("case_")]:
            if len(sys.argv) > 1 and name not in sys.argv:
                continue
            try:
                case()
                found[name] = ""
            except Exception:
                found[name] = traceback.format_exc()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
