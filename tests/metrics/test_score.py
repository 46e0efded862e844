import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from colorbench.features import WeightsMissing
from colorbench.metrics import METRICS, MetricRow, References, mean_scores, score, score_folders, set_score
from colorbench.metrics.score import metric_rows
from colorbench.tensors import TooFewPictures

CHEAP = ["psnr", "ssim", "colorfulness-error", "delta-e-2000"]


def save(picture, path):
    Image.fromarray((255 * picture).round().byte().movedim(0, -1).numpy()).save(path)


@pytest.fixture
def folders(tmp_path, pair):
    pred, target = (tmp_path / name for name in ("pred", "target"))
    for folder, pictures in ((pred, pair[0]), (target, pair[1])):
        folder.mkdir()
        for name, picture in zip("abc", pictures):
            save(picture, folder / f"{name}.png")
    return pred, target


def test_one_row_an_image_and_one_column_a_metric(pair):
    frame = score(*pair, CHEAP)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == CHEAP
    assert list(frame.index) == ["0", "1", "2"]
    assert frame.index.name == "image"
    for key in CHEAP:
        np.testing.assert_allclose(frame[key], METRICS[key].function(*pair), atol=1e-5)
    assert frame.attrs["versions"] == {key: METRICS[key].version for key in CHEAP}
    assert frame.attrs["missing"] == {}


def test_the_default_is_every_per_image_metric_but_the_optional(weights, pair):
    frame = score(*pair)
    assert list(frame.columns) == [key for key, row in METRICS.items() if row.per_image and row.default]
    assert set(frame.attrs["missing"]) == {"ms-ssim"}
    assert frame.drop(columns="ms-ssim").notna().all().all()


def test_values_do_not_depend_on_the_batch(pair):
    keys = [key for key, row in METRICS.items() if row.per_image and row.needs is None]
    one, all_at_once = (score(pair[0], References(pair[1], batch=batch), keys) for batch in (1, 16))
    pd.testing.assert_frame_equal(one, all_at_once, atol=1e-4)


def test_uint8_arrays_score_like_their_float(pair):
    levels = [(255 * x).round().byte() for x in pair]
    arrays = [x.movedim(1, -1).numpy() for x in levels]
    pd.testing.assert_frame_equal(score(*arrays, CHEAP), score(*[x.float() / 255 for x in levels], CHEAP))


def test_folders_are_matched_by_stem(folders, pair):
    frame = score(*folders, CHEAP)
    assert list(frame.index) == ["a", "b", "c"]
    levels = [(255 * x).round() / 255 for x in pair]
    np.testing.assert_allclose(frame, score(*levels, CHEAP), atol=1e-4)
    (folders[0] / "b.png").rename(folders[0] / "z.png")
    frame = score_folders(*folders, CHEAP)
    assert list(frame.index) == ["a", "c"]
    assert frame.attrs["unmatched"] == ["b", "z"]


def test_unreadable_files_are_listed_and_never_a_crash(folders):
    (folders[0] / "a.png").write_text("not a picture")
    (folders[1] / "b.png").write_bytes((folders[1] / "b.png").read_bytes()[:100])
    frame = score_folders(*folders, CHEAP)
    assert list(frame.index) == ["c"]
    assert set(frame.attrs["unreadable"]) == {"a", "b"}
    assert all(frame.attrs["unreadable"].values())


def test_nothing_readable_gives_an_empty_frame(folders):
    for path in folders[0].iterdir():
        path.write_text("not a picture")
    frame = score_folders(*folders, ["psnr", "fid"])
    assert len(frame) == 0
    assert frame.attrs["set"] == {}
    assert frame.attrs["missing"] == {"fid": "no picture was scored"}


def test_folders_without_a_common_name_say_so(folders):
    for path in list(folders[0].iterdir()):
        path.rename(path.with_stem(path.stem + "_colorized"))
    with pytest.raises(ValueError, match=r"a_colorized.*references a, b, c; pictures are matched by file stem"):
        score(*folders, CHEAP)


def test_the_size_rule(folders, pair):
    save(pair[0][0, :, ::2, ::2], folders[0] / "a.png")
    with pytest.raises(ValueError, match=r"prediction a is 24 x 20, its reference 48 x 40.*resize=True"):
        score(*folders, CHEAP)
    assert score(*folders, CHEAP, resize=True).loc["a", "psnr"] > 10
    with pytest.raises(ValueError, match=r"is 24 x 20"):
        score(pair[0][:, :, ::2, ::2], pair[1], CHEAP)
    assert len(score(pair[0][:, :, ::2, ::2], pair[1], CHEAP, resize=True)) == 3


def test_photos_of_different_sizes(pair):
    targets = [pair[1][0], pair[1][1, :, :30], pair[1][2, :, :30]]
    preds = [pair[0][0], pair[0][1, :, :30], pair[0][2, :, :30]]
    frame = score(preds, targets, CHEAP)
    np.testing.assert_allclose(frame["psnr"].iloc[0], METRICS["psnr"].function(*[x[:1] for x in pair]), atol=1e-5)
    assert len(frame) == 3


def test_other_counts_are_refused(pair):
    with pytest.raises(ValueError, match="2 predictions for 3 references"):
        score(pair[0][:2], pair[1], CHEAP)


def test_lists_are_matched_by_position_so_their_lengths_agree(folders, pair):
    for pred, target in (
        (list(pair[0]), list(pair[1][:2])),
        (list(pair[0]), pair[1][:2]),
        (pair[0], list(pair[1][:2])),
    ):
        with pytest.raises(ValueError, match="3 predictions for 2 references: pass one for each, in order"):
            score(pred, target, ["psnr"])
    paths = [sorted(folder.glob("*.png")) for folder in folders]
    with pytest.raises(ValueError, match="predictions for 1 references"):
        score(paths[0], paths[1][:1], ["psnr"])


