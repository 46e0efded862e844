from colorbench.leaderboard.entries import Entry
from colorbench.leaderboard.names import short_names
from colorbench.leaderboard.plots import style

GRAY = Entry("gray", "baseline", ())


def trained(*labels):
    return [Entry(label, "trained", ()) for label in labels]


def test_a_generator_that_all_share_is_left_out_and_variants_stay_apart():
    losses = ["l1", "classification-rebalance-false", "classification-k-5-rebalance-false"]
    names = short_names([*trained(*(f"unet+{loss}" for loss in losses)), GRAY], 28)
    assert list(names.values()) == ["l1", "classification-r…lance-false", "classification-k…lance-false", "gray"]


def test_a_loss_that_all_share_is_left_out():
    names = short_names([*trained("unet+l1+ab", "linknet+l1+ab"), GRAY], 28)
    assert names == {"unet+l1+ab": "unet", "linknet+l1+ab": "linknet", "gray": "gray"}


def test_nothing_shared_nothing_left_out():
    for labels in (["unet+l1", "linknet+mse"], ["unet+l1"], ["mine", "other"]):
        assert list(short_names(trained(*labels), 28)) == list(short_names(trained(*labels), 28).values())


def test_no_mathematics_in_plots():
    assert style.short_names(trained("$x$", "y"))["$x$"] == r"\$x\$"
