import gc
import threading

import pytest
import torch

from colorbench.color import reserve as module
from colorbench.color.reserve import ALIGNMENT, LARGE_BYTES, pays_to_reserve, release, reserve


@pytest.fixture(autouse=True)
def nothing_kept():
    release()
    yield
    release()


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


def test_memory_is_used_again_when_the_last_view_is_gone():
    first = reserve((1 << 20,), torch.float32)
    place, view = first.data_ptr(), first[5:]
    assert place % ALIGNMENT == 0
    del first
    other = reserve((1 << 20,), torch.float32)
    assert other.data_ptr() != place
    view.fill_(1)
    del view
    gc.collect()
    again = reserve((1 << 19,), torch.int64)  # as many bytes
    assert again.data_ptr() == place
    del again
    assert reserve((1 << 17,), torch.float32).data_ptr() != place, "a large buffer is not spent on a small tensor"


def test_no_more_is_kept_than_said(monkeypatch):
    monkeypatch.setattr(module, "KEEP_BYTES", 10_000_000)
    tensors = [reserve((1 << 20,), torch.float32) for _ in range(5)]
    del tensors
    gc.collect()
    assert 0 < sum(buffer.nbytes for buffer in module._kept.values()) <= 10_000_000
    release()
    assert not module._kept


def test_threads_never_share_a_buffer():
    wrong = []

    def work(number):
        for _ in range(200):
            tensor = reserve((1 << 19,), torch.float32).fill_(number)
            if not bool((tensor == number).all()):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
