"""Plug-in files whose rows break a promise: the promise is named, and what to do."""

import pytest

from colorbench.checking import check_file
from colorbench.generators import GENERATORS

START = "import torch\nfrom colorbench.losses.row import LossRow\nfrom colorbench.metrics.row import MetricRow\n"
LOSS = 'LOSSES = {{"mine": LossRow("mine", {function}, view="ab", unit="1", source="me")}}'
METRIC = 'METRICS = {{"mine": MetricRow("mine", {function}, unit="1", higher_is_better={higher}, source="me")}}'


def broken(tmp_path, text):
    file = tmp_path / "plugin.py"
    file.write_text(START + text)
    return {result.promise: result.message for result in check_file(file) if not result.passed}


@pytest.mark.parametrize(
    ("function", "promise", "message"),
    [
        ("lambda pred, target: (pred - target).square().flatten(1).mean(1)", None, ""),
        ("lambda pred, target: (pred - target).square().flatten(1).mean(1).sqrt()", "gradients", "not finite on"),
        ("lambda pred, target: (pred - target).detach().flatten(1).mean(1)", "gradients", "detached"),
        (
            "lambda pred, target: (pred - target).abs().mean().expand(len(pred))",
            "one value per picture",
            "beside another",
        ),
        ("lambda pred, target: (pred - target).abs().mean()", "one value per picture", "give one float per picture"),
    ],
)
def test_losses(tmp_path, function, promise, message):
    found = broken(tmp_path, LOSS.format(function=function))
    assert set(found) == ({promise} if promise else set())
    assert message in found.get(promise, "")


@pytest.mark.parametrize(
    ("function", "higher", "promise"),
    [
        ("lambda pred, target: (pred - target).abs().flatten(1).mean(1)", "False", None),
        ("lambda pred, target: (pred - target).abs().flatten(1).mean(1)", "True", "direction"),
        ("lambda pred, target: (pred / target.sum() - 1).flatten(1).mean(1)", "None", "flat pictures"),
        ("lambda pred, target: pred.mul_(0).flatten(1).mean(1)", "None", "one value per picture"),
    ],
)
def test_metrics(tmp_path, function, higher, promise):
    found = broken(tmp_path, METRIC.format(function=function, higher=higher))
    assert (promise in found) if promise else not found


def test_a_row_of_another_name_is_told_before_anything_runs(tmp_path):
    text = METRIC.format(function="torch.sub", higher="None").replace('{"mine"', '{"yours"')
    assert list(broken(tmp_path, text)) == ["row"]


def test_a_file_without_tables_is_refused(tmp_path):
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match="defines none of GENERATORS, LOSSES, METRICS, DATASETS"):
        check_file(tmp_path / "empty.py")


def test_generators_are_checked_one_by_one(tmp_path):
    text = (
        "from torch import nn\n"
        "def one(out_channels=2):\n"
        "    return nn.Conv2d(1, out_channels, 1)\n"
        "GENERATORS = {'one': one, 'other': nn.Linear, 'Not_Kebab': one}\n"
    )
    (tmp_path / "plugin.py").write_text(text)
    results = check_file(tmp_path / "plugin.py")
    assert {result.generator for result in results if result.passed} == {"one"}
    assert {result.name for result in results if not result.passed} >= {"other: plain options", "Not_Kebab: row"}
    assert "one" not in GENERATORS
