"""What turns photos into predictions at evaluation: a finished generator with its head, or a baseline."""

import numpy as np
import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Cell
from colorbench.data.photoset import PhotoSet
from colorbench.generators import BASELINES
from colorbench.generators.bayes import HiddenTruth
from colorbench.training.evaluate import Predict
from colorbench.training.heads import apply_head, with_true_lightness


def model_predict(model: nn.Module, head: str, cell: Cell) -> Predict:
    """A finished generator under its cell's protocol, number for number as `train` evaluates it.

    Args:
        model: on its device, with the weights of the cell's checkpoint.
        head: `ab`, `luv`, `rgb` or `bins`.
        cell: whose size, precision, memory format and lightness rule hold.
    """
    device, protocol, side = next(model.parameters()).device, cell.protocol, cell.recipe.size_px
    layout = torch.channels_last if protocol.channels_last else torch.contiguous_format
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=protocol.precision == "bf16")
    model.eval().to(memory_format=layout)

    def predict(truth: Batch, rows: list[int]) -> Output:
        gray = truth.gray
        if side is not None and gray.shape[-2:] != (side, side):
            gray = nn.functional.interpolate(gray, (side, side), mode="bilinear", antialias=True, align_corners=False)
        with autocast:
            raw = model(gray.contiguous(memory_format=layout))
        output = apply_head(head, raw, truth)
        return with_true_lightness(output, truth) if cell.recipe.keep_lightness and head == "rgb" else output

    return predict


def baseline_predict(key: str, photos: PhotoSet, seed: int, mean_ab: Tensor, device: torch.device) -> Predict:
    """A baseline on these photos. `mean_ab`: of the photos that the board trains on, `(2,)`.

    Raises:
        ValueError: the baseline needs to know what the pictures are made of, and nobody knows that of photos.
    """
    if BASELINES[key].needs_truth:
        return _bayes_predict(key, photos, device)
    pixels = photos.pixels
    order = np.random.default_rng(seed).permutation(len(pixels))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # a cycle through all photos: nobody keeps its own colours
    mean_ab = mean_ab.to(device)

    def predict(truth: Batch, rows: list[int]) -> Output:
        others = Batch.from_rgb(torch.from_numpy(np.array(pixels[other[rows]])).to(device))
        return Output.from_ab(BASELINES[key].function(truth, mean_ab=mean_ab, other_ab=others.ab), truth.lightness)

    return predict


def _bayes_predict(key: str, photos: PhotoSet, device: torch.device) -> Predict:
    if photos.truth is None:
        raise ValueError(f"{key} needs pictures whose colors' distribution is known: use the dataset 'mixtures'")
    truth = photos.truth
    maps = truth.material_maps, np.stack([scene.objects for scene in truth.scenes])

    def predict(batch: Batch, rows: list[int]) -> Output:
        materials, objects = (torch.from_numpy(part[rows]).long() for part in maps)
        hidden = HiddenTruth(materials, objects, truth.mixtures, tuple(rows))
        return Output.from_ab(BASELINES[key].function(hidden).to(device), batch.lightness)

    return predict
