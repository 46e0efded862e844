"""Executors by name, their settings, and the devices of this machine."""

from types import SimpleNamespace

import pytest
import torch

from colorbench.cell import Budget
from colorbench.errors import WrongUsage
from colorbench.grid import executors
from colorbench.grid.executors import (
    Executor,
    LocalExecutor,
    check_device,
    find_devices,
    make_executor,
    side_by_side,
)
from tests.suites.test_step_table import row, table
from tests.training.cells import small_cell


@pytest.fixture
def gpus(monkeypatch):
    """A machine with this many GPUs, as torch tells it."""

    def use(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return use


@pytest.mark.parametrize(
    ("count", "device", "slots"),
    [
        (0, None, ["cpu", "cpu"]),
        (0, "auto", ["cpu", "cpu"]),
        (2, None, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        (2, "cuda", ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        (2, "cuda:1", ["cuda:1", "cuda:1"]),
        (2, "cpu", ["cpu", "cpu"]),
    ],
)
def test_as_many_slots_on_each_device_as_asked(gpus, count, device, slots):
    gpus(count)
    assert find_devices(device, jobs=2) == slots


@pytest.mark.parametrize(
    ("count", "device", "message"),
    [
        (0, "cuda", "torch finds no GPU here; use --device cpu"),
        (0, "cuda:0", "torch finds no GPU here"),
        (2, "cuda:2", "this machine has 2 GPUs, cuda:0 to cuda:1"),
        (2, "gpu", "known devices: auto, cpu, cuda, cuda:0, cuda:1 ...; did you mean 'cuda'"),
        (2, "cuda:first", "unknown device 'cuda:first'"),
    ],
)
def test_a_device_that_is_not_here_is_refused(gpus, count, device, message):
    gpus(count)
    with pytest.raises(WrongUsage, match=message):
        find_devices(device)


def test_an_engine_hands_out_its_gpus_itself():
    check_device("cuda", numbered=False)
    with pytest.raises(WrongUsage, match="ray and slurm hand out the GPUs themselves; use --device cuda"):
        check_device("cuda:1", numbered=False)


@pytest.mark.parametrize(
    ("budget", "peak_gb", "cells"),
    [("8rs", 30, 2), ("8rs", 5, 4), ("8rs", 90, 1), ("500steps", 5, 4), ("60s", 5, 1), ("8rs", None, 1)],
)
def test_a_gpu_gets_as_many_cells_as_its_memory_holds(monkeypatch, budget, peak_gb, cells):
    monkeypatch.setattr(executors, "cores", lambda: 16)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80 * 10**9))
    peaks = {} if peak_gb is None else {"peak_bytes": peak_gb * 10**9}
    protocol = small_cell(budget=Budget.parse(budget)).protocol
    assert side_by_side(protocol, "cuda:0", table(row(**peaks))) == cells
    assert side_by_side(protocol, "cuda:0", None) == 1


@pytest.mark.parametrize(
    ("photos_gb", "cells"), [(0, 4), (9, 4), (12, 3), (30, 1), (41, 4)]
)  # 41: half of the card is 40
def test_the_photos_that_each_cell_keeps_on_its_gpu_count(monkeypatch, photos_gb, cells):
    monkeypatch.setattr(executors, "cores", lambda: 16)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80 * 10**9))
    protocol = small_cell(budget=Budget.parse("8rs")).protocol
    assert side_by_side(protocol, "cuda:0", table(row(peak_bytes=5 * 10**9)), photos_gb * 10**9) == cells


def test_small_pictures_get_a_core_each_and_large_ones_all(monkeypatch):
    monkeypatch.setattr(executors, "cores", lambda: 6)
    protocol = small_cell().protocol
    assert side_by_side(protocol, "cpu") == 6
    assert side_by_side(protocol.model_copy(update={"size_px": 128}), "cpu") == 1


def test_cpu_slots_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(executors, "cores", lambda: 8)
    assert LocalExecutor(["cpu"]).threads == 8
    assert LocalExecutor(["cpu"] * 3).threads == 2
    assert LocalExecutor(["cpu"] * 20).threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert LocalExecutor(["cpu"] * 20).threads == 3
    with pytest.raises(ValueError, match="at least one device"):
        LocalExecutor([])


def test_the_local_executor_by_name():
    made = make_executor("local", device="cpu", jobs=3, environment={"COLORBENCH_DOWNLOAD_MB": "1"})
    assert isinstance(made, Executor)
    assert (made.devices, made.environment) == (["cpu"] * 3, {"COLORBENCH_DOWNLOAD_MB": "1"})


@pytest.mark.parametrize("setting", ["partition", "=gpu", "partition="])
def test_a_setting_is_key_and_value(setting):
    with pytest.raises(WrongUsage, match="not KEY=VALUE"):
        make_executor("slurm", settings=[setting])


def test_unknown_names_and_settings():
    with pytest.raises(KeyError, match="unknown executor 'dask'; known executors: local, ray, slurm"):
        make_executor("dask")
    with pytest.raises(KeyError, match="the local executor has no settings, and partition was set"):
        make_executor("local", device="cpu", settings=["partition=gpu"])
    pytest.importorskip("ray", reason="needs ray: pip install 'colorbench[ray]'")
    with pytest.raises(KeyError, match="its settings: address, cpus"):
        make_executor("ray", settings=["gpu=1"])
    with pytest.raises(WrongUsage, match="cpus=some must be a whole number above 0"):
        make_executor("ray", settings=["cpus=some"])
    with pytest.raises(WrongUsage, match="hand out the GPUs themselves"):
        make_executor("ray", device="cuda:1")
