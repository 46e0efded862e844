"""A line joins one generator's entries at several sizes; a board without such entries has no such plot."""

from dataclasses import replace

import pytest

from colorbench.cell import sized_name
from colorbench.leaderboard.plots.sizes import plot_sizes


def sized(entry, size):
    """The entry as the test of a generator called `net` at this size."""
    recipe = entry.recipe.model_copy(update={"size_px": size, "name": sized_name("net", size)})
    runs = []
    for run in entry.runs:
        cell = run.record.cell.model_copy(update={"recipe": recipe, "retest_of": "0" * 64})
        runs.append(replace(run, record=run.record.model_copy(update={"cell": cell})))
    return replace(entry, label=recipe.label, runs=tuple(runs))


def test_a_line_has_the_primary_metric_at_each_size(results, draw):
    entries = list(results.board.entries)
    trained = [k for k, entry in enumerate(entries) if entry.kind == "trained"]
    places = {128: trained[0], 64: trained[1], 256: trained[2]}
    for size, k in places.items():
        entries[k] = sized(entries[k], size)
    changed = replace(results, board=replace(results.board, entries=tuple(entries)))
    ax = draw(plot_sizes, changed).axes[0]
    line = ax.lines[0]
    assert line.get_xdata().tolist() == [64, 128, 256]
    assert line.get_ydata().tolist() == pytest.approx([results.primary.mean[places[size]] for size in (64, 128, 256)])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["net"]


def test_without_sizes_there_is_none(results, tmp_path):
    assert plot_sizes(results, tmp_path) is None
