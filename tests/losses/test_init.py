"""Importing the losses costs little over importing torch: nothing heavy comes along."""

import subprocess
import sys

HEAVY = (
    "torchvision",
    "lpips",
    "pytorch_msssim",
    "pandas",
    "timm",
    "segmentation_models_pytorch",
    "skimage",
    "datasets",
)


def test_nothing_heavy_is_imported():
    code = "import sys, torch; before = set(sys.modules); import colorbench.losses; "
    code += f"print([name for name in {HEAVY!r} if name in sys.modules and name not in before])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
