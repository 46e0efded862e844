"""The end of a run on a terminal: five columns and a verdict."""

import io

import pandas as pd

from colorbench import console, summary

ROWS = [  # label, kind, rank, ties, delta-e-2000, half
    ("oracle-bins", "baseline", "", "", 3.0, 0.1),
    ("unet3p+l1", "trained", "1-2", "ab", 10.21, 0.55),
    ("unet+l1", "trained", "1-2", "a", 10.38, 0.55),
    ("linknet+l1", "trained", "3", "c", 11.0, 0.6),
    ("gray", "baseline", "", "", 10.5, 0.5),
]


def board(rows=ROWS, **changed):
    frame = pd.DataFrame([dict(zip(("label", "kind", "rank", "ties", "delta-e-2000"), row)) for row in rows])
    for metric, values in (("delta-e-2000", frame["delta-e-2000"]), ("psnr", 20.0), ("colorfulness", 9.0)):
        frame[metric] = values
        frame[f"{metric}_low"], frame[f"{metric}_high"] = frame[metric] - 0.55, frame[metric] + 0.55
    frame["seeds"], frame["failed"] = 3, 0
    frame = frame.assign(**changed)
    frame.attrs = {"primary": "delta-e-2000", "verdict": ["unet3p+l1 is first.", "All beat gray."]}
    return frame


def test_the_table_fits_eighty_columns_and_landmarks_stand_apart(tmp_path, monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(
        console, "results", type(console.results)(file=file, width=80, force_terminal=True, **console._PLAIN)
    )
    board().to_parquet(tmp_path / "table.parquet")
    summary.show_summary(tmp_path)
    lines = file.getvalue().splitlines()
    table = [line for line in lines if line.startswith("│")]
    assert [line.split("│")[1].strip() for line in table][:3] == ["unet3p+l1", "unet+l1", "linknet+l1"]
    assert all(len(line.split("│")) == 7 for line in table)
    assert "delta-e-2000 ↓" in file.getvalue()
    assert "colorfulness" in file.getvalue()
    assert "unet3p+l1 is first. All beat gray." in file.getvalue()


def test_a_long_board_says_how_much_more_it_has(tmp_path, capsys):
    board([(f"net-{k}", "trained", "1-40", "a", 10.0 + k, 0.5) for k in range(40)]).to_parquet(
        tmp_path / "table.parquet"
    )
    summary.show_summary(tmp_path)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == summary.MOST_ROWS + 1
    assert "20 more entries are on the board." in said.err


def test_a_folder_without_a_table_has_no_summary(tmp_path):
    assert summary.read_summary(tmp_path) is None
