import errno
import json
import multiprocessing
import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from colorbench.data import load_dataset_photos
from colorbench.data.store import need_room


def load(tree, **settings):
    return load_dataset_photos("folder", source=tree, size_px=32, **settings)


def stores(cache):
    return sorted(path for path in (cache / "photos").iterdir() if path.is_dir())


def flip_byte(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: flip_byte(store / "train.u8", 1000),
        lambda store: flip_byte(store / "index.json", 40),
        lambda store: os.truncate(store / "test.u8", 10),
        lambda store: os.truncate(store / "index.json", 100),
        lambda store: (store / "train.u8").unlink(),
        lambda store: (store / "index.json").write_text(json.dumps({"format": 99})),
    ],
    ids=["pixel", "index-byte", "short-pixels", "short-index", "no-pixels", "other-format"],
)
def test_a_damaged_store_is_built_again(tree, cache, damage):
    before = load(tree)
    pixels = np.array(before.train.pixels)
    damage(stores(cache)[0])
    after = load(tree)
    assert after.hash == before.hash
    np.testing.assert_array_equal(after.train.pixels, pixels)
    assert len(stores(cache)) == 1


def test_a_large_store_is_checked_by_sample(tree, cache, monkeypatch):
    load(tree)
    flip_byte(stores(cache)[0] / "train.u8", 0)
    monkeypatch.setattr("colorbench.data.store._CHECK_ALL_BYTES", 0)
    assert load(tree).train.pixels.any()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_and_no_half_store(tree, cache, monkeypatch, code):
    def full(handle):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"disk is full.*COLORBENCH_CACHE") as caught:
            load(tree)
    assert caught.value.errno == errno.ENOSPC
    assert stores(cache) == []
    assert load(tree).report.used == 12


def test_room_is_asked_for_before_decoding(tree, cache, monkeypatch):
    monkeypatch.setattr("colorbench.data.build.decode_photo", lambda *_, **__: pytest.fail("decoded"))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: _Usage)
    with pytest.raises(OSError, match=r"need 0.00 GB, 0.00 GB are free"):
        load(tree)


class _Usage:  # what shutil.disk_usage gives
    free = 100


def test_need_room_passes_when_there_is(tmp_path):
    need_room(tmp_path, 1)


def test_an_unwritable_cache_is_an_error(tree, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(PermissionError, match="cannot write decoded photos; free some, or set COLORBENCH_CACHE"):
        load(tree, cache_dir=tmp_path / "cache")


def test_interrupted_leaves_nothing_half(tree, cache):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tree, on_progress=stop)
    assert stores(cache) == []


def _load_slowly(tree, cache, seconds, results):
    slow = partial(_pause, seconds)
    results.put(load(tree, cache_dir=cache, on_progress=slow).hash)


def _pause(seconds, done, total):
    time.sleep(seconds)


def test_two_processes_build_one_store(tree, cache):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    both = [context.Process(target=_load_slowly, args=(tree, cache, 0.01, results)) for _ in range(2)]
    for one in both:
        one.start()
    hashes = {results.get(timeout=60) for _ in both}
    for one in both:
        one.join(60)
    assert len(hashes) == 1
    assert len(stores(cache)) == 1


def test_killed_while_building(tree, cache):
    context = multiprocessing.get_context("fork")
    victim = context.Process(target=_load_slowly, args=(tree, cache, 30, context.Queue()))
    victim.start()
    while victim.is_alive() and not list(cache.glob("photos/.*.tmp/test.part")):
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    assert list(cache.glob("photos/.*.tmp"))
    assert load(tree).report.used == 12
    assert not list(cache.glob("photos/.*.tmp"))
