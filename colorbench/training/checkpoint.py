"""Checkpoints: the training state for resuming, and the finished weights for everybody else.

The training state is `sha256 + payload`, written atomically, so a torn or edited file is noticed. It is our own file in our
own folder and still read with `weights_only`. The finished weights are safetensors with the recipe in their metadata.
"""

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor

from colorbench.cell import Cell, canonical_json
from colorbench.files import write_atomically

STATE_NAME = "training_state"
WEIGHTS_NAME = "checkpoint.safetensors"


class CorruptCheckpoint(ValueError):
    """The training state on disk is not what was written."""


def save_state(folder: Path, state: dict) -> None:
    """Write everything needed to go on, replacing the state before."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    write_atomically(folder / STATE_NAME, hashlib.sha256(payload).digest() + payload)


def load_state(folder: Path, device: torch.device) -> dict | None:
    """The last state, or None when there is none. Raises CorruptCheckpoint when it does not match its hash."""
    path = folder / STATE_NAME
    if not path.exists():
        return None
    content = path.read_bytes()
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        raise CorruptCheckpoint(f"{path.name} of {folder.parent.name}/{folder.name} does not match its own hash")
    return torch.load(io.BytesIO(payload), map_location=device, weights_only=True)


def save_weights(folder: Path, state_dict: dict[str, Tensor], cell: Cell, extra: dict[str, str]) -> str:
    """Write `checkpoint.safetensors`; returns its sha256."""
    from safetensors.torch import save

    tensors = {key: value.detach().cpu().contiguous() for key, value in state_dict.items()}
    facts = {"cell": cell.model_dump(mode="json"), **extra}
    metadata = {"colorbench": canonical_json(facts)}  # one key: safetensors writes several in random order
    content = save(_untied(tensors), metadata)
    write_atomically(folder / WEIGHTS_NAME, content)
    return hashlib.sha256(content).hexdigest()


def _untied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """safetensors refuses tensors that share storage (tied weights): give each its own."""
    seen: set[int] = set()
    apart = {}
    for key, value in tensors.items():
        pointer = value.untyped_storage().data_ptr()
        apart[key] = value.clone() if pointer in seen else value
        seen.add(pointer)
    return apart
