def test_parameters(count):
    assert count("resnet-9blocks", depth=6) == 7_828_290
