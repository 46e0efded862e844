"""The picture on the README's first screen, from a run of `mini`: truth, gray, and what each loss makes of three scenes.

    colorbench run mini && python -m benchmarks.readme_picture runs/mini docs/images/mini.png

Every pixel comes from generated scenes. The scenes are chosen by how much of them is ambiguous, never by a prediction.
"""

import sys
from pathlib import Path

import numpy as np

from colorbench.leaderboard.ambiguity import read_ambiguity
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots.pictures import gray_of, prediction, truth
from colorbench.leaderboard.plots.style import INK, SOFT, figure, look

SCENES = 3
TELLING = ("shirt", "balloon", "table", "cloth")
COLUMNS = {
    "unet+mse": "mse",
    "unet+l1": "l1",
    "unet+delta-e-2000": "delta-e-2000",
    "unet+classification": "classification,\nrebalanced",
    "unet+classification-rebalance-false": "classification",
    "unet+lsgan+l1": "lsgan + l1",
}


def draw(folder: Path, out: Path) -> None:
    """Write the picture. Raises ValueError for a folder that holds no such run."""
    board = read_board(folder)
    found = read_ambiguity(board)
    if found is None:
        raise ValueError(f"{folder} is no run on generated scenes with its pictures; run `colorbench run mini` first")
    entries = [entry for label in COLUMNS if (entry := board.entry(label)) is not None]
    heads = ["gray: the input", *(COLUMNS[entry.label] for entry in entries), "truth: one of\nmany"]
    names = [found.truth.ids[scene] for scene in _scenes(found)]
    with look():
        made, axes = figure(1.12 * len(heads), 1.16 * SCENES + 0.5, SCENES, len(heads), squeeze=False)
        for line, name in zip(axes, names):
            true = truth(board, name)
            for ax, picture in zip(line, [gray_of(true), *(prediction(entry, name) for entry in entries), true]):
                ax.imshow(picture)
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_color(SOFT)
        for ax, head in zip(axes[0], heads):
            ax.set_title(head, fontsize=8, color=INK, loc="center", fontweight="normal")
        made.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        out.parent.mkdir(parents=True, exist_ok=True)
        made.savefig(out, dpi=150, metadata={"Software": None})


def _scenes(found) -> list[int]:
    """Scenes with the largest shares of telling materials, at least three of them in each."""
    telling = [place for place, material in enumerate(found.truth.materials) if material.name in TELLING]
    maps = found.truth.material_maps
    shares = np.stack([(maps == place).mean(axis=(1, 2)) for place in telling], axis=1)
    kinds = (shares > 0.05).sum(axis=1)
    return np.lexsort((-shares.sum(axis=1), -np.minimum(kinds, 3)))[:SCENES].tolist()


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
