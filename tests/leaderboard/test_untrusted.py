"""What hostile submissions get: each is refused by name, nothing runs, nothing is written outside."""

import io
import json
import os
import pickle
import random
import resource
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from colorbench.leaderboard.checks import check
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots.curves import plot_curves
from colorbench.leaderboard.plots.intervals import plot_intervals
from colorbench.leaderboard.plots.style import look
from colorbench.leaderboard.site import write_run_pages
from colorbench.leaderboard.table import write_tables
from colorbench.leaderboard.tiers import rank_board
from colorbench.leaderboard.untrusted import (
    Refused,
    check_name,
    check_safetensors,
    read_curve,
    read_scores,
    read_table,
    submitted_files,
)

SMALL = {
    "generators": ["unet"],
    "losses": {"l1": 0.0},
    "seeds": 1,
    "photos": 4,
    "size": 16,
    "baselines": {"gray": -3.0},
}


class Bomb:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def header(facts, data=b"") -> bytes:
    text = json.dumps(facts).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps(Bomb()), "a pickle"),
        (b"PK\x03\x04" + bytes(60), "a zip or a torch pickle"),
        (b"", "not a whole safetensors file"),
        (struct.pack("<Q", 1 << 60) + b"{}", "header too large"),
        (struct.pack("<Q", 4) + b"nope", "not a whole safetensors file"),
        (header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), "not a whole safetensors file"),
        (header({"w": {"data_offsets": [4, 8]}}, bytes(8)), "not a whole safetensors file"),
        (header([1, 2]), "not a whole safetensors file"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "not a whole safetensors file"),
    ],
    ids=["pickle", "torch", "empty", "huge header", "no json", "short", "holes", "list", "nested"],
)
def test_renamed_and_broken_checkpoints(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(Refused, match=words):
        check_safetensors(path)
    assert not (tmp_path / "pwned").exists()


def test_a_real_checkpoint_is_taken(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    save_file(
        {"w": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.float32)}, tmp_path / "m.safetensors", {"cell": "{}"}
    )
    check_safetensors(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "name",
    [
        "../x.json",
        "a/../../x.json",
        "/etc/passwd",
        "C:/x.json",
        "..\\x.json",
        "a/.hidden",
        "a\nb.json",
        "<b>.json",
        "x" * 300,
    ],
)
def test_names_that_are_not_taken(name):
    with pytest.raises(Refused):
        check_name(name)


def test_links_and_devices_in_a_folder(tmp_path):
    (tmp_path / "record.json").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="symbolic link"):
        list(submitted_files(tmp_path))
    (tmp_path / "record.json").unlink()
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(Refused, match="neither a file nor a folder"):
        list(submitted_files(tmp_path))


def png_bomb(side: int = 30_000) -> bytes:
    """A PNG of 900 million pixels in some kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(500)) + packer.flush()
    size = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def spoil_json(change):
    def spoil(run):
        path = run / "record.json"
        facts = json.loads(path.read_text())
        change(facts)
        path.write_text(json.dumps(facts))

    return spoil


def table(**columns):
    def spoil(run):
        import pandas as pd

        pd.DataFrame(columns).to_parquet(run / "scores.parquet", index=False)

    return spoil


def parquet_bomb(run):
    """Four thousand million times the same number in a file of some hundred kilobytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batch = pa.table({"photo": pa.array(["x"] * 100_000)})
    with pq.ParquetWriter(run / "scores.parquet", batch.schema, compression="zstd") as file:
        for _ in range(10):
            file.write_table(batch)


def rename_score(name):
    def change(facts):
        facts["scores"][name] = facts["scores"].pop("psnr")

    return spoil_json(change)


def curve(content):
    return lambda run: (run / "curve.jsonl").write_bytes(content)


