"""Start-up: torchvision without torch's compiler.

torchvision asks `torch._dynamo` for one function, timm for a mark on another, and so importing them (or segmentation models)
imports the whole compiler with sympy: more seconds than everything else that a short cell does before its first step. Inside
`without_compiler()` a stand-in answers both; whoever asks it for anything else gets the real compiler.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

NAME = "torch._dynamo"
_PARTS = (NAME, f"{NAME}.utils")


@contextmanager
def without_compiler() -> Iterator[None]:
    """Inside, importing torchvision leaves torch's compiler out, unless it is here already."""
    if NAME in sys.modules:
        yield
        return
    parts = {name: _StandIn(name) for name in _PARTS}
    parts[NAME].disable = lambda function, *_, **__: function  # nothing is compiled while it stands in
    parts[f"{NAME}.utils"].is_compile_supported = _is_compile_supported
    sys.modules.update(parts)
    try:
        yield
    finally:
        _step_back()


class _StandIn(ModuleType):
    def __getattr__(self, name: str):
        if name.startswith("__") and (self.__name__, name) != (NAME, "__path__"):  # inspect asks every module for these
            raise AttributeError(name)
        _step_back()
        return getattr(importlib.import_module(self.__name__), name)


def _step_back() -> None:
    """No stand-in is found any more."""
    for name in _PARTS:
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _is_compile_supported(device_type: str) -> bool:
    return importlib.import_module(f"{NAME}.utils").is_compile_supported(device_type)
