"""Every promise is broken on purpose once, so that every check is seen to fire."""

import pytest
import torch
from torch import nn

from colorbench.generators import GeneratorRow, check_generator


class Good(nn.Module):
    def __init__(self, out_channels: int = 2, width: int = 4):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.last = nn.Conv2d(width, out_channels, 1)

    def forward(self, gray):
        return self.last(self.first(gray).relu())


class TakesNoChannels(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()


class WithTensorOption(Good):
    def __init__(self, out_channels: int = 2, weights=(1, 2)):
        super().__init__(out_channels)


class WithFixedChannels(Good):
    def __init__(self, out_channels: int = 2):
        super().__init__(2)


class Flattens(Good):
    def forward(self, gray):
        return super().forward(gray).flatten(2)


class Stretches(Good):
    def forward(self, gray):
        return super().forward(gray)[..., ::2, :]


class Tuples(Good):
    def forward(self, gray):
        return (super().forward(gray),)


class AlwaysDict(Good):
    def forward(self, gray):
        return {"raw": super().forward(gray)}


class EvenOnly(Good):
    def forward(self, gray):
        if gray.shape[-1] % 2:
            raise ValueError("odd sizes are too odd")
        return super().forward(gray)


class EvenOnlyNamed(Good):
    def forward(self, gray):
        h, w = gray.shape[-2:]
        if h % 4 or w % 4:
            raise ValueError(f"got {h}x{w}; pad to {-(-h // 4) * 4}x{-(-w // 4) * 4}")
        return super().forward(gray)


class NormsOverTheBatch(Good):
    def forward(self, gray):
        raw = super().forward(gray)
        return raw - raw.mean(0, keepdim=True)


class NeedsTwo(Good):
    def forward(self, gray):
        if self.training:
            raw = super().forward(gray)
            if len(raw) == 1:
                raise ValueError("Expected more than 1 value per channel when training")
        return super().forward(gray)


class Noisy(Good):
    def forward(self, gray):
        return super().forward(gray) + torch.randn_like(gray)


class WritesInput(Good):
    def forward(self, gray):
        return super().forward(gray.mul_(0.5))


class DeadWeight(Good):
    def __init__(self, out_channels: int = 2):
        super().__init__(out_channels)
        self.unused = nn.Linear(2, 2)


class NanGradient(Good):
    def forward(self, gray):
        return super().forward(gray) + (self.last.weight.sum() * 0).sqrt()


class NothingTrains(Good):
    def __init__(self, out_channels: int = 2):
        super().__init__(out_channels)
        self.requires_grad_(False)


class FrozenButMoving(Good):
    def __init__(self, out_channels: int = 2):
        super().__init__(out_channels)
        self.norm = nn.BatchNorm2d(1).requires_grad_(False)

    def forward(self, gray):
        return super().forward(self.norm(gray))


class HidesState(Good):
    def forward(self, gray):
        if not hasattr(self, "secret"):
            self.secret = self.first.weight.detach().mean()
        return super().forward(gray) + (self.first.weight.mean() - self.secret) * 0 + self.hidden()

    def hidden(self):
        return float(getattr(self, "calls", 0))

    def load_state_dict(self, *args, **kwargs):
        self.calls = 1
        return super().load_state_dict(*args, **kwargs)


class NotFinite(Good):
    def forward(self, gray):
        return super().forward(gray) / 0


class OverflowsInBf16(Good):
    def forward(self, gray):
        raw = super().forward(gray)
        return raw if raw.dtype == torch.float32 else raw / 0


class MindsTheLayout(Good):
    def forward(self, gray):
        last = gray.is_contiguous(memory_format=torch.channels_last) and self.last.weight.is_contiguous(
            memory_format=torch.channels_last
        )
        return super().forward(gray) + float(last and self.first.weight.stride()[1] == 1 and self.moved())

    def moved(self):
        return getattr(self, "was_moved", False)

    def to(self, *args, **kwargs):
        self.was_moved = "memory_format" in kwargs
        return super().to(*args, **kwargs)


def broken(what):
    return {result.promise: result.message for result in check_generator(what) if not result.passed}


@pytest.mark.parametrize("what", [Good, EvenOnlyNamed, Good()])
def test_good_ones_pass(what):
    assert broken(what) == {}


@pytest.mark.parametrize(
    ("builder", "promise", "message"),
    [
        (TakesNoChannels, "plain options", "takes no out_channels"),
        (WithTensorOption, "plain options", "no recipe can hold it"),
        (WithFixedChannels, "any head", "out_channels=3 gave 2 channels"),
        (Flattens, "shape", "give float"),
        (Stretches, "shape", "keep the aspect ratio"),
        (Tuples, "shape", "forward returned tuple"),
        (AlwaysDict, "shape", "in eval mode forward returned a dict"),
        (NotFinite, "shape", "raw is not finite"),
        (EvenOnly, "odd sizes", "without naming a size"),
        (NeedsTwo, "batch of one", "ValueError at test_check.py"),
        (Noisy, "determinism", "two eval passes differ"),
        (NormsOverTheBatch, "batch independence", "depends on its batch"),
        (WritesInput, "input untouched", "copy it first"),
        (DeadWeight, "gradients", "unused.weight gets no gradient"),
        (NanGradient, "gradients", "not finite"),
        (NothingTrains, "gradients", "no parameter is trainable"),
        (FrozenButMoving, "frozen parts", "norm is frozen, yet training moves its statistics"),
        (HidesState, "safetensors", "some state is not in state_dict"),
        (MindsTheLayout, "channels_last", "raw differs"),
        (OverflowsInBf16, "bf16", "not finite"),
    ],
)
def test_a_broken_promise_is_named(builder, promise, message):
    found = broken(builder)
    assert message in found.get(promise, f"nothing; found {found}")


def test_checking_leaves_the_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    check_generator(GeneratorRow("good", Good))
    assert torch.equal(torch.rand(1), expected)


def test_a_ready_module_keeps_its_weights():
    network = Good()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    check_generator(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
