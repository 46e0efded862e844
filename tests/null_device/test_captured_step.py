"""The training step as a CUDA graph: what is captured, and what is refused with its reason."""

import pytest

from tests.null_device.harness import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")


def test_steps_are_replayed_or_say_why_not(found):
    facts = found["stepping"]
    replayed = {"graphs": 1, "syncs": 0, "refused": ""}
    assert facts["plain"] == facts["no pool"] == facts["after a break"] == replayed
    assert facts["other size"] == [replayed, replayed]
    assert facts["phases"] == [replayed] * 4
    for name, reason in {
        "pool": "its image pool decides on the host",
        "reads": "the step waits for the device: ",
        "copies": "the step waits for the device: ",
        "breaks": "the step cannot be captured: ",
    }.items():
        assert facts[name]["graphs"] == 0
        assert facts[name]["refused"].startswith(reason)
