import warnings

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from colorbench.color import fused as module
from colorbench.color.fused import compile_mode, fused, has_compiler


def counting(monkeypatch, mode: str):
    """A fused kernel whose compiled form is a stand-in that counts its calls."""
    monkeypatch.setenv("COLORBENCH_COMPILE", mode)
    calls = []

    def compile_(function, **_):
        def compiled(*args):
            calls.append(args)
            return function(*args)

        return compiled

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(module, "has_compiler", lambda device: True)
    return fused(lambda x: x * 2), calls


def test_auto_waits_until_compiling_pays(monkeypatch):
    kernel, calls = counting(monkeypatch, "auto")
    monkeypatch.setattr(module, "PATIENCE", 3 * module.LARGE)
    for _ in range(3):
        kernel(torch.zeros(module.LARGE))
    kernel(torch.zeros(5))
    assert not calls
    kernel(torch.zeros(module.LARGE))
    assert len(calls) == 1
    kernel(torch.zeros(5))
    assert len(calls) == 1


@pytest.mark.parametrize(("mode", "count"), [("0", 0), ("1", 1)])
def test_never_and_always(monkeypatch, mode, count):
    kernel, calls = counting(monkeypatch, mode)
    kernel(torch.zeros(2))
    assert len(calls) == count


def test_eager_where_compiling_would_hurt(monkeypatch):
    kernel, calls = counting(monkeypatch, "1")
    kernel(torch.zeros(2, dtype=torch.float64))
    torch.func.vmap(kernel)(torch.zeros(2, 2))
    with FlopCounterMode(display=False):
        kernel(torch.zeros(2))
    monkeypatch.setattr(module, "has_compiler", lambda device: False)
    kernel(torch.zeros(2))
    assert not calls


def test_half_becomes_float32_and_autocast_is_off():
    product = fused(lambda x, y: x @ y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product(torch.ones(2, 2), y=torch.ones(2, 2)).dtype == torch.float32
    assert product(torch.ones(2, 2).half(), torch.ones(2, 2).half()).dtype == torch.float32
    assert product(torch.ones(2, 2).double(), torch.ones(2, 2).double()).dtype == torch.float64


def test_a_failed_compilation_warns_once_and_keeps_the_values(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "1")
    monkeypatch.setattr(module, "has_compiler", lambda device: True)

    def broken(function, **_):
        def compiled(*_):
            raise RuntimeError("no compiler today")

        return compiled

    monkeypatch.setattr(torch, "compile", broken)
    kernel = fused(lambda x: x * 2)
    with pytest.warns(RuntimeWarning, match="runs uncompiled from here on.*no compiler today"):
        assert kernel(torch.ones(1)).item() == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(torch.ones(1)).item() == 2


def test_the_kernels_own_errors_come_through(monkeypatch):
    kernel, _ = counting(monkeypatch, "1")

    def wrong(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fused(wrong)(torch.zeros(1))
    assert kernel(torch.ones(1)).item() == 2


def test_an_unknown_mode_lists_the_known(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "yes")
    with pytest.raises(ValueError, match="'yes'; use one of auto, 0, 1"):
        compile_mode()


def test_a_compiler_is_looked_for(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    has_compiler.cache_clear()
    assert not has_compiler("cpu")
    has_compiler.cache_clear()
    assert not has_compiler("xpu")
    has_compiler.cache_clear()
