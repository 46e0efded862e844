import pytest
import torch

from colorbench.features import FidInception, load_features
from colorbench.features.inception import TorchvisionInception


def test_features_are_those_of_torch_fidelity_on_the_same_weights(weights, tmp_path):
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    state = torch.load(weights / "inception_fid_2015_12_05_pool3_fp32.pth", weights_only=True)
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save(state, tmp_path / "inception.pth")
    extractor = theirs.FeatureExtractorInceptionV3("inception", ["2048"], str(tmp_path / "inception.pth"))
    pictures = torch.randint(0, 256, (1, 3, 299, 299), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(load_features("inception")(pictures), extractor(pictures)[0], atol=1e-4, rtol=1e-3)


def test_float_and_uint8_of_one_picture_agree(weights):
    levels = torch.randint(0, 256, (1, 3, 48, 64), dtype=torch.uint8)
    network = load_features("inception")
    torch.testing.assert_close(network(levels), network(levels.float() / 255))


def test_the_resize_is_antialiased(weights):
    """A fine checkerboard shrinks to gray, not to a moire."""
    network = load_features("inception")
    checker = ((torch.arange(598)[:, None] + torch.arange(598)) % 2).float().expand(1, 3, -1, -1)
    seen = []
    network.Conv2d_1a_3x3.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        network(checker)
    finally:
        network.Conv2d_1a_3x3._forward_pre_hooks.clear()
    assert seen[0].std().item() < 0.05


def test_it_is_frozen():
    network = FidInception().train()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_torchvisions_network_is_torchvisions():
    """Random weights: its logits without the last layer are the pooled features."""
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.inception_v3(weights=None, init_weights=False, transform_input=False).eval()
    theirs.fc = torch.nn.Identity()
    own = TorchvisionInception()
    own.load_state_dict({key: value for key, value in theirs.state_dict().items() if key in own.state_dict()})
    x = torch.randn(1, 3, 299, 299)
    with torch.no_grad():
        torch.testing.assert_close(own(x), theirs(x))
