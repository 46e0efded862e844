"""The look leaves matplotlib as it was; files are the same bytes again; labels keep their distance."""

import matplotlib
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorbench.leaderboard.plots.style import figure, in_lines, label_points, look, rows_inches, save, spread


@given(st.text("ab+- ", min_size=1), st.integers(2, 12))
def test_a_name_in_lines_loses_no_letter(name, width):
    lines = in_lines(name, width).split("\n")
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert max(map(len, lines)) <= width


def test_rows_are_higher_where_names_have_two_lines():
    assert rows_inches(["a", "b"], 0.2) == 0.4
    assert rows_inches(["a", "b\nc"], 0.2) > 0.5


@settings(deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12))
def test_labels_are_spread_in_order_and_around_their_middle(positions):
    moved = np.array(spread(positions, 1.0))
    order = np.argsort(positions, kind="stable")
    assert (np.diff(moved[order]) > 1 - 1e-6).all()
    assert abs(moved.mean() - np.mean(positions)) < 1e-6


def test_nothing_outside_changes_and_files_repeat(tmp_path):
    before = dict(matplotlib.rcParams)
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with look():
            made, ax = figure(3.0, 2.0)
            ax.plot([0, 1], [1, 0])
            ax.set_title("$a letter$")
            path = save(made, folder, "x")
        written.append([path.read_bytes(), path.with_suffix(".png").read_bytes()])
    assert written[0] == written[1]
    with Image.open(tmp_path / "a" / "x.png") as image:
        assert image.size == (600, 400)
    assert dict(matplotlib.rcParams) == before


def test_names_do_not_lie_on_each_other():
    with look():
        made, ax = figure(4.0, 3.0)
        points = [(0.1 * k, 0.1 * (k % 3), f"entry {k}") for k in range(8)]
        ax.plot(*zip(*[(x, y) for x, y, _ in points]), "o")
        label_points(ax, points)
        made.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) >= 4
    assert not any(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k])
