"""Boards of the same generators on other photos: links, and boards and copies without pictures."""

import json

import pytest

from colorbench.leaderboard import build, check, export, publish
from colorbench.leaderboard.checks import report
from colorbench.leaderboard.publication import pages_with_pictures
from colorbench.record import read_record, write_record

SMALL = {
    "generators": ["unet"], "losses": {"l1": 0.0}, "seeds": 2, "photos": 6, "size": 24, "baselines": {"gray": -3.0},
}  # fmt: skip


@pytest.fixture
def pair(make_runs):
    """A board and its retest: `runs/synthetic` and `runs/synthetic-kodak`, both built."""
    folder = make_runs(**SMALL)
    other = folder.rename(folder.with_name("synthetic-kodak"))
    folder = make_runs(**SMALL)
    for path in sorted(other.glob("*/seed-*/record.json")):
        record = read_record(path)
        cell = record.cell.model_copy(update={"suite": other.name, "retest_of": record.key})
        write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    for place in (other, folder, other):
        build(place, plots=False)
    return folder, other


def test_boards_name_each_other(pair):
    folder, other = ((place / "board") for place in pair)
    assert 'Also tested on: kodak (<a href="../../synthetic-kodak/board/index.html">board</a>)' in page(folder)
    assert "Also tested on: kodak ([board](../../synthetic-kodak/board/table.md))" in (folder / "table.md").read_text()
    assert 'tested on: synthetic (<a href="../../synthetic/board/index.html">board</a>)' in page(other)


def page(board) -> str:
    return (board / "index.html").read_text()


def test_a_neighbour_that_is_no_retest_or_not_built_is_not_named(pair):
    folder, other = pair
    (other / "board" / "index.html").unlink()
    assert "Also tested on" not in page(build(folder, plots=False))
    for path in other.glob("*/seed-*/record.json"):
        record = read_record(path)
        cell = record.cell.model_copy(update={"retest_of": "0" * 64})
        write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    build(other, plots=False)
    assert "Also tested on" not in page(build(folder, plots=False))


def test_published_links_hold_or_go(pair, tmp_path):
    folder, other = pair
    publish(folder / "board", tmp_path / "site" / folder.name)
    assert "Also tested on" not in page(tmp_path / "site" / folder.name)
    publish(other / "board", tmp_path / "site" / other.name)
    publish(folder / "board", tmp_path / "site" / folder.name)
    assert 'href="../synthetic-kodak/index.html"' in page(tmp_path / "site" / folder.name)


def test_no_pictures_anywhere(make_runs, tmp_path):
    folder = make_runs(**SMALL)
    shown = build(folder, plots=False)
    assert "gray-seed-0.html" in pages_with_pictures(shown)
    with pytest.raises(ValueError, match=r"shows photos.*--no-pictures"):
        publish(shown, tmp_path / "site", pictures=False)
    suite = json.loads((folder / "suite.json").read_text())
    (folder / "suite.json").write_text(json.dumps(suite | {"pictures": False}))
    for out in (
        build(folder, tmp_path / "b" / "board", plots=False),
        build(folder, tmp_path / "a" / "board", pictures=False),
    ):
        assert pages_with_pictures(out) == []
        assert "data:image/jpeg" not in page(out)
    publish(tmp_path / "a" / "board", tmp_path / "site", pictures=False)
    with pytest.raises(ValueError, match="shows no pictures"):
        build(folder, photos=["0000photo"])


def test_a_slim_copy_is_clean_and_builds(pair, tmp_path):
    folder, other = pair
    for path in folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        large = ["predictions"] if record.cell.is_baseline else ["predictions", "checkpoint.safetensors"]
        write_record(record.model_copy(update={"files": dict.fromkeys(large, "0" * 64)}), path)
    target = export(folder, tmp_path / "leaderboards" / folder.name, pictures=False, plots=False)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {"suite.json", "unet+l1/seed-0/record.json", "unet+l1/seed-0/scores.parquet"} <= names
    assert {"unet+l1/seed-1/curve.jsonl", "board/index.html", "board/table.md"} <= names
    assert not any("predictions" in name or "references" in name for name in names)
    assert pages_with_pictures(target / "board") == []
    findings = check(target, rescore=False)
    assert all(finding.ok for finding in findings), findings
    assert {finding.absent for finding in findings} == {("predictions", "checkpoint.safetensors"), ("predictions",)}
    assert "not at hand: predictions" in report(findings)
    before = (target / "board" / "table.md").read_text()
    assert (build(target, plots=False) / "table.md").read_text() == before
    export(other, tmp_path / "leaderboards" / other.name, plots=False)
    assert "Also tested on: kodak" in page(export(folder, target, plots=False) / "board")
    with pytest.raises(ValueError, match="not on this board"):
        export(other, target)
    with pytest.raises(ValueError, match="the folder itself"):
        export(folder, folder)
