import subprocess
import sys

import pytest

from colorbench.metrics import as_torchmetric


def test_unknown_names_list_the_known():
    with pytest.raises(KeyError, match="known metrics: psnr"):
        as_torchmetric("psnrr")


def test_without_torchmetrics_the_line_that_installs_it_is_said():
    code = (
        "import sys; sys.modules['torchmetrics'] = None\n"
        "from colorbench.metrics import as_torchmetric\n"
        "try:\n    as_torchmetric('psnr')\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'colorbench[torchmetrics]'" in done.stdout
