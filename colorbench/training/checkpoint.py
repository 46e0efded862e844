"""Checkpoints: the training state for resuming, and the finished weights for everybody else.

The training state is `sha256 + payload`, written atomically, so a torn or edited file is noticed; it is read with
`weights_only`. The finished weights are safetensors with the cell in their metadata: reading them executes nothing.
"""

import hashlib
import io
import json
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from colorbench.cell import Cell, Recipe, canonical_json
from colorbench.errors import one_line
from colorbench.files import CHECKPOINT, TRAINING_STATE, bytes_sha256, read_file, write_run_file
from colorbench.training.heads import build_network, unbuilt_network
from colorbench.training.run_log import Costs

_FORMAT = 2  # of the training state; a state of another format is not resumed


class CorruptCheckpoint(ValueError):
    """The training state on disk is not what was written."""


class SavedState(NamedTuple):
    """Where a cell was stopped: the state of its trainer, and what it had used."""

    trainer: dict
    costs: Costs


def save_state(folder: Path, cell: Cell, trainer: dict, costs: Costs) -> float:
    """Write everything needed to resume, replacing the previous state. Returns how many seconds that took."""
    began, buffer = time.monotonic(), io.BytesIO()
    torch.save({"format": _FORMAT, "key": cell.key, "trainer": trainer, "costs": vars(costs)}, buffer)
    payload = buffer.getvalue()
    write_run_file(folder / TRAINING_STATE, hashlib.sha256(payload).digest() + payload)
    return time.monotonic() - began


def load_state(folder: Path, cell: Cell) -> SavedState | None:
    """The last state of this cell, on the CPU, or None.

    Raises:
        CorruptCheckpoint: it does not match its own hash.
    """
    path = folder / TRAINING_STATE
    if not path.exists():
        return None
    content = read_file(path)
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        raise CorruptCheckpoint(f"{path.name} of {folder.parent.name}/{folder.name} does not match its own hash")
    state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    if state.get("format") != _FORMAT or state["key"] != cell.key:
        return None
    return SavedState(state["trainer"], Costs(**state["costs"]))


def save_weights(folder: Path, state_dict: dict[str, Tensor], cell: Cell, head: str) -> str:
    """Write `checkpoint.safetensors`; returns its sha256."""
    from safetensors.torch import save

    tensors = {key: value.detach().cpu().contiguous() for key, value in state_dict.items()}
    facts = {"cell": cell.model_dump(mode="json"), "head": head, "version": "1"}
    metadata = {"colorbench": canonical_json(facts)}  # one key: safetensors writes several in random order
    content = save(_untied(tensors), metadata)
    write_run_file(folder / CHECKPOINT, content)
    return bytes_sha256(content)


def load_generator(checkpoint: Path | str, device: torch.device | str = "cpu") -> tuple[nn.Module, str, Cell]:
    """The generator of a `checkpoint.safetensors` in eval mode, its head's name, and the cell it was trained in.

    Raises:
        ValueError: not a checkpoint of colorbench.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(checkpoint)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file; give a {CHECKPOINT} of a run")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata, state = file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"no checkpoint at {path}; a run leaves {CHECKPOINT} in each cell's folder") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a safetensors file ({error})") from None
    if "colorbench" not in metadata:
        raise ValueError(f"{path} has no colorbench cell in its metadata; give a {CHECKPOINT} of a run")
    try:
        facts = json.loads(metadata["colorbench"])
        cell, head = Cell.model_validate(facts["cell"]), facts["head"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"the metadata of {path} are not those of a {CHECKPOINT} of a run") from None
    if misfit := _misfit(cell.recipe.untrained, head, state):
        raise ValueError(f"{path} does not fit its own recipe: {misfit}")
    model = build_network(cell.recipe.untrained, head)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit its own recipe: {one_line(error)}") from None
    return model.to(device).eval(), head, cell


def _misfit(recipe: Recipe, head: str, state: dict[str, Tensor]) -> str:
    """How a file's tensors differ from the recipe's network; empty when they fit, or when the network of a plug-in needs
    real values to be built. Allocates nothing: the file may be a stranger's, with a recipe that fits no memory."""
    elements = sum(value.numel() for value in state.values())
    for name, value in recipe.options.items():
        if isinstance(value, int) and value > elements:
            return f"{name}={value}, and the file holds {elements} numbers"
    if (network := unbuilt_network(recipe, head)) is None:
        return ""
    wanted = network.state_dict()
    for key in [*wanted, *state]:
        ours, theirs = (tuple(held[key].shape) if key in held else "none" for held in (wanted, state))
        if ours != theirs:
            return f"the file's {key} is {theirs}, the network's {ours}"
    return ""


def _untied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give each tensor its own storage: safetensors refuses tied weights, which share one."""
    seen: set[int] = set()
    apart = {}
    for key, value in tensors.items():
        pointer = value.untyped_storage().data_ptr()
        apart[key] = value.clone() if pointer in seen else value
        seen.add(pointer)
    return apart
