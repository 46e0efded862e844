"""What a board says, in sentences that its statistics support."""

from colorbench.leaderboard.entries import Board
from colorbench.leaderboard.tiers import Ranking

_MOST_NAMES = 3


def first_line(board: Board, ranking: Ranking) -> str:
    """Who is first by a metric, and how many could not be told apart from it."""
    order = [k for k in ranking.order(board.higher_is_better(ranking.metric)) if ranking.tier[k] is not None]
    if not order:
        return "No ranking: this board compares nothing, or its metric has no direction."
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
        return f"{head}; none of the {others} others could be told apart from it."
    marks = set(ranking.letter[first] or "")
    names = [board.entries[k].label for k in order[1:] if marks & set(ranking.letter[k] or "")][:_MOST_NAMES]
    more = f" ({', '.join(names)}{f' and {tied - len(names)} more' if tied > len(names) else ''})" if names else ""
    return f"{head}; {tied} of {others} others could not be told apart from it{more}."
