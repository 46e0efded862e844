"""Suite files: the shipped ones parse and name real things; broken ones are refused with the place."""

import pytest

from colorbench.generators import GENERATORS
from colorbench.losses import LOSSES
from colorbench.losses.expression import parse
from colorbench.suites import SUITES, load_suite
from colorbench.suites.expand import expand_suite
from colorbench.suites.load import suite_table
from colorbench.suites.step_table import Reference, StepTable, write_table


@pytest.mark.parametrize("name", sorted(SUITES))
def test_shipped_suites_name_real_things(name):
    suite = load_suite(name)
    cells = expand_suite(suite, "0" * 64)
    assert len(cells) == len(suite.baselines) + suite.seeds * len(suite.recipes)
    assert len({cell.key for cell in cells}) == len(cells)
    assert len({cell.folder for cell in cells}) == len(cells)


def test_mini_is_the_short_form_of_ambiguity():
    mini, whole = load_suite("mini"), load_suite("ambiguity")
    assert mini.protocol.dataset == whole.protocol.dataset == "mixtures"
    assert set(mini.baselines) < set(whole.baselines)
    assert mini.protocol.size_px <= 48
    losses = {recipe.loss for recipe in whole.recipes}
    assert {recipe.loss for recipe in mini.recipes if recipe.generator == "unet"} <= losses


def test_smoke_runs_every_generator_and_every_loss_that_fits_32_px():
    recipes = load_suite("smoke").recipes
    assert {recipe.generator for recipe in recipes} == set(GENERATORS)
    losses = {term.key for recipe in recipes for term in parse(recipe.loss, LOSSES)}
    assert losses == set(LOSSES) - {"ms-ssim"}


def test_unknown_suite_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"unknown suite 'nimi'; known suites: .*mini"):
        load_suite("nimi")


GOOD = """
title = "t"
metrics = ["psnr"]
primary = "psnr"
[protocol]
dataset = "embedded"
size_px = 64
budget = "5steps"
[optimizer]
lr = 1e-3
[matrix]
generators = ["unet", {generator = "linknet", options = {depth = 3}}]
losses = ["l1", "mse"]
"""


def test_matrix_is_a_product_over_shared_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    suite = load_suite(path)
    assert [recipe.label for recipe in suite.recipes] == ["unet+l1", "unet+mse", "linknet+l1", "linknet+mse"]
    assert {recipe.optimizer.lr for recipe in suite.recipes} == {1e-3}
    assert suite.recipes[2].options == {"depth": 3}
    assert suite.name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"5steps"', '"5 weeks"', "500steps"),
        ("size_px = 64", "size_px = 64\nsise = 3", "unknown field 'sise'"),
        ("losses =", "loses =", "unknown field loses"),
        ("[matrix]", "[matrix", "not TOML"),
        ('primary = "psnr"', 'primary = "fid"', "not among"),
    ],
)
def test_broken_files_say_where(tmp_path, old, new, message):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_suite(path)


def test_a_file_extends_a_shipped_suite(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "s"\ntitle = "t"\n[protocol]\nbudget = "9rs"\n')
    suite, before = load_suite(path), load_suite("s")
    assert (suite.name, suite.title, suite.recipes) == ("mine", "t", before.recipes)
    assert suite.protocol.model_dump(exclude={"budget"}) == before.protocol.model_dump(exclude={"budget"})
    assert suite_table(path) == suite_table("s")
    path.write_text('extends = "s"\ntitle = "t"\n[protocol]\nsize_px = 64\n')
    assert load_suite(path).protocol.table_sha256 is None  # that of s was measured at another size
    path.write_text('extends = "s"\ntitle = "t"\ntable = ""\n')
    assert load_suite(path).protocol.table_sha256 is suite_table(path) is None
    path.write_text('extends = "nimi"')
    with pytest.raises(ValueError, match="extends 'nimi'; known suites: "):
        load_suite(path)


def test_a_file_carries_its_step_table(tmp_path):
    reference = Reference(device="a card", torch="2.15", colorbench="0.1.0", warmup_steps=20, block_steps=30)
    conditions = {"size_px": 64, "batch": 16, "precision": "fp32", "channels_last": True, "compile": False}
    table = StepTable(reference=reference, conditions=conditions, rows=())
    write_table(table, tmp_path / "t.json")
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('title = "t"', 'title = "t"\ntable = "t.json"').replace("5steps", "8rs"))
    assert load_suite(path).protocol.table_sha256 == table.sha256
    assert suite_table(path) == table
    assert suite_table("mini") is None
    for old, new, message in (
        ("size_px = 64", "size_px = 32", "measured at 64 px"),
        ("size_px = 64", f'size_px = 64\ntable_sha256 = "{"0" * 64}"', "wrong step table"),
        ('"t.json"', '"u.json"', "there is no step table"),
    ):
        other = tmp_path / "other.toml"
        other.write_text(path.read_text().replace(old, new))
        with pytest.raises(ValueError, match=message):
            load_suite(other)


def test_absent_file(tmp_path):
    with pytest.raises(ValueError, match="no suite file"):
        load_suite(tmp_path / "none.toml")