HOSTILE = {
    "NaN for a number": (spoil_json(lambda f: f["scores"]["psnr"].update(value=float("nan"))), "finite number"),
    "text for a number": (spoil_json(lambda f: f["scores"]["psnr"].update(value="very good")), "scores.psnr.value"),
    "unknown field": (spoil_json(lambda f: f.update(rank=1)), "unknown field 'rank'"),
    "negative cost": (spoil_json(lambda f: f["cost"].update(train_seconds=-5)), "cost.train_seconds"),
    "label is a path": (spoil_json(lambda f: f["cell"]["recipe"].update(name="../../x")), "recipe.name"),
    "edited seed": (spoil_json(lambda f: f["cell"].update(seed=9)), "the record was edited"),
    "no JSON": (lambda run: (run / "record.json").write_text("{" * 100_000), "not a colorbench record"),
    "huge record": (lambda run: (run / "record.json").write_bytes(b" " * 5_000_000), "at most 4000000"),
    "wrong hash": (spoil_json(lambda f: f.update(files={"scores.parquet": "0" * 64})), "sha256"),
    "pickle as weights": (lambda run: (run / "w.safetensors").write_bytes(pickle.dumps(Bomb())), "a pickle"),
    "code beside it": (lambda run: (run / "setup.py").write_text("import os"), "no others"),
    "link beside it": (lambda run: (run / "a.json").symlink_to("/etc/passwd"), "symbolic link"),
    "linked predictions": (lambda run: (run / "predictions").symlink_to("/etc"), "symbolic link"),
    "a million rows": (table(photo=range(1_000_000)), "at most 200000"),
    "repeated rows": (parquet_bomb, "at most 200000"),
    "text for a flag": (table(photo=list("abcd"), color_only=list("yyny"), psnr=[1.0] * 4), "color_only"),
    "gaps in a flag": (table(photo=list("abcd"), color_only=[True, None, True, True], psnr=[1.0] * 4), "color_only"),
    "a number beyond measure": (table(photo=list("abcd"), psnr=[1e308] * 4), "beyond 1e+30"),
    "a photo without a name": (table(photo=["a", "b", "c", None], psnr=[1.0] * 4), "no name"),
    "a metric that is a path": (rename_score("../../x"), "not the name of a metric"),
    "a curve of 30 MB": (curve(b'{"step": 1, "loss": 1}\n' * 1_400_000), "a curve has at most"),
    "a curve of garbage": (curve(b"\x00\xff garbage\n"), "line 1: not JSON"),
    "a step that goes back": (curve(b'{"step": 5}\n{"step": 4}\n'), "step 4 after step 5"),
    "a step that is no number": (curve(b'{"step": "5"}\n'), "whole number"),
    "infinite loss": (curve(b'{"step": 5, "loss": 1e999}\n'), "`loss` is not a finite number"),
    "loss beyond measure": (curve(b'{"step": 5, "loss": 1e308}\n'), "`loss` is not a finite number"),
    "NaN loss": (curve(b'{"step": 5, "loss": NaN}\n'), "`loss` is not a finite number"),
    "a huge integer": (curve(b'{"step": 5, "loss": 1' + b"0" * 5000 + b"}\n"), "line 1"),
    "an integer no float holds": (
        curve(b'{"step": 5, "loss": 1' + b"0" * 400 + b"}\n"),
        "`loss` is not a finite number",
    ),
    "a nested curve": (curve(b'{"step": 5, "parts": ' + b"[" * 9000 + b"]" * 9000 + b"}\n"), "line 1"),
    "parts that are a number": (curve(b'{"step": 5, "parts": 3}\n'), "`parts` is not an object"),
    "deep parts": (curve(b'{"step": 5, "parts": {"l1": {"a": 1}}}\n'), "`l1` is not a finite number"),
    "a photo that is a path": (table(photo=["../../x"], psnr=[1.0]), "is not the name of a photo"),
    "a column that is a formula": (table(photo=["a"], **{"=1+1": [1.0]}), "'=1+1' is not the name of a metric"),
    "more parameters than a table holds": (
        spoil_json(lambda f: f["generator"].update(parameters=10**25)),
        "generator.parameters is beyond 9.0072e+15",
    ),
    "text in the table": (table(photo=["a"], psnr=["<script>"]), "hold no numbers"),
    "no parquet": (lambda run: (run / "scores.parquet").write_bytes(pickle.dumps(Bomb())), "not a parquet table"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_record_is_refused_by_name(make_runs, monkeypatch, tmp_path, case):
    monkeypatch.chdir(tmp_path)
    folder = make_runs(pictures=False, **{k: v for k, v in SMALL.items() if k != "size"})
    run = folder / "unet+l1" / "seed-0"
    spoil, words = HOSTILE[case]
    spoil(run)
    finding = next(f for f in check(folder) if f.place.startswith("unet+l1"))
    assert finding.badges == ()
    assert words in finding.problems[0]
    assert not (tmp_path / "pwned").exists()


def test_picture_bombs_cost_no_memory(make_runs):
    folder = make_runs(**SMALL)
    bomb = png_bomb()
    assert len(bomb) < 100_000
    name = next((folder / "unet+l1" / "seed-0" / "predictions").glob("*.png"))
    name.write_bytes(bomb)
    run = folder / "unet+l1" / "seed-0"
    path = run / "record.json"
    from colorbench.record import read_record, write_record

    record = read_record(path)
    write_record(record.model_copy(update={"files": {"predictions": "0" * 64}}), path)
    finding = next(f for f in check(folder) if f.place.startswith("unet+l1"))
    assert finding.badges == ()
    assert name.name in finding.problems[0]
    assert "million pixels" in finding.problems[0]


def test_a_text_named_png_is_no_evidence(make_runs):
    folder = make_runs(**SMALL)
    name = next((folder / "unet+l1" / "seed-0" / "predictions").glob("*.png"))
    name.write_bytes(io.BytesIO(b"<svg onload=alert(1)>").getvalue())
    from colorbench.leaderboard import build

    page = build(folder, plots=False) / "runs" / "unet+l1-seed-0.html"
    assert "onload" not in page.read_text()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"psnr": [1.0]}, "no column `photo`"),
        ({"photo": ["a", "a"], "psnr": [1.0, 2.0]}, "two rows"),
        ({"photo": ["a"], "psnr": ["high"]}, "hold no numbers"),
    ],
)
def test_malformed_tables(tmp_path, columns, words):
    import pandas as pd

    path = tmp_path / "seed-0" / "scores.parquet"
    path.parent.mkdir()
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(ValueError, match=words):
        read_scores(path)


