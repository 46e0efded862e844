"""Checkpoints: states of other cells and formats are not resumed; files that are no checkpoint are refused by name."""

import pytest
import torch
from safetensors.torch import save_file

from colorbench.cell import Recipe
from colorbench.files import TRAINING_STATE
from colorbench.generators import GENERATORS
from colorbench.generators.row import as_row
from colorbench.training import checkpoint as module
from colorbench.training.checkpoint import CorruptCheckpoint, load_generator, load_state, save_state, save_weights
from colorbench.training.heads import build_network
from colorbench.training.run_log import Costs
from tests.training.cells import small_cell


def test_a_state_comes_back_for_its_own_cell_only(tmp_path):
    cell = small_cell()
    assert load_state(tmp_path, cell) is None
    costs = Costs(train_seconds=2.0, micro_batch=2)
    costs.close_attempt(0, 3, 2.0, "interrupted")
    save_state(tmp_path, cell, {"step": 3, "weights": torch.ones(2)}, costs)
    saved = load_state(tmp_path, cell)
    assert saved.costs == costs
    assert saved.trainer["step"] == 3
    assert torch.equal(saved.trainer["weights"], torch.ones(2))
    assert load_state(tmp_path, small_cell(seed=1)) is None


def test_a_state_of_another_format_is_not_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FORMAT", 1)
    save_state(tmp_path, small_cell(), {}, Costs())
    monkeypatch.undo()
    assert load_state(tmp_path, small_cell()) is None


def test_a_torn_state_is_noticed(tmp_path):
    save_state(tmp_path, small_cell(), {}, Costs())
    path = tmp_path / TRAINING_STATE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptCheckpoint, match="does not match its own hash"):
        load_state(tmp_path, small_cell())


def test_weights_come_back_with_their_cell(tmp_path):
    cell = small_cell()
    network = build_network(cell.recipe, "ab")
    digest = save_weights(tmp_path, network.state_dict(), cell, "ab")
    again, head, read = load_generator(tmp_path / "checkpoint.safetensors")
    assert (head, read, len(digest)) == ("ab", cell, 64)
    torch.testing.assert_close(again.state_dict(), network.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("key", GENERATORS)
def test_every_generators_weights_fit_its_recipe(tmp_path, key):
    row = GENERATORS[key]
    cell = small_cell(recipe=Recipe(generator=key, loss="l1", options=row.small))
    saved = build_network(cell.recipe, "ab").state_dict()
    save_weights(tmp_path, saved, cell, "ab")
    torch.testing.assert_close(
        load_generator(tmp_path / "checkpoint.safetensors")[0].state_dict(), saved, rtol=0, atol=0
    )


class NeedsValues(torch.nn.Conv2d):
    """A generator of a plug-in that cannot be built on the meta device."""

    def __init__(self, out_channels: int = 2, scale: float = 1.0):
        super().__init__(1, out_channels, 3, padding=1)
        self.mean = self.weight.mean().item()


def test_a_network_that_needs_real_values_is_loaded_too(monkeypatch, tmp_path):
    monkeypatch.setitem(GENERATORS, "needs-values", as_row("needs-values", NeedsValues))
    cell = small_cell(recipe=Recipe(generator="needs-values", loss="l1"))
    path = tmp_path / "checkpoint.safetensors"
    saved = NeedsValues().state_dict()
    save_weights(tmp_path, saved, cell, "ab")
    torch.testing.assert_close(load_generator(path)[0].state_dict(), saved, rtol=0, atol=0)
    save_weights(tmp_path, NeedsValues(3).state_dict(), cell, "ab")
    with pytest.raises(ValueError, match="does not fit its own recipe"):
        load_generator(path)


MISFITS = {
    "a network that fits no memory": ({"width": 200_000}, r"width=200000, and the file holds \d+ numbers"),
    "a larger one": ({"width": 1000}, r"the file's \S+ is \(4, 1, 3, 3\), the network's \(1000, 1, 3, 3\)"),
    "a deeper one": ({"depth": 3}, r"the file's \S+ is none, the network's \(32, 16, 3, 3\)"),
}


@pytest.mark.parametrize(("options", "message"), MISFITS.values(), ids=MISFITS)
def test_a_recipe_that_is_not_the_weights_is_refused_before_its_network_is_built(tmp_path, options, message):
    cell = small_cell()
    network = build_network(cell.recipe, "ab")
    stated = cell.model_copy(
        update={"recipe": cell.recipe.model_copy(update={"options": cell.recipe.options | options})}
    )
    save_weights(tmp_path, network.state_dict(), stated, "ab")
    with pytest.raises(ValueError, match=rf"checkpoint\.safetensors does not fit its own recipe: {message}"):
        load_generator(tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors"):
        load_generator(path)


def test_absent_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint at"):
        load_generator(tmp_path / "none.safetensors")


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '{"cell": 3, "head": "ab"}', "[" * 100_000])
def test_metadata_of_something_else_are_refused(tmp_path, text):
    save_file({"w": torch.zeros(2)}, tmp_path / "checkpoint.safetensors", {"colorbench": text})
    with pytest.raises(ValueError, match=r"the metadata of .* are not those of a checkpoint\.safetensors of a run"):
        load_generator(tmp_path / "checkpoint.safetensors")
