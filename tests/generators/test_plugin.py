import pytest
import torch

from colorbench.generators import GENERATORS, GeneratorRow, build_generator, load_installed, load_plugin
from colorbench.generators.plugin import as_row, read_plugin

FILE = '''
from torch import nn

class TinyNet(nn.Module):
    """Two convolutions."""

    def __init__(self, out_channels: int = 2, width: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, out_channels, 1))

    def forward(self, gray):
        return self.layers(gray)

GENERATORS = {"KEY": TinyNet}
'''


@pytest.fixture
def plugin(tmp_path):
    """Writes a plug-in file; whatever it adds to the table is taken out again."""
    before = dict(GENERATORS)

    def write(key="tiny-net", text=FILE, name="mine.py"):
        path = tmp_path / name
        path.write_text(text.replace("KEY", key))
        return path

    yield write
    GENERATORS.clear()
    GENERATORS.update(before)


def test_a_files_generator_is_built_by_its_key(plugin):
    path = plugin()
    row = load_plugin(path)["tiny-net"]
    assert build_generator("tiny-net", 3, width=2)(torch.zeros(1, 1, 16, 16)).shape == (1, 3, 16, 16)
    assert (row.source, row.options) == ("Two convolutions.", {"width": 4})
    assert load_plugin(path) == {"tiny-net": row}


def test_reading_leaves_the_table_alone(plugin):
    assert list(read_plugin(plugin())) == ["tiny-net"]
    assert "tiny-net" not in GENERATORS


@pytest.mark.parametrize("key", ["unet", "gray"])
def test_a_taken_key_is_refused(plugin, key):
    with pytest.raises(ValueError, match=f"'{key}' is taken already; choose another key"):
        load_plugin(plugin(key))


def test_a_changed_file_is_not_mixed_with_the_old_one(plugin):
    load_plugin(plugin())
    with pytest.raises(ValueError, match=r"mine\.py changed since it was loaded"):
        load_plugin(plugin(text=FILE + "\n"))


@pytest.mark.parametrize(
    ("text", "name", "error", "message"),
    [
        ("x = 1", "mine.py", ValueError, "names no generators; end it with GENERATORS"),
        ("GENERATORS = {}", "mine.py", ValueError, "names no generators"),
        ("GENERATORS = {'a': 3}", "mine.py", ValueError, "'a' is a int; give a GeneratorRow"),
        ("raise OSError('inside')", "mine.py", ValueError, "does not run: OSError: inside"),
        ("GENERATORS = {}", "mine.txt", ValueError, "is not a Python file"),
    ],
)
def test_files_that_are_no_plugins(plugin, text, name, error, message):
    with pytest.raises(error, match=message):
        load_plugin(plugin(text=text, name=name))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_plugin(tmp_path / "absent.py")


@pytest.mark.parametrize("key", ["TinyNet", "tiny_net", "", "a-"])
def test_keys_are_kebab_case(key):
    with pytest.raises(ValueError, match="not kebab-case"):
        as_row(key, torch.nn.Identity)


def test_a_row_and_its_key_agree():
    row = GeneratorRow("mine", torch.nn.Identity)
    assert as_row("mine", row) is row
    with pytest.raises(ValueError, match="calls itself 'mine'"):
        as_row("yours", row)


def test_installed_packages_announce_theirs(plugin, monkeypatch):
    class Point:
        name = "installed-net"

        @staticmethod
        def load():
            return torch.nn.Identity

    monkeypatch.setattr("colorbench.generators.plugin.entry_points", lambda group: [Point])
    assert list(load_installed()) == ["installed-net"]
    assert "installed-net" in GENERATORS
    assert load_installed() == {}
