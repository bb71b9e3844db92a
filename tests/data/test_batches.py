"""A batch is a function of (seed, step): any step can be asked for alone, every epoch sees every row once."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.data import batches as module
from trainwell.data.batches import POOL, Batches, Lengths, RowStream


def _batches(n: int, size: int, *, seed: int = 0, prefetch: bool = False) -> Batches:
    x = torch.arange(n, dtype=torch.float32)[:, None]
    return Batches((x,), torch.arange(n), RowStream(torch.arange(n), seed=seed), batch_size=size, prefetch=prefetch)


@given(n=st.integers(1, 40), size=st.integers(1, 40), seed=st.integers(0, 5))
def test_every_epoch_is_a_permutation_of_the_rows(n: int, size: int, seed: int) -> None:
    stream = RowStream(torch.arange(n), seed=seed)
    size = min(size, n)
    seen = torch.cat([stream.between(s * size, (s + 1) * size) for s in range(3 * n)])[: 3 * n]
    for epoch in seen.split(n):
        assert sorted(epoch.tolist()) == list(range(n))


@settings(deadline=None, max_examples=50)
@given(n=st.integers(2, 50), size=st.integers(1, 20), step=st.integers(0, 200), prefetch=st.booleans())
def test_a_step_asked_for_alone_is_the_step_met_in_order(n: int, size: int, step: int, prefetch: bool) -> None:
    size = min(size, n)
    alone = _batches(n, size, prefetch=prefetch)
    in_order = _batches(n, size)
    for s in range(step):
        in_order[s]
    (x, y), (other_x, other_y) = alone[step], in_order[step]
    alone.close()
    assert torch.equal(y, other_y)
    assert torch.equal(x[0], other_x[0])
    assert torch.equal(y, in_order.rows(step))


def test_chunks_change_no_batch(monkeypatch) -> None:
    whole = _batches(100, 7)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    single = _batches(100, 7)
    assert single.per_chunk == 1
    assert whole.per_chunk > 1
    for step in range(60):
        assert torch.equal(whole[step][1], single[step][1])


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (_batches(64, 64, seed=s)[0][1] for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_balanced_sampling_draws_classes_equally_often() -> None:
    classes = torch.tensor([0] * 990 + [1] * 10)
    stream = RowStream(torch.arange(1000), seed=0, classes=classes)
    share = classes[stream.between(0, 20_000)].float().mean().item()
    # A binomial share of 20,000 draws has a standard error of 0.0035; five of them.
    assert abs(share - 0.5) < 0.018


def test_inputs_and_target_stay_together_under_memory_maps(tmp_path) -> None:
    import numpy as np

    pictures = np.memmap(tmp_path / "x", dtype=np.uint8, mode="w+", shape=(30, 1, 2, 2))
    pictures[:] = np.arange(30, dtype=np.uint8)[:, None, None, None]
    stream = RowStream(torch.arange(30), seed=3)
    batches = Batches((torch.from_numpy(pictures),), torch.arange(30), stream, batch_size=4, prefetch=True)
    for step in range(20):
        (x,), y = batches[step]
        assert torch.equal(x[:, 0, 0, 0].long(), y)
    batches.close()


@given(n=st.integers(1, 400), size=st.integers(1, 12), seed=st.integers(0, 5))
def test_batches_of_like_length_show_every_row_once_an_epoch(n: int, size: int, seed: int) -> None:
    size = min(size, n)
    lengths = Lengths(torch.randint(1, 50, (n,), generator=torch.Generator().manual_seed(seed)), size)
    stream = RowStream(torch.arange(n), seed=seed, lengths=lengths)
    seen = torch.cat([stream.between(s * size, (s + 1) * size) for s in range(2 * n // size + 2)])
    for epoch in seen.split(n)[:2]:
        assert sorted(epoch.tolist()) == list(range(n))
    alone = RowStream(torch.arange(n), seed=seed, lengths=lengths)
    assert torch.equal(
        alone.between(n // size * size, n // size * size + size), stream.between(n // size * size, n // size * size + size)
    )


def test_batches_of_like_length_hold_little_padding_from_the_second_epoch_on_too() -> None:
    n, size = 1000, 16  # epochs end within a batch
    of = torch.randint(1, 100, (n,), generator=torch.Generator().manual_seed(0))

    def longest(lengths: Lengths | None) -> float:
        stream = RowStream(torch.arange(n), seed=0, lengths=lengths)
        return sum(float(of[stream.between(s * size, (s + 1) * size)].max()) for s in range(3 * n // size))

    sorted_once = float(of.sort().values.view(-1, 8)[:, -1].repeat_interleave(8).sum()) * 3 / size
    assert longest(None) > 1.6 * sorted_once
    assert longest(Lengths(of, size)) < 1.2 * sorted_once
    first = RowStream(torch.arange(n), seed=0, lengths=Lengths(of, size)).between(0, POOL * size).view(-1, size)
    assert not torch.equal(of[first].max(1).values, of[first].max(1).values.sort().values)  # short batches do not come first
