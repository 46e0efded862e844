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
    sets = {"inputs": "set", "per_image": False}
    assert row(torch.sub, on_features=lambda p, t: float(len(p) + 10 * len(t)), **sets).of_features(*features) == 42
    with pytest.raises(ValueError, match="its row has no on_features"):
        row(torch.sub, **sets).of_features(*features)


@pytest.mark.parametrize("facts", [{"inputs": "video"}, {"inputs": "set"}, {"per_image": False}])
def test_a_row_that_contradicts_itself_is_refused(unchecked, facts):
    with pytest.raises(ValueError, match="metric mine: "):
        row(torch.sub, **facts)
