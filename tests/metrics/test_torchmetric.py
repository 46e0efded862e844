import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colorbench.metrics import METRICS, as_torchmetric

pytest.importorskip("torchmetrics")


def test_equals_the_mean_over_images_not_over_batches(pair):
    metric = as_torchmetric("ssim")
    for rows in (slice(0, 1), slice(1, 3)):
        metric.update(pair[0][rows], pair[1][rows])
    torch.testing.assert_close(metric.compute(), METRICS["ssim"].function(*pair).mean())
    assert metric.higher_is_better is True
    metric.reset()
    metric.update(pair[0][:1], pair[1][:1])
    torch.testing.assert_close(metric.compute(), METRICS["ssim"].function(pair[0][:1], pair[1][:1])[0])


def test_single_metrics_take_the_prediction_alone(pair):
    metric = as_torchmetric("colorfulness")
    metric.update(pair[0])
    torch.testing.assert_close(metric.compute(), METRICS["colorfulness"].function(pair[0]).mean())


def test_infinite_psnr_is_counted_apart(pair):
    pred = pair[0].clone()
    pred[0] = pair[1][0]
    metric = as_torchmetric("psnr")
    metric.update(pred, pair[1])
    assert metric.infinite == 1
    torch.testing.assert_close(metric.compute(), METRICS["psnr"].function(pred, pair[1])[1:].mean())
    same = as_torchmetric("psnr")
    same.update(pred, pred)
    assert same.compute().isposinf()


def test_nan_is_not_hidden(pair):
    metric = as_torchmetric("psnr")
    metric.update(pair[0] * torch.nan, pair[1])
    assert metric.compute().isnan()


def test_unknown_names_list_the_known():
    with pytest.raises(KeyError, match="known metrics: psnr"):
        as_torchmetric("psnrr")


def test_two_processes_give_what_one_gives(tmp_path):
    """Each of two gloo processes sees a part (3 and 2 pictures) of what one process sees whole."""
    worker = Path(__file__).with_name("sync_worker.py")
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    store = tmp_path / "store"
    commands = [[sys.executable, worker, str(store), str(rank)] for rank in range(2)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=Path.cwd()) for command in commands
    ]
    first, second = (json.loads(process.communicate(timeout=250)[0]) for process in workers)
    assert first == second
    assert first["two"] == pytest.approx(first["one"], rel=1e-6)
    assert set(first["two"]) == {"psnr", "ssim", "colorfulness", "fid", "kid"}
