"""Errors as one line for the terminal, and their exit codes."""

import pytest
from pydantic import TypeAdapter, ValidationError

from colorbench.cell import Protocol
from colorbench.errors import WrongUsage, explain, unknown_name


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (KeyError("unknown suite 'nimi'; known suites: mini"), "unknown suite 'nimi'; known suites: mini", 2),
        (WrongUsage("budget 'soon' is not a number and a unit"), "budget 'soon' is not a number and a unit", 2),
        (KeyError("pixels"), "unexpected KeyError: pixels", 1),
        (ValueError("first line\nsecond line"), "first line", 1),
        (NotADirectoryError(20, "Not a directory", "runs/x"), "runs/x: not a directory", 1),
        (FileNotFoundError("no such folder of pictures: x"), "no such folder of pictures: x", 1),
        (MemoryError(), "unexpected MemoryError: MemoryError", 1),
        (TypeError("f() got 2"), "unexpected TypeError: f() got 2; this is a bug in colorbench or in a plug-in", 1),
    ],
)
def test_one_line(error, line, status):
    text, code = explain(error)
    assert text.startswith(line)
    assert code == status
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LINKNET", "; did you mean 'linknet' or 'unet'?"),
        ("unetp", "; did you mean 'unetpp' or 'unet'?"),
        ("transformer", ""),
    ],
)
def test_an_unknown_name_lists_the_known_ones_and_offers_the_nearest(name, hint):
    error = unknown_name("generator", name, ["unet", "unetpp", "linknet"])
    assert error.args[0] == f"unknown generator {name!r}; known generators: unet, unetpp, linknet{hint}"
    assert "known losses: l1, or an expression" in unknown_name("loss", "l7", ["l1"], ", or an expression").args[0]


def test_a_settings_error_names_the_field_without_class_names():
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, int]).validate_python({"size_px": "wide", "batch": "many"})
    text, code = explain(caught.value)
    assert text.startswith("size_px: ")
    assert "; batch: " in text
    assert code == 1
    with pytest.raises(ValidationError) as caught:
        Protocol(dataset="folder", sizes=3)
    assert "unknown field 'sizes'" in explain(caught.value)[0]


def test_a_network_error_says_so():
    from huggingface_hub.errors import HfHubHTTPError

    of_client = HfHubHTTPError.__mro__[1]  # of the HTTP client that this version of the hub library has
    text, code = explain(of_client("[Errno -2] Name or service not known"))
    assert text.startswith("network: [Errno -2] Name or service not known; check the name and the connection")
    assert code == 1
