"""Which part of the recipe matters: main effect of the loss, of the generator, and their interaction.

A two-way analysis of variance of the runs' scores with seeds as replicates (statsmodels, type II). The question behind
the interaction: does the best loss depend on the generator?
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from colorbench.leaderboard.entries import Board, Entry
from colorbench.leaderboard.table import p_text

SOURCES = ("loss", "generator", "loss x generator", "seeds")


@dataclass(frozen=True)
class Factors:
    """A complete grid of losses and generators. `cells[i, j]`: mean over seeds of loss i on generator j.

    `share`: part of the sum of squares per source, adding up to 1. `p`: of each source but the seeds; NaN when untested.
    `left_out`: entries that are in no complete grid.
    """

    metric: str
    losses: tuple[str, ...]
    generators: tuple[str, ...]
    cells: Float[np.ndarray, "l g"]
    share: dict[str, float]
    p: dict[str, float]
    left_out: tuple[str, ...]


def factors(board: Board) -> Factors | None:
    """The factor view of the primary metric, or None below a 2 x 2 grid of trained entries."""
    metric = board.primary
    grid = _grid(board, metric)
    losses, generators = _complete(set(grid))
    if len(losses) < 2 or len(generators) < 2:
        return None
    runs = [(loss, gen, v) for loss in losses for gen in generators for v in grid[loss, gen].seed_values(metric)]
    cells = np.array([[np.mean(grid[loss, gen].seed_values(metric)) for gen in generators] for loss in losses])
    share, p = _variance(runs)
    used = {grid[loss, gen].label for loss in losses for gen in generators}
    left_out = tuple(entry.label for entry in board.ranked if entry.label not in used)
    return Factors(metric, tuple(losses), tuple(generators), cells, share, p, left_out)


def _grid(board: Board, metric: str) -> dict[tuple[str, str], Entry]:
    """Entries by (loss, generator); of several with other options or heads the one with the plainest label."""
    grid: dict[tuple[str, str], Entry] = {}
    for entry in sorted(board.ranked, key=lambda e: (len(e.recipe.options), len(e.label), e.label)):
        if np.isfinite(entry.seed_values(metric)).all():
            grid.setdefault((entry.recipe.loss, entry.recipe.generator), entry)
    return grid


def _complete(cells: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The grid left after dropping, one at a time, the row or column with the largest share of holes."""
    losses, generators = ({cell[k] for cell in cells} for k in (0, 1))
    while losses and generators:
        holes = [(_share(cells, [x], generators), 0, x) for x in losses]
        holes += [(_share(cells, losses, [y]), 1, y) for y in generators]
        share, axis, name = max(holes)
        if share == 0:
            break
        (losses if axis == 0 else generators).remove(name)
    return sorted(losses), sorted(generators)


def _share(cells, losses, generators) -> float:
    pairs = [(x, y) for x in losses for y in generators]
    return sum(pair not in cells for pair in pairs) / len(pairs)


def _variance(runs: list[tuple[str, str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    frame = pd.DataFrame(runs, columns=["loss", "generator", "value"])
    replicated = len(runs) > len({run[:2] for run in runs})
    if len({run[2] for run in runs}) == 1:
        return dict.fromkeys(SOURCES, 0.0), dict.fromkeys(SOURCES[:3], float("nan"))
    formula = "value ~ C(loss) * C(generator)" if replicated else "value ~ C(loss) + C(generator)"
    result = anova_lm(ols(formula, frame).fit(), typ=2)
    names = dict(zip(["C(loss)", "C(generator)", "C(loss):C(generator)", "Residual"], SOURCES))
    squares, tested = (dict(zip(result.index, result[column].to_numpy(float))) for column in ("sum_sq", "PR(>F)"))
    total = result["sum_sq"].to_numpy(float).sum()
    share = {name: squares.get(key, 0.0) / total for key, name in names.items()}
    p = {name: tested.get(key, np.nan) for key, name in list(names.items())[:3]}
    if not replicated:  # one run per cell: what is left over is interaction and seeds together
        share["loss x generator"], share["seeds"] = share["seeds"], 0.0
    return share, p


def variation_line(view: Factors) -> str:
    """How the variation is divided between its sources, in one line."""
    tested = {name: f" (p {p_text(p)})" for name, p in view.p.items() if np.isfinite(p)}
    parts = [f"{name} {100 * view.share[name]:.0f} %{tested.get(name, '')}" for name in SOURCES]
    return f"Variation of {view.metric}: {', '.join(parts)}."
