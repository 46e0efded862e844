"""Plug-in files and installed packages: what they define is in the tables, and nothing is overwritten."""

import sys

import pytest
import torch

from colorbench import plugins
from colorbench.generators import GENERATORS, build_generator
from colorbench.losses import LOSSES
from colorbench.plugins import load_plugins, read_tables

FILE = '''
from torch import nn
from colorbench.losses import LossRow

class TinyNet(nn.Module):
    """Two convolutions."""

    def __init__(self, out_channels: int = 2, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, out_channels, 1))

    def forward(self, gray):
        return self.layers(gray)

GENERATORS = {"KEY": TinyNet}
LOSSES = {"KEY-loss": LossRow("KEY-loss", lambda pred, target: (pred - target).abs().mean((1, 2, 3)), "ab", "1", "me")}
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a plug-in file; whatever it adds to the tables is taken out again."""
    before = {kind: dict(plugins.table(kind)) for kind in plugins.KINDS}
    monkeypatch.setattr(plugins, "_files", set())
    monkeypatch.setattr(plugins, "_installed", [])

    def write(key="tiny-net", text=FILE, name="mine.py"):
        path = tmp_path / name
        path.write_text(text.replace("KEY", key))
        return path

    yield write
    for kind, rows in before.items():
        plugins.table(kind).clear()
        plugins.table(kind).update(rows)


def test_what_a_file_defines_is_in_the_tables(plugin):
    path = plugin()
    load_plugins([path, path])
    assert build_generator("tiny-net", 3, width=2)(torch.zeros(1, 1, 16, 16)).shape == (1, 3, 16, 16)
    assert GENERATORS["tiny-net"].source == "Two convolutions."
    assert GENERATORS["tiny-net"].options == {"width": 4}
    assert "tiny-net-loss" in LOSSES


def test_reading_leaves_the_tables_alone(plugin):
    assert set(read_tables(plugin())) == {"generators", "losses"}
    assert "tiny-net" not in GENERATORS


@pytest.mark.parametrize("key", ["unet", "gray"])
def test_a_taken_name_is_refused(plugin, key):
    with pytest.raises(ValueError, match=rf"plug-in mine\.py: generators {key} exist already; choose another name"):
        load_plugins([plugin(key)])


@pytest.mark.parametrize(
    ("text", "name", "error", "message"),
    [
        ("x = 1", "mine.py", ValueError, "defines none of GENERATORS, LOSSES, METRICS, DATASETS; end it with"),
        ("GENERATORS = {}", "mine.py", ValueError, "defines none of"),
        ("GENERATORS = {'a': 3}", "mine.py", ValueError, "'a' is a int; give a GeneratorRow"),
        ("raise OSError('inside')", "mine.py", ValueError, "does not run: OSError: inside"),
        ("GENERATORS = {}", "mine.txt", ValueError, "is not a Python file"),
    ],
)
def test_files_that_are_no_plugins(plugin, text, name, error, message):
    with pytest.raises(error, match=message):
        load_plugins([plugin(text=text, name=name)])


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_plugins([tmp_path / "absent.py"])


def test_an_installed_package_announces_its_rows(plugin, tmp_path, monkeypatch):
    package = tmp_path / "site"
    (package / "tiny-1.0.dist-info").mkdir(parents=True)
    (package / "tiny_package.py").write_text(FILE.replace("KEY", "packed-net"))
    (package / "tiny-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (package / "tiny-1.0.dist-info" / "entry_points.txt").write_text(
        "[colorbench.generators]\ninstalled-net = tiny_package:TinyNet\n"
        "[colorbench.losses]\nall = tiny_package:LOSSES\n"
    )
    monkeypatch.syspath_prepend(package)
    load_plugins([])
    load_plugins([])
    assert build_generator("installed-net").layers[0].out_channels == 4
    assert "packed-net-loss" in LOSSES
    sys.modules.pop("tiny_package", None)
