"""The stand-in for torch's compiler, shown on a package of our own: the real one is imported already when tests run."""

import importlib
import sys

import pytest

from colorbench.training import imports


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A package `slow_compiler` in the compiler's place."""
    package = tmp_path / "slow_compiler"
    package.mkdir()
    (package / "__init__.py").write_text("def disable(function): return 'real'\ndef optimize(): return 'real'\n")
    (package / "utils.py").write_text("def is_compile_supported(device): return device == 'cuda'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "NAME", "slow_compiler")
    monkeypatch.setattr(imports, "_PARTS", ("slow_compiler", "slow_compiler.utils"))
    yield "slow_compiler"
    for name in [name for name in sys.modules if name.startswith("slow_compiler")]:
        del sys.modules[name]


def is_real(name: str) -> bool:
    return name in sys.modules and not isinstance(sys.modules[name], imports._StandIn)


def test_what_torchvision_and_timm_ask_is_answered_without_it(compiler):
    with imports.without_compiler():
        utils = importlib.import_module(f"{compiler}.utils")
        assert importlib.import_module(compiler).disable(len) is len
        assert not hasattr(utils, "__file__")
        assert not is_real(compiler)
    assert compiler not in sys.modules
    assert utils.is_compile_supported("cuda") is True
    assert utils.is_compile_supported("cpu") is False
    assert is_real(compiler)


def test_whoever_asks_for_more_gets_the_real_one(compiler):
    with imports.without_compiler():
        assert importlib.import_module(compiler).optimize() == "real"
        assert is_real(compiler)
    assert is_real(compiler)


def test_one_that_is_here_is_left_alone(compiler):
    real = importlib.import_module(compiler)
    with imports.without_compiler():
        assert importlib.import_module(compiler) is real
    assert sys.modules[compiler] is real
