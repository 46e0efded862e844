"""GENERATORS: the literal table. The CLI, recipes, contract tests, benchmarks and docs read it."""

from colorbench.generators.row import GeneratorRow

_HERE = "colorbench.generators"
_TORCHVISION = "BSD-3-Clause (torchvision's ImageNet weights)"

GENERATORS: dict[str, GeneratorRow] = {
    row.key: row
    for row in (
        GeneratorRow(
            "unet",
            f"{_HERE}.unet:UNet",
            "Ronneberger 2015; scenery system",
            "Ronneberger, Fischer, Brox. U-Net. MICCAI 2015. arXiv 1505.04597",
            parameters=34_525_954,
            gmacs=65.3,
            small={"width": 4, "depth": 2},
        ),
        GeneratorRow(
            "unet-vgg16",
            f"{_HERE}.segmentation:unet_vgg16",
            "UNET/VGG system, as described",
            "Simonyan, Zisserman. VGG. ICLR 2015. arXiv 1409.1556; Ronneberger et al. arXiv 1505.04597",
            parameters=23_755_682,
            gmacs=24.7,
            small={"encoder": "vgg11_bn", "width": 4, "depth": 3},
            pretrained_licence=_TORCHVISION,
        ),
        GeneratorRow(
            "linknet",
            f"{_HERE}.segmentation:linknet",
            "Chaurasia 2017; scenery system",
            "Chaurasia, Culurciello. LinkNet. VCIP 2017. arXiv 1707.03718",
            parameters=11_657_538,
            gmacs=2.5,
            small={"depth": 3},
            pretrained_licence=_TORCHVISION,
        ),
    )
}
