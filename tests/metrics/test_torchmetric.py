import socket

import pytest
import torch

from colorbench.metrics import METRICS, as_torchmetric

pytest.importorskip("torchmetrics")
SYNCED = ("psnr", "ssim", "colorfulness", "kid")


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


def _features_stand_in(rgb):
    """Six numbers a picture: the sync is tested, not Inception."""
    return torch.cat([rgb.mean(dim=(2, 3)), rgb.std(dim=(2, 3))], dim=1)


def _score_share(rank, port, pair, queue):
    import importlib

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    importlib.import_module("colorbench.metrics.torchmetric").inception_features = _features_stand_in
    share = slice(0, 3) if rank == 0 else slice(3, 5)
    for name in SYNCED:
        metric = as_torchmetric(name)
        metric.update(pair[0][share], pair[1][share])
        queue.put((name, metric.compute().item()))
    torch.distributed.destroy_process_group()


def test_two_processes_give_what_one_gives(monkeypatch):
    import importlib

    draw = torch.Generator().manual_seed(0)
    target = torch.rand(5, 3, 16, 16, generator=draw)
    pair = ((target + 0.1 * torch.randn(target.shape, generator=draw)).clamp(0, 1), target)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    workers = [context.Process(target=_score_share, args=(rank, port, pair, queue)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    together = [queue.get() for _ in range(2 * len(SYNCED))]
    monkeypatch.setattr(
        importlib.import_module("colorbench.metrics.torchmetric"), "inception_features", _features_stand_in
    )
    for name in SYNCED:
        metric = as_torchmetric(name)
        metric.update(*pair)
        values = [value for key, value in together if key == name]
        assert values == pytest.approx([metric.compute().item()] * 2, rel=1e-6)
