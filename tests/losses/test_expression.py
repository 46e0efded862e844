import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorbench.losses import LOSSES, build_loss
from colorbench.losses.expression import canonical, parse, slug


@pytest.mark.parametrize(
    ("text", "expected", "name"),
    [
        ("l1", "l1", "l1"),
        ("100*l1 + patchgan", "100*l1 + patchgan", "100xl1+patchgan"),
        (" patchgan+1e2 *l1 ", "100*l1 + patchgan", "100xl1+patchgan"),
        ("mse + l1", "l1 + mse", "l1+mse"),
        ("1.0*l1", "l1", "l1"),
        ("0.10*perceptual(preset='johnson')", "0.1*perceptual(preset='johnson')", "0.1xperceptual_preset-johnson"),
        ("patchgan(mode='vanilla', layers=2)", "patchgan(layers=2)", "patchgan_layers-2"),
        (
            "classification(rebalance=False,k=5)",
            "classification(k=5, rebalance=False)",
            "classification_k-5_rebalance-False",
        ),
        ("huber(delta=1)", "huber", "huber"),
        ("huber(delta=2.0)", "huber(delta=2)", "huber_delta-2"),
        ("1e-5*tv", "1e-05*tv", "1e-05xtv"),
        (
            "l1-siggraph17 + classification-529",
            "classification-529 + l1-siggraph17",
            "classification-529+l1-siggraph17",
        ),
        ("l1 + l1(view='rgb')", "l1 + l1(view='rgb')", "l1+l1_view-rgb"),
        (
            "perceptual(layers=['relu1_2'], weights=(0.5,))",
            "perceptual(layers=('relu1_2',), weights=(0.5,))",
            None,
        ),
    ],
)
def test_canonical_form_and_slug(text, expected, name):
    terms = parse(text, LOSSES)
    assert canonical(terms) == expected
    assert canonical(parse(expected, LOSSES)) == expected
    assert name is None or slug(terms) == name
    assert re.fullmatch(r"[A-Za-z0-9._+-]+", slug(terms))


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
        ("1e*l1", ValueError, "no number"),
        ("l1 + l1", ValueError, r"write 2\*l1 once"),
        ("l1(", ValueError, "never closed"),
        ("l1(view='rgb)", ValueError, "never closed"),
        ("patchgan(hinge)", ValueError, "name=value"),
        ("patchgan(mode=hinge)", ValueError, "name=value"),
        ("patchgan(**{})", ValueError, "name=value"),
        ("patchgan(mode=__import__('os'))", ValueError, "name=value"),
        ("patchgan(layers=1.5)", ValueError, "takes a int such as 3"),
        ("patchgan(spectral=1)", ValueError, "takes a bool such as False"),
        ("huber(delta=True)", ValueError, "takes a float such as 1"),
        ("l3", KeyError, "known losses: charbonnier, .*, tv"),
        ("l1(vew='rgb')", KeyError, "known settings: view='ab'"),
        ("ssim(window=3)", KeyError, "known settings: none"),
    ],
)
def test_what_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        build_loss(text)


def test_nothing_is_evaluated(tmp_path):
    with pytest.raises(ValueError, match="name=value"):
        build_loss(f"l1(view=open({str(tmp_path / 'x')!r}, 'w'))")
    assert not list(tmp_path.iterdir())


def test_long_and_odd_expressions_keep_apart():
    first = parse("perceptual(layers=('relu1_2', 'relu2_2'))", LOSSES)
    second = parse("perceptual(layers=('relu1_2,relu2_2',))", LOSSES)
    assert slug(first) != slug(second)
    long = parse(" + ".join(f"{i}.123456789*{key}" for i, key in enumerate(LOSSES, start=1)), LOSSES)
    assert len(slug(long)) < 120


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text):
    with contextlib.suppress(ValueError, KeyError):
        assert parse(text, LOSSES)


@given(st.permutations(["100*l1", "mse", "0.5*tv", "patchgan(mode='hinge')", "ssim"]))
def test_order_does_not_matter(texts):
    assert canonical(parse("+".join(texts), LOSSES)) == "100*l1 + mse + patchgan(mode='hinge') + ssim + 0.5*tv"
