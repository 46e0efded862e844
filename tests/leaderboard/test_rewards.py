import shutil

import pytest

from colorbench.leaderboard.builder import build
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.rewards import COMPARED, keep_rewards, rewards


def test_metrics_are_judged_by_what_they_prefer(scenes):
    judged = {reward.metric: reward for reward in rewards(read_board(scenes))}
    assert {"psnr", "ssim", "delta-e-2000", "colorfulness-error", "ab-auc"} <= set(judged)
    assert judged["ssim"].averaging == "yes"
    assert judged["colorfulness-error"].averaging == "no"
    assert judged["colorfulness"].averaging == "no direction"
    assert judged["delta-e-2000"].order.index("bayes-mean") < judged["delta-e-2000"].order.index("bayes-sample")
    assert judged["colorfulness-error"].order[-1] == "gray"
    assert all(set(reward.order) in (set(), set(COMPARED)) for reward in judged.values())
    assert judged["out-of-gamut"].averaging == "tells none apart"
    assert judged["ssim"].text.endswith(" > shuffled")


def test_what_needs_weights_is_kept_for_where_they_and_the_pictures_are_gone(scenes, tmp_path, weights, monkeypatch):
    copy = shutil.copytree(scenes, tmp_path / "scenes")
    keep_rewards(read_board(copy), ["ssim", "lpips-squeeze"])
    for path in [copy / "references", *copy.glob("*/*/predictions")]:
        shutil.rmtree(path)
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    board = read_board(copy)
    judged = {reward.metric: reward for reward in rewards(board)}
    assert {"ssim", "psnr", "lpips-squeeze"} <= set(judged)
    assert judged["lpips-squeeze"].order[-1] in ("shuffled-ab", "gray")
    with pytest.raises(ValueError, match="no generated scenes with stored pictures"):
        build(copy, plots=False, pages=False, all_metrics=True)
