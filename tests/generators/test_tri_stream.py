import torch

from colorbench.generators.tri_stream import Unit


def test_parameters(count):
    assert count("tri-stream", width=32) == 6_338_050


def test_the_unit_is_the_published_formula():
    unit = Unit(2, "batch").eval()
    x = torch.rand(1, 2, 8, 8)
    f1, f2, f3, f4, f5, f6 = unit.f
    s1 = f1(x) + x
    s2 = f2(s1) + x
    s3 = f3(s2) + s2
    s4 = f4(s3) + s2
    torch.testing.assert_close(unit(x), f5(s4) + x + f6(x))
