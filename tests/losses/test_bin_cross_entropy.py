import pytest
import torch
import torch.nn.functional as F

from colorbench.color import densify, soft_encode
from colorbench.losses.bin_cross_entropy import _SparseLogSoftmaxOnDevice, cross_entropy, sparse_log_softmax


def example(dtype=torch.float32, side=6):
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(2, 313, side, side, generator=generator, dtype=dtype)
    indices, weights = soft_encode(40 * torch.randn(2, 2, side, side, generator=generator), k=10)
    return logits.requires_grad_(), indices, weights.to(dtype)


def test_value_and_gradient_against_dense_targets():
    logits, indices, weights = example()
    dense = F.cross_entropy(logits, densify(indices, weights), reduction="none")
    torch.testing.assert_close(cross_entropy(logits, indices, weights), dense)
    scale = torch.rand(2, 6, 6)
    (expected,) = torch.autograd.grad((dense * scale).sum(), logits)
    (found,) = torch.autograd.grad((cross_entropy(logits, indices, weights) * scale).sum(), logits)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_large_gradients_are_written_in_pieces():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 313, 45, 100, generator=generator).transpose(2, 3).requires_grad_()
    indices, weights = soft_encode(40 * torch.randn(2, 2, 100, 45, generator=generator), k=10)
    scale = torch.rand(2, 100, 45)
    (expected,) = torch.autograd.grad(
        (F.cross_entropy(logits, densify(indices, weights), reduction="none") * scale).sum(), logits
    )
    (found,) = torch.autograd.grad((cross_entropy(logits, indices, weights) * scale).sum(), logits)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_gradcheck():
    logits, indices, _ = example(torch.float64, side=1)
    logits = logits[:1].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sparse_log_softmax(x, indices[:1]), logits)


def test_extreme_logits_are_finite():
    logits, indices, weights = example()
    huge = (logits.detach() * 1e6).requires_grad_()
    cross_entropy(huge, indices, weights).mean().backward()
    assert huge.grad.isfinite().all()


def test_backward_can_be_called_again():
    logits, indices, weights = example()
    loss = cross_entropy(logits, indices, weights).mean()
    (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], first)


def test_the_graph_keeps_no_dense_copy():
    logits, indices, weights = example()
    kept = {}

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        cross_entropy(logits, indices, weights).mean()
    kept.pop(logits.data_ptr())
    assert sum(kept.values()) < logits.numel() / 5


@pytest.mark.compiled
def test_compiled_equals_eager(monkeypatch):
    logits, indices, weights = example()
    values = []
    for mode in ("0", "1"):
        monkeypatch.setenv("COLORBENCH_COMPILE", mode)
        loss = cross_entropy(logits, indices, weights)
        values.append((loss, *torch.autograd.grad(loss.mean(), logits)))
    torch.testing.assert_close(values[1], values[0], atol=1e-6, rtol=1e-5)


def test_a_large_gradient_is_contiguous_whatever_the_layout_of_the_logits():
    logits = torch.randn(4, 313, 32, 32).contiguous(memory_format=torch.channels_last).requires_grad_()
    indices, seen = torch.zeros(4, 1, 32, 32, dtype=torch.long), []
    between = logits * 1
    between.register_hook(lambda gradient: seen.append(gradient.is_contiguous()))
    cross_entropy(between, indices, torch.ones(4, 1, 32, 32)).sum().backward()
    assert seen == [True]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_form_for_a_device_gives_the_same_in_the_layout_of_the_logits(memory_format):
    logits, indices, _ = example()
    logits = logits.detach().contiguous(memory_format=memory_format).requires_grad_()
    towards = torch.randn(indices.shape, generator=torch.Generator().manual_seed(2))
    found, expected = _SparseLogSoftmaxOnDevice.apply(logits, indices), sparse_log_softmax(logits, indices)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, logits, towards)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits, towards)[0], atol=1e-6, rtol=1e-4)
    assert gradient.is_contiguous(memory_format=memory_format)
