import pytest

from colorbench.options import beginning, shipped_suites, split_names


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (None, None),
        ([], None),
        ([" , "], None),
        (["psnr"], ["psnr"]),
        (["psnr, ssim", "fid,"], ["psnr", "ssim", "fid"]),
    ],
)
def test_names_are_repeated_or_parted_by_commas(groups, names):
    assert split_names(groups) == names


def test_completion_offers_what_begins_so():
    assert {"mini", "smoke", "generators"} <= set(shipped_suites())
    assert beginning(shipped_suites)("mi") == ["mini"]
    assert beginning(shipped_suites)("nothing") == []