def test_a_million_rows_and_no_table(tmp_path):
    import pandas as pd

    path = tmp_path / "scores.parquet"
    pd.DataFrame({"photo": range(1_000_000)}).to_parquet(path)
    with pytest.raises(ValueError, match="at most 200000"):
        read_scores(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="not a parquet table"):
        read_scores(path)


def test_a_long_name_that_stands_in_every_row_is_not_spelled_out(tmp_path):
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(199_999, np.int32)), pa.array(["a" * 20_000]))
    pq.write_table(pa.table({"photo": names}), tmp_path / "scores.parquet", store_schema=False, compression="zstd")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused, match="a photo's name of 20000 bytes; names have at most 200"):
        read_scores(tmp_path / "scores.parquet")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB; spelled out it takes 4 GB


def test_tables_in_a_folder_whose_name_is_no_unicode(tmp_path):
    import pandas as pd

    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    file = io.BytesIO()
    pd.DataFrame({"photo": ["a"], "psnr": [1.0]}).to_parquet(file)
    (folder / "scores.parquet").write_bytes(file.getvalue())
    assert read_scores(folder / "scores.parquet").loc["a", "psnr"] == 1.0
    assert read_table(folder / "scores.parquet")["psnr"].tolist() == [1.0]
    (folder / "scores.parquet").write_bytes(file.getvalue()[:-9])
    with pytest.raises(Refused, match=r"scores.parquet is damaged"):
        read_table(folder / "scores.parquet")


def test_a_curve_torn_by_a_kill_gives_its_whole_lines(tmp_path):
    path = tmp_path / "curve.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0, "parts": {"l1": 0.5}}\n{"step": 3, "lo')
    assert [line["step"] for line in read_curve(path)] == [1, 2]


FLIPS = {"record.json": 40, "scores.parquet": 40, "curve.jsonl": 40, "checkpoint.safetensors": 40, "predictions": 20}


@pytest.fixture(scope="module")
def entry(factory_class, tmp_path_factory):
    """A board of one small trained entry and gray, whose record names no hashes: only the contents are judged."""
    factory = factory_class(tmp_path_factory.mktemp("flips"))
    folder = factory(**(SMALL | {"photos": 6, "seeds": 2}))
    weights = header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8))
    (folder / "unet+l1" / "seed-0" / "checkpoint.safetensors").write_bytes(weights)
    assert all(finding.ok for finding in check(folder, rescore=False))
    return folder


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", FLIPS)
def test_what_check_calls_valid_can_be_built_whatever_bit_flips(entry, tmp_path, name):
    """Flips over the whole file, from a fixed seed. A board is built of all that passes; nothing but a refusal is raised."""
    path = entry / "unet+l1" / "seed-0" / name
    path = sorted(path.glob("*.png"))[0] if path.is_dir() else path
    whole = path.read_bytes()
    rng, passed = random.Random(name), 0
    try:
        for _ in range(FLIPS[name]):
            bit = rng.randrange(8 * len(whole))
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            findings = check(entry, rescore=False)
            if all(finding.ok for finding in findings):
                passed += 1
                results = rank_board(read_board(entry))
                write_tables(results, tmp_path)
                write_run_pages(results.board, tmp_path, ["0000photo"], {})
                if passed % 16 == 1:
                    with look():
                        plot_curves(results, tmp_path)
                        plot_intervals(results, "psnr", tmp_path)
    finally:
        path.write_bytes(whole)
    assert passed < FLIPS[name] or name == "predictions"
