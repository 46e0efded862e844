import json

import pytest
from PIL import Image

from colorbench.leaderboard import build
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots.pictures import photo_names
from colorbench.record import read_record, write_record
from tests.leaderboard.conftest import pages_with_pictures

SMALL = {"generators": ["unet", "linknet"], "losses": {"l1": 0.0, "mse": -0.5}, "seeds": 2, "photos": 6, "size": 24}

FEW = SMALL | {"generators": ["unet"], "baselines": {"gray": -3.0}}


@pytest.fixture(scope="module")
def board(factory_class, tmp_path_factory):
    """One board, built once: read only."""
    factory = factory_class(tmp_path_factory.mktemp("board"))
    folder = factory(note="eight photos smoke-test", **SMALL)
    return build(folder, strips=2)


def test_what_it_leaves(board):
    names = {path.relative_to(board).as_posix() for path in board.rglob("*") if path.is_file()}
    assert {"index.html", "table.csv", "table.parquet", "table.md", "table.tex"} <= names
    plots = {"intervals-psnr", "metrics", "rank-tiers", "fronts", "heat-map", "factors", "curves", "colorfulness"}
    for name in plots | {"ab-histograms", "strips"}:
        assert {f"plots/{name}.png", f"plots/{name}.svg"} <= names
    assert "runs/unet-l1-seed-0.html" not in names  # the label keeps its plus
    assert "runs/unet+l1-seed-1.html" in names


def test_the_page_stands_alone(board):
    page = (board / "index.html").read_text()
    assert "eight photos smoke-test" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert 'src="data:' in page
    assert "script-src &#39;sha256-" in page
    assert "unsafe" not in page.split("<style>")[0]


def test_pictures_are_readable_files(board):
    for path in board.glob("plots/*.png"):
        with Image.open(path) as image:
            assert image.size[0] > 400


def test_the_plots_come_out_the_same_again(board, tmp_path):
    """Views are regenerated and compared in CI."""
    from colorbench.leaderboard.plots.intervals import plot_tiers
    from colorbench.leaderboard.plots.pictures import plot_strips, strip_photos
    from colorbench.leaderboard.plots.style import look
    from colorbench.leaderboard.tiers import rank_board

    results = rank_board(read_board(board.parent))
    with look():
        plot_tiers(results, tmp_path)
        plot_strips(results, tmp_path, strip_photos(results.board, None, 2))
    for name in ("rank-tiers.svg", "rank-tiers.png", "strips.png"):
        assert (tmp_path / name).read_bytes() == (board / "plots" / name).read_bytes()


def test_records_alone_are_enough(make_runs, tmp_path):
    folder = make_runs(pictures=False, parquet=False, **FEW)
    for curve in folder.glob("*/seed-*/curve.jsonl"):
        curve.unlink()
    out = build(folder, tmp_path / "out")
    assert (out / "plots" / "intervals-psnr.png").exists()
    assert not (out / "plots" / "strips.png").exists()
    assert "seeds alone" in (out / "table.md").read_text()


def test_photos_that_may_not_be_shown(make_runs, tmp_path):
    folder = make_runs(**SMALL)
    out = build(folder, tmp_path / "out", photos=[], plots=False)
    assert "data:image" not in (out / "runs" / "unet+l1-seed-0.html").read_text()
    with pytest.raises(ValueError, match="no reference photo called nobody"):
        build(folder, tmp_path / "out", photos=["nobody"])


def test_a_board_of_one_run(make_runs, tmp_path):
    folder = make_runs(**FEW | {"losses": {"l1": 0.0}, "seeds": 1, "baselines": {}})
    assert (build(folder, tmp_path / "out") / "index.html").exists()


def test_many_records(make_runs, tmp_path):
    """Every run has its page and its row; how fast is measured in benchmarks."""
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=1, photos=8, pictures=False, parquet=False)
    record = read_record(folder / "unet+l1" / "seed-0" / "record.json")
    for k in range(50):
        recipe = record.cell.recipe.model_copy(update={"options": {"width": k}, "name": f"unet-{k}"})
        for seed in range(2):
            cell = record.cell.model_copy(update={"recipe": recipe, "seed": seed})
            path = folder / recipe.label / f"seed-{seed}" / "record.json"
            path.parent.mkdir(parents=True)
            path.write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    out = build(folder, tmp_path / "out", plots=False)
    assert len(list(out.glob("runs/*.html"))) == 105


def test_a_failed_cell_is_shown_with_its_status(make_runs, tmp_path):
    folder = make_runs(**SMALL)
    path = folder / "unet+l1" / "seed-0" / "record.json"
    write_record(read_record(path).model_copy(update={"status": "out-of-memory", "message": "needs 90 GB"}), path)
    out = build(folder, tmp_path / "out", plots=False)
    assert "needs 90 GB" in (out / "runs" / "unet+l1-seed-0.html").read_text()
    assert "1 of 2 out-of-memory: gray" in (out / "index.html").read_text()


def page(board) -> str:
    return (board / "index.html").read_text()


def test_boards_name_each_other(pair):
    folder, other = ((place / "board") for place in pair)
    assert 'Also tested on: kodak (<a href="../../synthetic-kodak/board/index.html">board</a>)' in page(folder)
    assert "Also tested on: kodak ([board](../../synthetic-kodak/board/table.md))" in (folder / "table.md").read_text()
    assert 'tested on: synthetic (<a href="../../synthetic/board/index.html">board</a>)' in page(other)


def test_a_neighbor_that_is_no_retest_or_not_built_is_not_named(pair):
    folder, other = pair
    (other / "board" / "table.md").unlink()
    assert "Also tested on" not in page(build(folder, plots=False))
    for path in other.glob("*/seed-*/record.json"):
        record = read_record(path)
        cell = record.cell.model_copy(update={"retest_of": "0" * 64})
        write_record(record.model_copy(update={"cell": cell, "key": cell.key}), path)
    build(other, plots=False)
    assert "Also tested on" not in page(build(folder, plots=False))


def test_what_a_repository_keeps_is_tables_and_two_plots(make_runs):
    out = build(make_runs(**FEW), pages=False)
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == [
        "plots/fronts.png", "plots/intervals-psnr.png", "table.csv", "table.md", "table.parquet", "table.tex",
    ]  # fmt: skip


def test_no_pictures_anywhere(make_runs, tmp_path):
    folder = make_runs(**FEW)
    assert "gray-seed-0.html" in pages_with_pictures(build(folder, plots=False))
    asked = build(folder, tmp_path / "asked" / "board", pictures=False)
    suite = json.loads((folder / "suite.json").read_text())
    (folder / "suite.json").write_text(json.dumps(suite | {"pictures": False}))
    for out in (asked, build(folder, tmp_path / "suite" / "board", plots=False)):
        assert pages_with_pictures(out) == []
        assert not list(out.glob("plots/ab-histograms.*"))
        assert "data:image/jpeg" not in page(out)
    with pytest.raises(ValueError, match="shows no pictures"):
        build(folder, photos=["0000photo"])


def test_a_damaged_reference_is_named_with_its_cure(make_runs):
    folder = make_runs(**SMALL)
    damaged = folder / "references" / f"{photo_names(read_board(folder))[0]}.png"  # the first that is shown
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(ValueError, match=f"references/{damaged.name} is damaged.*colorbench run"):
        build(folder, plots=False)
