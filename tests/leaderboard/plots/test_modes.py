"""A row per entry and a column per ambiguous material; points are the mean predicted colors of objects."""

import numpy as np
from matplotlib.patches import Circle

from colorbench.leaderboard.ambiguity import FEWEST_PIXELS
from colorbench.leaderboard.plots.modes import STEP, plot_modes


def test_points_are_objects_and_rings_are_modes(ranked_scenes, found, draw):
    ax = draw(plot_modes, ranked_scenes).axes[0]
    texts = [text.get_text() for text in ax.texts]
    rows = texts[:5]  # three entries, then the two ends
    assert rows[3:] == ["bayes-mean", "bayes-sample"]
    assert set(rows[:3]) == {"averager", "decider", "hedger"}
    places = {material.name: place for place, material in enumerate(found.truth.materials)}
    columns = [places[title.split(" (")[0]] for title in texts[5:9]]
    dots = iter(line for line in ax.lines if line.get_marker() == "o")
    crosses = iter(line for line in ax.lines if line.get_marker() == "x")
    rings = iter(patch for patch in ax.patches if isinstance(patch, Circle))
    for row, label in enumerate(rows):
        for column, place in enumerate(columns):
            at, mixture = np.array([column * STEP, -row * STEP]), found.truth.mixtures[place]
            objects = found.objects[(found.objects["label"] == label) & (found.objects["material"] == place)]
            objects = objects[objects["pixels"] >= FEWEST_PIXELS]
            np.testing.assert_allclose(next(dots).get_xydata() - at, objects[["a", "b"]], atol=1e-4)
            np.testing.assert_allclose(next(crosses).get_xydata() - at, [mixture.mean])
            for mode in mixture.modes:
                np.testing.assert_allclose(np.array(next(rings).center) - at, mode)


def test_no_picture_on_a_board_of_photos(results, tmp_path):
    assert plot_modes(results, tmp_path) is None
