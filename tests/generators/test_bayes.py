"""Each Bayes baseline against every other constant on its own criterion, numerically."""

import math

import pytest
import torch

from colorbench.color import ab_bins
from colorbench.color.mixture import Mixture
from colorbench.generators import BASELINES, bayes

MIXTURES = {
    "one": Mixture(((-24.0, 28.0),), (1.0,)),
    "opposite": Mixture(((-6.0, 34.0), (8.0, -32.0)), (0.5, 0.5)),
    "unequal": Mixture(((28.0, 22.0), (-2.0, -27.0)), (0.7, 0.3)),
    "with gray": Mixture(((22.0, 26.0), (0.0, 0.0)), (0.6, 0.4)),
    "three": Mixture(((32.0, -10.0), (-24.0, 20.0), (4.0, -30.0)), (0.4, 0.35, 0.25)),
    "four": Mixture(((29.0, 18.0), (-26.0, 6.0), (-2.0, 34.0), (14.0, -28.0)), (0.3, 0.3, 0.2, 0.2)),
}
LINE = torch.arange(-44.0, 44.1, 2, dtype=torch.float64)
GRID = torch.cartesian_prod(LINE, LINE)


def squared(constants, mixture):
    ab, share = mixture.points()
    return torch.cdist(constants, ab).square() @ share


def absolute(constants, mixture):
    ab, share = mixture.points()
    return sum((constants[:, None, k] - ab[None, :, k]).abs() @ share for k in (0, 1))


def ciede2000(constants, mixture):
    return bayes.expected_delta_e(constants, *mixture.points(across=7))


def unlikeliness(constants, mixture):
    """The negative density."""
    modes = torch.tensor(mixture.modes, dtype=torch.float64)
    powers = torch.exp(-torch.cdist(constants, modes).square() / (2 * mixture.jitter**2))
    return -powers @ torch.tensor(mixture.weights, dtype=torch.float64)


def annealed_squared(constants, mixture):
    """The squared error under the posterior over the bins, sharpened by the temperature."""
    share = mixture.posterior().double() ** (1 / 0.38)
    return torch.cdist(constants, ab_bins().double()).square() @ (share / share.sum())


CRITERIA = {
    "bayes-mean": squared,
    "bayes-median": absolute,
    "bayes-delta-e": ciede2000,
    "bayes-mode": unlikeliness,
    "bayes-annealed": annealed_squared,
}


def prediction(key, mixture):
    """The constant that the baseline paints."""
    material = torch.zeros(1, 2, 2, dtype=torch.long)
    ab = BASELINES[key].function(bayes.HiddenTruth(material, material, (mixture,), (0,)))
    assert ab.shape == (1, 2, 2, 2)
    assert (ab == ab[:, :, :1, :1]).all()
    return ab[:, :, 0, 0].double()


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("key", CRITERIA)
def test_no_other_constant_does_better(key, name):
    mixture, criterion = MIXTURES[name], CRITERIA[key]
    best = prediction(key, mixture)
    torch.manual_seed(0)
    near = best + torch.randn(60, 2, dtype=torch.float64)
    modes = torch.tensor(mixture.modes, dtype=torch.float64)
    others = torch.cat([GRID, near, modes, torch.tensor([mixture.mean, mixture.median, (0, 0)])])
    least = float(criterion(others, mixture).min())
    assert float(criterion(best, mixture)) <= least + 1e-3 * max(1, abs(least))


@pytest.mark.parametrize("name", ["opposite", "unequal", "three", "four"])
def test_each_criterion_tells_the_constants_apart(name):
    """Or the test above would pass for any of them."""
    mixture = MIXTURES[name]
    at_mean = {key: float(criterion(prediction("bayes-mean", mixture), mixture)) for key, criterion in CRITERIA.items()}
    for key in ("bayes-delta-e", "bayes-mode"):
        assert float(CRITERIA[key](prediction(key, mixture), mixture)) < at_mean[key] - 1e-3


def test_samples_have_the_weights_of_the_mixture_and_one_color_per_object():
    mixture, n = MIXTURES["unequal"], 600
    objects = torch.zeros(n, 4, 4, dtype=torch.long)
    objects[:, 2:] = 1
    hidden = bayes.HiddenTruth(torch.zeros_like(objects), objects, (mixture,), tuple(range(n)))
    ab = bayes.sample(hidden)
    assert (ab[:, :, :2] == ab[:, :, :1, :1]).all()
    assert (ab[:, :, 2:] == ab[:, :, 2:3, :1]).all()
    colors = torch.cat([ab[:, :, 0, 0], ab[:, :, 3, 0]])
    first = (colors - torch.tensor(mixture.modes[0])).norm(dim=1) < 10
    assert float(first.double().mean()) == pytest.approx(0.7, abs=4 * math.sqrt(0.21 / (2 * n)))
    assert float((colors[first] - torch.tensor(mixture.modes[0])).std()) == pytest.approx(mixture.jitter, rel=0.1)
    assert torch.equal(bayes.sample(hidden), ab)


def test_materials_are_painted_where_they_are():
    materials = torch.tensor([[[0, 1], [1, 0]]])
    hidden = bayes.HiddenTruth(materials, materials, (MIXTURES["one"], MIXTURES["with gray"]), (0,))
    ab = bayes.mode(hidden)
    assert ab[0, :, 0, 0].tolist() == [-24, 28]
    assert ab[0, :, 0, 1].tolist() == [22, 26]
