"""`import colorbench as cb`: what people type first, loaded when it is used."""

import ast
from pathlib import Path

import pytest

import colorbench as cb


@pytest.mark.parametrize("name", cb.__all__)
def test_every_name_is_what_its_home_calls_so(name):
    value = getattr(cb, name)
    assert value is getattr(cb, name)
    assert name in dir(cb)
    assert getattr(value, "__name__", name).rsplit(".", 1)[-1] == name


def test_checkers_see_the_same_names():
    tree = ast.parse(Path(cb.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert {alias.name for node in block.body for alias in node.names} == set(cb.__all__)
    assert (Path(cb.__file__).parent / "py.typed").is_file()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'rgb_to_cmyk'"):
        _ = cb.rgb_to_cmyk
