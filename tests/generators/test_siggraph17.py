from colorbench.generators.siggraph17 import Siggraph17


def test_parameters(count):
    assert count("siggraph17") - count("siggraph17", class_head=False) == 257 * 529


def test_the_class_head_speaks_in_training_alone(gray):
    network = Siggraph17(width=2)
    output = network.train()(gray)
    assert output["raw"].shape == (2, 2, 64, 64)
    assert output["logits_529"].shape == (2, 529, 16, 16)
    assert network.eval()(gray).shape == (2, 2, 64, 64)
    assert Siggraph17(width=2, class_head=False).train()(gray).shape == (2, 2, 64, 64)
