"""The device itself: what a capture counts, and what it refuses, with a step of a small network."""

import pytest

from tests.null_device.harness import Counts, missing

needs_it = pytest.mark.skipif(bool(missing()), reason=missing() or "")
REFUSED = "CUDA error: operation not permitted when stream is capturing"


@needs_it
def test_a_step_becomes_a_graph_and_what_waits_is_refused(found):
    facts = found["capturing"]
    eager, replay = Counts(**facts["eager"]), Counts(**facts["replay"])
    assert eager.kernels > 0
    assert eager == Counts(kernels=eager.kernels)  # no wait, no copy, no allocation
    assert (replay.graph_launches, replay.graph_kernels, replay.syncs) == (5, 5 * eager.kernels, 0)
    assert facts["refused"] == {
        **dict.fromkeys(["read", "device", "stream", "event"], REFUSED),
        "unjoined": "CUDA error: capturing stream has unjoined work",
        **dict.fromkeys(["joined", "step"]),
    }


@needs_it
def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert missing() == "the null device needs gcc"
