import warnings

import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode

from colorbench.color import by_picture, lab
from colorbench.color import fused as module
from colorbench.color.fused import compile_mode, fused, fused_by_picture, has_compiler
from colorbench.metrics.delta_e import _ciede2000
from colorbench.metrics.ssim import _structure


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
    with forward_ad.dual_level():
        kernel(forward_ad.make_dual(torch.zeros(2), torch.ones(2)))
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


@pytest.mark.parametrize("results", [1, 2])
def test_by_picture_calls_the_kernel_on_a_few_pictures_at_a_time(monkeypatch, results):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    seen = []

    def kernel(x, y, factor):
        seen.append(len(x))
        return x * y * factor if results == 1 else (x * factor, y)

    x, y = torch.arange(70.0).reshape(7, 10), torch.ones(7, 10)
    expected = kernel(x, y, 3)
    split = fused_by_picture(kernel)
    assert torch.equal(torch.stack([*split(x, y, 3)]), torch.stack([*expected]))
    assert seen == [7, 2, 2, 2, 1]
    split(x[:2], y[:2], 3)
    with torch.no_grad():
        split(x.requires_grad_(), y, 3)
    assert seen[5:] == [2, 2, 2, 2, 1]


@pytest.mark.parametrize(
    "kernel", [lab._rgb_to_lab, lambda x: lab._lab_to_rgb(100 * x, "soft"), lambda x: _ciede2000(90 * x, 80 * x.flip(0)),
               lambda x: torch.stack(_structure(x, x.flip(0)))], ids=["rgb-to-lab", "lab-to-rgb", "ciede2000", "ssim"]
)  # fmt: skip
@pytest.mark.parametrize("size", [(32, 64), (37, 41)])
def test_a_few_pictures_at_a_time_give_the_same_values(monkeypatch, kernel, size):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    pictures = torch.rand(5, 3, *size, generator=torch.Generator().manual_seed(0))
    whole = kernel(pictures)
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 2 * pictures[0].numel())
    if size == (32, 64):
        assert torch.equal(kernel(pictures), whole)
    else:  # what is left over after whole vectors is rounded in another way
        torch.testing.assert_close(kernel(pictures), whole, rtol=1e-6, atol=2e-5)


@pytest.mark.parametrize("kernel", [lambda x: x**3 / 7, lambda x: (x**3, x.sum(dim=1))], ids=["one result", "two"])
def test_gradients_a_few_pictures_at_a_time(monkeypatch, kernel):
    """The first pass, a second one through the same graph, and one that is differentiated itself; each on the whole batch but
    the first."""
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    seen = []

    def counted(x, y, factor):
        seen.append(len(x))
        return kernel(x * y * factor)

    def total(results):
        return sum(part.square().sum() for part in results) if isinstance(results, tuple) else results.square().sum()

    x, y = torch.linspace(-1, 1, 70).reshape(7, 10).requires_grad_(), torch.linspace(1, 2, 70).reshape(7, 10)
    expected = torch.autograd.grad(total(kernel(x * y * 3)), x, create_graph=True)[0]
    second = torch.autograd.grad(expected.sum(), x)[0]
    value = total(fused_by_picture(counted)(x, y, 3))
    for pieces in ([2, 2, 2, 1], [2, 2, 2, 1, 7]):
        torch.testing.assert_close(torch.autograd.grad(value, x, retain_graph=True)[0], expected.detach())
        assert seen == pieces
    twice = torch.autograd.grad(value, x, create_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(twice.sum(), x)[0], second)


@pytest.mark.parametrize("other", [lambda x: x, lambda x: 3 * x, lambda x: x.flip(0).square()], ids=["x", "3x", "of x"])
def test_gradients_where_one_argument_is_made_of_the_other(monkeypatch, other):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    x = torch.linspace(-1, 1, 70).reshape(7, 10).requires_grad_()
    expected = torch.autograd.grad((x.square() * other(x)).sum(), x, create_graph=True)[0]
    value = fused_by_picture(lambda x, y: x.square() * y)(x, other(x)).sum()
    for _ in range(3):
        torch.testing.assert_close(torch.autograd.grad(value, x, retain_graph=True)[0], expected.detach())
    twice = torch.autograd.grad(value, x, create_graph=True)[0]
    torch.testing.assert_close(twice, expected)
    torch.testing.assert_close(*(torch.autograd.grad(first.sum(), x)[0] for first in (twice, expected)))


def test_a_target_made_in_inference_mode_may_be_trained_towards(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    with torch.inference_mode():
        y = torch.rand(7, 10)
    x = torch.rand(7, 10, requires_grad=True)
    fused_by_picture(lambda x, y: (x - y).abs())(x, y).sum().backward()
    assert x.grad.abs().sum() == 70


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize(
    "function", [lab.rgb_to_lab, lambda x: lab.lab_to_rgb(90 * x)], ids=["rgb_to_lab", "lab_to_rgb"]
)
def test_gradients_do_not_depend_on_autocast(monkeypatch, function, pieces):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    x = torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(0), requires_grad=True)
    if pieces:
        monkeypatch.setattr(by_picture, "_piece_elements", lambda: 2 * x[0].numel())

    def gradients():
        value = function(x).square().sum()
        return [torch.autograd.grad(value, x, retain_graph=True, create_graph=k == 2)[0].detach() for k in range(3)]

    expected = gradients()
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients()
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


def test_what_a_kernel_was_given_may_not_be_changed_before_its_gradients(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    x, y = torch.ones(7, 10, requires_grad=True), torch.ones(7, 10)
    product = fused_by_picture(lambda x, y: x * y)(x, y)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


def test_gradients_of_one_of_two_pictures(monkeypatch):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(by_picture, "_piece_elements", lambda: 25)
    x, y = torch.rand(7, 10), torch.rand(7, 10, requires_grad=True)
    fused_by_picture(lambda x, y: (x * y, x))(x, y)[0].sum().backward()
    torch.testing.assert_close(y.grad, x)
