"""A training starts from weights that were trained elsewhere, and says what became of each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.recipe_file import read_recipe
from trainwell.core.shape import Input, Shape
from trainwell.data.load import wrap
from trainwell.models.pretrained import take_over
from trainwell.models.registry import models
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.run import Run

from .small import numbers, pictures, recipe, weights

MLP = {"name": "mlp", "width": 8, "norm": "batch_norm"}
CNN = {"name": "cnn", "width": 4, "stages": 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    fit(recipe(model=MLP, epochs=2), numbers(), folder=folder)
    return folder


@pytest.fixture(scope="module")
def of_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pictures"
    fit(recipe(model=CNN, epochs=2), pictures(), folder=folder)
    return folder


def other_pictures(channels: int = 1, classes: int = 4):
    """Pictures of other classes and perhaps other channels."""
    draw = np.random.default_rng(3)
    y = np.arange(80) % classes
    x = draw.integers(0, 255, (80, channels, 8, 8)).astype(np.uint8)
    return wrap((x, y))


def test_the_start_is_the_other_runs_end_to_the_bit(trained: Path) -> None:
    started = compile_program(recipe(model=MLP, init_from=str(trained)), numbers(), seed=5).network.state_dict()
    ended = Run.open(trained).network.state_dict()
    assert all(torch.equal(started[name], ended[name]) for name in ended)


def test_training_goes_on_from_there(trained: Path) -> None:
    first = fit(recipe(model=MLP, epochs=2, init_from=str(trained)), numbers())
    again = fit(recipe(model=MLP, epochs=2), numbers())
    assert first.summary["valid"]["loss"] < again.summary["valid"]["loss"]


@pytest.mark.parametrize("model", [{**MLP, "width": 9}, {**MLP, "depth": 3}])
def test_another_network_is_refused(trained: Path, model: dict) -> None:
    with pytest.raises(CompileError, match="do not fit"):
        compile_program(recipe(model=model, init_from=str(trained)), numbers())


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no final weights"):
        compile_program(recipe(model=MLP, init_from=str(tmp_path)), numbers())


@pytest.mark.parametrize("channels", [1, 3])
def test_other_classes_and_channels_get_a_new_head_and_a_fitted_first_layer(of_pictures: Path, channels: int) -> None:
    program = compile_program(recipe(model=CNN, init_from=str(of_pictures)), other_pictures(channels))
    before, after = Run.open(of_pictures).network.state_dict(), program.network.state_dict()
    inner = [n for n in before if n.startswith("stages.4")]
    assert inner
    assert all(torch.equal(before[n], after[n]) for n in inner)
    said = program.reasons["init_from"]
    assert "new: head.2.weight, head.2.bias" in said or "new: normalize" in said
    assert ("fitted from 1 to 3 channels" in said) == (channels == 3)


def test_the_same_number_of_other_classes_is_a_new_head_unless_it_is_kept(of_pictures: Path) -> None:
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    data = wrap((np.zeros((60, 1, 8, 8), np.uint8), y))
    own = Run.open(of_pictures).network.state_dict()["head.2.weight"]
    fresh = compile_program(recipe(model=CNN, init_from=str(of_pictures)), data).network
    kept = compile_program(recipe(model=CNN, init_from=str(of_pictures), transfer={"head": "keep"}), data).network
    assert not torch.equal(fresh.state_dict()["head.2.weight"], own)
    assert torch.equal(kept.state_dict()["head.2.weight"], own)


def test_a_file_of_weights_under_other_names(of_pictures: Path, tmp_path: Path) -> None:
    own = Run.open(of_pictures).network.state_dict()
    kept = {f"module.body.{n.removeprefix('stages.')}" if n.startswith("stages.") else f"module.{n}": t for n, t in own.items()}
    torch.save({"state_dict": kept, "epoch": 3}, tmp_path / "theirs.pth")
    base = recipe(model=CNN, init_from=str(tmp_path / "theirs.pth"))
    program = compile_program(base.but(transfer__rename={"module.body.": "module.stages."}), pictures())
    assert all(torch.equal(own[n], t) for n, t in program.network.state_dict().items())
    with pytest.raises(CompileError, match=r"transfer\.rename maps"):
        compile_program(base, pictures())


def test_the_recipe_says_what_became_of_the_weights(of_pictures: Path, tmp_path: Path) -> None:
    said: list[str] = []
    fit(
        recipe(model=CNN, steps=2, init_from=str(of_pictures)),
        other_pictures(),
        folder=tmp_path,
        observers=[lambda row: bool(row["split"] == "note" and said.append(row["text"]))],
    )
    assert "tensors taken; new: head.2.weight" in said[0]
    assert "tensors taken" in (tmp_path / "recipe.yaml").read_text()
    assert read_recipe(tmp_path / "recipe.yaml").init_from == str(of_pictures)


def test_frozen_layers_stay_and_the_head_learns(of_pictures: Path) -> None:
    run = fit(recipe(model=CNN, steps=6, init_from=str(of_pictures), transfer={"freeze": "body"}), other_pictures())
    before, after = Run.open(of_pictures).network.state_dict(), run.network.state_dict()
    changed = {n for n in before if before[n].shape != after[n].shape or not torch.equal(before[n], after[n])}
    assert changed == {"head.2.weight", "head.2.bias"}  # batch norm of frozen layers keeps its statistics, too


def test_named_layers_are_frozen_and_a_wrong_name_is_refused() -> None:
    chosen = recipe(model=MLP, transfer={"freeze": ["hidden.0"]})
    network = compile_program(chosen, numbers()).network
    assert [n for n, p in network.named_parameters() if not p.requires_grad] == ["hidden.0.weight", "hidden.0.bias"]
    with pytest.raises(RecipeError, match=r"Did you mean hidden\.0"):
        compile_program(chosen.but(transfer__freeze=["hiden.0"]), numbers())
    with pytest.raises(RecipeError, match="every layer is frozen"):
        compile_program(chosen.but(transfer__freeze=["hidden", "head"]), numbers())


def test_layers_thaw_one_after_the_other_from_the_last(tmp_path: Path) -> None:
    chosen = recipe(model={**MLP, "depth": 3}, steps=12, transfer={"freeze": "body", "unfreeze": 0.5})
    start = compile_program(chosen, numbers()).network.state_dict()
    moved: dict[int, set[str]] = {}
    for steps in (2, 4, 6, 12):
        seen: list[dict] = []
        folder = tmp_path / str(steps)

        def stop(row: dict, last: int = steps, seen: list = seen) -> bool:
            seen.append(row)
            return row["split"] == "train" and row["step"] >= last

        run = fit(chosen, numbers(), folder=folder, observers=[stop])
        after = run.network.state_dict()
        moved[steps] = {n.rsplit(".", 1)[0] for n in after if "weight" in n and not torch.equal(after[n], start[n])}
    assert moved[2] == {"head"}
    assert moved[4] - moved[2] == {"hidden.8", "hidden.9"}
    assert {"hidden.0", "hidden.4"} <= moved[12]


def test_lower_layers_move_more_slowly() -> None:
    def first_step(decay: float) -> dict[str, float]:
        how = {"optimizer": "sgd", "schedule": "constant", "transfer": {"layer_decay": decay}}
        chosen = recipe(model={"name": "mlp", "width": 8}, steps=1, **how)
        start = compile_program(chosen, numbers()).network.state_dict()
        after = fit(chosen, numbers()).network.state_dict()
        return {n: float((after[n] - start[n]).norm()) for n in after if n.endswith("weight")}

    plain, slowed = first_step(1.0), first_step(0.5)
    ratios = {n: round(slowed[n] / plain[n], 3) for n in plain}
    assert ratios == {"hidden.0.weight": 0.25, "hidden.3.weight": 0.5, "head.weight": 1.0}


@pytest.mark.parametrize(
    "change", [{"transfer": {"lora": 2}}, {"parametrize": "weight_norm"}, {"parametrize": "spectral_norm"}]
)
def test_computed_weights_resume_to_the_bit_and_end_as_plain_weights(tmp_path: Path, change: dict) -> None:
    chosen = recipe(model=MLP, steps=12, ema=0.9, **change)
    fit(chosen, numbers(), folder=tmp_path / "whole")
    stop = [lambda row: row["split"] == "train" and row["step"] >= 5]
    fit(chosen, numbers(), folder=tmp_path / "torn", observers=stop)
    (tmp_path / "torn/weights.safetensors").unlink()
    run = fit(chosen, numbers(), folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")
    read = Run.open(tmp_path / "whole")  # a network without any of it
    x = torch.randn(7, 5)
    assert torch.equal(run.network(x), read.network(x))


def test_lora_changes_only_the_head_and_matrices_of_low_rank() -> None:
    chosen = recipe(model=MLP, steps=12, transfer={"lora": 1})
    start = compile_program(recipe(model=MLP), numbers()).network.state_dict()
    after = fit(chosen, numbers()).network.state_dict()
    change = after["hidden.4.weight"] - start["hidden.4.weight"]
    assert torch.linalg.matrix_rank(change, tol=1e-5) == 1
    assert torch.equal(after["hidden.0.bias"], start["hidden.0.bias"])
    assert not torch.equal(after["head.bias"], start["head.bias"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"transfer": {"unfreeze": 0.5}}, "nothing to thaw"),
        ({"transfer": {"lora": 2, "freeze": "body"}}, "freezes all weights itself"),
        ({"parametrize": "weight_norm", "max_norm": 1.0}, "computed from others"),
    ],
)
def test_what_excludes_each_other_is_refused(change: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        compile_program(recipe(model=MLP, **change), numbers())


def test_lora_without_a_linear_layer_is_refused() -> None:
    with pytest.raises(CompileError, match="none below its head"):
        compile_program(recipe(model=CNN, transfer={"lora": 2}), pictures())


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    save_file({"x": torch.ones(2)}, tmp_path / "other.safetensors")
    for name, said in {"evil.pth": "not executed", "other.safetensors": "do not fit", "none.pt": "no file"}.items():
        with pytest.raises(CompileError, match=said):
            compile_program(recipe(model=MLP, init_from=str(tmp_path / name)), numbers())
    assert not (tmp_path / "executed").exists()


def test_weights_for_large_pictures_say_which_stem_they_ask_for() -> None:
    def network(side: int) -> nn.Module:
        return models["resnet18"](Shape((Input("picture", "picture", (3, side, side)),)), 4, width=4)

    with pytest.raises(CompileError, match=r"here \(4, 3, 3, 3\)") as error:
        take_over(network(32), network(128).state_dict())
    assert "model.stem=imagenet" in error.value.remedy
