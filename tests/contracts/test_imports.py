"""What an import brings in, asked of one process that imports part after part, the lightest first."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import colorbench

STEPS = {
    "import colorbench": ("torch", "numpy"),
    "import colorbench.cli": ("torch", "numpy", "pandas", "pydantic"),
    "import colorbench.leaderboard": ("torch", "scipy", "pandas", "matplotlib"),
    "import colorbench.status, colorbench.grid.remote, colorbench.grid.on_slurm": ("torch", "pandas"),
    "colorbench.rgb_to_lab": ("colorbench.training", "colorbench.data", "pandas", "scipy"),
    "from colorbench.data.embedded import find_embedded; find_embedded(None)": (
        "skimage", "sklearn", "matplotlib", "datasets",
    ),
    "import colorbench.losses": (
        "torchvision", "lpips", "pytorch_msssim", "pandas", "scipy", "timm", "segmentation_models_pytorch", "skimage",
        "datasets",
    ),
    "import colorbench.generators": ("torchvision", "timm", "segmentation_models_pytorch"),
}  # fmt: skip
"""What is done, and modules that must not be there after it."""

PROGRAM = """
import json, sys
found = {}
for step in json.loads(sys.argv[1]):
    exec(step)
    found[step] = list(sys.modules)
sys.modules["torchmetrics"] = None
try:
    colorbench.metrics.as_torchmetric("psnr")
except ImportError as error:
    found["without torchmetrics"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONPATH": str(Path(colorbench.__file__).parents[1])}
    command = [sys.executable, "-c", PROGRAM, json.dumps(list(STEPS))]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("step", STEPS)
def test_an_import_brings_in_nothing_heavy(found, step):
    assert [name for name in STEPS[step] if name in found[step]] == []


def test_without_torchmetrics_the_line_that_installs_it_is_said(found):
    assert "pip install 'colorbench[torchmetrics]'" in found["without torchmetrics"]
