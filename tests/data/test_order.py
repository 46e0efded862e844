import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorbench.data.order import crops_at, epoch_order, random_bits, rows_at

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**64 - 1)


@given(sizes, seeds, st.integers(0, 1000))
def test_an_epoch_is_a_permutation(n, seed, epoch):
    np.testing.assert_array_equal(np.sort(epoch_order(n, seed, epoch)), np.arange(n))


@settings(max_examples=60)
@given(sizes, st.integers(1, 150), seeds)
def test_batches_run_on_across_epochs_without_loss(n, batch, seed):
    """Also when a batch is larger than the set, or does not divide it."""
    steps = 3 * n // batch + 1
    shown = np.concatenate([rows_at(step, n=n, batch=batch, seed=seed) for step in range(steps)])
    assert len(shown) == steps * batch
    for epoch in range(len(shown) // n):
        np.testing.assert_array_equal(np.sort(shown[epoch * n : (epoch + 1) * n]), np.arange(n))


@given(st.integers(0, 10**9), st.integers(0, 40), seeds, st.booleans())
def test_crops_stay_inside(step, slack_px, seed, flip):
    crops = crops_at(step, batch=8, seed=seed, slack_px=slack_px, flip=flip)
    assert crops.shape == (8, 3)
    assert crops.min() >= 0
    assert crops[:, :2].max() <= slack_px
    assert crops[:, 2].max() <= flip


def test_published_numbers_of_splitmix64():
    """Seed 1234567 of the reference implementation gives this stream; here counters replace its running sum."""
    from colorbench.data.order import _GOLDEN, _mix

    with np.errstate(over="ignore"):
        states = np.uint64(1234567) + np.arange(3, dtype=np.uint64) * _GOLDEN
    assert _mix(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_seeds_epochs_and_streams_differ():
    orders = {tuple(epoch_order(30, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert random_bits(0, 1, np.arange(4)).tolist() != random_bits(0, 2, np.arange(4)).tolist()


def test_choices_are_even():
    crops = np.concatenate([crops_at(step, batch=100, seed=5, slack_px=3, flip=True) for step in range(100)])
    for column, choices in ((0, 4), (1, 4), (2, 2)):
        counts = np.bincount(crops[:, column], minlength=choices)
        assert counts.min() / counts.max() == pytest.approx(1, abs=0.1)
