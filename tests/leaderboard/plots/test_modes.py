"""A row per entry and a column per telling material; points are the mean predicted colors of objects."""

import numpy as np

from colorbench.leaderboard.ambiguity import FEWEST_PIXELS
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots.modes import plot_modes
from colorbench.leaderboard.tiers import rank_board


def test_points_are_objects_and_rings_are_modes(scenes, found, draw):
    results = rank_board(read_board(scenes))
    axes = np.array(draw(plot_modes, results).axes).reshape(-1, 4)
    assert len(axes) == 5  # three entries, bayes-mean and bayes-sample
    names = [ax.get_ylabel() for ax in axes[:, 0]]
    assert names[-2:] == ["bayes-mean", "bayes-sample"]
    assert set(names[:3]) == {"averager", "decider", "hedger"}
    places = {material.name: place for place, material in enumerate(found.truth.materials)}
    columns = [places[ax.get_title(loc="left").split(" (")[0]] for ax in axes[0]]
    for row, label in zip(axes, names):
        for ax, place in zip(row, columns):
            objects = found.objects[(found.objects["label"] == label) & (found.objects["material"] == place)]
            objects = objects[objects["pixels"] >= FEWEST_PIXELS]
            mixture = found.truth.mixtures[place]
            np.testing.assert_allclose(ax.lines[0].get_xydata(), [mixture.mean])
            np.testing.assert_allclose(ax.lines[1].get_xydata(), objects[["a", "b"]])
            assert [ring.center for ring in ax.patches] == list(mixture.modes)


def test_no_picture_on_a_board_of_photos(results, tmp_path):
    assert plot_modes(results, tmp_path) is None
