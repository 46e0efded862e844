import shutil

import numpy as np
import pandas as pd
import pytest

from colorbench.data.mixtures import TRUTH
from colorbench.leaderboard import build, export
from colorbench.leaderboard.ambiguity import BAYES, BOUNDS, OBJECTS, leaks, read_ambiguity, sentence, table
from colorbench.leaderboard.ambiguity_report import AMBIGUITY, REWARDS, TEXT
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.rewards import COMPARED, measure_rewards, rewards, write_rewards
from colorbench.summary import what_losses_do
from tests.leaderboard.scenes import SCENES, write_scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def found(folder):
    return read_ambiguity(read_board(folder))


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
    dropped = np.mean([1 - max(found.truth.mixtures[place].weights) for place in found.telling])
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


def test_honest_entries_do_not_leak_and_one_that_knows_the_answer_does(found, tmp_path):
    assert leaks(found) == []
    hits = leaks(read_ambiguity(read_board(write_scenes(tmp_path, leak=0.4))))
    assert hits
    assert all(hit.startswith("averager: ") for hit in hits)


def test_the_sentence_names_both(found):
    frame = table(found, [entry.label for entry in found.entries])
    assert list(frame["label"]) == [entry.label for entry in found.entries]
    said = sentence(frame)
    assert said.startswith("averager averages: ")
    assert "decider decides: " in said or "hedger decides: " in said
    assert sentence(frame[frame["kind"] == "baseline"]) == ""


def test_metrics_are_judged_by_what_they_prefer(folder):
    judged = {reward.metric: reward for reward in rewards(read_board(folder))}
    assert {"psnr", "ssim", "delta-e-2000", "colorfulness-error", "ab-auc"} <= set(judged)
    assert judged["ssim"].averaging == "yes"
    assert judged["colorfulness-error"].averaging == "no"
    assert judged["colorfulness"].averaging == "no direction"
    assert judged["delta-e-2000"].order.index("bayes-mean") < judged["delta-e-2000"].order.index("bayes-sample")
    assert judged["colorfulness-error"].order[-1] == "gray"
    assert all(set(reward.order) in (set(), set(COMPARED)) for reward in judged.values())
    assert judged["out-of-gamut"].averaging == "tells none apart"
    assert judged["ssim"].text.endswith(" > shuffled")


def test_kept_scores_are_used_where_pictures_are_gone(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "scenes")
    board = read_board(copy)
    write_rewards(board, measure_rewards(board, ["ssim"]))
    for path in [copy / "references", *copy.glob("*/*/predictions")]:
        shutil.rmtree(path)
    assert {"ssim", "psnr"} <= {reward.metric for reward in rewards(read_board(copy))}


def test_the_board_shows_it_and_an_exported_one_too(folder, tmp_path):
    out = build(folder, strips=0)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Where gray does not decide the color" in page
    assert "No entry is significantly better than the best possible" in page
    assert "What does each metric reward?" in page
    assert (out / "plots" / "modes.svg").is_file()
    frame = pd.read_csv(out / AMBIGUITY)
    assert {"near_mode", "near_mean", "total_variation", "regret_squared", "regret_delta-e-2000_half"} <= set(frame)
    assert "rewards_averaging" in pd.read_csv(out / REWARDS)
    assert what_losses_do(out).startswith("averager averages: ")
    assert "## What does each metric reward?" in (out / TEXT).read_text(encoding="utf-8")
    exported = export(folder, tmp_path / "kept")
    assert (exported / TRUTH).is_file()
    assert (exported / OBJECTS).is_file()
    assert not (exported / "references").exists()
    again = read_ambiguity(read_board(exported))
    assert again.spreads == read_ambiguity(read_board(folder)).spreads


def test_scenes_that_are_not_the_truths_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "scenes")
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
