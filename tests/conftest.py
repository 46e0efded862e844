"""What several tests share: real weights and photos where they are, else a skip that says what is missing."""

import gc
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import jaxtyping
import pytest

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch; on small tensors a second thread costs 40 % more processor time
if not os.environ.get("JAXTYPING_DISABLE"):
    # a long session would come to compile kernels, which shape checks break; tests of the switch set this themselves
    os.environ.setdefault("COLORBENCH_COMPILE", "0")


def pytest_collection_finish():
    """Set aside what the imports left, about a million objects: a cell collects garbage, and would look at all of them."""
    gc.freeze()


def pytest_sessionfinish():
    gc.unfreeze()  # what pytest imports for its last lines asks who refers to what


def _folder(variable: str, beside_weights: str) -> Path | None:
    """The folder a variable names, or the one beside the weights folder."""
    if named := os.environ.get(variable):
        return Path(named)
    weights = os.environ.get("COLORBENCH_WEIGHTS")
    beside = Path(weights).parent / beside_weights if weights else None
    return beside if beside is not None and beside.is_dir() else None


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of real pretrained weights."""
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs pretrained weights: set COLORBENCH_WEIGHTS to a folder that holds them")
    return Path(folder)


@pytest.fixture
def no_weights(monkeypatch, tmp_path) -> Path:
    """A machine without weights and without a network; gives the test's folder, in which `weights` would be looked into."""
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("COLORBENCH_DOWNLOAD_MB", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tmp_path


@pytest.fixture(scope="session")
def photos_folder() -> Path:
    """A folder with real photos in subfolders."""
    folder = _folder("COLORBENCH_PHOTOS", "data")
    if folder is None or not folder.is_dir():
        pytest.skip("needs real photos: set COLORBENCH_PHOTOS to a folder that holds some")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Decoded photos go to a folder of this test run, not to the user's."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def unchecked():
    """Guards as a user meets them: jaxtyping would refuse a wrong shape before they can say what to do."""
    with without_shape_checks():
        yield


@contextmanager
def without_shape_checks():
    """For what calls checked functions a hundred thousand times: the checks take longer than the work."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)
