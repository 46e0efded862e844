"""The plan: a suite's cells and their names, their steps and expected time, and the step table that this takes."""

import pytest

from colorbench.cell import Budget, Recipe
from colorbench.files import STEP_TABLE
from colorbench.generators import GENERATORS
from colorbench.generators.row import GeneratorRow
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.plan import choose_table, plan_run
from colorbench.grid.run import run
from colorbench.suites import load_suite, override_suite
from colorbench.suites.budget import count_step
from colorbench.suites.expand import expand_suite
from colorbench.suites.step_table import Conditions, Reference, StepRow, StepTable, kind_of, write_table
from tests.generators.test_flops import Stubborn
from tests.grid.noop import NoProcess, many_cells
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol

HASH = "0" * 64


def mini(**changes):
    return load_suite("mini").model_copy(update=changes)


EIGHT = Budget(kind="reference-seconds", amount=8)


def suite_of(budget=EIGHT, **changes):
    recipes = (Recipe(generator="unet", loss="l1", options=UNET), Recipe(generator="unet", loss="mse", options=UNET))
    return tiny_suite(protocol=small_protocol(budget=budget), **{"recipes": recipes, **changes})


def table_of(suite, losses=("l1", "l1", "l1", "l1")) -> StepTable:
    """One row for unet+l1, 40 ms, and three of other widths."""
    rows = []
    for i, loss in enumerate(losses):
        recipe = Recipe(generator="unet", loss=loss, options={**UNET, "width": 4 + 2 * i})
        counted, kind = count_step(recipe, suite.protocol), kind_of(recipe, suite.protocol)
        seconds = 0.04 * (1 + i)
        facts = {"seconds": seconds, "blocks": (seconds,), "macs": counted.macs, "activations": counted.activations}
        rows.append(StepRow(**kind.model_dump(), **facts))
    reference = Reference(device="a card", torch="2.15", colorbench="0.1.0", warmup_steps=20, block_steps=30)
    return StepTable(reference=reference, conditions=Conditions.of(suite.protocol), rows=tuple(rows))


def planned(out, suite, table=None):
    """Steps, provisional and expected seconds of every recipe."""
    plan = plan_run(suite, out=out, table=table)
    return {
        cell.recipe.label: (cell.steps, cell.provisional, plan.expected_seconds.get(cell.recipe.label))
        for cell, _ in plan.states
    }


def test_cells_carry_their_steps_by_the_table_or_by_an_estimate(tmp_path):
    suite = suite_of()
    found = planned(tmp_path, suite, table_of(suite))
    assert found["gray"] == (None, False, 0)
    assert found["unet+l1"] == (200, False, pytest.approx(8))
    steps, provisional, _ = found["unet+mse"]
    assert provisional
    assert 100 < steps < 300  # as large as the first row


def test_flops_are_counted_before_anything_starts(tmp_path, monkeypatch):
    suite = suite_of(Budget(kind="flops", amount=1e9))
    counted = count_step(suite.recipes[0], suite.protocol)
    assert planned(tmp_path, suite)["unet+l1"] == (int(1e9 // counted.flops), False, None)
    monkeypatch.setitem(GENERATORS, "stubborn", GeneratorRow("stubborn", Stubborn))
    stubborn = suite_of(suite.protocol.budget, recipes=(Recipe(generator="stubborn", loss="l1"),))
    with pytest.raises(ValueError, match="stubborn cannot run on the meta device"):
        plan_run(stubborn, out=tmp_path)


def test_a_table_tells_the_time_of_other_budgets(tmp_path):
    suite = suite_of(Budget(kind="steps", amount=50))
    found = planned(tmp_path, suite, table_of(suite))
    assert found["unet+l1"] == (50, False, pytest.approx(2))
    assert found["unet+mse"] == (50, False, None)
    assert plan_run(suite, out=tmp_path, table=table_of(suite)).suite == suite


def test_without_a_table_the_expected_time_is_that_of_the_same_recipe_before(tmp_path):
    suite = many_cells(20)
    run(suite, out=tmp_path, executor=LocalExecutor(["cpu"], spawn=NoProcess), build=False)
    plan = plan_run(suite.model_copy(update={"seeds": 11}), out=tmp_path)
    assert [plan.expected_seconds[cell.recipe.label] for cell in plan.todo] == [1.0, 1.0]
    assert plan_run(suite, out=tmp_path / "elsewhere").expected_seconds == {}


def test_a_suite_without_its_table_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"suite tiny .*run `colorbench calibrate tiny.*--table FILE"):
        plan_run(suite_of(), out=tmp_path)
    named = suite_of()
    named = named.model_copy(update={"protocol": named.protocol.model_copy(update={"table_sha256": "e" * 64})})
    with pytest.raises(ValueError, match="names the step table eeeeeeeeeeee, which was not found"):
        plan_run(named, out=tmp_path)


def test_the_table_beside_the_cells_is_found_again(tmp_path):
    suite, table = suite_of(), table_of(suite_of())
    named = plan_run(suite, out=tmp_path, table=table).suite
    assert named.protocol.table_sha256 == table.sha256
    assert choose_table(named, table, tmp_path) == table
    write_table(table, tmp_path / STEP_TABLE)
    assert choose_table(suite, None, tmp_path) == table
    assert choose_table(named, None, tmp_path) == table
    assert choose_table(suite_of(Budget(kind="steps", amount=5)), None, tmp_path) is None
    assert override_suite(named, budget="60s").protocol.table_sha256 is None
    assert override_suite(named, budget="9rs").protocol.table_sha256 == table.sha256


@pytest.mark.parametrize("name", ["nano", "s", "m", "l", "generators"])
def test_shipped_tables_have_every_generator_on_one_card_and_none_waits_for_the_cpu(name, tmp_path):
    suite = load_suite(name)
    assert suite.protocol.budget.kind == "reference-seconds"
    assert {recipe.generator for recipe in suite.recipes} == set(GENERATORS)
    table = choose_table(suite, None, tmp_path)
    assert table is not None
    assert table.reference.device == "NVIDIA H100 80GB HBM3"
    assert table.reference.host
    kinds = [
        kind_of(cell.recipe, suite.protocol)
        for cell in expand_suite(suite, HASH)
        if not cell.is_baseline and not cell.seed
    ]
    rows = [row for row in map(table.find, kinds) if row is not None]
    assert len(rows) >= len(suite.recipes) - 1  # siggraph17 with classification is estimated
    assert all(row.captured and not row.is_host_bound for row in rows)
