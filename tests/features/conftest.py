"""A machine on which downloads are allowed, and there is no network."""

import pytest


@pytest.fixture
def no_weights(no_weights, monkeypatch):
    monkeypatch.delenv("COLORBENCH_DOWNLOAD_MB")
    return no_weights
