"""What hostile submissions get: each is refused by name, nothing runs, nothing is written outside."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib

import pytest

from colorbench.leaderboard.checks import check
from colorbench.leaderboard.door import Refused, check_name, check_safetensors, submitted_files, unpack

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
        (b"", "not a safetensors file"),
        (struct.pack("<Q", 1 << 60) + b"{}", "not a safetensors file"),
        (struct.pack("<Q", 4) + b"nope", "no safetensors header"),
        (header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), "its header speaks of"),
        (header({"w": {"data_offsets": [4, 8]}}, bytes(8)), "overlap or leave holes"),
        (header([1, 2]), "no safetensors header"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "no safetensors header"),
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
    assert set(check_safetensors(tmp_path / "m.safetensors")) == {"w", "b", "__metadata__"}


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


def zipped(tmp_path, members, compress=zipfile.ZIP_DEFLATED):
    path = tmp_path / "entry.zip"
    with zipfile.ZipFile(path, "w", compress) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../outside.json", "{}")], "leaves the folder"),
        ([("/outside.json", "{}")], "leaves the folder"),
        ([("a/../../outside.json", "{}")], "leaves the folder"),
        ([(link("link.json"), "/etc/passwd")], "symbolic link"),
        ([("run.py", "import os")], "no others"),
        ([("nested.zip", "PK")], "no others"),
        ([("bomb.json", bytes(30_000_000))], "a bomb"),
    ],
    ids=["dotdot", "absolute", "inner dotdot", "link", "code", "nested zip", "bomb"],
)
def test_archives_that_are_not_unpacked(tmp_path, members, words):
    with pytest.raises(Refused, match=words):
        unpack(zipped(tmp_path, members), tmp_path / "in" / "deep")
    assert not (tmp_path / "outside.json").exists()
    assert not (tmp_path / "in").exists()


def test_an_entry_longer_than_it_says(tmp_path):
    """The directory promises 10 bytes, the stream holds a million."""
    path = zipped(tmp_path, [("a.json", b"x" * 1_000_000)])
    raw = bytearray(path.read_bytes())
    for at in (22, raw.rfind(b"PK\x01\x02") + 24):
        raw[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(raw)
    with pytest.raises(Refused):
        unpack(path, tmp_path / "in")
    assert sum(p.stat().st_size for p in (tmp_path / "in").rglob("*") if p.is_file()) <= 10


def test_too_many_and_no_archive(tmp_path, monkeypatch):
    monkeypatch.setattr("colorbench.leaderboard.door.MOST_FILES", 3)
    with pytest.raises(Refused, match="more than 3 files"):
        unpack(zipped(tmp_path, [(f"{k}.json", "{}") for k in range(4)]), tmp_path / "in")
    (tmp_path / "no.zip").write_bytes(b"nothing")
    with pytest.raises(Refused, match="not a zip archive"):
        unpack(tmp_path / "no.zip", tmp_path / "in")


def test_an_honest_archive_is_unpacked(tmp_path):
    unpack(zipped(tmp_path, [("ddcolor/seed-0/record.json", "{}")]), tmp_path / "in")
    assert (tmp_path / "in/ddcolor/seed-0/record.json").read_text() == "{}"


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

        pd.DataFrame(columns).to_parquet(run / "scores.parquet")

    return spoil


def parquet_bomb(run):
    """Four thousand million times the same number in a file of some hundred kilobytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batch = pa.table({"photo": pa.array(["x"] * 100_000)})
    with pq.ParquetWriter(run / "scores.parquet", batch.schema, compression="zstd") as file:
        for _ in range(10):
            file.write_table(batch)


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
