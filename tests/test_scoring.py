"""`colorbench score`, `colorize` and `retest` as a user meets them, in this process."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from colorbench.errors import WrongUsage
from colorbench.files import cache_folder
from colorbench.scoring import colorize_and_print, mean_rows, score_and_print
from colorbench.training.train import train
from tests.training.cells import small_cell

OPTIONS = {"out": None, "resize": False, "device": None, "plugins": []}


@pytest.fixture
def folders(tmp_path):
    """Three photos and their predictions: off by 10 levels, off by 20, and equal; beside them one that is no picture."""
    for name in ("made", "true"):
        (tmp_path / name).mkdir()
    for k, off in enumerate((10, 20, 0)):
        true = np.full((16, 16, 3), (100, 120, 140), np.uint8)
        Image.fromarray(true).save(tmp_path / "true" / f"{k}.png")
        Image.fromarray(true + np.uint8(off)).save(tmp_path / "made" / f"{k}.png")
    Image.fromarray(true).save(tmp_path / "true" / "bad.png")
    (tmp_path / "made" / "bad.png").write_bytes(b"no picture")
    (tmp_path / "made" / "alone.png").write_bytes((tmp_path / "made" / "0.png").read_bytes())
    return tmp_path / "made", tmp_path / "true"


def test_means_and_what_was_left_out(folders, capsys):
    score_and_print(*folders, ["psnr", "colorfulness-error"], as_json=True, **OPTIONS)
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    psnr, error = facts["metrics"]
    values = [20 * np.log10(255 / off) for off in (10, 20)]  # the equal one is infinite
    assert psnr["mean"] == pytest.approx(np.mean(values), abs=1e-4)
    assert psnr["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-4)
    assert (psnr["pictures"], psnr["better"], psnr["unit"]) == (2, "higher", "dB")
    assert (error["pictures"], error["better"], error["mean"]) == (3, "lower", pytest.approx(0, abs=1e-3))
    assert facts["identical"] == 1
    assert "1 picture equals its photo; its psnr is infinite and left out of the mean" in printed.err
    assert "bad is left out: not a picture" in printed.err
    assert "names that only one of the folders has: 1, such as alone" in printed.err
    assert not list((cache_folder() / "scores").glob("*"))  # what a stopped call would have gone on from


def test_folders_of_samples_get_best_mean_and_diversity(no_weights, tmp_path, capsys):
    for name in ("0", "1"):
        (tmp_path / "made" / name).mkdir(parents=True)
        (tmp_path / "true").mkdir(exist_ok=True)
        true = np.full((16, 16, 3), (100, 120, 140), np.uint8)
        Image.fromarray(true).save(tmp_path / "true" / f"{name}.png")
        for off in (10, 20):
            Image.fromarray(true + np.uint8(off)).save(tmp_path / "made" / name / f"{off}.png")
    score_and_print(tmp_path / "made", tmp_path / "true", ["psnr"], as_json=True, **OPTIONS)
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    rows = {row["metric"]: row for row in facts["metrics"]}
    assert rows["best-psnr"]["mean"] == pytest.approx(20 * np.log10(25.5), abs=1e-4)
    assert rows["mean-psnr"]["mean"] == pytest.approx(10 * np.log10(25.5 * 12.75), abs=1e-4)
    assert (rows["best-psnr"]["better"], rows["diversity-delta-e-2000"]["better"]) == ("higher", None)
    assert facts["samples"] == 2
    assert "diversity-lpips-alex is empty" in printed.err
    assert "it improves with K" in printed.err


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_rows_in_a_file(folders, tmp_path, capsys, ending):
    out = tmp_path / f"rows{ending}"
    score_and_print(*folders, ["psnr", "delta-e-76"], **OPTIONS | {"out": out})
    frame = pd.read_csv(out) if ending == ".csv" else pd.read_parquet(out)
    assert list(frame.iloc[:, 0].astype(str)) == ["0", "1", "2"]
    assert frame["psnr"].tolist() == pytest.approx([20 * np.log10(25.5), 20 * np.log10(12.75), np.inf], abs=1e-4)
    shown = list(csv.reader(capsys.readouterr().out.splitlines(), delimiter="\t"))
    assert shown[-1][0] == "delta-e-76"
    assert float(shown[-1][1]) == pytest.approx(frame["delta-e-76"].mean(), abs=1e-3)


def test_a_metric_of_the_whole_set_has_no_spread():
    frame = pd.DataFrame({"psnr": [20.0, 22.0]})
    frame.attrs = {"set": {"kid": 0.25}}
    rows = mean_rows(frame)
    assert [(row["metric"], row["mean"], row["sd"], row["pictures"]) for row in rows] == [
        ("psnr", 21.0, pytest.approx(2**0.5), 2),
        ("kid", 0.25, None, 2),
    ]


def test_protocols_side_by_side(folders, no_weights, tmp_path, capsys):
    options = {"out": tmp_path / "rules.csv", "resize": False, "device": None, "plugins": []}
    score_and_print(*folders, protocols=["colorformer", "mean-error", "icolorit"], **options)
    printed = capsys.readouterr()
    heads, psnr, lpips, colorfulness = csv.reader(printed.out.splitlines(), delimiter="\t")
    assert heads == ["measure", "colorformer", "mean-error", "icolorit", "moves by"]
    values = [20 * np.log10(255 / off) for off in (10, 20)]
    mean_error = 20 * np.log10(255) - 10 * np.log10((10**2 + 20**2) / 3)
    expected = [np.mean(values), mean_error, np.mean([*values, 50])]
    assert psnr[0] == "psnr"
    assert [float(cell) for cell in psnr[1:]] == pytest.approx([*expected, max(expected) - min(expected)], abs=2e-4)
    assert lpips == ["lpips-vgg", "-", "-", "-", "-"]
    assert colorfulness[2:] == ["-", "-", "-"]
    frame = pd.read_csv(tmp_path / "rules.csv", index_col="measure")
    assert frame.loc["psnr"].tolist() == pytest.approx([float(cell) for cell in psnr[1:]], abs=1e-4)
    assert "bad is left out: not a picture" in printed.err
    assert "names that only one of the folders has: 1, such as alone" in printed.err


def test_protocols_as_json_and_why_cells_are_empty(folders, no_weights, capsys):
    options = {"out": None, "resize": False, "device": None, "plugins": []}
    score_and_print(*folders, protocols=["ddcolor-crop", "clean-fid"], as_json=True, **options)
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    rows = {row["measure"]: row for row in facts["measures"]}
    assert facts["pictures"] == 3
    assert list(rows) == ["colorfulness", "delta-cf", "fid"]
    assert list(rows["colorfulness"]["values"]) == ["ddcolor-crop"]
    assert (rows["delta-cf"]["better"], rows["delta-cf"]["unit"]) == ("lower", "8-bit levels")
    assert rows["fid"]["values"] == {"ddcolor-crop": None, "clean-fid": None}
    assert "inception-torchvision weights" in facts["missing"]["ddcolor-crop"]["fid"]
    assert "fid is empty for clean-fid: inception weights are a download" in printed.err
    assert "fid: indicative: 3 pictures" in printed.err


def test_refused_before_anything_is_read(folders, tmp_path):
    with pytest.raises(WrongUsage, match=r"write \.csv or \.parquet"):
        score_and_print(*folders, None, **OPTIONS | {"out": tmp_path / "rows.xlsx"})
    with pytest.raises(ValueError, match="absent does not exist"):
        score_and_print(tmp_path / "absent", folders[1], None, **OPTIONS)
    with pytest.raises(ValueError, match="is a file, not a folder"):
        score_and_print(folders[0] / "0.png", folders[1], None, **OPTIONS)
    with pytest.raises(KeyError, match=r"unknown protocol 'ct3'; known protocols: .* did you mean 'ct2'"):
        score_and_print(*folders, protocols=["ct3"], **OPTIONS)


def test_a_photo_that_cannot_be_read_makes_the_status_one(tmp_path, capsys):
    train(small_cell().model_copy(update={"steps": 1}), tmp_path / "run", metrics=("psnr",), device="cpu")
    Image.new("L", (20, 24), 99).save(tmp_path / "old.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    call = {"out": tmp_path / "out", "size_px": None, "device": "cpu"}
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    assert colorize_and_print(checkpoint, [tmp_path / "old.png", tmp_path / "bad.png"], **call) == 1
    printed = capsys.readouterr()
    assert f"{tmp_path / 'old.png'} -> {tmp_path / 'out' / 'old.png'}" in printed.out
    assert "bad.png: not a picture" in printed.err
    assert "pictures that could not be colorized: 1." in printed.err
    with Image.open(tmp_path / "out" / "old.png") as colored:
        assert colored.size == (20, 24)
    assert colorize_and_print(checkpoint, [tmp_path / "old.png"], **call) == 0
    assert "pictures kept that were in" in capsys.readouterr().err


def test_names_that_a_spreadsheet_would_compute_stay_text(folders, tmp_path):
    for folder in folders:
        (folder / "0.png").rename(folder / "=1+1.png")
    out = tmp_path / "rows.csv"
    score_and_print(*folders, ["psnr"], **OPTIONS | {"out": out})
    assert "\n'=1+1," in out.read_text()
    score_and_print(*folders, ["psnr"], **OPTIONS | {"out": out.with_suffix(".parquet")})
    assert "=1+1" in set(pd.read_parquet(out.with_suffix(".parquet"))["image"])
