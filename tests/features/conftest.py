"""A machine without weights and without a network."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.delenv("COLORBENCH_DOWNLOAD_MB", raising=False)
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tmp_path


@pytest.fixture
def weights():
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set COLORBENCH_WEIGHTS to a folder with the pretrained weights")
    return Path(folder)
