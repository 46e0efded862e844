"""What tests of training share."""

import pytest


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """As the worker does: whether a kernel is compiled must not depend on the process's age."""
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
