import pytest
import torch

from colorbench.losses.image_pool import ImagePool


def numbered(numbers):
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1)


def test_hands_back_what_comes_until_it_is_full_and_then_half_old():
    torch.manual_seed(0)
    pool = ImagePool(50)
    assert torch.equal(pool(numbered(range(50))), numbered(range(50)))
    old = sum(pool(numbered([1000 + step])).item() < 1000 + step for step in range(400))
    assert 160 < old < 240
    assert len(pool.kept) == 50


def test_every_picture_comes_out_at_most_twice():
    torch.manual_seed(0)
    pool = ImagePool(3)
    out = [int(pool(numbered([step])).item()) for step in range(100)]
    assert max(out.count(step) for step in out) <= 2


def test_size_0_keeps_nothing():
    pictures = numbered([1, 2])
    assert ImagePool(0)(pictures) is pictures


def test_negative_size():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        ImagePool(-1)


def test_a_loaded_pool_goes_on_as_the_first_would_have():
    torch.manual_seed(0)
    pool, other = ImagePool(3), ImagePool(3)
    pool(numbered(range(4)))
    other.load(pool.kept)
    going_on = []
    for each in (pool, other):
        torch.manual_seed(1)
        going_on.append(torch.cat([each(numbered([step])) for step in range(10, 30)]))
    assert torch.equal(*going_on)


def test_a_state_of_a_larger_pool_is_refused():
    with pytest.raises(ValueError, match="pool of 2 cannot take 3"):
        ImagePool(2).load(list(numbered(range(3))))


def test_pictures_of_another_size_are_let_go():
    pool = ImagePool(4)
    pool(torch.zeros(3, 1, 8, 8))
    assert pool(torch.ones(2, 1, 16, 16)).shape == (2, 1, 16, 16)
    assert [picture.shape[-1] for picture in pool.kept] == [16, 16]
