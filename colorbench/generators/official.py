"""Published weights of whole colorizers: `pretrained="official"` of `eccv16` and `siggraph17`.

The files are those that the authors' PyTorch code loads. What they were trained with (ImageNet's 1.3 million photos, for
weeks) is no part of a board's budget: entries that start from them are marked "outside the budget" and not ranked.

Three things differ from the networks here, and are put into the weights, so that the networks stay as they are:
- their input is (L* - 50) / 100, here L* / 50 - 1: the first convolution's lightness channel is halved;
- `eccv16` takes the plain mean over its 313 colors, the head `bins` the annealed mean at temperature .38: the last layer's
  logits are multiplied by .38;
- their order of the 313 colors is read from `model_out`, which holds them, and is brought to the order here.
Their ab are divided by 110, as the head `ab` takes them; their last tanh is the head's.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colorbench.color import ab_bins
from colorbench.features.load import fill
from colorbench.features.weights import WeightFile, WeightsMissing, find_weights, read_state
from colorbench.generators.pretrained import on_meta

MARK = "official"
TEMPERATURE = 0.38
NEAREST_BIN = 1.0
"""How far a color of the file may lie from the bin that it is taken for, in Lab units; bins are 10 apart."""

_AT = "https://colorizers.s3.us-east-2.amazonaws.com"
FILES = {
    "eccv16": WeightFile(
        "eccv16",
        f"{_AT}/colorization_release_v2-9b330a0b.pth",
        129,
        sha256="9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9",
    ),
    "siggraph17": WeightFile(
        "siggraph17",
        f"{_AT}/siggraph17-df00044c.pth",
        137,
        sha256="df00044c0a4d7c3edcecf6f75437ce346a66e7a42612d9b968e1a7e17dbc6f66",
    ),
}

_TRUNK = {f"model{place}.": f"blocks.{place - 1}." for place in range(1, 8)}
_KEYS = {
    "eccv16": {**_TRUNK, "model8.": "last."},
    "siggraph17": {
        **_TRUNK,
        "model8up.0.": "up8.",
        "model9up.0.": "up9.",
        "model10up.0.": "up10.",
        "model3short8.0.": "short8.",
        "model2short9.0.": "short9.",
        "model1short10.0.": "short10.",
        "model8.": "block8.",
        "model9.": "block9.",
        "model10.1.": "block10.",
        "model_class.0.": "classes.",
        "model_out.0.": "last.",
    },
}
"""Start of a key in the authors' file -> start of the key here."""


def load_official(network: nn.Module, key: str, pretrained: str | None, **needed: tuple[object, object]) -> str | None:
    """Fill a network with the published weights where `pretrained` is "official"; return what a record says of it.

    Args:
        network: of the published width.
        key: of FILES.
        pretrained: `official` or None.
        needed: option -> (what it is, what the published weights need).

    Raises:
        ValueError: another word, or an option that the published weights do not have.
        WeightsMissing: they are unavailable, or the file holds others.
    """
    if pretrained is None:
        return None
    if pretrained != MARK:
        raise ValueError(f"unknown pretrained weights {pretrained!r}; known: {MARK}, or none")
    for name, (given, wanted) in needed.items():
        if given != wanted:
            raise ValueError(f"the official {key} needs {name}={wanted}, got {name}={given}")
    if not on_meta():
        path = find_weights(FILES[key])
        fill(network, translated(key, read_state(path)), path)
    return f"{key} {MARK}"


def translated(key: str, official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' state dict as that of the network here.

    Raises:
        WeightsMissing: a file whose 313 colors are not the bins.
    """
    starts, state = _KEYS[key], {}
    for name, value in official.items():
        start = next((start for start in starts if name.startswith(start)), None)
        if start is not None:
            state[starts[start] + name.removeprefix(start)] = value.clone()
    if "blocks.0.0.weight" in state:
        state["blocks.0.0.weight"][:, 0] /= 2
    if key == "eccv16" and "last.6.weight" in state and "model_out.weight" in official:
        order = _order_of_bins(official["model_out.weight"])
        for name in ("last.6.weight", "last.6.bias"):
            state[name] = TEMPERATURE * state[name][order]
    return state


def _order_of_bins(colors: Tensor) -> Tensor:
    """For each bin here, which of the file's colors `(2, 313, 1, 1)` it is, in whatever unit they are."""
    bins = ab_bins()
    colors = colors.flatten(1).T.to(bins)
    distance = torch.cdist(bins, colors * (bins.abs().max() / colors.abs().max()))
    nearest, order = distance.min(dim=1)
    if colors.shape != bins.shape or nearest.max() > NEAREST_BIN or len(order.unique()) < len(bins):
        raise WeightsMissing("the file's colors (model_out) are not the 313 bins: replace it by the published one")
    return order
