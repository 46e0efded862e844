"""The compiled conversions and encodings: same values, same gradients. Run with JAXTYPING_DISABLE=1 -m compiled."""

import pytest
import torch

from colorbench.color import lab_to_rgb, luv_to_rgb, rgb_to_lab, rgb_to_luv, soft_encode

pytestmark = pytest.mark.compiled


@pytest.fixture
def both(monkeypatch):
    """A function's results, eager and compiled."""

    def call(function, *args):
        results = []
        for mode in ("0", "1"):
            monkeypatch.setenv("COLORBENCH_COMPILE", mode)
            results.append(function(*args))
        return results

    return call


@pytest.mark.parametrize("function", [rgb_to_lab, rgb_to_luv, lab_to_rgb, luv_to_rgb])
def test_values(both, rgb, function):
    colors = rgb.float() if function in (rgb_to_lab, rgb_to_luv) else rgb_to_lab(rgb).float()
    eager, compiled = both(function, colors)
    assert (eager - compiled).abs().max() < (1e-4 if colors.max() <= 1 else 1e-6)


def test_a_short_last_batch_and_bytes(both, rgb):
    for colors in (rgb[:4].float(), (rgb * 255).byte()):
        eager, compiled = both(rgb_to_lab, colors)
        assert (eager - compiled).abs().max() < 1e-4


@pytest.mark.parametrize("clip", [True, "soft"])
def test_gradients(both, clip):
    lab = torch.rand(3, 3, 16, 16) * torch.tensor([100.0, 220, 220]).reshape(3, 1, 1) - 50

    def gradient(lab):
        lab = lab.clone().requires_grad_()
        return torch.autograd.grad(lab_to_rgb(lab, clip).square().sum(), lab)[0]

    eager, compiled = both(gradient, lab)
    torch.testing.assert_close(eager, compiled, atol=1e-5, rtol=1e-4)


def test_soft_encoding(both):
    ab = torch.rand(2, 2, 30, 31) * 240 - 120
    (indices, weights), (compiled_indices, compiled_weights) = both(soft_encode, ab)
    assert torch.equal(indices, compiled_indices)
    torch.testing.assert_close(weights, compiled_weights, atol=1e-6, rtol=0)


def test_inside_another_compiled_function(rgb):
    colors = rgb.float()
    twice = torch.compile(lambda colors: lab_to_rgb(rgb_to_lab(colors) * 1.0, clip="soft").sum(), fullgraph=True)
    torch.testing.assert_close(twice(colors), colors.sum(), atol=1e-2, rtol=1e-5)
