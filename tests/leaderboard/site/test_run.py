"""The page of one run: what its record, table, curve and pictures say, each once."""

import json
import re

import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site.run import page_names, run_page, write_run_pages
from colorbench.record import read_record, write_record

ONE = {"generators": ["unet"], "losses": {"l1": 0.0}, "seeds": 1, "photos": 4, "baselines": {"gray": -3.0}}


def page_of(board, label="unet+l1", badges=()) -> str:
    entry = next(entry for entry in board.entries if entry.label == label)
    return run_page(board, entry, entry.runs[0], {}, list(badges), [])


def changed(folder, **changes):
    path = folder / "unet+l1" / "seed-0" / "record.json"
    write_record(read_record(path).model_copy(update=changes), path)
    return read_board(folder)


def facts(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


def test_every_run_has_an_address_of_its_own(make_runs):
    """Also where two labels give one file name."""
    folder = make_runs(pictures=False, **ONE)
    record = read_record(folder / "unet+l1" / "seed-0" / "record.json")
    for width, name in enumerate(("a-b", "a--b", "a-b-")):
        recipe = record.cell.recipe.model_copy(update={"name": name, "options": {"width": width + 1}})
        cell = record.cell.model_copy(update={"recipe": recipe})
        path = folder / name / "seed-0" / "record.json"
        path.parent.mkdir(parents=True)
        write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    names = page_names(read_board(folder)).values()
    assert len(names) == len({name.lower() for name in names}) == 5
    assert "runs/a-b-seed-0.html" in names
    assert all(re.fullmatch(r"runs/[A-Za-z0-9.+-]+\.html", name) for name in names)


def test_scores_status_and_settings_are_the_records(make_runs):
    folder = make_runs(pictures=False, **ONE)
    board = changed(folder, status="crash", message="the device fell off")
    record = read_record(folder / "unet+l1" / "seed-0" / "record.json")
    page = page_of(board, badges=["valid", "plausible"])
    assert re.findall(r'class="badge (\w+)">(.*?)<', page) == [
        ("warn", "crash"),
        ("good", "valid"),
        ("good", "plausible"),
    ]
    assert "the device fell off" in page
    psnr = re.search(r"<td[^>]*>psnr[^<]*</td><td>(.*?)</td><td>(.*?)</td>", page)
    assert float(psnr[1]) == pytest.approx(record.scores["psnr"].value, abs=0.01)
    assert int(psnr[2]) == 4
    shown = facts(page)
    assert shown["generator"] == "unet"
    assert shown["key"] == record.key
    assert shown["licence"] == "MIT"
    assert shown["train seconds"] == "20"
    assert "joules" not in shown  # unknown


def test_a_baseline_has_no_optimizer_and_is_marked(make_runs):
    page = page_of(read_board(make_runs(pictures=False, **ONE)), "gray")
    assert ("warn", "baseline") in re.findall(r'class="badge (\w+)">(.*?)<', page)
    assert "<h2>Curve</h2>" not in page
    assert "<h2>Pictures</h2>" not in page


def test_the_curve_is_drawn_from_corner_to_corner(make_runs):
    folder = make_runs(pictures=False, **ONE)
    lines = [{"step": step, "images": 0, "seconds": 0, "loss": loss, "parts": {}, "lr": 1} for step, loss in
             ((100, 3.0), (200, 1.0), (300, 2.0))]  # fmt: skip
    (folder / "unet+l1" / "seed-0" / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = page_of(read_board(folder))
    assert 'd="M70.0,26.0L475.0,256.0L880.0,141.0"' in page
    assert "from 3 to 2" in page
    ticks = dict(re.findall(r'<text x="([\d.]+)" y="274" text-anchor="middle">(.*?)</text>', page))
    assert ticks == {"70.0": "100", "272.5": "150", "475.0": "200", "677.5": "250", "880.0": "300"}


def test_the_curves_axes_have_round_values(make_runs):
    folder = make_runs(pictures=False, **ONE)
    values = ((3, 2.0371), (117, 1.1), (420, 0.9713))
    lines = [{"step": step, "images": 0, "seconds": 0, "loss": loss, "parts": {}, "lr": 1} for step, loss in values]
    (folder / "unet+l1" / "seed-0" / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    texts = re.findall(r'text-anchor="(?:end|middle)">([\d.]+)</text>', page_of(read_board(folder)))
    assert texts == ["1", "1.25", "1.5", "1.75", "2", "100", "200", "300", "400"]


def test_pictures_are_shown_with_their_score(make_runs, tmp_path):
    folder = make_runs(**ONE)
    board = read_board(folder)
    write_run_pages(board, tmp_path, ["0001photo", "0000photo"], {})
    page = (tmp_path / "runs" / "unet+l1-seed-0.html").read_text()
    assert page.count('class="compare"') == 2
    assert re.findall(r"<figcaption>(photo \d) · <code>(\w+)<", page) == [
        ("photo 1", "0001photo"),
        ("photo 2", "0000photo"),
    ]
    run = next(entry for entry in board.entries if entry.label == "unet+l1").runs[0]
    shown = re.search(r"<code>0000photo</code> · psnr.*? (-?[\d.]+)<", page)
    assert float(shown[1]) == pytest.approx(run.scores.at["0000photo", "psnr"], rel=1e-2)
