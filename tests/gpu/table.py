"""`python -m tests.gpu.table [LABEL ...]`: how far a GPU's steps and scores are from those of the CPU.

Per smoke recipe: the loss and its gradients in IEEE float32, then the loss in bf16, as relative differences. After them the
metrics. Markdown, for the guide.
"""

import gc
import sys
from collections.abc import Iterator, Sequence

import torch

from colorbench.errors import one_line
from colorbench.features import WeightsMissing
from colorbench.tensors import float32_on_gpu
from tests.gpu.scores import by_metric, scored
from tests.gpu.steps import SMALL_GRADIENTS, cells_of, distance, one_step, smooth_pixels


def lines(words: Sequence[str] = ()) -> Iterator[str]:
    """The table, line by line."""
    pixels, narrow = smooth_pixels(), cells_of(words, "bf16")
    yield f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    yield ""
    yield "| recipe | loss, fp32 | gradients, fp32 | loss, bf16 |"
    yield "|---|---:|---:|---:|"
    for label, cell in cells_of(words).items():
        try:
            with float32_on_gpu("ieee"):
                (loss, norms), (loss_there, norms_there) = (one_step(on, cell, pixels) for on in ("cpu", "cuda"))
            short, _ = one_step("cuda", narrow[label], pixels)
        except WeightsMissing as error:
            yield f"| {label} | {one_line(error)} | | |"
            continue
        far = (distance(loss, loss_there), distance(norms, norms_there, SMALL_GRADIENTS), distance(loss, short))
        yield f"| {label} | {far[0]:.0e} | {far[1]:.0e} | {far[2]:.0e} |"
        gc.collect()
        torch.cuda.empty_cache()
    yield ""
    far = by_metric(scored("cpu", pixels), scored("cuda", pixels))
    yield "metrics: " + ", ".join(f"{key} {value:.0e}" for key, value in sorted(far.items(), key=lambda one: -one[1]))


if __name__ == "__main__":
    if not torch.cuda.is_available():
        sys.exit("this table needs a GPU")
    for line in lines(sys.argv[1:]):
        print(line, flush=True)
