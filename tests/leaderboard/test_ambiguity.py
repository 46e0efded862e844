import shutil

import numpy as np
import pytest
from PIL import Image

from colorbench.data.mixtures import TRUTH
from colorbench.leaderboard.ambiguity import BAYES, BOUNDS, leaks, read_ambiguity
from colorbench.leaderboard.entries import read_board
from tests.leaderboard.scenes import SCENES


def test_a_board_of_photos_has_no_such_analysis(make_runs):
    assert read_ambiguity(read_board(make_runs(pictures=False))) is None


def test_objects_have_the_colors_that_were_painted(found):
    mine = found.objects[found.objects["label"] == "bayes-mean"]
    assert mine["scene"].nunique() == SCENES
    assert mine.groupby("scene")["pixels"].sum().eq(found.truth.size_px**2).all()
    means = np.array([mixture.mean for mixture in found.truth.mixtures])[mine["material"]]
    large = (mine["pixels"] >= 12).to_numpy()
    assert np.abs(mine[["a", "b"]].to_numpy(float) - means)[large].max() < 1.5


def test_who_averages_and_who_decides(found):
    spreads = found.spreads
    assert spreads["bayes-mean"].mean > 0.99
    assert spreads["bayes-mode"].mode > 0.99
    assert spreads["bayes-sample"].mode > 0.99
    assert spreads["gray"].gray == 1
    assert spreads["averager"].mean > 0.9 > 0.5 > spreads["averager"].mode
    assert spreads["decider"].mode > 0.9


def test_total_variation_tells_covering_from_dropping(found):
    spreads = found.spreads
    assert spreads["bayes-sample"].variation < 0.2
    dropped = np.mean([1 - max(found.truth.mixtures[place].weights) for place in found.ambiguous])
    assert spreads["bayes-mode"].variation == pytest.approx(dropped, abs=0.02)
    assert spreads["bayes-mean"].variation > spreads["bayes-mode"].variation


@pytest.mark.parametrize("measure", BOUNDS)
def test_regret_is_nothing_at_the_bound_and_all_at_gray(found, measure):
    regrets = found.regrets[measure]
    bound = regrets[BOUNDS[measure]]
    assert (bound.value, bound.half, bound.relative) == (0, 0, 0)
    assert regrets["gray"].relative == pytest.approx(1)
    others = [label for label in BAYES if label != BOUNDS[measure]]
    assert all(regrets[label].value > -regrets[label].half for label in others)
    assert regrets["bayes-sample"].value > regrets["bayes-sample"].half
    assert regrets["averager"].half > 0


def test_regret_is_the_difference_of_the_mean_errors(found):
    mean = {}
    for label in ("averager", "bayes-mean"):
        mine = found.objects[found.objects["label"] == label]
        mean[label] = np.average(mine["squared"], weights=mine["pixels"])
    regret = found.regrets["squared"]["averager"].value
    assert regret == pytest.approx(mean["averager"] - mean["bayes-mean"], rel=1e-3)


def test_honest_entries_do_not_leak_and_one_that_knows_the_answer_does(found, scenes, tmp_path):
    assert leaks(found) == []
    copy = shutil.copytree(scenes, tmp_path / "scenes")
    for path in copy.glob("averager/*/predictions/*.png"):
        true, pred = (np.asarray(Image.open(each)).astype(float) for each in (copy / "references" / path.name, path))
        Image.fromarray((0.6 * pred + 0.4 * true).round().astype(np.uint8)).save(path)
    hits = leaks(read_ambiguity(read_board(copy)))
    assert hits
    assert all(hit.startswith("averager: ") for hit in hits)


def test_scenes_that_are_not_the_truths_are_refused(scenes, tmp_path):
    copy = shutil.copytree(scenes, tmp_path / "scenes")
    text = (copy / TRUTH).read_text()
    (copy / TRUTH).write_text(text.replace('"seed": 1', '"seed": 5'))
    with pytest.raises(ValueError, match="does not hold the scenes"):
        read_ambiguity(read_board(copy))
    (copy / TRUTH).write_text(text.replace('"version": 1', '"version": 99'))
    with pytest.raises(ValueError, match="of version 99"):
        read_ambiguity(read_board(copy))
    (copy / TRUTH).write_text("{}")
    with pytest.raises(ValueError, match="does not say what the scenes are made of"):
        read_ambiguity(read_board(copy))
