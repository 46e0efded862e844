"""The commands that take pictures, as they are typed; what they print is tested beside the functions that they call."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from colorbench.cli import app


@pytest.fixture
def folders(tmp_path):
    """Two folders of one picture each, which differ by 10 levels."""
    for name, level in (("made", 110), ("true", 100)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((16, 16, 3), level, np.uint8)).save(tmp_path / name / "a.png")
    return str(tmp_path / "made"), str(tmp_path / "true")


def test_metrics_by_commas_and_repeated(folders):
    said = CliRunner().invoke(app, ["score", *folders, "--metrics", "psnr,delta-e-76", "--metrics", "ssim", "--json"])
    means = {row["metric"]: row["mean"] for row in json.loads(said.stdout)["metrics"]}
    assert list(means) == ["psnr", "delta-e-76", "ssim"]
    assert means["psnr"] == pytest.approx(20 * np.log10(25.5), abs=1e-4)


def test_a_protocol_has_its_own_measures(folders):
    said = CliRunner().invoke(app, ["score", *folders, "--protocol", "scikit-image", "--json"])
    assert {"psnr", "ssim"} <= {row["measure"] for row in json.loads(said.stdout)["measures"]}
    both = CliRunner().invoke(app, ["score", *folders, "--protocol", "scikit-image", "--metrics", "psnr"])
    assert "leave out one of the two" in str(both.exception)


def test_two_folders_are_compared_against_the_true_photos(folders):
    made, true = folders
    said = CliRunner().invoke(app, ["compare", made, true, "--truth", true, "--metric", "delta-e-76", "--json"])
    (found,) = json.loads(said.stdout)["metrics"]
    assert (found["metric"], found["b"]) == ("delta-e-76", pytest.approx(0, abs=1e-3))
    assert found["a"] > 1
