"""From budgets to steps: by a table, by an estimate, by FLOPs; and a suite that lacks its table."""

import pytest

from colorbench.cell import Budget, Recipe
from colorbench.files import STEP_TABLE
from colorbench.generators import GENERATORS
from colorbench.generators.row import GeneratorRow
from colorbench.grid.cells import expand_suite
from colorbench.grid.run import plan_run
from colorbench.grid.steps import choose_table, plan_steps, with_table
from colorbench.suites import load_suite, override_suite
from colorbench.suites.budget import count_step
from colorbench.suites.step_table import Conditions, Reference, StepRow, StepTable, kind_of, write_table
from tests.generators.test_flops import Stubborn
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol

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


def test_rows_and_estimates():
    suite = suite_of()
    planned = plan_steps(expand_suite(suite, "0" * 64), table_of(suite))
    assert planned["gray"].seconds == 0
    assert planned["unet+l1"][:2] == (200, False)
    assert planned["unet+l1"].seconds == pytest.approx(8)
    steps, provisional, _ = planned["unet+mse"]
    assert provisional
    assert 100 < steps < 300  # as large as the first row
    with pytest.raises(ValueError, match="too few"):
        plan_steps(expand_suite(suite, "0" * 64), table_of(suite, ("l1", "l1")))
    with pytest.raises(ValueError, match="needs a step table"):
        plan_steps(expand_suite(suite, "0" * 64), None)


def test_flops_are_counted_before_anything_starts(monkeypatch):
    suite = suite_of(Budget(kind="flops", amount=1e9))
    planned = plan_steps(expand_suite(suite, "0" * 64), None)["unet+l1"]
    counted = count_step(suite.recipes[0], suite.protocol)
    assert planned.steps == int(1e9 // counted.flops)
    assert planned.seconds is None
    monkeypatch.setitem(GENERATORS, "stubborn", GeneratorRow("stubborn", Stubborn))
    stubborn = suite_of(suite.protocol.budget, recipes=(Recipe(generator="stubborn", loss="l1"),))
    with pytest.raises(ValueError, match="stubborn cannot run on the meta device"):
        plan_steps(expand_suite(stubborn, "0" * 64), None)


def test_a_table_tells_the_time_of_other_budgets():
    suite = suite_of(Budget(kind="steps", amount=50))
    table = table_of(suite)
    planned = plan_steps(expand_suite(suite, "0" * 64), table)
    assert planned["unet+l1"].seconds == pytest.approx(2)
    assert planned["unet+mse"].seconds is None
    assert with_table(suite, table) == suite


def test_a_suite_without_its_table_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"suite tiny .*run `colorbench calibrate tiny.*--table FILE"):
        plan_run(suite_of(), out=tmp_path)
    named = suite_of()
    named = named.model_copy(update={"protocol": named.protocol.model_copy(update={"table_sha256": "e" * 64})})
    with pytest.raises(ValueError, match="names the step table eeeeeeeeeeee, which is not here"):
        plan_run(named, out=tmp_path)


def test_the_table_beside_the_cells_is_found_again(tmp_path):
    suite, table = suite_of(), table_of(suite_of())
    assert choose_table(with_table(suite, table), table, tmp_path) == table
    write_table(table, tmp_path / STEP_TABLE)
    assert choose_table(suite, None, tmp_path) == table
    assert choose_table(with_table(suite, table), None, tmp_path) == table
    assert choose_table(suite_of(Budget(kind="steps", amount=5)), None, tmp_path) is None


@pytest.mark.parametrize("tier", ["nano", "s", "m", "l"])
def test_tiers_need_a_table_and_say_so(tier, tmp_path):
    suite = load_suite(tier)
    assert suite.protocol.budget.kind == "reference-seconds"
    assert "colorbench calibrate s" in suite.note
    assert len({recipe.generator for recipe in suite.recipes}) == len(GENERATORS)
    with pytest.raises(ValueError, match=f"calibrate {tier} --data"):
        plan_run(suite, out=tmp_path, source=tmp_path)


def test_another_budget_drops_the_table():
    suite = with_table(suite_of(), table_of(suite_of()))
    assert suite.protocol.table_sha256
    assert override_suite(suite, budget="60s").protocol.table_sha256 is None
    assert override_suite(suite, budget="9rs").protocol.table_sha256 == suite.protocol.table_sha256
