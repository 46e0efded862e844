"""Training of one cell: heads, the loop under its clock, checkpoints, evaluation, and the record."""

from colorbench.training.colorize import colorize, load_colorizer
from colorbench.training.evaluate import evaluate
from colorbench.training.heads import HEADS, apply_head, head_channels
from colorbench.training.train import train

__all__ = ["HEADS", "apply_head", "colorize", "evaluate", "head_channels", "load_colorizer", "train"]
