"""Large pictures on a CPU are worked through in pieces that stay in its caches."""

import torch
from torch import Tensor

LARGE_BYTES = 1 << 22


def pays_in_pieces(like: Tensor) -> bool:
    """Whether pieces pay: a large plain tensor on a CPU, outside any tracing."""
    plain = type(like) in (Tensor, torch.nn.Parameter) and like.device.type == "cpu"
    return plain and like.nbytes > LARGE_BYTES and not torch.compiler.is_compiling()
