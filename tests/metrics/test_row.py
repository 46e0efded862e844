import pytest
import torch

from colorbench.metrics import MetricRow, Pair


def row(function, **facts) -> MetricRow:
    return MetricRow("mine", function, "", False, "-", **facts)


def test_a_pair_is_shown_as_the_inputs_say():
    pred, target = torch.full((2, 3, 8, 8), 0.25), torch.full((2, 3, 8, 8), 0.75)
    pair = Pair(pred, target)
    mean = lambda rgb: rgb.mean(dim=(1, 2, 3))  # noqa: E731
    assert row(lambda p, t: mean(t - p)).of_pair(pair).tolist() == [0.5, 0.5]
    assert row(mean, inputs="single").of_pair(pair).tolist() == [0.25, 0.25]
    assert row(mean, on_pair=lambda p: mean(p.target)).of_pair(pair).tolist() == [0.75, 0.75]


def test_a_set_metric_needs_its_way_from_features():
    features = torch.ones(2, 3), torch.zeros(4, 3)
    own = row(torch.sub, inputs="set", on_features=lambda p, t: float(len(p) + 10 * len(t)))
    assert own.of_features(*features) == 42
    assert not own.per_image
    with pytest.raises(ValueError, match="its row has no on_features"):
        row(torch.sub, inputs="set").of_features(*features)


def test_unknown_inputs_are_refused(unchecked):
    with pytest.raises(ValueError, match="metric mine: inputs is 'video'"):
        row(torch.sub, inputs="video")
