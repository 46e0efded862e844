import os

import numpy as np
import pytest

from colorbench.data import PhotoLoader, PhotoSet
from colorbench.data.photoset import map_pixels
from colorbench.data.stream import Rows, mapped_file, prefetch


@pytest.fixture
def mapped(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 6), dtype=np.uint8)
    (tmp_path / "x.u8").write_bytes(pixels.tobytes())
    return map_pixels(tmp_path / "x.u8", 20, 6)


def read(pixels, rows):
    out = np.empty((len(rows), *pixels.shape[1:]), dtype=np.uint8)
    source = Rows(pixels)
    source.read_into(out, np.array(rows))
    source.close()
    source.close()
    return out


def test_rows_of_files_slices_and_arrays(mapped):
    for pixels in (mapped, mapped[3:], mapped[:15], mapped[::2], np.array(mapped)):
        np.testing.assert_array_equal(read(pixels, [7, 0, 7, 2]), pixels[[7, 0, 7, 2]])


def test_only_whole_files_are_read_as_files(mapped, tmp_path):
    assert mapped_file(mapped) == tmp_path / "x.u8"
    assert not any(mapped_file(other) for other in (mapped[3:], mapped[:15], mapped[::2], np.array(mapped)))
    prefetch(mapped)
    prefetch(mapped[3:])


def test_streams_a_file_like_an_array(mapped):
    whole, array = PhotoSet.from_pixels(mapped), PhotoSet.from_pixels(np.array(mapped))
    with (
        PhotoLoader(whole, "cpu", 4, 0, resident=False) as one,
        PhotoLoader(array, "cpu", 4, 0, resident=True) as other,
    ):
        assert all(one.batch_at(step).equal(other.batch_at(step)) for step in range(12))


def test_a_file_cut_short_is_an_error(mapped):
    source = Rows(mapped)
    os.truncate(mapped.filename, 100)
    with pytest.raises(OSError, match="has become shorter"):
        source.read_into(np.empty((1, 3, 6, 6), dtype=np.uint8), np.array([19]))
    source.close()
