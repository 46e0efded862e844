"""Expected times on this device, and that they are remembered."""

import json

import pytest

from colorbench.cell import Budget, Phases, Recipe
from colorbench.generators import GENERATORS
from colorbench.grid.estimate import estimate
from colorbench.grid.plan import plan_run
from colorbench.grid.run import adopt
from colorbench.plugins import load_plugins
from colorbench.suites.step_table import kind_of
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path / "no-weights"))
    return tmp_path / "cache"


def test_a_few_steps_are_timed_once(tmp_path, cache):
    plan = plan_run(tiny_suite(seeds=2), out=tmp_path / "out")
    asked = []
    timed, reasons = estimate(plan, "cpu", 1, on_kind=lambda label, *_: asked.append(label))
    labels = {cell.recipe.label for cell in plan.todo if cell.steps}
    assert not reasons
    assert set(timed.expected_seconds) >= labels
    assert all(timed.expected_seconds[label] > 0 for label in labels)
    assert len(asked) == len(set(asked)) > 0
    assert len(list((cache / "step-times").glob("*.json"))) == 1
    again, _ = estimate(plan, "cpu", 1, on_kind=lambda *_: pytest.fail("timed again"))
    assert again.expected_seconds == timed.expected_seconds
    assert not (tmp_path / "out").exists()


def test_steps_on_smaller_pictures_are_timed_apart(tmp_path, cache):
    recipe = Recipe(generator="unet", loss="l1", options=UNET, phases=Phases(sizes_px=(16, 16, 32)))
    suite = tiny_suite(recipes=(recipe,), protocol=small_protocol(size_px=32, budget=Budget.parse("6steps")))
    timed, _ = estimate(plan_run(suite, out=tmp_path / "out"), "cpu", 1)
    [file] = (cache / "step-times").glob("*.json")
    full = kind_of(recipe, suite.protocol).id
    times = json.loads(file.read_text())
    assert times.keys() == {full, f"{full}-16px"}
    assert timed.expected_seconds["unet+l1"] == pytest.approx(4 * times[f"{full}-16px"] + 2 * times[full])


def test_what_cannot_be_timed_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    lpips = Recipe(generator="unet", loss="lpips", options=UNET)
    plan = plan_run(tiny_suite(recipes=(lpips,)), out=tmp_path / "out")
    timed, reasons = estimate(plan, "cpu", 1)
    assert lpips.label not in timed.expected_seconds
    assert "COLORBENCH_WEIGHTS" in reasons[lpips.label]
    monkeypatch.setattr("colorbench.grid.estimate.LONGEST_SECONDS", -1.0)
    _, late = estimate(plan, "cpu", 1)
    assert late[lpips.label] == "not timed yet; the same command goes on"


DIES = """
import multiprocessing
import os

from torch import nn


class Dies(nn.Module):
    def __init__(self, out_channels=2):
        super().__init__()
        self.layer = nn.Conv2d(1, out_channels, 1)

    def forward(self, gray):
        if multiprocessing.parent_process() is not None:
            os._exit(7)
        return self.layer(gray)


GENERATORS = {"dies-in-estimate": Dies}
"""


def test_a_network_that_takes_its_process_along_leaves_the_others_their_time(tmp_path):
    (tmp_path / "dies.py").write_text(DIES)
    load_plugins([tmp_path / "dies.py"])
    try:
        recipes = (Recipe(generator="dies-in-estimate", loss="l1"), Recipe(generator="unet", loss="l1", options=UNET))
        timed, reasons = estimate(plan_run(tiny_suite(recipes=recipes), out=tmp_path / "out"), "cpu", 1)
    finally:
        del GENERATORS["dies-in-estimate"]
    assert reasons == {"dies-in-estimate+l1": "its process died (exit code 7); the run would record a crash"}
    assert timed.expected_seconds["unet+l1"] > 0


HEARS = """
import signal

from torch import nn


class Hears(nn.Module):
    def __init__(self, out_channels=2):
        super().__init__()
        self.layer = nn.Conv2d(1, out_channels, 1)

    def forward(self, gray):
        raise RuntimeError(f"hears Ctrl-C: {signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])}")


GENERATORS = {"hears": Hears}
"""


def test_ctrl_c_at_a_terminal_does_not_reach_what_is_timed(tmp_path):
    """It would print a traceback; its parent ends it."""
    (tmp_path / "hears.py").write_text(HEARS)
    load_plugins([tmp_path / "hears.py"])
    try:
        recipe = Recipe(generator="hears", loss="l1")
        _, reasons = estimate(plan_run(tiny_suite(recipes=(recipe,)), out=tmp_path / "out"), "cpu", 1)
    finally:
        del GENERATORS["hears"]
    assert reasons == {recipe.label: "hears Ctrl-C: False"}


def test_a_folder_of_another_protocol_is_refused_before_anything_starts(tmp_path):
    suite = tiny_suite()
    adopt(plan_run(suite, out=tmp_path))
    protocol = suite.protocol.model_copy(update={"budget": Budget.parse("5steps")})
    with pytest.raises(ValueError, match="made with another protocol"):
        plan_run(suite.model_copy(update={"protocol": protocol}), out=tmp_path)
