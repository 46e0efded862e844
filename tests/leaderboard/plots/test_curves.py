"""A curve starts at 1, ends at its loss as a share of the first, and its band holds every seed."""

import json

import numpy as np
import pytest

from colorbench.leaderboard.plots.curves import plot_curves


def test_lines_are_the_mean_over_seeds(results, draw):
    ax = draw(plot_curves, results).axes[0]
    best = next(results.board.entries[k] for k in results.order() if results.board.entries[k].kind == "trained")
    shares = []
    for run in best.runs:
        losses = [json.loads(line)["loss"] for line in (run.folder / "curve.jsonl").read_text().splitlines()]
        shares.append(losses[-1] / losses[0])
    line, band = ax.lines[0], ax.collections[0].get_paths()[0].vertices[:, 1]
    assert line.get_ydata()[[0, -1]] == pytest.approx([1, np.mean(shares)])
    assert line.get_xdata()[[0, -1]].tolist() == [0, 500]
    assert band.min() <= min(shares)
    assert len(ax.lines) == 4
