"""Watching changes nothing: weights, random states, modes, buffers and torch itself are what they would have been."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from trainwell.train.signs.loop_faults import LoopFaults
from trainwell.train.watch import watch


def network() -> nn.Module:
    """Everything whose state a careless look would change: batch norm, dropout, a mode."""
    return nn.Sequential(nn.Linear(12, 24), nn.BatchNorm1d(24), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(24, 3))


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(300, 12, generator=draw)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 1).long()


def loop(model, optimizer, loss, *, steps: int = 60, clip: float = 1.0) -> None:
    """A plain loop with dropout, augmentation by the global generators, clipping and evaluation."""
    x, y = rows()
    for step in range(steps):
        model.train()
        batch = torch.randint(0, 300, (32,))
        noisy = x[batch] + 0.01 * torch.randn(32, 12) + 0.001 * float(np.random.rand()) + 0.001 * random.random()
        optimizer.zero_grad()
        loss(model(noisy), y[batch]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if step % 20 == 19:
            model.eval()
            with torch.no_grad():
                loss(model(x), y)


def trained(watched: bool, *, given: bool = True) -> tuple[bytes, list]:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    model, loss = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    found: list = []
    if watched:
        data = {"train": rows(), "valid": rows()} if given else {}
        with watch(model, optimizer, loss, tell=found.append, **data):
            loop(model, optimizer, loss)
    else:
        loop(model, optimizer, loss)
    weights = b"".join(t.numpy().tobytes() for t in model.state_dict().values())
    return weights + torch.rand(3).numpy().tobytes() + np.random.rand(3).tobytes() + str(random.random()).encode(), found


@pytest.mark.parametrize("given", [True, False])
def test_the_bits_are_the_same_with_and_without_the_doctor(given):
    assert trained(True, given=given)[0] == trained(False)[0]


def test_torch_is_left_as_it_was():
    before = torch.Tensor.backward, nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with watch(model, optimizer, nn.MSELoss(), tell=None):
        assert torch.Tensor.backward is not before[0]
    assert before == (torch.Tensor.backward, nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_)
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_an_error_in_the_loop_is_the_loops_own():
    model = nn.Linear(2, 2)
    watched = watch(model, torch.optim.SGD(model.parameters(), 0.1), nn.MSELoss(), tell=None)
    with pytest.raises(ZeroDivisionError):
        divide_inside(watched)
    assert watched.history.rows[-1]["status"] == "failed"


def divide_inside(watched) -> None:
    with watched:
        raise ZeroDivisionError


def codes(change, *, steps: int = 30, loss: nn.Module | None = None, model: nn.Module | None = None) -> list[str]:
    """Findings of a loop whose body is `change(model, optimizer, loss, x, y)`."""
    torch.manual_seed(0)
    model, loss = model or network(), loss or nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    x, y = rows()
    with watch(model, optimizer, loss, tell=None) as doctor:
        for _ in range(steps):
            batch = torch.randint(0, 300, (32,))
            change(model, optimizer, loss, x[batch], y[batch])
    return [f.code for f in doctor.findings if not f.because_of]


def right(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


def never_zeroed(model, optimizer, loss, x, y):
    loss(model(x), y).backward()
    optimizer.step()


def step_first(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    optimizer.step()
    loss(model(x), y)


def accumulated(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    for half in (slice(0, 16), slice(16, 32)):
        (loss(model(x[half]), y[half]) / 2).backward()
    optimizer.step()


def in_eval_mode(model, optimizer, loss, x, y):
    model.eval()
    right(model, optimizer, loss, x, y)


def judged_in_train_mode(model, optimizer, loss, x, y):
    right(model, optimizer, loss, x, y)
    with torch.no_grad():
        model(x)


def cut_off(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    loss(model(x).detach().requires_grad_(), y).backward()
    optimizer.step()


LOOPS = [
    (right, None), (accumulated, None), (never_zeroed, "TW501"), (in_eval_mode, "TW502"), (judged_in_train_mode, "TW503"),
    (step_first, "TW504"), (cut_off, "TW505"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), LOOPS, ids=lambda v: v.__name__ if callable(v) else "")
def test_faults_of_the_loop_are_named(change, code):
    found = codes(change)
    assert (found == []) if code is None else (found[0] == code), found


def test_a_fault_of_the_loop_is_told_before_the_tenth_update():
    told: list = []
    torch.manual_seed(0)
    model, loss = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    x, y = rows()
    with watch(model, optimizer, loss, tell=told.append):
        for _ in range(10):
            never_zeroed(model, optimizer, loss, x[:32], y[:32])
        assert [f.code for f in told] == ["TW501"]


def test_a_history_on_disk_is_read_again(tmp_path):
    torch.manual_seed(0)
    model, loss = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with watch(model, optimizer, loss, tell=None, path=tmp_path / "history.jsonl") as doctor:
        loop(model, optimizer, loss, steps=5)
    from trainwell.core.history import read_rows

    kept, _ = read_rows(tmp_path / "history.jsonl")
    assert [r["split"] for r in kept] == [r["split"] for r in doctor.history.rows]


def test_short_updates_are_slept_through_and_counted_to_the_same_bits(monkeypatch):
    naps, slept = [], LoopFaults.slept
    monkeypatch.setattr(LoopFaults, "slept", lambda faults, updates: (naps.append(updates), slept(faults, updates)))

    def bits(watched: bool) -> tuple[bytes, object]:
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        model, loss = network(), nn.CrossEntropyLoss()
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        if not watched:
            loop(model, optimizer, loss, steps=1200)
        else:
            with watch(model, optimizer, loss, tell=None) as doctor:
                loop(model, optimizer, loss, steps=1200)
        weights = b"".join(t.numpy().tobytes() for t in model.state_dict().values())
        return weights, (doctor if watched else None)

    plain, _ = bits(False)
    same, doctor = bits(True)
    assert same == plain
    assert doctor.history.rows[-1] == {"split": "end", "step": 1200, "status": "finished"}
    heard = doctor._faults.count
    assert 200 < sum(naps) <= 1000
    assert 1150 <= heard["updates"] <= 1250  # those that were heard stand for the others
    assert heard["evaluations"] == 60  # every one of them
    assert {row["step"] for row in doctor.history.rows if row["split"] == "probe"} <= set(range(1200))
    assert not any("loss" in row and not np.isfinite(row["loss"]) for row in doctor.history.rows if row["split"] == "probe")


@pytest.mark.parametrize("fault", ["evaluation mode", "not finite"])
def test_what_goes_wrong_while_the_watch_sleeps_is_named(fault):
    torch.manual_seed(3)
    model, loss, (x, y) = network(), nn.CrossEntropyLoss(), rows()
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with watch(model, optimizer, loss, tell=None) as doctor:
        for step in range(1000):
            if step == 600 and fault == "evaluation mode":
                model.eval()
            if step == 990 and fault == "not finite":
                with torch.no_grad():
                    model[0].weight.fill_(float("nan"))
            batch = torch.randint(0, 300, (32,))
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()
    assert {"evaluation mode": "TW502", "not finite": "TW311"}[fault] in [f.code for f in doctor.findings]
