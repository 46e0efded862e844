"""Training of one cell: heads, the loop under its clock, checkpoints, evaluation, and the record.

Determinism. On the CPU, with the same torch, processor and number of threads, a seed gives the same weights and scores bit for
bit, stopped and resumed or not: order, crops and flips are functions of (seed, step), random numbers inside networks start anew
at every step, optimizers, critics, their pools and the moving average are in the checkpoint. Not so for a budget in `seconds`,
which ends where the clock says. Other thread counts, processors or torch versions differ by rounding. On a GPU some
backward kernels add in any order: runs of one seed differ by rounding there. The record says all of it: `environment` has
torch, CUDA, device, `threads` and `deterministic`, `spent.micro_batch` whether memory split the batch, `attempts` every stop.
"""

from colorbench.training.colorize import colorize, load_colorizer
from colorbench.training.evaluate import evaluate
from colorbench.training.heads import HEADS, apply_head, head_channels
from colorbench.training.train import train

__all__ = ["HEADS", "apply_head", "colorize", "evaluate", "head_channels", "load_colorizer", "train"]
