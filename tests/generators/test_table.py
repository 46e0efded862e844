from colorbench.generators import BASELINES, GENERATORS


def test_the_keys_of_the_specification():
    assert set(GENERATORS) == {
        *("unet", "unet-pix2pix", "unet-vgg-style", "unet-vgg16", "res-unet", "vgg16-cnn", "resnet-fusion", "unetpp"),
        *("unet3p", "linknet", "r2unet", "tri-stream", "unet-resnet18", "resnet18-light", "resnet-9blocks"),
        *("eccv16", "siggraph17", "ddcolor-tiny"),
    }
    known = [key for key, row in BASELINES.items() if not row.needs_truth]
    assert known == ["gray", "mean-ab", "shuffled-ab", "oracle-quarter", "oracle-bins"]
