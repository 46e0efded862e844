"""`colorbench compare` on entries, boards and pictures."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench.comparing import compare_and_print, conclusions
from colorbench.leaderboard.comparison import Difference
from colorbench.leaderboard.power import Parts
from tests.leaderboard.conftest import Factory

SMALL = {"generators": ["unet"], "losses": {"l1": 0.0, "mse": -1.0}, "photos": 8, "size": 8, "pictures": False}
USUAL = {"truth": None, "photos": 3, "out": None, "resize": False, "device": None, "plugins": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Factory(tmp_path_factory.mktemp("comparing"))(**SMALL)


def difference(gap, spread, names=("a", "b"), seeds=(0.0, 0.0)):
    values = np.stack([np.full(20, 10.0 + gap), np.full(20, 10.0)])
    df = tuple(2.0 if variance else float("inf") for variance in seeds)
    parts = Parts(seeds, (3, 3), df, spread, 20)
    photos = tuple(f"p{k}" for k in range(20))
    return Difference("psnr", "dB", True, names, (10.0 + gap, 10.0), parts, photos, values)


def test_two_entries_in_lines_of_a_pipe(folder, tmp_path, capsys):
    compare_and_print(folder / "unet+l1", Path("unet+mse"), ["psnr", "ssim"], **USUAL | {"out": tmp_path / "made"})
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split("\t")[0] for line in lines[:2]] == ["psnr ↑", "ssim ↑"]
    assert "unet+l1 is better by psnr" in said.out
    assert sum(line.count("\t") == 3 for line in lines) == 3  # photos
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        "photos.csv", "differences.svg", "differences.png",
    }  # fmt: skip
    assert len((tmp_path / "made" / "photos.csv").read_text().splitlines()) == 9


def test_json_of_entries_and_of_boards(folder, capsys):
    compare_and_print(folder / "unet+l1", folder / "gray", ["psnr"], **USUAL, as_json=True)
    (one,) = json.loads(capsys.readouterr().out)["metrics"]
    assert one["a"] - one["b"] == pytest.approx(one["difference"])
    assert one["low"] < one["difference"] < one["high"]
    assert len(one["most_different"]) == 3
    compare_and_print(folder, folder, ["psnr"], **USUAL, as_json=True)
    rows = json.loads(capsys.readouterr().out)["entries"]
    assert {row["entry"] for row in rows} >= {"unet+l1", "unet+mse", "gray"}
    assert all(row["difference"] == 0 for row in rows)


def test_two_boards_are_a_row_per_entry(folder, tmp_path, capsys):
    compare_and_print(folder, folder, None, **USUAL | {"out": tmp_path / "made"})
    said = capsys.readouterr()
    assert "0 of 6 entries could be told apart" in said.out
    assert (tmp_path / "made" / "boards.svg").is_file()


def test_two_boards_say_whether_they_agree_on_the_order(tmp_path, capsys):
    losses = {"l1": 0.0, "mse": -3.0, "ssim": -6.0, "delta-e-2000": -9.0}
    folder = Factory(tmp_path)(**SMALL | {"losses": losses})
    compare_and_print(folder, folder, ["psnr"], **USUAL)
    said = capsys.readouterr().out
    assert (
        "The order of 4 entries by psnr: rank correlation (Spearman) 1.00, 95 % interval 1.00 to 1.00; 6 of 6" in said
    )
    compare_and_print(folder, folder, ["psnr"], **USUAL, as_json=True)
    assert json.loads(capsys.readouterr().out)["order"]["psnr"]["spearman"] == 1


def test_two_folders_of_pictures_against_the_photos(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for k in range(6):
        true = generator.integers(40, 200, (24, 24, 3))
        for name, noise in (("truth", 0), ("near", 4), ("far", 30)):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            moved = np.clip(true + generator.normal(0, noise, true.shape), 0, 255).astype(np.uint8)
            Image.fromarray(moved).save(folder / f"{k}.png")
    places = (tmp_path / "near", tmp_path / "far")
    compare_and_print(*places, ["psnr"], **USUAL | {"truth": tmp_path / "truth"})
    assert "near is better by psnr" in capsys.readouterr().out
    with pytest.raises(ValueError, match="--truth"):
        compare_and_print(*places, ["psnr"], **USUAL)


def test_pictures_that_only_one_folder_has_are_named_and_no_set_metric_compares_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for name in ("truth", "near", "far"):
        (tmp_path / name).mkdir()
        for k in range(6):
            Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(tmp_path / name / f"{k}.png")
    whole = (tmp_path / "near" / "0.png").read_bytes()
    (tmp_path / "near" / "0.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "far" / "5.png").rename(tmp_path / "far" / "extra.png")
    places, options = (tmp_path / "near", tmp_path / "far"), USUAL | {"truth": tmp_path / "truth"}
    compare_and_print(*places, ["psnr", "delta-cf"], **options)
    said = " ".join(capsys.readouterr().err.split())
    for words in (
        "near: ",
        "0 is left out: ",
        "far: ",
        "only one of the folders has: 2, such as 5, extra",
        "delta-cf is left out",
    ):
        assert words in said


def test_folders_of_any_name_are_compared_and_drawn(tmp_path, capsys):
    generator = np.random.default_rng(0)
    folders = [tmp_path / os.fsdecode(name) for name in (b"near\xff", b"far\n", b"truth")]
    for folder, noise in zip(folders, (0, 9, 20)):
        folder.mkdir()
        for k in range(6):
            picture = np.random.default_rng(k).integers(30, 220, (16, 16, 3)) + generator.integers(
                -noise, noise + 1, (16, 16, 3)
            )
            Image.fromarray(picture.astype(np.uint8)).save(folder / f"={k}.png")
    near, far, truth = folders
    compare_and_print(near, far, ["psnr"], **USUAL | {"truth": truth, "out": tmp_path / "out"})
    assert r"near\xff" in capsys.readouterr().out
    assert (tmp_path / "out" / "differences.svg").is_file()
    assert "\n'=0," in (tmp_path / "out" / "photos.csv").read_text()


def test_different_kinds_are_refused(folder):
    with pytest.raises(ValueError, match=r"is a board and .* an entry"):
        compare_and_print(folder, folder / "gray", None, **USUAL)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (difference(2.0, 1.0), ["a is better by psnr", "is detected with 80 % power."]),
        (difference(-2.0, 1.0), ["b is better by psnr"]),
        (difference(0.1, 1.0), ["could not be told apart", "would take 787 photos."]),
        (difference(0.1, 1.0, seeds=(0.5, 0.5)), ["both more photos and more seeds"]),
        (difference(0.8, 1.0, seeds=(0.5, 0.5)), ["more photos alone would not be enough"]),
        (difference(0.5, float("nan")), ["these records do not say how certain that is"]),
    ],
)
def test_what_is_said(one, words):
    said = " ".join(conclusions(one))
    for word in words:
        assert word in said
