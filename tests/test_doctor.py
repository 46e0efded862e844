"""`colorbench doctor` on this machine, and with what a machine may lack taken away."""

from types import SimpleNamespace

import pytest

from colorbench.doctor import examine
from colorbench.features.load import FEATURES
from colorbench.files import cache_folder


@pytest.fixture
def findings(capsys):
    """`(exit status, {what: (state, seen)})`."""

    def look():
        status = examine()
        rows = [line.split("\t") for line in capsys.readouterr().out.splitlines() if line.count("\t") == 2]
        return status, {what: (state, seen) for what, state, seen in rows}

    return look


def test_every_part_is_named_and_nothing_is_broken(findings):
    status, found = findings()
    assert status == 0
    assert {"colorbench", "GPU", "C++ compiler", "embedded photos", "cache", "ray", "submitit"} <= set(found)
    assert {f"weights {name}" for name in FEATURES} <= set(found)
    assert found["colorbench"][0] == "ok"
    assert found["embedded photos"] == ("ok", "8 photos in installed packages")
    assert found["cache"][1].startswith(str(cache_folder()))
    assert all(state in ("ok", "missing") for state, _ in found.values() if state != "state")


def test_what_is_missing_has_a_cure(findings, monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "no-compiler")
    monkeypatch.setenv("PATH", str(tmp_path))
    status, found = findings()
    assert status == 0  # features are off, nothing is broken
    assert found["weights vgg16"][0] == "missing"
    assert "put it into the folder COLORBENCH_WEIGHTS" in found["weights vgg16"][1]
    assert found["C++ compiler"][0] == "missing"


def test_a_full_disk_is_broken_and_has_a_cure(findings, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_500_000_000))
    status, found = findings()
    assert status == 1
    assert found["cache"][0] == "broken"
    assert "only 1.5 GB free; make room" in found["cache"][1]


def test_a_cache_that_cannot_be_written_is_broken(findings, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "file" / "cache"))
    status, found = findings()
    assert status == 1
    assert found["cache"][0] == "broken"
    assert found["cache"][1].endswith("set COLORBENCH_CACHE to another folder")
