"""Names of entries, short enough to stand beside a mark."""

from collections.abc import Sequence

from colorbench.leaderboard.entries import Entry


def cut(text: str, most: int, tail: int | None = None) -> str:
    """At most so many letters, cut in the middle, `tail` kept of the end: variants of one loss mostly differ there.

    >>> cut("abcdefghij", 5)
    'ab…ij'
    """
    tail = (most - 1) // 2 if tail is None else tail
    return text if len(text) <= most else text[: most - 1 - tail] + "…" + text[-tail:]


def short_names(entries: Sequence[Entry], most: int) -> dict[str, str]:
    """Label -> short name, for all entries of a board.

    What all trained ones share, the generator or all that follows it, goes without saying. Cut where no two become one,
    if there is such a place.
    """
    plain = _without_shared(entries)
    short = {}
    for tail in range((most - 1) // 2, 0, -1):
        short = {label: cut(text, most, tail) for label, text in plain.items()}
        if len(set(short.values())) == len(short):
            break
    return short


def _without_shared(entries: Sequence[Entry]) -> dict[str, str]:
    trained = {entry.label: entry.label.partition("+") for entry in entries if entry.kind == "trained"}
    generators, rests = {part[0] for part in trained.values()}, {part[2] for part in trained.values()}
    kept = {entry.label: entry.label for entry in entries}
    if len(trained) > 1 and "" not in rests and 1 in (len(generators), len(rests)):
        kept |= {label: rest if len(generators) == 1 else generator for label, (generator, _, rest) in trained.items()}
    return kept
