import os

import pytest
import torch

from colorbench import machine


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    allowed = os.sched_getaffinity(0)
    assert machine.cores() == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_system_that_tells_nothing(monkeypatch):
    monkeypatch.setattr(machine.Path, "read_text", lambda self: (_ for _ in ()).throw(FileNotFoundError()))
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert machine.cpu_name() == f"riscv64, {os.cpu_count()} threads"


def test_compiled_code_is_named_by_the_instructions_and_what_torch_uses_of_them(monkeypatch):
    machine.instruction_set.cache_clear()
    first = machine.instruction_set()
    for name, value in (("cpuinfo", "flags : fpu sse\n"), ("torch", "NO AVX")):
        machine.instruction_set.cache_clear()
        with monkeypatch.context() as changed:
            if name == "cpuinfo":
                changed.setattr(machine.Path, "read_text", lambda self, value=value: value)
            else:
                changed.setattr(torch.backends.cpu, "get_cpu_capability", lambda value=value: value)
            assert machine.instruction_set() != first
    machine.instruction_set.cache_clear()
    assert machine.instruction_set() == first
