"""Colorize photos of any size with a finished checkpoint. Nothing in the file is executed: safetensors and names."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Cell
from colorbench.generators import build_generator
from colorbench.generators.build import recorded_options
from colorbench.photo import decode_photo
from colorbench.training.evaluate import to_uint8
from colorbench.training.heads import apply_head, head_channels, with_true_lightness


@dataclass(frozen=True)
class Colorizer:
    """A generator in eval mode with its head and the size it was trained at."""

    model: nn.Module
    head: str
    size_px: int

    @torch.inference_mode()
    def __call__(self, photo: np.ndarray, size_px: int | None = None) -> np.ndarray:
        """Colour one photo, uint8 `(h, w, 3)` in and out.

        The generator sees it with its short side at `size_px` (default: as trained); the ab it gives is enlarged to the
        photo and put under the photo's own lightness, so no detail is lost.
        """
        device = next(self.model.parameters()).device
        whole = Batch.from_rgb(torch.from_numpy(photo).permute(2, 0, 1)[None].to(device))
        scale = min(1.0, (size_px or self.size_px) / min(photo.shape[:2]))
        size = [max(16, round(side * scale)) for side in photo.shape[:2]]
        small = torch.nn.functional.interpolate(
            whole.rgb, size, mode="bilinear", antialias=True, align_corners=False
        ).clamp(0, 1)
        seen = Batch.from_rgb(small)
        output = apply_head(self.head, self.model(seen.gray), seen)
        ab = (with_true_lightness(output, seen) if self.head == "rgb" else output).ab
        ab = torch.nn.functional.interpolate(ab, photo.shape[:2], mode="bilinear", align_corners=False)
        colored: Tensor = to_uint8(Output.from_ab(ab, whole.lightness).rgb)[0]
        return colored.permute(1, 2, 0).cpu().numpy()


def load_colorizer(checkpoint: Path | str, device: torch.device | str = "cpu") -> Colorizer:
    """The generator of a `checkpoint.safetensors` written by a run, for photos of any size.

    Raises:
        ValueError: not a checkpoint of colorbench.
    """
    model, head, cell = load_generator(checkpoint, device)
    return Colorizer(model, head, cell.recipe.size_px or cell.protocol.size_px)


def load_generator(checkpoint: Path | str, device: torch.device | str = "cpu") -> tuple[nn.Module, str, Cell]:
    """The generator of a checkpoint in eval mode, its head's name, and the cell it was trained in.

    Raises:
        ValueError: not a checkpoint of colorbench.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(checkpoint)
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata, state = file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(
            f"no checkpoint at {path}; a run leaves checkpoint.safetensors in each cell's folder"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a safetensors file ({error})") from None
    if "colorbench" not in metadata:
        raise ValueError(f"{path} has no colorbench cell in its metadata; give a checkpoint.safetensors of a run")
    facts = json.loads(metadata["colorbench"])
    cell, head = Cell.model_validate(facts["cell"]), facts["head"]
    stated = {key: value for key, value in cell.recipe.options.items() if key != "pretrained"}
    options = recorded_options(cell.recipe.generator, stated)
    model = build_generator(cell.recipe.generator, out_channels=head_channels(head), **options)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit its own recipe: {str(error).splitlines()[0]}") from None
    return model.to(device).eval(), head, cell


def colorize(
    checkpoint: Path | str,
    photos: list[Path],
    out: Path,
    *,
    device: torch.device | str = "cpu",
    size_px: int | None = None,
    on_photo: Callable[[Path, Path | None, str], None] | None = None,
) -> list[Path]:
    """Colour photo files into `out/<stem>.png`. Unreadable ones are reported through `on_photo` and left out."""
    from PIL import Image

    colorizer, written = load_colorizer(checkpoint, device), []
    out.mkdir(parents=True, exist_ok=True)
    for path in photos:
        try:
            colored = colorizer(decode_photo(path), size_px)
        except ValueError as error:
            if on_photo:
                on_photo(path, None, str(error))
            continue
        target = out / f"{path.stem}.png"
        Image.fromarray(colored).save(target)
        written.append(target)
        if on_photo:
            on_photo(path, target, "")
    return written
