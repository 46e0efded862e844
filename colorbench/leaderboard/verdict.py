"""A board's conclusions, as far as its statistics support them."""

from colorbench.leaderboard.entries import Board
from colorbench.leaderboard.tiers import ALPHA, Ranking, Results, holm_family

_MOST_NAMES = 3
ABOUT = {
    "gray": "the gray input as it is, without color",
    "mean-ab": "the training photos' mean color in every pixel",
    "shuffled-ab": "another photo's colors under this photo's lightness",
    "oracle-quarter": "the true colors at a quarter of the resolution",
    "bayes-mean": "the mean of the material's colors: least squared error of ab",
    "bayes-median": "the median of the material's colors: least absolute error of ab",
    "bayes-delta-e": "the color of least expected CIEDE2000",
    "bayes-mode": "the likeliest color of the material",
    "bayes-annealed": "the annealed mean of the exact distribution",
    "bayes-sample": "a color drawn from the distribution for each object",
    "oracle-bins": "the true colors, each moved to the nearest of the 313 bins",
}
"""What each baseline does, in one line."""


def verdict(results: Results) -> list[str]:
    """Who is first by the primary metric, who could not be told apart from it, and who is better than gray."""
    lines = [first_line(results.board, results.primary)]
    against = _against_gray(results)
    return [*lines, against] if against else lines


def _against_gray(results: Results) -> str:
    board, ranking = results.board, results.primary
    ranked = results.ranked()
    gray = next((k for k, entry in enumerate(board.entries) if entry.label == "gray"), None)
    if gray is None or not ranked or ranking.comparisons is None:
        return ""
    p = dict(zip(ranked, holm_family(ranking.comparisons.p[ranked, gray])))  # one family: each entry against gray
    ahead = {True: 1, False: -1}[bool(board.higher_is_better(board.primary))]
    better = [k for k in ranked if p[k] < ALPHA and ahead * (ranking.mean[k] - ranking.mean[gray]) > 0]
    others = [board.entries[k].label for k in ranked if k not in better]
    if not others:
        return "Every entry is significantly better than gray, the input without color."
    if not better:
        return "No entry is significantly better than gray, the input without color."
    names = ", ".join(others[:_MOST_NAMES]) + (
        f" and {len(others) - _MOST_NAMES} more" if len(others) > _MOST_NAMES else ""
    )
    return f"{len(better)} of {len(ranked)} entries are significantly better than gray; these are not: {names}."


def first_line(board: Board, ranking: Ranking) -> str:
    """Who is first by a metric, and how many could not be told apart from it."""
    order = [k for k in ranking.order(board.higher_is_better(ranking.metric)) if ranking.tier[k] is not None]
    if not order:
        return f"No ranking: {_why_none(board, ranking.metric)}."
    first = order[0]
    name, value = board.entries[first].label, f"{ranking.mean[first]:.4g} {board.unit(ranking.metric)}".strip()
    if len(order) == 1:
        return f"{name} is the only entry: {ranking.metric} {value}."
    head, others = f"{name} is first with {ranking.metric} {value}", len(order) - 1
    tier = ranking.tier[first] or (1, 1)
    tied = tier[1] - 1  # the leader's range of ranks ends after all that no test puts behind it
    if not tied:
        return f"{head}; every other entry is significantly behind."
    if tied == others:
        return f"{head}; {_others(others)} could be told apart from it."
    marks = set(ranking.letter[first] or "")
    names = [board.entries[k].label for k in order[1:] if marks & set(ranking.letter[k] or "")][:_MOST_NAMES]
    more = f" ({', '.join(names)}{f' and {tied - len(names)} more' if tied > len(names) else ''})" if names else ""
    return f"{head}; {tied} of {others} others could not be told apart from it{more}."


def _why_none(board: Board, metric: str) -> str:
    if not board.rankable:
        return "this suite is not made to compare its entries"
    if board.higher_is_better(metric) is None:
        return f"{metric} has no preferred direction"
    return f"no trained entry has a value of {metric}"


def _others(count: int) -> str:
    return "no other entry" if count == 1 else f"none of the {count} others"
