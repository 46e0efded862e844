import torch

from colorbench.generators.siggraph17 import Siggraph17


def test_parameters(count):
    assert count("siggraph17") == 34_187_027
    assert count("siggraph17", class_head=False) == 34_187_027 - 257 * 529


def test_the_class_head_speaks_in_training_alone(gray):
    network = Siggraph17(width=2)
    output = network.train()(gray)
    assert output["raw"].shape == (2, 2, 64, 64)
    assert output["logits_529"].shape == (2, 529, 16, 16)
    assert network.eval()(gray).shape == (2, 2, 64, 64)
    assert Siggraph17(width=2, class_head=False).train()(gray).shape == (2, 2, 64, 64)


def test_no_hints_is_an_empty_mask(gray):
    network = Siggraph17(width=2).eval()
    with torch.no_grad():
        unguided = network.colorize_with_hints(gray, torch.full((2, 2, 64, 64), 50.0), torch.zeros(2, 1, 64, 64))
        assert torch.equal(unguided, network(gray))


def test_a_hint_moves_the_colors_around_it():
    network = Siggraph17(width=2).eval()
    gray, ab, mask = torch.zeros(1, 1, 37, 50), torch.zeros(1, 2, 37, 50), torch.zeros(1, 1, 37, 50)
    ab[..., 20, 20], mask[..., 20, 20] = 80.0, 1.0
    with torch.no_grad():
        moved = (network.colorize_with_hints(gray, ab, mask) - network(gray)).abs().sum(1)
    assert moved[0, 20, 20] > 0


def test_hints_work_in_training_too(gray):
    raw = Siggraph17(width=2).train().colorize_with_hints(gray, gray.expand(-1, 2, -1, -1) * 50, gray.gt(0).float())
    assert raw.shape == (2, 2, 64, 64)
