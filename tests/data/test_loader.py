import os
import threading
import weakref
from concurrent.futures import wait

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorbench.data import PhotoLoader, PhotoSet
from colorbench.data.loader import (
    _by_copies,
    _by_gather,
    crops_at,
    epoch_order,
    fits,
    free_bytes,
    random_bits,
    rows_at,
)
from colorbench.data.photoset import map_pixels
from colorbench.data.stream import AHEAD

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**64 - 1)


def load(photos, **options):
    return PhotoLoader(photos, "cpu", **{"batch": 8, "seed": 3, "crop_px": 9, **options})


def test_pure_in_the_step(numbered):
    """A resumed run, another loader, another order of asking: the same batch."""
    with load(numbered) as first, load(numbered) as second:
        forward = [first.batch_at(step) for step in range(130)]
        for step in (129, 7, 64, 7):
            torch.testing.assert_close(second.batch_at(step), forward[step], rtol=0, atol=0)
    assert forward[0].shape == (8, 3, 9, 9)
    assert forward[0].dtype == torch.uint8


def test_streamed_equals_resident_bit_for_bit(numbered):
    with load(numbered, resident=True) as resident, load(numbered, resident=False) as streamed:
        for step in (*range(70), 3, 4, 5, 1000):
            assert torch.equal(resident.batch_at(step), streamed.batch_at(step))


def test_loaders_share_one_resident_copy(numbered, monkeypatch):
    """On a device that copies, such as meta; the last loader that closes frees it."""
    loaders = [PhotoLoader(numbered, "meta", 8, seed, crop_px=9, resident=True) for seed in range(2)]
    assert loaders[0]._pixels is loaders[1]._pixels
    copy = weakref.ref(loaders[0]._pixels)
    loaders[0].close()
    assert copy() is not None
    monkeypatch.setattr("colorbench.data.loader.RESIDENT_SHARE", 0.0)
    with PhotoLoader(numbered, "meta", 8, 2, crop_px=5) as third:  # whatever is free: they are there
        assert third._pixels is loaders[1]._pixels
    loaders[1].close()
    assert copy() is None


def test_an_epoch_shows_every_photo_once(numbered):
    with load(numbered, crop_px=None, flip=False, batch=5) as batches:
        shown = torch.cat([batches.batch_at(step)[:, 0, 0, 0] for step in range(15)])
    assert sorted(shown[:37].tolist()) == list(range(37))
    assert sorted(shown[37:74].tolist()) == list(range(37))


def test_batch_larger_than_the_set(numbered):
    with load(numbered, batch=80, crop_px=None, flip=False) as batches:
        counts = np.bincount(batches.batch_at(0)[:, 0, 0, 0].numpy(), minlength=37)
    assert set(counts.tolist()) == {2, 3}


def test_crops_and_flips_happen(numbered):
    with load(numbered, batch=37, flip=True) as batches:
        batch, plan = batches.batch_at(0), batches._plan_at(0)
    assert set(plan[:, 3].tolist()) == {0, 1}
    assert set(plan[:, 1].tolist()) == {0, 1, 2, 3}
    for picture, (row, top, left, flipped) in zip(batch, plan.tolist()):
        cut = numbered.pixels[row, :, top : top + 9, left : left + 9]
        np.testing.assert_array_equal(picture.numpy(), cut[:, :, ::-1] if flipped else cut)


@pytest.mark.parametrize("rows", [None, torch.tensor([3, 0, 3, 36])])
def test_gather_of_the_gpu_equals_copies_of_the_cpu(numbered, rows):
    pixels = torch.from_numpy(numbered.pixels)
    crops = torch.tensor([[0, 0, 0], [3, 1, 1], [2, 3, 0], [1, 0, 1]])
    torch.testing.assert_close(_by_gather(pixels, rows, crops, 9), _by_copies(pixels, rows, crops, 9), rtol=0, atol=0)


class CountedPixels(np.ndarray):
    """Pixels that count how often they are read."""

    reads = 0

    def take(self, *args, **kwargs):
        type(self).reads += 1
        return super().take(*args, **kwargs)


def test_the_next_batches_are_read_before_they_are_asked_for(numbered, monkeypatch):
    monkeypatch.setattr(CountedPixels, "reads", 0)
    counted = PhotoSet(numbered.pixels.view(CountedPixels), numbered.ids, numbered.names, numbered.flags)
    with load(counted, resident=False) as batches:
        batches.batch_at(0)
        wait([future for _, future in batches._stream._pending], timeout=60)
        assert CountedPixels.reads == 1 + AHEAD
        batches.batch_at(1)
        assert batches.wait_seconds > 0


def test_threads_end_with_the_loader(numbered):
    def readers():
        return [thread for thread in threading.enumerate() if thread.name.startswith("colorbench-photos")]

    batches = load(numbered, resident=False)
    batches.batch_at(0)
    assert readers()
    batches.close()
    batches.close()
    assert not readers()


def test_an_error_of_the_reading_thread_arrives(numbered, tmp_path):
    (tmp_path / "photos.u8").write_bytes(numbered.pixels.tobytes())
    photos = PhotoSet.from_pixels(map_pixels(tmp_path / "photos.u8", 37, 12))
    with load(photos, resident=False) as batches:
        os.truncate(tmp_path / "photos.u8", 0)
        with pytest.raises(OSError, match="has become shorter"):
            batches.batch_at(0)


def test_photos_too_large_for_memory_are_streamed(tmp_path):
    """A sparse file: 20 GB by its size, nothing on the disk."""
    pixels = np.memmap(tmp_path / "sparse.u8", dtype=np.uint8, mode="w+", shape=(102_000, 3, 256, 256))
    pixels[101_999] = 7
    photos = PhotoSet.from_pixels(pixels)
    assert photos.pixels.nbytes > 20e9
    with PhotoLoader(photos, "cpu", batch=2, seed=0, crop_px=64, resident=False) as batches:
        assert batches.batch_at(0).shape == (2, 3, 64, 64)


def test_fits_asks_the_device(monkeypatch):
    cpu = torch.device("cpu")
    assert free_bytes(cpu) > 0
    monkeypatch.setattr("colorbench.data.loader.free_bytes", lambda device: 1000)
    assert fits(500, cpu)
    assert not fits(501, cpu)


def test_resident_or_streamed_is_decided_by_memory(numbered, monkeypatch):
    with load(numbered) as batches:
        assert batches.resident
    monkeypatch.setattr("colorbench.data.loader.free_bytes", lambda device: 1000)
    with load(numbered) as batches:
        assert not batches.resident


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "batch 0"),
        ({"crop_px": 13}, "larger store_px"),
        ({"crop_px": 0}, "crops of 0 px"),
    ],
)
def test_refusals(numbered, settings, message):
    with pytest.raises(ValueError, match=message):
        load(numbered, **settings)


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="at least one photo"):
        load(PhotoSet.from_pixels(np.empty((0, 3, 12, 12), dtype=np.uint8)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_bits_of_the_cpu(numbered):
    with load(numbered, resident=True) as cpu:
        for resident in (True, False):
            with PhotoLoader(numbered, "cuda", 8, 3, 9, resident=resident) as gpu:
                for step in (*range(10), 3, 100):
                    assert torch.equal(gpu.batch_at(step).cpu(), cpu.batch_at(step))


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
    from colorbench.data.loader import _GOLDEN, _mix

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
