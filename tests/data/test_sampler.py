"""The order is a pure function of (seed, epoch)."""

from __future__ import annotations

import pytest

from otx.core.errors import UserError
from otx.data.sampler import EpochSampler, balanced_weights
from otx.data.seeding import seed_of, seeded


def indices(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert {key[0] for key in found} <= {epoch}
    return [key[1] for key in found]


def test_each_epoch_has_its_own_order_of_all_images() -> None:
    sampler = EpochSampler(50, seed=1, shuffle=True)
    orders = [indices(sampler, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders == [indices(EpochSampler(50, seed=1, shuffle=True), epoch) for epoch in range(3)]
    assert orders[0] != indices(EpochSampler(50, seed=2, shuffle=True), 0)


def test_without_shuffling_the_order_is_that_of_the_data() -> None:
    assert indices(EpochSampler(5, seed=1, shuffle=False), 3) == [0, 1, 2, 3, 4]


def test_an_epoch_can_start_in_its_middle() -> None:
    whole = EpochSampler(20, seed=0, shuffle=True)
    resumed = EpochSampler(20, seed=0, shuffle=True)
    resumed.start_at(2, images=8)
    assert indices(resumed, 2) == indices(whole, 2)[8:]
    assert len(resumed) == 20
    assert indices(resumed, 3) == indices(whole, 3)


def test_the_epoch_is_bound_when_the_iteration_starts() -> None:
    sampler = EpochSampler(5, seed=0, shuffle=False)
    running = iter(sampler)
    sampler.set_epoch(1)
    assert [epoch for epoch, _ in running] == [0] * 5


@pytest.mark.parametrize(("length", "world"), [(10, 2), (11, 3), (2, 4), (1, 3)])
def test_devices_share_an_epoch(length, world) -> None:
    train = [EpochSampler(length, seed=0, shuffle=True, rank=rank, world=world) for rank in range(world)]
    shares = [indices(sampler, 1) for sampler in train]
    assert len({len(share) for share in shares}) == 1, "unequal shares would let the others wait for ever"
    assert {index for share in shares for index in share} == set(range(length))
    assert [len(share) for share in shares] == [len(sampler) for sampler in train]
    evaluation = [EpochSampler(length, seed=0, shuffle=False, rank=rank, world=world) for rank in range(world)]
    assert sorted(index for sampler in evaluation for index in indices(sampler, 0)) == list(range(length))
    assert [len(indices(sampler, 0)) for sampler in evaluation] == [len(sampler) for sampler in evaluation]


def test_balanced_draws_show_all_classes_equally_often() -> None:
    classes = ["many"] * 900 + ["few"] * 100

    def sampler(rank: int = 0, world: int = 1) -> EpochSampler:
        weights = balanced_weights(classes)
        return EpochSampler(1000, seed=0, shuffle=True, rank=rank, world=world, weights=weights)

    whole = indices(sampler(), 2)
    assert len(whole) == len(sampler()) == 1000
    assert 400 < sum(classes[index] == "few" for index in whole) < 600
    assert whole == indices(sampler(), 2)
    assert whole != indices(sampler(), 3)
    assert [indices(sampler(rank, 2), 2) for rank in (0, 1)] == [whole[::2], whole[1::2]]
    resumed = sampler()
    resumed.start_at(2, images=300)
    assert indices(resumed, 2) == whole[300:]


def test_a_rank_outside_the_world_is_refused() -> None:
    with pytest.raises(UserError, match="rank from 0 to 1"):
        EpochSampler(4, seed=0, shuffle=True, rank=2, world=2)


def test_seeds_differ_in_each_number() -> None:
    seeds = {seed_of(*key) for key in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0), (-1, 0, 0)]}
    assert len(seeds) == 6


def test_the_global_generators_go_on_as_if_nothing_were() -> None:
    import random

    import numpy as np
    import torch

    def draws() -> tuple[float, float, float]:
        return float(torch.rand(())), random.random(), float(np.random.rand())  # noqa: NPY002

    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    undisturbed = [draws(), draws()]
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    first = draws()
    with seeded(1, 2, 3):
        inside = draws()
    assert [first, draws()] == undisturbed
    with seeded(1, 2, 3):
        assert draws() == inside
    with seeded(1, 2, 4):
        assert draws() != inside
