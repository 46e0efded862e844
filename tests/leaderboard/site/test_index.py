"""The page of a board: what its script is given is what the statistics say, and its text what the folder holds."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.pareto import cost
from colorbench.leaderboard.tiers import rank_board
from tests.leaderboard.conftest import as_suite
from tests.leaderboard.site.conftest import page_of


def given(page: str) -> dict:
    """What the script reads."""
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])


def test_the_charts_points_are_the_means_and_costs(results, tmp_path):
    data = given(page_of(results, tmp_path))
    entries = results.board.entries
    assert [point["label"] for point in data["points"]] == [entries[k].label for k in results.order()]
    for point, k in zip(data["points"], results.order()):
        assert point["means"]["psnr"] == pytest.approx(results.primary.mean[k])
        assert point["halves"]["psnr"] == pytest.approx(results.primary.half[k])
        parameters = cost(entries[k], "parameters")
        assert point["costs"]["parameters"] == (None if np.isnan(parameters) else parameters)
    assert data["qualities"][0] == {"key": "psnr", "title": "psnr ↑ (dB)", "higher": True}  # the primary metric first
    assert "colorfulness" not in [quality["key"] for quality in data["qualities"]]  # it has no direction
    assert data["costs"][0]["key"] == "colorfulness"


def test_the_differences_are_those_of_the_tests(results, tmp_path):
    pairs, shown = given(page_of(results, tmp_path))["pairs"]["psnr"], results.order()
    comparisons = results.primary.comparisons
    assert [len(row) for row in pairs] == list(range(len(shown)))
    a, b = shown[3], shown[1]
    difference, half, p = pairs[3][1]
    assert difference == pytest.approx(comparisons.difference[a, b], rel=1e-3)
    assert half == pytest.approx(comparisons.half_width()[a, b], rel=1e-3)
    assert p == pytest.approx(results.primary.p_holm[a, b], rel=1e-3)


def test_the_story_is_shown_without_its_markup(results, tmp_path):
    story = "# Title\n\nOf *two* losses **l1** is `ahead`, see [the rules](../README.md).\n- mse\n  is behind.\n"
    (tmp_path / "README.md").write_text(story)
    page = page_of(replace(results, board=replace(results.board, folder=tmp_path)), tmp_path)
    assert "<p>Of *two* losses l1 is ahead, see the rules.</p>" in page
    assert "<p>mse is behind.</p>" in page
    assert "# Title" not in page
    (tmp_path / "README.md").write_text("much " * 20_000)
    assert "much much" not in page_of(replace(results, board=replace(results.board, folder=tmp_path)), tmp_path)


def test_published_numbers_are_a_group_of_their_own_below_the_entries(results, tmp_path):
    assert 'id="published"' not in page_of(results, tmp_path)
    shown = as_suite(results, "ade20k", dataset="train-val", size_px=256)
    page = page_of(shown, tmp_path)
    assert '<a href="#published">' in page
    board, group = page.index('<table id="board">'), page.index('<section id="published">')
    assert board < page.index("</table>", board) < group
    section = page[group : page.index("</section>", group)]
    assert section.count('<tr class="published">') == 10
    assert '<th scope="row" class="text name">ColTran</th><td class="text">ICLR 2021</td><td>12.03</td>' in section
    assert "Not ranked" in section
    assert "ddcolor-resize" in section
    labels = [point["label"] for point in given(page)["points"]]
    assert labels == [
        point["label"] for point in given(page_of(results, tmp_path))["points"]
    ]  # none of them in a chart


def test_filters_are_offered_where_something_differs(results, tmp_path):
    page = page_of(results, tmp_path)
    assert 'data-filter="generator"' in page
    assert 'data-filter="loss"' in page
    assert 'data-filter="head"' not in page  # all have one


def test_a_score_that_is_missing_is_an_empty_cell(make_runs, tmp_path):
    from colorbench.record import Score, read_record, write_record

    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=1, photos=4, pictures=False, parquet=False)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    record = read_record(path)
    empty = Score(value=None, n=0, reason="no weights", unit="", higher_is_better=False)
    write_record(record.model_copy(update={"scores": record.scores | {"lpips-alex": empty}}), path)
    results = rank_board(read_board(folder))
    point = next(point for point in given(page_of(results, tmp_path))["points"] if point["label"] == "unet+l1")
    assert point["means"]["lpips-alex"] is None
    assert np.isfinite(point["means"]["psnr"])
