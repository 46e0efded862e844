import pandas as pd
import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.published import NUMBERS, _read, published, traps
from colorbench.leaderboard.table import csv, markdown, table
from colorbench.leaderboard.tiers import rank_board
from colorbench.metrics import PROTOCOLS
from colorbench.suites import SUITES, load_suite
from tests.leaderboard.conftest import as_suite

SIZES = {"dataset": "train-val", "size_px": 256}


@pytest.fixture(scope="module")
def results(factory_class, tmp_path_factory):
    factory = factory_class(tmp_path_factory.mktemp("published"))
    return rank_board(read_board(factory(generators=["unet"], losses={"l1": 0.0}, seeds=2, photos=6, pictures=False)))


def test_boards_of_published_protocols_alone_show_them(results):
    assert published(results.board) == []
    found = published(as_suite(results, "coco-stuff", **SIZES).board)
    assert [row.method for row in found][-1] == "DDColor-large"
    assert {row.suite for row in found} == {"coco-stuff"}
    assert published(as_suite(results, "coco-stuff", dataset="train-val", size_px=128).board) == []
    assert published(as_suite(results, "coco-stuff", dataset="folder", size_px=256).board) == []
    assert published(as_suite(results, "ctest10k", **SIZES).board) == []  # nothing that was read


def test_the_suites_are_shipped_with_these_photos_and_size():
    for suite in {row.suite for row in _read()}:
        assert suite in SUITES
        protocol = load_suite(suite).protocol
        assert (protocol.dataset, protocol.size_px) == ("train-val", 256)
        assert any(f"--protocol {name}`" in traps(suite)[-1] for name in PROTOCOLS)


def test_each_number_fits_the_others_of_its_table():
    """Colorfulness and its difference to the photos lead to one colorfulness of the photos in every row."""
    for suite in {row.suite for row in _read()}:
        rows = [row.numbers for row in _read() if row.suite == suite]
        truths = [
            {round(float(row["colorfulness_abs"]) + sign * float(row["delta_cf"]), 2) for sign in (-1, 1)}
            for row in rows
        ]
        assert len(set.intersection(*truths)) == 1


def test_the_table_marks_them_and_keeps_its_own_columns_clean(results):
    frame = table(as_suite(results, "imagenet-val5k", **SIZES))
    plain, marked = frame[frame.kind != "published"], frame[frame.kind == "published"]
    own = [name for name in plain if not name.startswith("published_")]
    pd.testing.assert_frame_equal(plain[own], table(results), check_like=True)
    assert marked[[*results.board.metrics, "train_seconds"]].isna().all(axis=None)
    assert set(marked["rank"]) == {""}
    row = marked.set_index("label").loc["DDColor-large"]
    assert (row["published_fid"], row["published_psnr"], row["status"]) == (3.92, 23.85, "ICCV 2023")
    assert row["published_source"] == "Kang 2023, DDColor, Table 1"
    assert marked["published_psnr"].isna().sum() == 3
    assert not [name for name in table(results) if name.startswith("published")]
    assert "DDColor-large,published," in csv(frame)


def test_markdown_has_them_below_the_entries_with_the_traps(results):
    text = markdown(as_suite(results, "imagenet-val5k", **SIZES))
    below = text.index("## Published")
    assert text.index("unet+l1") < below < text.index("| CT2 |")
    assert "| CT2 | ECCV 2022 | 5.51 | 38.48 | 0.27 | 23.50 | Kang 2023, DDColor, Table 1 |" in text
    assert "Not ranked" in text
    assert "3.92 on paper and 3.78" in text
    assert all(head in text for head in NUMBERS.values())
    assert "Published" not in markdown(results)
