import pytest

from colorbench.metrics import Pair, Reference
from colorbench.metrics.pair import Room


def test_views_are_computed_once(pair):
    both = Pair(*pair)
    assert both.pred_lab is both.pred_lab
    assert both.target_lab is both.target_lab
    assert both.structure is both.structure


def test_room_is_charged_and_refuses():
    room = Room(100)
    assert room.take(60)
    assert not room.take(60)
    assert room.take(40)


def test_what_does_not_fit_is_computed_again(pair):
    reference = Reference(pair[1], Room(0))
    assert reference.lab is not reference.lab


def test_two_sizes_are_refused(pair):
    with pytest.raises(ValueError, match="bring pred to the target's shape"):
        Pair(pair[0][..., :8], pair[1])
