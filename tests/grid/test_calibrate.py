"""calibrate(suite): rows for every recipe, interleaved, resumable; failures recorded; and a run that uses the table."""

import pytest

from colorbench.cell import Budget, Recipe
from colorbench.generators import GENERATORS
from colorbench.generators.row import GeneratorRow
from colorbench.grid import calibrate as calibrate_function
from colorbench.grid.calibrate import BLOCKS, Step, calibrate
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.suites.step_table import read_table
from tests.generators.test_flops import TwoConvolutions
from tests.grid.in_process import InProcess
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol

L1 = Recipe(generator="unet", loss="l1", options=UNET)
ADVERSARIAL = Recipe(generator="unet", loss="100*l1 + patchgan(layers=1, width=8)", options=UNET)
QUICK = {"device": "cpu", "warmup_steps": 1, "block_steps": 1}


def suite_of(*recipes, **protocol):
    budget = Budget(kind="reference-seconds", amount=0.3)
    return tiny_suite(protocol=small_protocol(**{"budget": budget, **protocol}), recipes=recipes, baselines=())


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")


def test_table_then_run_then_a_generator_without_a_row(tmp_path):
    """The whole life of a table, and its jobs."""
    others = [L1.model_copy(update={"options": {**UNET, "width": width}, "name": f"w{width}"}) for width in (5, 6, 8)]
    told: list[Step] = []
    suite = suite_of(L1, ADVERSARIAL, *others)
    found = calibrate(suite, out=tmp_path / "t.json", on_step=told.append, **QUICK)
    assert read_table(found.path) == found.table
    assert [step.label for step in told[:5]] == [
        step.label for step in told[5:10]
    ]  # block 2 comes after all of block 1
    assert len({step.label for step in told}) == 2  # labels tell generator and loss; the table tells options too
    assert len(found.table.rows) == 5
    for row in found.table.rows:
        assert len(row.blocks) == BLOCKS
        assert row.seconds == sorted(row.blocks)[2]
        assert row.model_flops > 6 * row.macs
    assert "every model stayed" in found.how_measured()

    # The times of this machine are not what the test is about: every step takes as long on the reference as written here.
    table = found.table.model_copy(
        update={"rows": tuple(row.model_copy(update={"seconds": 0.04}) for row in found.table.rows)}
    )
    new = L1.model_copy(update={"options": {**UNET, "width": 7}, "name": "w7"})
    report = run(suite_of(L1, new), out=tmp_path, table=table, executor=InProcess(), build=False)
    measured, estimated = (next(r for r in report.records if r.cell.recipe.label == n) for n in ("unet+l1", "w7"))
    row = next(row for row in table.rows if row.loss == "l1" and row.options["width"] == 4)
    assert measured.spent.steps == measured.spent.planned_steps == 7
    assert measured.spent.table_sha256 == measured.cell.protocol.table_sha256 == table.sha256
    assert not measured.spent.provisional
    assert measured.spent.model_flops == 7 * row.model_flops
    assert measured.generator.macs == row.macs
    assert estimated.status == "done"
    assert (estimated.spent.steps, estimated.spent.provisional) == (7, True)  # all rows take as long
    assert not plan_run(suite_of(L1, new), out=tmp_path).todo  # the table lies beside the cells now


def test_stopped_in_the_middle_it_goes_on(tmp_path):
    def stop(step: Step) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    suite, path = suite_of(L1, ADVERSARIAL), tmp_path / "t.json"
    with pytest.raises(KeyboardInterrupt):
        calibrate(suite, out=path, on_step=stop, **QUICK)
    assert not path.exists()
    parts = {file.name: file.read_text() for file in (tmp_path / "t.json.parts").glob("row-*.json")}
    assert len(parts) == 2
    found = calibrate(suite, out=path, **QUICK)
    for row in found.table.rows:
        before = parts[f"row-{row.id}.json"]
        assert all(f"{seconds!r}" in before for seconds in row.blocks[:1])
    assert calibrate(suite, out=path, **QUICK).table == found.table  # nothing is left to time


