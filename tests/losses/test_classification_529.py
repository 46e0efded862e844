import numpy as np
import pytest
import torch
import torch.nn.functional as F

from colorbench.batch import Batch, Output
from colorbench.losses import build_loss, classification_529


def authors_index(ab):
    """encode_ab_ind of the authors' code: A = 23, index = round((a + 110) / 10) * A + round((b + 110) / 10)."""
    rounded = np.round((ab + 110) / 10)
    return (rounded[:, 0] * 23 + rounded[:, 1]).astype(int)


def test_against_torch():
    torch.manual_seed(0)
    batch, logits = Batch(torch.rand(2, 3, 16, 16)), torch.randn(2, 529, 4, 4)
    index = torch.from_numpy(authors_index(batch.ab[:, :, ::4, ::4].numpy()))
    expected = F.cross_entropy(logits, index, reduction="none").mean((1, 2))
    torch.testing.assert_close(classification_529(logits, batch.ab), expected)
    regression = torch.randn(2, 2, 16, 16) * 20
    output = Output.from_ab(regression, batch.lightness, extras={"logits_529": logits})
    l1 = ((regression - batch.ab) / 110).abs().sum(1).mean()
    torch.testing.assert_close(build_loss("classification-529")(output, batch).total, expected.mean() + 10 * l1)


def test_what_is_refused():
    batch = Batch(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"wanted \(b, 529, h, w\)"):
        classification_529(torch.zeros(1, 313, 2, 2), batch.ab)
    with pytest.raises(ValueError, match="siggraph17"):
        build_loss("classification-529")(Output.from_ab(batch.ab, batch.lightness), batch)
