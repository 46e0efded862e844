"""Overrides: what the command line may replace in a suite."""

import pytest

from colorbench.suites import load_suite, override_suite


def test_nothing_given_changes_nothing():
    suite = load_suite("mini")
    assert override_suite(suite) == suite


def test_a_generator_keeps_its_options_and_losses():
    suite = override_suite(load_suite("mini"), generators=["unet"], losses=["l1", "ssim"])
    assert [recipe.label for recipe in suite.recipes] == ["unet+l1", "unet+ssim"]
    assert all(recipe.options == {"width": 8, "depth": 3} for recipe in suite.recipes)


def test_an_outside_generator_takes_the_losses_asked_for():
    mini = load_suite("mini")
    suite = override_suite(mini, generators=["unetpp"])
    assert [recipe.label for recipe in suite.recipes] == ["unetpp+l1"]
    assert suite.recipes[0].optimizer == mini.recipes[0].optimizer
    assert suite.recipes[0].phases == mini.recipes[0].phases


def test_a_folder_replaces_the_embedded_photos(tmp_path):
    suite = override_suite(load_suite("smoke"), source=tmp_path)
    assert (suite.protocol.dataset, suite.protocol.fit) == ("folder", "crop")
    assert suite.rankable
    assert suite.note == ""


def test_photos_replace_generated_scenes_and_have_no_bayes_baselines(tmp_path):
    suite = override_suite(load_suite("mini"), source=tmp_path)
    assert suite.protocol.dataset == "folder"
    assert suite.protocol.limit_train is None
    assert suite.baselines == ("gray", "mean-ab", "shuffled-ab")
    assert suite.recipes == load_suite("mini").recipes
    assert override_suite(load_suite("mini"), source="someone/photos").protocol.dataset == "hub"
    assert override_suite(load_suite("mini"), source="own.toml").protocol.dataset == "mixtures"


def test_budget_and_sizes():
    suite = override_suite(load_suite("mini"), budget="3s", size_px=32, batch=2, seeds=5)
    assert str(suite.protocol.budget) == "3s"
    assert (suite.protocol.size_px, suite.protocol.batch, suite.seeds) == (32, 2, 5)
    with pytest.raises(ValueError, match="budget"):
        override_suite(load_suite("mini"), budget="soon")


def test_crops_are_for_the_size_of_their_suite():
    mini = load_suite("mini")
    assert all(recipe.phases.sizes_px for recipe in mini.recipes)
    assert override_suite(mini, size_px=mini.protocol.size_px).recipes == mini.recipes
    assert not any(recipe.phases.sizes_px for recipe in override_suite(mini, size_px=128).recipes)


def test_a_pair_of_the_suite_is_the_suites_own_recipe():
    suite = load_suite("scenery-64")
    chosen = override_suite(suite, generators=["unet"], losses=["100 * l1+patchgan( mode = 'lsgan')"])
    assert chosen.recipes == tuple(r for r in suite.recipes if r.label.startswith("unet+100xl1+patchgan-mode-lsgan"))
    assert override_suite(suite, generators=["unet"], losses=["l1"], head="rgb").recipes[0].head == "rgb"


@pytest.mark.parametrize("options", [{}, {"dataset": "folder"}, {"dataset": "train-val"}])
def test_a_folder_that_is_not_there_is_refused_before_anything_is_loaded(options):
    for source in ("photso", "./someone/photos"):
        with pytest.raises(FileNotFoundError, match="no such folder of pictures"):
            override_suite(load_suite("mini"), source=source, **options)
    assert override_suite(load_suite("mini"), source="photso", dataset="hub").protocol.dataset == "hub"
