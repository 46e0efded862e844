from inspect import unwrap

import pytest
import torch

from colorbench.color import ab_bins, annealed_mean, hard_ab
from colorbench.color import decode as module


def dense(logits: torch.Tensor, temperature: float, bins: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bnhw,nc->bchw", torch.softmax(logits / temperature, 1), bins.to(logits))


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 313, 7, 9, generator=torch.Generator().manual_seed(0)) * 4


@pytest.mark.parametrize("temperature", [0.05, 0.38, 1.0, 5.0])
def test_agrees_with_softmax_and_expectation(logits, temperature):
    expected = dense(logits.double(), temperature, ab_bins())
    torch.testing.assert_close(annealed_mean(logits, temperature).double(), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(annealed_mean(logits.double(), temperature), expected, atol=1e-10, rtol=0)


def test_several_tiles_and_chunks_give_the_same(logits, monkeypatch):
    expected = annealed_mean(logits.double())
    monkeypatch.setattr(module, "TILE_PIXELS", 10)
    monkeypatch.setattr(module, "CHUNK_BINS", 50)
    torch.testing.assert_close(annealed_mean(logits.double()), expected, atol=1e-10, rtol=0)
    small = torch.randn(1, 313, 3, 4, dtype=torch.float64).requires_grad_()
    (own,) = torch.autograd.grad(annealed_mean(small).pow(2).sum(), small)
    (reference,) = torch.autograd.grad(dense(small, 0.38, ab_bins()).pow(2).sum(), small)
    torch.testing.assert_close(own, reference, atol=1e-8, rtol=1e-8)


def test_gradcheck():
    small = torch.randn(1, 5, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    bins = torch.randn(5, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda logits: annealed_mean(logits, 0.38, bins), small)


def test_low_temperature_is_the_mode_and_one_is_the_mean(logits):
    torch.testing.assert_close(annealed_mean(logits, 1e-5), hard_ab(logits), atol=0.05, rtol=0)
    torch.testing.assert_close(
        annealed_mean(logits.double(), 1.0), dense(logits.double(), 1.0, ab_bins()), atol=1e-10, rtol=0
    )


def test_huge_logits_stay_finite():
    logits = torch.zeros(1, 313, 2, 2)
    logits[:, 7] = 1e5
    logits[:, 300] = -1e5
    torch.testing.assert_close(annealed_mean(logits)[0, :, 0, 0], ab_bins()[7])


def test_half_precision_is_computed_in_float32(logits):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert annealed_mean(logits.bfloat16()).dtype == torch.float32
        assert torch.equal(annealed_mean(logits), annealed_mean(logits))
    assert hard_ab(logits.half()).dtype == torch.float32


def test_channels_last_and_other_grids():
    logits = torch.randn(2, 100, 4, 4)
    torch.testing.assert_close(
        annealed_mean(logits.to(memory_format=torch.channels_last)), dense(logits, 0.38, ab_bins(20)), atol=1e-3, rtol=0
    )


def test_cropped_logits_are_copied_once(monkeypatch):
    whole = torch.randn(2, 313, 12, 12, requires_grad=True)
    cropped, same = whole[..., :8, :8], whole[..., :8, :8].detach().clone().requires_grad_()
    monkeypatch.setattr(module, "TILE_PIXELS", 16)
    assert torch.equal(annealed_mean(cropped), annealed_mean(same))
    with torch.profiler.profile() as seen:
        annealed_mean(cropped).sum().backward()
    large = [event for event in seen.events() if event.name == "aten::clone"]
    assert len(large) < 8  # 8 tiles and their gradients
    annealed_mean(same).sum().backward()
    assert torch.equal(whole.grad[..., :8, :8], same.grad)


@pytest.mark.parametrize(
    ("shape", "more", "message"),
    [
        ((1, 314, 2, 2), {}, r"314 logits belong to no known grid; known: 313 \(step 10\)"),
        ((1, 313, 2, 2), {"bins": torch.zeros(3, 2)}, r"wanted float \(313, 2\) for 313 logits"),
        ((1, 313, 2, 2), {"temperature": 0.0}, "temperature > 0.*hard_ab"),
        ((313, 2, 2), {}, r"logits has shape \(313, 2, 2\), wanted"),
    ],
)
def test_wrong_input_is_refused(unchecked, shape, more, message):
    with pytest.raises(ValueError, match=message):
        annealed_mean(torch.zeros(shape), **more)


@pytest.mark.parametrize("decode", [unwrap(annealed_mean), unwrap(hard_ab)])  # without the type checks of these tests
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x > 0, lambda x: x.long(), lambda x: x.abs().to(torch.uint16), lambda x: x.to(torch.complex64),
        lambda x: x.numpy(), lambda x: x.tolist(), lambda x: x[..., :0], lambda x: None,
    ],
    ids=["bool", "int64", "uint16", "complex", "array", "list", "no pixels", "None"],
)  # fmt: skip
def test_what_are_no_logits_is_refused(decode, change):
    with pytest.raises((TypeError, ValueError), match=r"logits is|logits has shape"):
        decode(change(torch.randn(1, 313, 2, 2)))


@pytest.mark.parametrize("decode", [annealed_mean, hard_ab])
def test_nan_stays_in_its_pixel(decode):
    logits = torch.randn(1, 313, 2, 2)
    logits[0, 7, 0, 1] = torch.nan
    assert decode(logits).isnan().any(1).tolist() == [[[False, True], [False, False]]]
