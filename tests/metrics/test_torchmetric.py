import pytest

from colorbench.metrics import as_torchmetric


def test_unknown_names_list_the_known():
    with pytest.raises(KeyError, match="known metrics: psnr"):
        as_torchmetric("psnrr")
