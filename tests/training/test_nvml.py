"""NVML through a stand-in: other processes, throttling, and no answer at all."""

import sys
from types import SimpleNamespace

import pytest
import torch

from colorbench.training.ledger import Ledger
from colorbench.training.nvml import Watch, handle_of, is_exclusive, is_throttled


@pytest.fixture
def card(monkeypatch):
    """A stand-in for pynvml whose answers a test sets."""
    state = SimpleNamespace(pids=[7], reasons=0)
    module = SimpleNamespace(
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=pid) for pid in state.pids],
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: state.reasons,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return state


@pytest.mark.parametrize(("pids", "alone"), [([7], True), ([7, 8], False), ([], True), ([9], True), ([8, 9], False)])
def test_other_processes(card, pids, alone):
    card.pids = pids
    assert is_exclusive("handle", pid=7) is alone


@pytest.mark.parametrize(("reasons", "slowed"), [(0, False), (0x04, False), (0x40, True), (0x08 | 0x04, True)])
def test_heat_and_brakes_count_the_power_limit_does_not(card, reasons, slowed):
    card.reasons = reasons
    assert is_throttled("handle") is slowed


def test_unknown_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert is_exclusive("handle") is None
    assert is_throttled("handle") is None
    assert handle_of(torch.device("cpu")) is None


def test_the_worst_stands(card):
    ledger = Ledger()
    watch = Watch(torch.device("cpu"), ledger, every_seconds=0)
    ask = watch.beside(lambda: False)
    assert ask() is False
    assert (ledger.exclusive, ledger.throttled) == (None, None)  # no GPU: not known
    watch.handle = "handle"
    for card.pids, card.reasons in (([7], 0), ([7, 8], 0x40), ([7], 0)):
        ask()
    assert (ledger.exclusive, ledger.throttled) == (False, True)
