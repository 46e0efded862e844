import shutil

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.rewards import COMPARED, measure_rewards, rewards, write_rewards


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


def test_kept_scores_are_used_where_pictures_are_gone(scenes, tmp_path):
    copy = shutil.copytree(scenes, tmp_path / "scenes")
    board = read_board(copy)
    write_rewards(board, measure_rewards(board, ["ssim"]))
    for path in [copy / "references", *copy.glob("*/*/predictions")]:
        shutil.rmtree(path)
    assert {"ssim", "psnr"} <= {reward.metric for reward in rewards(read_board(copy))}
