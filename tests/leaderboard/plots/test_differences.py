"""Points stand at both values of a photo, bars are the differences in order, and the band is the interval of their mean."""

import numpy as np
import pytest

from colorbench.leaderboard.comparison import Side, compare_boards, compare_entries
from colorbench.leaderboard.plots.differences import plot_boards, plot_differences


def test_points_bars_and_the_interval_of_the_mean(results, draw):
    board = results.board
    one = compare_entries(*(Side(board, board.entry(label)) for label in ("unet+l1", "gray")), "psnr")
    left, right = draw(plot_differences, one).axes
    points = next(line for line in left.lines if line.get_marker() == "o")
    values = [board.entry(label).photo_means("psnr", one.photos) for label in ("unet+l1", "gray")]
    np.testing.assert_allclose(points.get_xydata(), np.transpose(values))
    assert left.get_xlabel() == "psnr ↑ of A: unet+l1"
    assert {text.get_text() for text in left.texts} <= set(one.photos)
    heights = [bar.get_height() for bar in right.patches[: len(one.photos)]]
    np.testing.assert_allclose(heights, np.sort(values[0] - values[1]))
    assert right.lines[1].get_ydata()[0] == pytest.approx(one.difference)
    band = right.patches[-1].get_extents().transformed(right.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((one.difference - one.half, one.difference + one.half))


def test_a_dot_per_shared_entry_filled_when_it_could_be_told_apart(results, draw):
    label, one, _ = next(pair for pair in compare_boards(results.board, results.board, "psnr") if pair[0] == "unet+l1")
    ax = draw(plot_boards, [(label, one, 0.01), ("other", one, 0.5)]).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["unet+l1", "other"]
    dots = [container[0] for container in ax.containers]
    assert [dot.get_xdata()[0] for dot in dots] == pytest.approx([one.difference] * 2)
    filled = [dot.get_markerfacecolor() for dot in dots]
    assert filled[0] == dots[0].get_color()
    assert filled[1] == "white"
