"""Cells: keys, labels, budgets, and settings that refuse what they do not know."""

import pytest
from pydantic import ValidationError

from colorbench.cell import Budget, Cell, Optimizer, Phases, Protocol, Recipe, Suite, canonical_json


def protocol(**changes) -> Protocol:
    return Protocol(**{"dataset": "embedded", "size_px": 64, "budget": Budget(kind="steps", amount=5), **changes})


def cell(recipe=None, seed=0, **changes) -> Cell:
    recipe = recipe or Recipe(generator="unet", loss="l1")
    return Cell(suite="mini", protocol=protocol(**changes), recipe=recipe, seed=seed, data_hash="0" * 64)


def test_key_is_stable_across_versions():
    """Golden: a changed key would orphan every published record."""
    assert cell().key == "ff5a4e63a022011aaa80984d29ec9a088ba828c7e17ffbd62d90d7365d6a88e5"


def test_key_ignores_names_and_spelling_of_numbers():
    named = cell(Recipe(generator="unet", loss="l1", name="my-unet"))
    assert named.key == cell().key
    assert Cell(**{**dict(cell()), "suite": "other"}).key == cell().key
    assert canonical_json({"b": 8.0, "a": [1, True]}) == canonical_json({"a": [1, True], "b": 8})


@pytest.mark.parametrize(
    "other",
    [
        cell(seed=1),
        cell(size_px=65),
        cell(Recipe(generator="unet", loss="mse")),
        cell(Recipe(generator="unet", loss="l1", options={"width": 8})),
        cell(rules="2"),
        cell().model_copy(update={"data_hash": "1" * 64}),
    ],
)
def test_key_moves_with_what_moves_numbers(other):
    assert other.key != cell().key


def test_order_of_options_does_not_matter():
    one = Recipe(generator="unet", loss="l1", options={"width": 8, "depth": 2})
    two = Recipe(generator="unet", loss="l1", options={"depth": 2, "width": 8})
    assert cell(one).key == cell(two).key


def test_unknown_field_lists_the_known_ones():
    with pytest.raises(ValidationError, match=r"unknown field 'widht'.*generator, loss, head"):
        Recipe(generator="unet", widht=3)


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("60s", "seconds", 60),
        ("8rs", "reference-seconds", 8),
        ("500steps", "steps", 500),
        ("1e15 flops", "flops", 1e15),
        ("200samples", "samples", 200),
        ("2reference-seconds", "reference-seconds", 2),
    ],
)
def test_budget_parses(text, kind, amount):
    budget = Budget.parse(text)
    assert (budget.kind, budget.amount) == (kind, amount)
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "60", "s", "0s", "-5s", "60 minutes", "1.2.3s"])
def test_budget_refuses(text):
    with pytest.raises(ValueError, match="500steps"):
        Budget.parse(text)


def test_labels_are_file_names():
    assert Recipe(generator="unet", loss="100*l1 + patchgan(mode='hinge')").label == "unet+100xl1+patchgan-mode-hinge"
    assert Recipe(generator="gray").label == "gray"
    assert Recipe(generator="unet", loss="l1", head="luv").label == "unet+l1+luv"
    assert "/" not in Recipe(generator="unet", loss="l1/../../x").label


def test_a_long_loss_has_a_short_label_of_its_own():
    long = " + ".join(f"{weight}.123456789*perceptual(layers=('relu{weight}_1',))" for weight in range(1, 9))
    labels = {Recipe(generator="unet", loss=text, head="ab").label for text in (long, f"{long} + l1")}
    assert len(labels) == 2
    assert max(map(len, labels)) < 120


def test_recipe_names_cannot_leave_the_folder():
    with pytest.raises(ValidationError):
        Recipe(generator="unet", name="../../etc")


def test_suite_refuses_two_recipes_of_one_label():
    recipes = (Recipe(generator="unet", loss="l1"), Recipe(generator="unet", loss="l1", options={"width": 8}))
    with pytest.raises(ValidationError, match="give them a `name`"):
        Suite(name="x", title="", protocol=protocol(), metrics=("psnr",), primary="psnr", recipes=recipes)


def test_suite_primary_must_be_measured():
    with pytest.raises(ValidationError, match="'ssim' is not among"):
        Suite(name="x", title="", protocol=protocol(), metrics=("psnr",), primary="ssim", recipes=())


def test_phases_leave_a_joint_part():
    with pytest.raises(ValidationError, match="below 1"):
        Phases(plan="pretrain-then-adversarial", pretrain_share=0.9, critic_share=0.1)


@pytest.mark.parametrize("wrong", [{"lr": 0}, {"lr": float("nan")}, {"ema": 1.0}, {"name": "sgd"}])
def test_optimizer_refuses(wrong):
    with pytest.raises(ValidationError):
        Optimizer(**wrong)


def test_a_retest_has_a_key_of_its_own_and_a_plain_cell_is_written_as_ever():
    plain = cell()
    again = Cell(**{**dict(plain), "retest_of": plain.key})
    assert again.key != plain.key
    assert "retest_of" not in plain.model_dump()
    assert "retest_of" not in plain.model_dump_json()
    assert Cell.model_validate_json(again.model_dump_json()) == again
    with pytest.raises(ValidationError):
        Cell(**{**dict(plain), "retest_of": "somebody"})


def test_the_plan_of_a_cell_is_not_written_nor_in_its_key():
    plain = cell()
    planned = plain.model_copy(update={"steps": 5, "provisional": True})
    assert planned.key == plain.key
    assert planned.model_dump_json() == plain.model_dump_json()
    with pytest.raises(ValidationError):
        Cell(**{**dict(plain), "steps": 0})


def test_pictures_grow_through_equal_shares_of_the_budget():
    growing = Phases(sizes_px=(16, 32, 64))
    assert [growing.size_at(share, 64) for share in (0.0, 0.3, 0.34, 0.67, 1.0)] == [16, 16, 32, 64, 64]
    assert growing.sizes(48) == (16, 32, 48)
    assert Phases().sizes(48) == (48,)
