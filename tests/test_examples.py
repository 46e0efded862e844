"""The plug-in examples of the documentation, and the Python of the README: each is run as a reader would run it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.batch import Batch, Output
from colorbench.checking import check_file
from colorbench.data import load_dataset_photos
from colorbench.generators import build_generator
from colorbench.losses import build_loss
from colorbench.metrics import score
from colorbench.plugins import load_plugins, table

ROOT = Path(__file__).parents[1]
EXAMPLES, README = ROOT / "docs" / "examples", ROOT / "README.md"
NAMES = {"generators": "tiny-net", "losses": "log-cosh", "metrics": "chroma-error", "datasets": "listed"}


@pytest.fixture
def examples():
    """All four files in the tables, as `--plugin` puts them there, for the time of one test."""
    files = [EXAMPLES / f"{kind.removesuffix('es') if kind == 'losses' else kind[:-1]}.py" for kind in NAMES]
    load_plugins(files)
    yield
    for kind, name in NAMES.items():
        table(kind).pop(name, None)


@pytest.mark.parametrize("name", ["generator", "loss", "metric", "dataset"])
def test_an_example_keeps_every_promise(name):
    results = check_file(EXAMPLES / f"{name}.py")
    assert results
    assert not [f"{result.name}: {result.message}" for result in results if not result.passed]


def test_the_guide_shows_the_examples():
    page = (EXAMPLES.parent / "guide" / "adding.md").read_text().splitlines()
    assert [line for line in page if "examples/" in line] == [
        f'--8<-- "examples/{name}.py"' for name in ("generator", "loss", "metric", "dataset")
    ]  # a formatter that takes these lines for Python breaks them


def python_in(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_plugin_of_the_readme_keeps_every_promise(tmp_path):
    _, plugin = python_in(README)
    (tmp_path / "my_model.py").write_text(plugin)
    assert not [result.name for result in check_file(tmp_path / "my_model.py") if not result.passed]


@pytest.mark.parametrize("page", [README, EXAMPLES.parent / "index.md"], ids=lambda page: page.name)
def test_the_library_as_a_page_shows_it(page, tmp_path, monkeypatch, no_weights):
    photos = torch.rand(2, 3, 32, 32)
    for name in ("predictions", "photos"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (32, 32), "red").save(tmp_path / name / "0.png")
    monkeypatch.chdir(tmp_path)
    names = {"photos": photos, "predictions": photos.flip(0), "network": torch.nn.Conv2d(1, 2, 1)}
    exec(python_in(page)[0], names)
    assert all(parameter.grad.abs().sum() > 0 for parameter in names["network"].parameters())


def test_a_dataset_is_listed_when_a_source_is_given(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    (tmp_path / "list.txt").write_text("red.png\nabsent.png\n")
    assert all(result.passed for result in check_file(EXAMPLES / "dataset.py", str(tmp_path / "list.txt")))


def test_the_examples_work_together(examples, tmp_path):
    for shade in range(8):
        Image.fromarray(np.random.default_rng(shade).integers(0, 255, (40, 40, 3), np.uint8)).save(
            tmp_path / f"{shade}.png"
        )
    (tmp_path / "list.txt").write_text("".join(f"{shade}.png\n" for shade in range(8)))
    photos = load_dataset_photos("listed", source=tmp_path / "list.txt", size_px=32)
    truth = Batch.from_rgb(torch.from_numpy(np.array(photos.train.pixels)))
    network = build_generator("tiny-net", out_channels=2, width=4)
    output = Output.from_ab(110 * network(truth.gray).tanh(), truth.lightness)
    build_loss("log-cosh(scale=5) + l1")(output, truth).total.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    scores = score(output.rgb.detach(), truth.rgb, ["chroma-error", "psnr"])
    assert scores["chroma-error"].between(0.1, 100).all()
