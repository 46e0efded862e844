"""Points stand at cost and score, and the line joins those that nothing beats."""

import numpy as np

from colorbench.leaderboard.pareto import cost
from colorbench.leaderboard.plots.pareto import plot_fronts


def test_points_front_and_colorfulness(results, draw):
    made = draw(plot_fronts, results)
    entries = results.board.entries
    trained = [k for k, entry in enumerate(entries) if entry.kind != "baseline"]
    ax = next(ax for ax in made.axes if ax.get_xlabel().startswith("parameters"))
    wanted = sorted((cost(entries[k], "parameters"), results.primary.mean[k]) for k in trained)
    points = ax.containers[0][0].get_xydata()
    np.testing.assert_allclose(sorted(map(tuple, points)), wanted)
    line = next(line for line in ax.lines if line.get_drawstyle() == "steps-post").get_xydata()
    beaten = [any(px <= x and py >= y and (px, py) != (x, y) for px, py in wanted) for x, y in wanted]
    np.testing.assert_allclose(line, [point for point, worse in zip(wanted, beaten) if not worse])
    ax = made.axes[0]  # with baselines, and a line at the photos' own
    color = results.full["colorfulness"].mean
    drawn = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(sorted(drawn[:, 0]), sorted(color[np.isfinite(color)]))
    assert any(text.get_text() == " photos" for text in ax.texts)
