import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import colorbench
from colorbench.metrics import METRICS, as_torchmetric, score
from tests.metrics.conftest import noisy_pair

pytest.importorskip("torchmetrics")

from colorbench.metrics.torchmetric_classes import class_name


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


@pytest.mark.parametrize("key", METRICS)
def test_each_key_has_a_class_of_its_own_that_can_be_pickled(key):
    metric = as_torchmetric(key)
    assert type(metric).__name__ == class_name(key)
    assert type(pickle.loads(pickle.dumps(metric))) is type(metric)
    assert metric.higher_is_better is METRICS[key].higher_is_better


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_rare_colors_weigh_by_all_photos_whatever_the_batch(batch):
    pred, target = noisy_pair((6, 3, 24, 24))
    pred[3:] = pred[3:] * 0.2 + 0.4
    metric = as_torchmetric("ab-auc-rebalanced")
    for start in range(0, 6, batch):
        metric.update(pred[start : start + batch], target[start : start + batch])
    assert metric.compute().item() == pytest.approx(score(pred, target, ["ab-auc-rebalanced"]).mean().item(), rel=1e-6)


def test_frames_of_a_video_are_not_merged_out_of_order():
    metric, other = as_torchmetric("cdc"), as_torchmetric("cdc")
    metric.update(*noisy_pair((6, 3, 24, 24)))
    assert metric.compute() > 0
    with pytest.raises(RuntimeError, match="cdc compares neighboring frames"):
        metric.merge_state(other)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> dict:
    """What the two processes of sync_worker.py wrote, by the names of the files."""
    folder, pair = tmp_path_factory.mktemp("elsewhere"), noisy_pair((3, 3, 48, 40))
    metric = as_torchmetric("ssim")
    metric.update(pair[0][:1], pair[1][:1])
    torch.save(metric, folder / "metric.pt")
    torch.save(pair, folder / "pair.pt")
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(Path(colorbench.__file__).parents[1])}
    command = [sys.executable, Path(__file__).with_name("sync_worker.py"), folder]
    subprocess.run(command, env=environment, timeout=250, check=True)
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_a_pickled_metric_goes_on_in_another_process(pair, elsewhere):
    assert elsewhere["pickled"] == pytest.approx(METRICS["ssim"].function(*pair).mean().item(), rel=1e-6)


def test_several_share_a_collection_and_its_state(pair):
    from torchmetrics import MetricCollection

    collection = MetricCollection([as_torchmetric(key) for key in ("psnr", "ssim", "delta-e-2000")])
    collection.update(*pair)
    values = collection.compute()
    assert set(values) == {"Psnr", "Ssim", "DeltaE2000"}
    for key in ("psnr", "ssim", "delta-e-2000"):
        torch.testing.assert_close(values[class_name(key)], METRICS[key].function(*pair).mean())
    again = MetricCollection([as_torchmetric(key) for key in ("psnr", "ssim", "delta-e-2000")])
    again.persistent()
    collection.persistent()
    again.load_state_dict(collection.state_dict())
    assert {name: metric.finite for name, metric in again.items()} == dict.fromkeys(again, 3)


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
@pytest.mark.parametrize("key", ["psnr", "kid"])
def test_compute_before_update_says_so(key):
    with pytest.raises(RuntimeError, match=rf"{class_name(key)} has seen no pictures: call update\(pred, target\)"):
        as_torchmetric(key).compute()


@pytest.mark.parametrize("key", [key for key, row in METRICS.items() if row.per_image and row.needs is None])
def test_gradients_flow_where_the_class_says_so(key):
    pred, target = noisy_pair((2, 3, 176, 161))
    target[..., 80:] *= 0.3  # an edge, at which some metrics look
    pred.requires_grad_()
    metric = as_torchmetric(key)
    value = metric(pred) if METRICS[key].inputs == "single" else metric(pred, target)
    slope = torch.autograd.grad(value, pred)[0].abs().max() if value.requires_grad else torch.tensor(0.0)
    assert metric.is_differentiable == (slope > 0)


def test_two_processes_give_what_one_gives(elsewhere):
    """Each of two gloo processes sees a part (3 and 2 pictures) of what one process sees whole."""
    first, second = elsewhere["0"], elsewhere["1"]
    assert first == second
    assert first["two"] == pytest.approx(first["one"], rel=1e-6)
    assert set(first["two"]) == {"psnr", "ssim", "colorfulness", "ab-auc-rebalanced", "fid", "kid", "delta-cf"}
    assert first["cdc"].endswith("whose order is lost between processes: give one process the whole video")
    assert first["idle"] == pytest.approx(first["of_three"], rel=1e-6), "a process without pictures"