def test_other_settings_are_not_mixed(tmp_path):
    calibrate(suite_of(L1), out=tmp_path / "t.json", **QUICK)
    with pytest.raises(
        ValueError, match=r"t.json.parts holds times taken with block_steps 1 \(now 2\): choose another"
    ):
        calibrate(suite_of(L1), out=tmp_path / "t.json", **{**QUICK, "block_steps": 2})
    with pytest.raises(ValueError, match=r"batch 4 \(now 2\)"):
        calibrate(suite_of(L1, batch=2), out=tmp_path / "t.json", **QUICK)
    (next((tmp_path / "t.json.parts").glob("row-*.json"))).write_text("{")
    with pytest.raises(ValueError, match="is damaged: remove it"):
        calibrate(suite_of(L1), out=tmp_path / "t.json", **QUICK)


class Hungry(TwoConvolutions):
    def forward(self, gray):
        if not gray.is_meta:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 TiB")
        return super().forward(gray)


class Broken(TwoConvolutions):
    def forward(self, gray):
        raise TypeError("a line that helps\nand more")


def test_a_recipe_that_fails_is_left_out_with_its_reason(tmp_path, monkeypatch):
    for key, build in (("hungry", Hungry), ("broken", Broken)):
        monkeypatch.setitem(GENERATORS, key, GeneratorRow(key, build))
    hungry, broken = (Recipe(generator=key, loss="l1") for key in ("hungry", "broken"))
    found = calibrate(suite_of(hungry, L1, broken), out=tmp_path / "t.json", **QUICK)
    assert [row.generator for row in found.table.rows] == ["unet"]
    reasons = {failure.label.split("+")[0]: failure.reason for failure in found.table.failures}
    words = "out of memory at batch 4: CUDA out of memory. Tried to allocate 2 TiB"
    assert reasons == {"hungry": words, "broken": "a line that helps"}
    with pytest.raises(ValueError, match="no recipe could be timed: hungry"):
        calibrate(suite_of(hungry), out=tmp_path / "u.json", **QUICK)
    monkeypatch.setattr(Hungry, "forward", TwoConvolutions.forward)
    again = calibrate(suite_of(hungry, L1), out=tmp_path / "t.json", **QUICK)  # a failure is tried again
    assert {row.generator for row in again.table.rows} == {"hungry", "unet"}


def test_without_room_models_are_built_again(tmp_path, monkeypatch):
    monkeypatch.setattr("colorbench.data.loader.free_bytes", lambda device: 0)
    monkeypatch.setattr("colorbench.data.loader.fits", lambda needed, device: True)
    found = calibrate(suite_of(L1), out=tmp_path / "t.json", **QUICK)
    assert found.rebuilt == BLOCKS - 1
    assert f"{BLOCKS - 1} models were built again" in found.how_measured()


def test_nothing_to_time(tmp_path):
    assert calibrate_function is calibrate
    with pytest.raises(ValueError, match="no recipes to time"):
        calibrate(suite_of(), out=tmp_path / "t.json", **QUICK)


def test_unpaired_and_progressive_recipes_are_timed_at_full_size(tmp_path):
    cycle = Recipe(generator="unet", loss="cycle(width=4, blocks=1, layers=1)", options=UNET)
    nogan = Recipe(**dict(ADVERSARIAL) | {"phases": {"plan": "pretrain-then-adversarial"}, "name": "nogan"})
    found = calibrate(suite_of(cycle, nogan), out=tmp_path / "t.json", **QUICK)
    by_loss = {row.loss.split("(")[0].split(" ")[0]: row for row in found.table.rows}
    assert by_loss["cycle"].model_flops > 0
    assert by_loss["100*l1"].model_flops is None  # its phases change what a step costs