def test_a_metric_asked_for_twice_is_one_column(pair):
    assert list(score(*pair, ["psnr", "ssim", "psnr"]).columns) == ["psnr", "ssim"]
    with pytest.raises(ValueError, match="two metrics are called psnr"):
        score(*pair, ["psnr", MetricRow("psnr", METRICS["ssim"].function, "", True, "mine")])


def test_the_reason_of_a_set_metric_is_of_its_kind(no_weights, pair):
    with pytest.raises(TooFewPictures, match="cdc compares frames"):
        set_score(*pair, "cdc")
    with pytest.raises(WeightsMissing):
        set_score(*pair, "fid")
    assert score(*pair, ["fid"]).attrs["notes"] == {}, "no advice on what is missing"


def test_a_file_that_is_not_there_is_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"zzz.png does not exist: pass a picture, or the folder"):
        score(tmp_path / "zzz.png", tmp_path / "zzz.png")


def test_wrong_ranges_are_refused(pair):
    with pytest.raises(ValueError, match=r"pred has values .* divide 0..255 by 255"):
        score(255 * pair[0], pair[1], CHEAP)


def test_pillow_images_and_files_score_like_their_tensors(folders, pair):
    levels = [(255 * x).round() / 255 for x in pair]
    expected = score(*levels, CHEAP)
    files = [[folder / f"{name}.png" for name in "abc"] for folder in folders]
    pd.testing.assert_frame_equal(score(*files, CHEAP), expected)
    pd.testing.assert_frame_equal(score([str(path) for path in files[0]], levels[1], CHEAP), expected)
    images = [[Image.open(path) for path in some] for some in files]
    pd.testing.assert_frame_equal(score(*images, CHEAP), expected)
    pd.testing.assert_frame_equal(score(images[0][0], files[1][0], CHEAP), expected[:1])
    files[0][1].write_text("not a picture")
    frame = score(*files, CHEAP)
    assert list(frame.index) == ["0", "2"]
    assert set(frame.attrs["unreadable"]) == {"1"}


def test_one_picture_gets_what_can_be_given_and_the_rest_is_named(weights, pair):
    one = [x[:1] for x in pair]
    frame = score(*one, ["psnr", "fid", "kid"])
    assert frame["psnr"].notna().all()
    assert frame.attrs["set"] == {}
    assert set(frame.attrs["missing"]) == {"fid", "kid"}
    assert all("at least 2 pictures" in reason for reason in frame.attrs["missing"].values())
    with pytest.raises(TooFewPictures, match="got 1 and 1"):
        set_score(*one, "fid")


def test_scoring_first_leaves_a_network_that_a_loss_can_use(weights, pair):
    """Networks are kept for the life of the process: one loaded while scoring must not refuse gradients."""
    score(*pair, ["lpips-squeeze"])
    pred = pair[0].clone().requires_grad_()
    METRICS["lpips-squeeze"].function(pred, pair[1]).sum().backward()
    assert pred.grad.isfinite().all()


def test_unknown_metrics_list_the_known(pair):
    with pytest.raises(KeyError, match="unknown metric 'psnrr'; known metrics: psnr, psnr-ab"):
        score(*pair, ["psnrr"])
    with pytest.raises(TypeError, match=r"wanted a list of keys: \['psnr'\]"):
        metric_rows("psnr")


def test_a_row_of_your_own(pair):
    row = MetricRow("mae", lambda pred, target: (pred - target).abs().mean((1, 2, 3)), "", False, "mine")
    assert score(*pair, [row])["mae"].between(0.01, 0.2).all()


def test_scores_are_in_ieee_float32(pair):
    seen = []

    def look(pred, target):
        seen.append(torch.backends.cudnn.conv.fp32_precision)
        return pred.mean((1, 2, 3))

    score(*pair, [MetricRow("look", look, "", False, "mine")])
    assert seen
    assert set(seen) == {"ieee"}


def test_identical_pictures_are_counted_apart(pair):
    pred = pair[0].clone()
    pred[0] = pair[1][0]
    frame = score(pred, pair[1], ["psnr", "ssim"])
    assert frame.attrs["identical"] == 1
    means = mean_scores(frame)
    assert means["psnr"] == pytest.approx(frame["psnr"].iloc[1:].mean())
    assert mean_scores(score(pair[1], pair[1], ["psnr"]))["psnr"] == float("inf")


def test_missing_weights_are_an_empty_column_and_a_line(no_weights, pair):
    frame = score(*pair, ["psnr", "lpips-alex", "fid", "kid"])
    assert frame["lpips-alex"].isna().all()
    assert frame["psnr"].notna().all()
    assert set(frame.attrs["missing"]) == {"lpips-alex", "fid", "kid"}
    assert all("COLORBENCH_WEIGHTS" in line and "\n" not in line for line in frame.attrs["missing"].values())
    with pytest.raises(WeightsMissing, match="inception"):
        set_score(*pair, "kid")


def test_progress_is_told(pair):
    told = []
    score(pair[0], References(pair[1], batch=2), ["psnr"], on_progress=lambda done, all_of: told.append((done, all_of)))
    assert told == [(2, 3), (3, 3)]


def test_set_scores_come_with_their_caution(weights, pair):
    frame = score(*pair, ["psnr", "fid", "kid"])
    assert list(frame.columns) == ["psnr"]
    assert frame.attrs["set"]["fid"] > 0
    assert frame.attrs["notes"]["fid"].startswith("indicative: 3 pictures")
    assert set_score(*pair, "kid") == pytest.approx(frame.attrs["set"]["kid"])
    with pytest.raises(ValueError, match="psnr is a per-image metric"):
        set_score(*pair, "psnr")
