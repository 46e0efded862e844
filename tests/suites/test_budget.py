"""Budgets in every currency become steps; steps of recipes that a table lacks are estimated."""

import pytest

from colorbench.cell import Budget, Cell, Phases, Recipe
from colorbench.generators import GENERATORS
from colorbench.generators.row import GeneratorRow
from colorbench.suites.budget import (
    Resolved,
    count_flops,
    count_step,
    estimate_seconds,
    resolve_budget,
    steps_by_size,
    with_steps,
)
from colorbench.suites.step_table import Failure, StepKind, StepRow, kind_of
from tests.generators.test_flops import Stubborn
from tests.suites.test_step_table import protocol, row, table

UNET = Recipe(generator="unet", loss="l1", options={"width": 4, "depth": 2})


def measured(seconds: float):
    """A table with a row for UNET."""
    kind = kind_of(UNET, protocol())
    return table(row(**kind.model_dump(), seconds=seconds))


@pytest.mark.parametrize(
    ("budget", "steps", "seconds"),
    [("10steps", 10, 1.0), ("103samples", 25, 2.5), ("3samples", 1, 0.1), ("8rs", 80, 8.0), ("60s", None, 60)],
)
def test_every_currency(budget, steps, seconds):
    found = resolve_budget(UNET, protocol(budget=Budget.parse(budget)), measured(0.1))
    assert found == Resolved(steps, provisional=False, seconds=pytest.approx(seconds))


def test_without_a_table():
    assert resolve_budget(UNET, protocol(budget=Budget.parse("10steps"))) == Resolved(10)
    with pytest.raises(ValueError, match=r"8rs \(reference seconds\) needs a step table.*colorbench calibrate"):
        resolve_budget(UNET, protocol())


def test_flops():
    per_step = count_step(UNET, protocol()).flops
    found = resolve_budget(UNET, protocol(budget=Budget(kind="flops", amount=7.5 * per_step)))
    assert found.steps == 7


def test_flops_that_cannot_be_counted_are_refused(monkeypatch):
    monkeypatch.setitem(GENERATORS, "stubborn", GeneratorRow("stubborn", Stubborn))
    with pytest.raises(ValueError, match=r"stubborn\+l1: .* stubborn cannot run on the meta device"):
        resolve_budget(Recipe(generator="stubborn", loss="l1"), protocol(budget=Budget.parse("1e9flops")))


def test_the_arithmetic_follows_head_and_phases():
    recipe = Recipe(generator="unet", loss="classification", options={"width": 4, "depth": 2})
    assert count_step(recipe, protocol()).macs > count_step(UNET, protocol()).macs
    phased = UNET.model_copy(update={"phases": Phases(plan="pretrain-then-adversarial")})
    counted = count_step(phased, protocol())
    assert counted.flops is None
    assert counted.macs == count_step(UNET, protocol()).macs
    assert "phases" in counted.reason


GROWING = UNET.model_copy(update={"phases": Phases(sizes_px=(16, 16, 64))})  # of 64 px


def growing_cell(steps: int | None) -> Cell:
    size = protocol(size_px=64, budget=Budget.parse("9steps"))
    return Cell(suite="x", protocol=size, recipe=GROWING, seed=0, data_hash="0" * 64, steps=steps)


def test_steps_on_smaller_pictures_cost_less():
    cell = growing_cell(9)
    small, full = (count_step(GROWING, cell.protocol, side).flops for side in (16, 64))
    assert full == count_step(GROWING, cell.protocol).flops > 10 * small
    assert steps_by_size(cell, 9) == {16: 6, 64: 3}
    assert steps_by_size(cell, 7) == {16: 6, 64: 1}  # it ended early
    assert count_flops(cell, 9) == 6 * small + 3 * full
    assert count_flops(growing_cell(None), 9) is None  # a clock decides how many are small
    fixed = cell.model_copy(update={"recipe": GROWING.model_copy(update={"size_px": 64})})
    assert count_flops(fixed, 9) == 9 * full  # the generator sees every picture at one size


def test_budgets_of_a_recipe_whose_pictures_grow():
    cell = growing_cell(None)
    flops = cell.protocol.model_copy(update={"budget": Budget(kind="flops", amount=count_flops(growing_cell(9), 9))})
    assert resolve_budget(GROWING, flops).steps == 9
    full = table(row(**kind_of(GROWING, cell.protocol).model_dump(), seconds=1.0))
    assert resolve_budget(GROWING, cell.protocol, full) == Resolved(9)  # the table has no step on smaller pictures


def test_a_cell_is_given_its_steps_once():
    cell = Cell(suite="x", protocol=protocol(), recipe=UNET, seed=0, data_hash="0" * 64)
    planned = with_steps(cell, measured(0.1))
    assert (planned.steps, planned.provisional) == (80, False)
    assert with_steps(planned) is planned
    assert planned.key == cell.key
    baseline = cell.model_copy(update={"recipe": Recipe(generator="gray")})
    assert with_steps(baseline).steps is None


NEW = StepKind(generator="new", loss="l1", head="ab", size_px=16)


def power_law(activations: int, macs: int) -> float:
    return 1e-6 * activations**0.5 * macs**0.3


def lawful(**changes) -> list[StepRow]:
    sizes = [(1000, 5000), (4000, 9000), (9000, 80000), (2000, 70000), (30000, 60000)]
    return [
        row(f"net-{i}", power_law(*size), activations=size[0], macs=size[1], **changes) for i, size in enumerate(sizes)
    ]


def test_an_estimate_recovers_a_power_law():
    found = estimate_seconds(table(*lawful()), NEW, 6000, 20000)
    assert found == pytest.approx(power_law(6000, 20000), rel=1e-6)


def test_rows_of_the_same_loss_are_preferred():
    slow = [one.model_copy(update={"loss": "perceptual", "seconds": 9.0}) for one in lawful()]
    found = estimate_seconds(table(*lawful(), *slow), NEW, 6000, 20000)
    assert found == pytest.approx(power_law(6000, 20000), rel=1e-6)
    other = NEW.model_copy(update={"loss": "mse"})
    assert estimate_seconds(table(*lawful(), *slow), other, 6000, 20000) > 5 * found


def test_equal_networks_give_their_mean():
    rows = [row(f"net-{i}", seconds) for i, seconds in enumerate((0.01, 0.02, 0.02, 0.04))]
    assert estimate_seconds(table(*rows), NEW, 10**6, 10**6) == pytest.approx(0.02)


def test_what_cannot_be_estimated_says_what_to_do():
    with pytest.raises(ValueError, match=r"no row for new\+l1 .* 1 rows are too few .*colorbench calibrate"):
        estimate_seconds(table(), NEW, 1000, 5000)
    with pytest.raises(ValueError, match="cannot be counted"):
        estimate_seconds(table(*lawful()), NEW, None, None)
    failed = table(failures=(Failure(label=NEW.label, reason="out of memory at batch 4"),))
    with pytest.raises(ValueError, match="calibration failed: out of memory"):
        estimate_seconds(failed, NEW, 1000, 5000)
