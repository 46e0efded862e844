"""The device: the clock, memory that runs out, and NVML through a stand-in."""

import os
import platform
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import colorbench
from colorbench.training.device import (
    Clock,
    EnergyMeter,
    Watch,
    describe_environment,
    is_exclusive,
    is_out_of_memory,
    is_throttled,
    nvml_handle,
    peak_bytes,
    with_smaller_batches,
)
from colorbench.training.run_log import Costs

CPU = torch.device("cpu")


@pytest.fixture
def card(monkeypatch):
    """A stand-in for pynvml whose answers a test sets."""
    state = SimpleNamespace(pids=[7], reasons=0, millijoules=0)
    module = SimpleNamespace(
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=pid) for pid in state.pids],
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: state.reasons,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: state.millijoules,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return state


@pytest.mark.parametrize(("pids", "alone"), [([7], True), ([7, 8], False), ([], None), ([9], True), ([8, 9], False)])
def test_other_processes(card, monkeypatch, pids, alone):
    monkeypatch.setattr("os.getpid", lambda: 7)
    card.pids = pids
    assert is_exclusive("handle") is alone


@pytest.mark.parametrize(("reasons", "slowed"), [(0, False), (0x04, False), (0x40, True), (0x08 | 0x04, True)])
def test_heat_and_brakes_count_the_power_limit_does_not(card, reasons, slowed):
    card.reasons = reasons
    assert is_throttled("handle") is slowed


def test_unknown_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert is_exclusive("handle") is None
    assert is_throttled("handle") is None
    assert nvml_handle(CPU) is None
    assert EnergyMeter(CPU).read() is None


def test_the_worst_stands(card):
    watch = Watch(CPU)
    watch.look()
    assert (watch.exclusive, watch.throttled) == (None, None)  # no GPU: not known
    watch.handle = "handle"
    for card.pids, card.reasons in (([7], 0), ([7, 8], 0x40), ([7], 0)):
        watch.look()
    assert (watch.exclusive, watch.throttled) == (False, True)
    card.reasons = 0
    later = Watch(CPU, exclusive=True)
    later.handle = "handle"
    later.look()
    assert (later.exclusive, later.throttled) == (True, False)


def test_the_clock_adds_up_and_stays_stopped():
    clock = Clock(CPU, seconds=5.0)
    assert clock.read() == 5.0
    clock.start()
    assert clock.read() > 5.0
    clock.stop()
    stopped = clock.read()
    clock.stop()
    assert clock.read() == clock.seconds == stopped


def test_joules_are_those_between_start_and_stop(card):
    clock = Clock(CPU)
    clock.meter.handle, clock.joules = "handle", 0.0
    card.millijoules = 5000  # set-up
    clock.start()
    card.millijoules = 7000
    clock.stop()
    card.millijoules = 9000  # a checkpoint
    clock.start()
    card.millijoules = 9500
    clock.stop()
    clock.stop()
    assert clock.joules == 2.5


@pytest.mark.parametrize(("seconds", "before", "after"), [(0.0, None, 1.0), (3.0, 4.0, 5.0), (3.0, None, None)])
def test_joules_of_earlier_attempts_count_or_the_sum_is_unknown(card, monkeypatch, seconds, before, after):
    monkeypatch.setattr("colorbench.training.device.nvml_handle", lambda device: "handle")
    clock = Clock(CPU, seconds, before)
    clock.start()
    card.millijoules = 1000
    clock.stop()
    assert clock.joules == after
    assert Clock(torch.device("meta"), 3.0, 4.0).joules == 4.0
    monkeypatch.setattr("colorbench.training.device.nvml_handle", lambda device: None)
    assert Clock(CPU, 3.0, 4.0).joules is None


def test_batches_get_smaller_until_they_fit():
    costs, tried = Costs(), []

    def attempt():
        tried.append(costs.micro_batch)
        assert costs.peak_bytes is None
        costs.peak_bytes = 2**60 // len(tried)
        torch.empty(2**60 if len(tried) < 3 else 1)
        return "fits"

    assert with_smaller_batches(attempt, costs, 8, device=CPU) == "fits"
    assert tried == [None, 4, 2]
    assert costs.peak_bytes == 2**60 // 3  # of the attempt that fitted


def test_on_a_gpu_the_photos_go_before_the_batch_is_halved():
    costs, tried = Costs(), []

    def attempt():
        tried.append((costs.streamed, costs.micro_batch))
        torch.empty(2**60 if len(tried) < 4 else 1)
        return "fits"

    assert with_smaller_batches(attempt, costs, 8, device=torch.device("cuda")) == "fits"
    assert tried == [(False, None), (True, None), (True, 4), (True, 2)]
    later = Costs()
    later.go_on_from(costs)
    assert (later.streamed, later.micro_batch) == (True, 2)


def test_one_photo_that_does_not_fit_is_out_of_memory():
    costs = Costs()
    with pytest.raises(RuntimeError) as raised:
        with_smaller_batches(lambda: torch.empty(2**60), costs, 4, device=CPU)
    assert is_out_of_memory(raised.value)
    assert costs.micro_batch == 1
    assert peak_bytes(CPU) > 2**20


@pytest.mark.parametrize(
    ("message", "is_it"),
    [
        ("CUDA error: out of memory", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("GET was unable to find an engine to execute this computation", True),
        ("Unable to find an engine to execute this computation", True),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.", True),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", True),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED", True),
        ("Unable to find a valid cuDNN algorithm to run convolution", True),
        ("FIND was unable to find: No valid execution plans built.", True),
        ("CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY", True),
        ("nvrtc: error: NVRTC_ERROR_OUT_OF_MEMORY", True),
        ("std::bad_alloc", True),
        ("unable to mmap: Cannot allocate memory (12)", True),
        ("CUDA error: an illegal memory access was encountered", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_out_of_memory_in_its_spellings(message, is_it):
    assert is_out_of_memory(RuntimeError(message)) is is_it
    assert not is_out_of_memory(ValueError(message))


def test_versions_and_the_checkout():
    found = describe_environment(torch.device("cpu"))
    assert found.torch.split("+")[0] == version("torch").split("+")[0]
    assert (found.python, found.colorbench) == (platform.python_version(), colorbench.__version__)
    assert (found.cuda, found.driver, found.gpu) == (None, None, None)
    assert found.threads == torch.get_num_threads()
    assert f"{os.cpu_count()} threads" in found.cpu
    root = Path(colorbench.__file__).parents[1]
    ask = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    assert found.git_commit == (ask.stdout.strip() if (root / ".git").exists() else None)


def test_no_machine_and_no_path_is_named():
    text = describe_environment(torch.device("cpu")).model_dump_json()
    for name in (socket.gethostname(), str(Path.home()), str(Path(colorbench.__file__).parents[1])):
        assert name == "/" or name not in text
