"""A suite's cells and their names."""

import pytest

from colorbench.cell import Recipe
from colorbench.suites import load_suite
from colorbench.suites.expand import expand_suite

HASH = "0" * 64


def mini(**changes):
    return load_suite("mini").model_copy(update=changes)


def test_baselines_first_then_seed_by_seed():
    suite = mini(seeds=2)
    cells = expand_suite(suite, HASH)
    count = len(suite.baselines)
    assert [cell.recipe.generator for cell in cells[:count]] == list(suite.baselines)
    assert [cell.seed for cell in cells[count:]] == [0] * len(suite.recipes) + [1] * len(suite.recipes)


def test_losses_are_spelled_one_way():
    one = expand_suite(mini(recipes=(Recipe(generator="unet", loss="patchgan+100 * l1"),)), HASH)
    two = expand_suite(mini(recipes=(Recipe(generator="unet", loss="1e2*l1 + patchgan"),)), HASH)
    assert [cell.key for cell in one] == [cell.key for cell in two]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(generator="unett", loss="l1"), "unknown generator 'unett'; known generators: unet,"),
        (Recipe(generator="unet", loss="l3"), "l3"),
        (Recipe(generator="unet", loss="l1", options={"widht": 3}), "no option widht; its options: width"),
        (Recipe(generator="unet", loss="classification", head="ab"), "needs the head 'bins'"),
    ],
)
def test_wrong_names_are_refused(recipe, message):
    with pytest.raises((KeyError, ValueError), match=message):
        expand_suite(mini(recipes=(recipe,)), HASH)


def test_unknown_metric_and_baseline():
    with pytest.raises(KeyError, match="unknown metric 'pnsr'"):
        expand_suite(mini(metrics=("pnsr",)), HASH)
    with pytest.raises(KeyError, match="unknown baseline 'grey'; known baselines: gray"):
        expand_suite(mini(baselines=("grey",)), HASH)


def test_a_baseline_that_needs_a_truth_is_refused_on_photos():
    protocol = load_suite("smoke").protocol
    with pytest.raises(ValueError, match=r"'bayes-mean' needs .*it is unknown for the photos of 'embedded'"):
        expand_suite(mini(protocol=protocol, baselines=("gray", "bayes-mean")), HASH)
