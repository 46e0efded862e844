import torch

from colorbench.color.reserve import LARGE_BYTES, pays_to_reserve, reserve


def test_reserved_memory_is_an_ordinary_tensor():
    for dtype in (torch.int64, torch.float32, torch.float64, torch.bool):
        tensor = reserve((2, 3), dtype).fill_(1)
        assert tensor.dtype == dtype
        assert torch.equal(tensor.sum(), torch.ones(2, 3, dtype=dtype).sum())


def test_only_large_plain_tensors_on_a_cpu():
    large = torch.zeros(LARGE_BYTES // 4)
    assert pays_to_reserve(large)
    assert not pays_to_reserve(large[:100])
    assert not pays_to_reserve(large.to("meta"))
