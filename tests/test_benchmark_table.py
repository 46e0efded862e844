"""The table of benchmark results: ratios, bars, and what counts as missed."""

import json

import pytest

from benchmarks import speed, table


def result(operation, who, seconds, megabytes=10.0, **notes):
    extra = {"operation": operation, "who": who, "device": "cpu", "peak_megabytes": megabytes, **notes}
    return {"extra_info": extra, "stats": {"median": seconds}}


@pytest.fixture
def read(tmp_path):
    def read(*benchmarks):
        file = tmp_path / "results.json"
        file.write_text(json.dumps({"benchmarks": [*benchmarks, {"extra_info": {}, "stats": {"median": 1.0}}]}))
        return table.read_results([file])

    return read


@pytest.mark.parametrize(("seconds", "megabytes", "met"), [(3.1, 30.0, "yes"), (2.9, 30.0, "no"), (3.1, 29.0, "no")])
def test_a_bar_of_time_and_memory(read, seconds, megabytes, met):
    operation = table.CLASSIFICATION
    results = read(result(operation, "colorbench", 1.0), result(operation, "dense eager", seconds, megabytes))
    assert table.rows(results)[0][4:7] == (f"{seconds:.1f}x", "3x and 1/3 of its memory", met)


def test_the_nearest_peer_comes_first(read):
    results = read(result("ssim", "colorbench", 1.0), result("ssim", "piq", 40.0), result("ssim", "torchmetrics", 26.0))
    assert [line[2] for line in table.rows(results)] == ["torchmetrics", "piq"]
    assert table.aligned(table.rows(results)).count("\n") == 2


def test_bars_missed_and_not_measured_are_named(read):
    benchmarks = [result(operation, who, 1000.0, 1000.0) for operation, who in table.BARS]
    ours = [result(operation, "colorbench", 1.0) for operation in {operation for operation, _ in table.BARS}]
    imported = result(table.IMPORT, "colorbench", 1e-6, over_torch_seconds=0.2)
    assert table.missed(table.rows(read(*benchmarks, *ours, imported))) == []
    assert table.missed(table.rows(read(*benchmarks[1:], *ours))) == [
        "rgb -> lab against kornia",
        "import colorbench.losses against over torch alone",
    ]


@pytest.mark.parametrize(
    ("ours", "peer", "share"), [(10, 20, "0.50x"), (0.2, 20, "?"), (2, 0, "?"), (2, None, "?"), (2, 999, "< 0.01x")]
)
def test_shares_of_memory(read, ours, peer, share):
    results = read(result("ssim", "colorbench", 1.0, ours), result("ssim", "piq", 1.0, peer))
    assert table.rows(results)[0][7] == share


def test_durations_have_two_digits_or_whole_milliseconds():
    seconds = (0.0001234, 0.0123, 0.0996, 1.5)
    assert [table.duration(second) for second in seconds] == ["0.12 ms", "12 ms", "100 ms", "1500 ms"]


def test_all_three_runs_beside_each_peer_at_its_best(read):
    def run(ours, kornia, compiled_kornia):
        return read(
            result("rgb -> lab", "colorbench", ours, first_seconds=0.5),
            result("rgb -> lab", "kornia", kornia),
            result("rgb -> lab", "kornia, compiled", compiled_kornia),
        )

    line, *others = speed.rows(run(0.010, 0.040, 0.030), run(0.006, 0.050, 0.060), run(0.005, 0.050, 0.060))
    assert not others
    eager, compiled = ("10 ms (4.0x; compiled 3.0x)",), ("6 ms (5.0x)", "5 ms (6.0x)")
    assert line == ("rgb -> lab", "500 ms", "kornia", "40 ms, compiled 30 ms", *eager, *compiled)
