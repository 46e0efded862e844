import pytest

from colorbench.metrics.protocols import MEASURES, PROTOCOLS, protocol_rows


def test_every_protocol_names_its_script_or_says_that_it_is_a_convention():
    for key, row in PROTOCOLS.items():
        assert key == row.key
        assert row.measures.keys() <= MEASURES.keys()
        assert row.evidence
        assert "@" in row.code or row.source.startswith(("convention", "this package"))


def test_names_are_looked_up():
    assert [row.key for row in protocol_rows(["svcnet", "ct2", "svcnet"])] == ["svcnet", "ct2"]
    assert protocol_rows(None) == protocol_rows(["ct2", "all"]) == list(PROTOCOLS.values())
    with pytest.raises(
        KeyError, match=r"unknown protocol 'ddcolour-crop'; known protocols: .*, or all; did you mean 'ddcolor"
    ):
        protocol_rows(["ddcolour-crop"])
