import math

import pytest
import torch

from colorbench.generators.queries import ColorDecoder, sine_positions


def test_positions_tell_rows_from_columns():
    places = sine_positions(4, 6, 16, torch.device("cpu")).view(4, 6, 16)
    assert torch.equal(places[2, 0, :8], places[2, 5, :8])
    assert torch.equal(places[0, 3, 8:], places[3, 3, 8:])
    assert places[0, 0, 0].item() == pytest.approx(math.sin(2 * math.pi / 4))
    assert len(torch.unique(places.view(24, 16), dim=0)) == 24


def test_one_answer_a_layer_or_the_last_alone():
    decoder = ColorDecoder([8, 8, 16], 16, queries=5, depth=4).eval()
    scales = [torch.rand(2, c, s, s) for c, s in ((8, 2), (8, 4), (16, 8))]
    answers = decoder(scales, every_layer=True)
    assert [answer.shape for answer in answers] == [(2, 5, 16)] * 4
    assert torch.equal(decoder(scales)[0], answers[-1])
