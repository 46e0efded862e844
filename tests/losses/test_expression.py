import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorbench.losses import LOSSES, build_loss
from colorbench.losses.expression import canonical, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l1", "l1"),
        ("100*l1 + patchgan", "100*l1 + patchgan"),
        (" patchgan+1e2 *l1 ", "100*l1 + patchgan"),
        ("mse + l1", "l1 + mse"),
        ("1.0*l1", "l1"),
        ("0.10*perceptual(preset='johnson')", "0.1*perceptual(preset='johnson')"),
        ("patchgan(mode='vanilla', layers=2)", "patchgan(layers=2)"),
        ("classification(rebalance=False,k=5)", "classification(k=5, rebalance=False)"),
        ("huber(delta=1)", "huber"),
        ("huber(delta=2.0)", "huber(delta=2)"),
        ("1e-5*tv", "1e-05*tv"),
        ("l1-siggraph17 + classification-529", "classification-529 + l1-siggraph17"),
        ("l1 + l1(view='rgb')", "l1 + l1(view='rgb')"),
        ("perceptual(layers=['relu1_2'], weights=(0.5,))", "perceptual(layers=('relu1_2',), weights=(0.5,))"),
        ("perceptual(layers=('a)', '+'))", "perceptual(layers=('a)', '+'))"),
    ],
)
def test_canonical_form(text, expected):
    assert canonical(parse(text, LOSSES)) == expected
    assert canonical(parse(expected, LOSSES)) == expected


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ValueError, "expected a loss such as l1"),
        ("l1 +", ValueError, "its end"),
        ("l1 l1", ValueError, r"expected '\+'"),
        ("l1 - mse", ValueError, r"expected '\+'"),
        ("-l1", ValueError, "expected a loss"),
        ("l1 * 2", ValueError, r"expected '\+'"),
        ("0*l1", ValueError, "above 0"),
        ("1e999*l1", ValueError, "finite"),
        ("1e*l1", ValueError, "not a number"),
        ("l1 + l1", ValueError, r"write 2\*l1 once"),
        ("l1(", ValueError, "never closed"),
        ("l1(view='rgb)", ValueError, r"at \"\(view='rgb\)\": this bracket is never closed"),
        ("patchgan(hinge)", ValueError, "name=value"),
        ("patchgan(mode=hinge)", ValueError, "name=value"),
        ("patchgan(**{})", ValueError, "name=value"),
        ("patchgan(mode=__import__('os'))", ValueError, "name=value"),
        ("patchgan(layers=1.5)", ValueError, "wanted int, such as 3"),
        ("patchgan(spectral=1)", ValueError, "wanted bool, such as False"),
        ("huber(delta=True)", ValueError, "wanted float, such as 1"),
        ("l3", KeyError, "known losses: charbonnier, .*, tv"),
        ("l1(vew='rgb')", KeyError, "known settings: view='ab'"),
        ("ssim(window=3)", KeyError, "known settings: none"),
    ],
)
def test_what_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        build_loss(text)


def test_what_is_no_text_is_refused(unchecked):
    with pytest.raises(TypeError, match=r"a loss is text such as 'l1 \+ ssim', got a NoneType"):
        build_loss(None)


def test_nothing_is_evaluated(tmp_path):
    with pytest.raises(ValueError, match="name=value"):
        build_loss(f"l1(view=open({str(tmp_path / 'x')!r}, 'w'))")
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text):
    with contextlib.suppress(ValueError, KeyError):
        assert parse(text, LOSSES)


@given(st.permutations(["100*l1", "mse", "0.5*tv", "patchgan(mode='hinge')", "ssim"]))
def test_order_does_not_matter(texts):
    assert canonical(parse("+".join(texts), LOSSES)) == "100*l1 + mse + patchgan(mode='hinge') + ssim + 0.5*tv"
