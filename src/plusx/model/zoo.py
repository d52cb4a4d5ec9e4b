"""The networks of the papers and of the libraries, a line each: `plusx.resnet18()`, `plusx.wrn28_10()`, ...

Each is called like a function; `ResNetSpec` lists the options: `resnet50(num_classes=3, in_channels=1)`.
"""

from __future__ import annotations

from plusx.model.network import Network, Published

PICTURE, SMALL_PICTURE, WAVE, VOLUME = (3, 224, 224), (3, 32, 32), (1, 16_000), (1, 64, 64, 64)
TEXT, SHORT_TEXT = (1, 1024), (1, 256)
# 16 s of log-mel frames, a hundred a second.
SPEECH = (64, 1600)
# A second of log-mel frames.
KEYWORD = (1, 40, 101)

IMAGENET = {"stem": "imagenet", "num_classes": 1000}
CIFAR = {"stem": "cifar", "num_classes": 10, "num_filters": 16, "shortcut": "A"}
WAVES = {"stem": "imagenet", "num_classes": 10, "dims": 1, "in_channels": 1}
VOLUMES = {"stem": "imagenet", "num_classes": 10, "dims": 3, "in_channels": 1}
# arXiv 1606.01781 with its shortcuts, which are optional there, and the first of its three poolings: strides.
VDCNN = {"stem": "bytes", "neck": "vdcnn", "num_classes": 4, "dims": 1, "in_channels": 1}
TEXTS = {"stem": "bytes_small", "neck": "largest", "num_classes": 4, "dims": 1, "in_channels": 1}
# arXiv 1710.10361, table 1.
KEYWORDS = {"num_classes": 12, "in_channels": 1, "block": "relu_norm", "norm": "batch_unweighted"}
# 2 to the third part, rounded down, of how many convolutions came before; the last, of 16, is the neck's.
DILATED = {
    "stem": "relu",
    "strides": (1,) * 6,
    "dilations": ((1, 1), (1, 2), (2, 2), (4, 4), (4, 8), (8, 8)),
    "neck": "dilated",
}
BOTTLENECK = {"block": "bottleneck"}
V1 = {"block": "bottleneck_v1"}
PLAIN = {"shortcut": None}
PREACT = {"block": "preact_basic"}
PREACT_BOTTLENECK = {"block": "preact_bottleneck"}
DEEP = {"stem": "deep_d", "shortcut": "D"}
SE = {"attention": "se"}
RS = {"stem": "deep_rs", "shortcut": "D", "block": "bottleneck", "attention": "se", "squeeze": 0.25}


def _torchvision(v1: float, v2: float | None = None) -> Published:
    # Single crop; torchvision's own weight records.
    if v2 is None:
        return Published(v1 / 100, "ImageNet", "torchvision IMAGENET1K_V1")
    return Published(v2 / 100, "ImageNet", "torchvision IMAGENET1K_V2")


def _he2015(error: float, data: str) -> Published:
    how = "arXiv 1512.03385, 10-crop" if data == "ImageNet" else "arXiv 1512.03385"
    return Published(round(1 - error / 100, 4), data, how)


def _he2016(error: float) -> Published:
    return Published(round(1 - error / 100, 4), "CIFAR-10", "arXiv 1603.05027")


def _wide(error: float) -> Published:
    return Published(round(1 - error / 100, 4), "CIFAR-10", "arXiv 1605.07146")


def _keywords(accuracy: float) -> Published:
    return Published(accuracy / 100, "Speech Commands", "arXiv 1710.10361, table 1, on MFCCs")


resnet18 = Network("resnet18", (2, 2, 2, 2), IMAGENET, PICTURE, _torchvision(69.758))
resnet34 = Network("resnet34", (3, 4, 6, 3), IMAGENET, PICTURE, _torchvision(73.314))
resnet50 = Network("resnet50", (3, 4, 6, 3), IMAGENET | BOTTLENECK, PICTURE, _torchvision(76.130, 80.858))
resnet101 = Network("resnet101", (3, 4, 23, 3), IMAGENET | BOTTLENECK, PICTURE, _torchvision(77.374, 81.886))
resnet152 = Network("resnet152", (3, 8, 36, 3), IMAGENET | BOTTLENECK, PICTURE, _torchvision(78.312, 82.284))
resnet50_v1 = Network("resnet50_v1", (3, 4, 6, 3), IMAGENET | V1, PICTURE, _he2015(22.85, "ImageNet"))
resnet101_v1 = Network("resnet101_v1", (3, 4, 23, 3), IMAGENET | V1, PICTURE, _he2015(21.75, "ImageNet"))
resnet152_v1 = Network("resnet152_v1", (3, 8, 36, 3), IMAGENET | V1, PICTURE, _he2015(21.43, "ImageNet"))
plain18 = Network("plain18", (2, 2, 2, 2), IMAGENET | PLAIN, PICTURE, _he2015(27.94, "ImageNet"))
plain34 = Network("plain34", (3, 4, 6, 3), IMAGENET | PLAIN, PICTURE, _he2015(28.54, "ImageNet"))

resnet20 = Network("resnet20", (3,) * 3, CIFAR, SMALL_PICTURE, _he2015(8.75, "CIFAR-10"))
resnet32 = Network("resnet32", (5,) * 3, CIFAR, SMALL_PICTURE, _he2015(7.51, "CIFAR-10"))
resnet44 = Network("resnet44", (7,) * 3, CIFAR, SMALL_PICTURE, _he2015(7.17, "CIFAR-10"))
resnet56 = Network("resnet56", (9,) * 3, CIFAR, SMALL_PICTURE, _he2015(6.97, "CIFAR-10"))
resnet110 = Network("resnet110", (18,) * 3, CIFAR, SMALL_PICTURE, _he2015(6.43, "CIFAR-10"))
resnet1202 = Network("resnet1202", (200,) * 3, CIFAR, SMALL_PICTURE, _he2015(7.93, "CIFAR-10"))
plain20 = Network("plain20", (3,) * 3, CIFAR | PLAIN, SMALL_PICTURE)
plain32 = Network("plain32", (5,) * 3, CIFAR | PLAIN, SMALL_PICTURE)
plain44 = Network("plain44", (7,) * 3, CIFAR | PLAIN, SMALL_PICTURE)
plain56 = Network("plain56", (9,) * 3, CIFAR | PLAIN, SMALL_PICTURE)
plain110 = Network("plain110", (18,) * 3, CIFAR | PLAIN, SMALL_PICTURE)

preact_resnet18 = Network("preact_resnet18", (2, 2, 2, 2), IMAGENET | PREACT, PICTURE)
preact_resnet34 = Network("preact_resnet34", (3, 4, 6, 3), IMAGENET | PREACT, PICTURE)
preact_resnet50 = Network("preact_resnet50", (3, 4, 6, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
preact_resnet101 = Network("preact_resnet101", (3, 4, 23, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
preact_resnet152 = Network("preact_resnet152", (3, 8, 36, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
preact_resnet200 = Network("preact_resnet200", (3, 24, 36, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
preact_resnet110 = Network("preact_resnet110", (18,) * 3, CIFAR | PREACT, SMALL_PICTURE, _he2016(6.37))
preact_resnet164 = Network(
    "preact_resnet164", (18,) * 3, CIFAR | PREACT_BOTTLENECK | {"shortcut": "B"}, SMALL_PICTURE, _he2016(5.46)
)
preact_resnet1001 = Network(
    "preact_resnet1001",
    (111,) * 3,
    CIFAR | PREACT_BOTTLENECK | {"shortcut": "B"},
    SMALL_PICTURE,
    _he2016(4.92),
)
resnetv2_50 = Network("resnetv2_50", (3, 4, 6, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
resnetv2_101 = Network("resnetv2_101", (3, 4, 23, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)
resnetv2_152 = Network("resnetv2_152", (3, 8, 36, 3), IMAGENET | PREACT_BOTTLENECK, PICTURE)


def _wide_net(depth: int, factor: int, error: float | None = None) -> Network:
    # WRN-d-k of arXiv 1605.07146, table 1: three stages of (d - 4) / 6 blocks, k times CIFAR's widths.
    return Network(
        f"wrn{depth}_{factor}",
        ((depth - 4) // 6,) * 3,
        {"block": "wide", "num_filters": 16 * factor, "stem_filters": 16, "stem": "cifar", "num_classes": 10},
        SMALL_PICTURE,
        None if error is None else _wide(error),
    )


wrn16_4 = _wide_net(16, 4)
wrn16_8 = _wide_net(16, 8)
wrn28_10 = _wide_net(28, 10, 4.00)
wrn40_4 = _wide_net(40, 4)

wide_resnet50_2 = Network(
    "wide_resnet50_2",
    (3, 4, 6, 3),
    IMAGENET | BOTTLENECK | {"group_width": 128},
    PICTURE,
    _torchvision(78.468, 81.602),
)
wide_resnet101_2 = Network(
    "wide_resnet101_2",
    (3, 4, 23, 3),
    IMAGENET | BOTTLENECK | {"group_width": 128},
    PICTURE,
    _torchvision(78.848, 82.510),
)
resnext50_32x4d = Network(
    "resnext50_32x4d",
    (3, 4, 6, 3),
    IMAGENET | BOTTLENECK | {"cardinality": 32, "group_width": 4},
    PICTURE,
    _torchvision(77.618, 81.198),
)
resnext101_32x8d = Network(
    "resnext101_32x8d",
    (3, 4, 23, 3),
    IMAGENET | BOTTLENECK | {"cardinality": 32, "group_width": 8},
    PICTURE,
    _torchvision(79.312, 82.834),
)
resnext101_64x4d = Network(
    "resnext101_64x4d",
    (3, 4, 23, 3),
    IMAGENET | BOTTLENECK | {"cardinality": 64, "group_width": 4},
    PICTURE,
    _torchvision(83.246),
)
resnext29_8x64d = Network(
    "resnext29_8x64d",
    (3, 3, 3),
    CIFAR | BOTTLENECK | {"num_filters": 64, "shortcut": "B", "cardinality": 8},
    SMALL_PICTURE,
    Published(0.9635, "CIFAR-10", "arXiv 1611.05431"),
)

seresnet18 = Network("seresnet18", (2, 2, 2, 2), IMAGENET | SE, PICTURE)
seresnet34 = Network("seresnet34", (3, 4, 6, 3), IMAGENET | SE, PICTURE)
seresnet50 = Network("seresnet50", (3, 4, 6, 3), IMAGENET | BOTTLENECK | SE, PICTURE)
seresnet101 = Network("seresnet101", (3, 4, 23, 3), IMAGENET | BOTTLENECK | SE, PICTURE)
seresnet152 = Network("seresnet152", (3, 8, 36, 3), IMAGENET | BOTTLENECK | SE, PICTURE)
resnet18d = Network("resnet18d", (2, 2, 2, 2), IMAGENET | DEEP, PICTURE)
resnet26d = Network("resnet26d", (2, 2, 2, 2), IMAGENET | DEEP | BOTTLENECK, PICTURE)
resnet34d = Network("resnet34d", (3, 4, 6, 3), IMAGENET | DEEP, PICTURE)
resnet50d = Network("resnet50d", (3, 4, 6, 3), IMAGENET | DEEP | BOTTLENECK, PICTURE)
resnet101d = Network("resnet101d", (3, 4, 23, 3), IMAGENET | DEEP | BOTTLENECK, PICTURE)
resnet152d = Network("resnet152d", (3, 8, 36, 3), IMAGENET | DEEP | BOTTLENECK, PICTURE)
resnet200d = Network("resnet200d", (3, 24, 36, 3), IMAGENET | DEEP | BOTTLENECK, PICTURE)
resnet50s = Network("resnet50s", (3, 4, 6, 3), IMAGENET | BOTTLENECK | {"stem": "deep_s"}, PICTURE)
ecaresnet50d = Network("ecaresnet50d", (3, 4, 6, 3), IMAGENET | DEEP | BOTTLENECK | {"attention": "eca"}, PICTURE)
resnetblur50 = Network("resnetblur50", (3, 4, 6, 3), IMAGENET | BOTTLENECK | {"antialias": "blur"}, PICTURE)
resnetaa50 = Network("resnetaa50", (3, 4, 6, 3), IMAGENET | BOTTLENECK | {"antialias": "average"}, PICTURE)
resnetrs50 = Network("resnetrs50", (3, 4, 6, 3), IMAGENET | RS, PICTURE)
resnetrs101 = Network("resnetrs101", (3, 4, 23, 3), IMAGENET | RS, PICTURE)
resnetrs152 = Network("resnetrs152", (3, 8, 36, 3), IMAGENET | RS, PICTURE)
resnetrs200 = Network("resnetrs200", (3, 24, 36, 3), IMAGENET | RS, PICTURE)

resnet10_1d = Network("resnet10_1d", (1, 1, 1, 1), WAVES, WAVE)
resnet18_1d = Network("resnet18_1d", (2, 2, 2, 2), WAVES, WAVE)
resnet34_1d = Network("resnet34_1d", (3, 4, 6, 3), WAVES, WAVE)
resnet50_1d = Network("resnet50_1d", (3, 4, 6, 3), WAVES | BOTTLENECK, WAVE)
resnet10_3d = Network("resnet10_3d", (1, 1, 1, 1), VOLUMES, VOLUME)
resnet18_3d = Network("resnet18_3d", (2, 2, 2, 2), VOLUMES, VOLUME)
resnet34_3d = Network("resnet34_3d", (3, 4, 6, 3), VOLUMES, VOLUME)
resnet50_3d = Network("resnet50_3d", (3, 4, 6, 3), VOLUMES | BOTTLENECK, VOLUME)

res8 = Network("res8", (3,), KEYWORDS | {"stem": "mean_34", "num_filters": 45}, KEYWORD, _keywords(94.1))
res15 = Network("res15", (1,) * 6, KEYWORDS | DILATED | {"num_filters": (45,) * 6}, KEYWORD, _keywords(95.8))
res26 = Network("res26", (12,), KEYWORDS | {"stem": "mean_2", "num_filters": 45}, KEYWORD, _keywords(95.2))

vdcnn9 = Network("vdcnn9", (1, 1, 1, 1), VDCNN, TEXT)
vdcnn17 = Network("vdcnn17", (2, 2, 2, 2), VDCNN, TEXT)
vdcnn29 = Network("vdcnn29", (5, 5, 2, 2), VDCNN, TEXT)
resnet8_text = Network("resnet8_text", (1,) * 3, TEXTS, SHORT_TEXT)
resnet10_text = Network("resnet10_text", (1,) * 4, TEXTS, SHORT_TEXT)
resnet18_text = Network("resnet18_text", (2,) * 4, TEXTS, SHORT_TEXT)

QUARTZNET = {
    "block": "separable",
    "shortcut": "C",
    "stem": "separable",
    "neck": "quartznet",
    "head": "frames",
    "dims": 1,
    "in_channels": 64,
    "num_classes": 29,
    "num_filters": (256, 256, 512, 512, 512),
    "strides": (1,) * 5,
    "kernels": (33, 39, 51, 63, 75),
    "repeats": 5,
}


def _quartznet(blocks: int) -> Network:
    # arXiv 1910.10261, table 1: five kinds of blocks, each several times, of five convolutions; 28 letters and a blank.
    return Network(f"quartznet{5 * blocks}x5", (blocks,) * 5, QUARTZNET, SPEECH)


# For some thousands of short sounds on a CPU, which multiplies whole convolutions faster than many thin ones; an answer
# every 40 ms.
jasper4x2 = Network(
    "jasper4x2",
    (1,) * 4,
    {
        **QUARTZNET,
        "block": "jasper",
        "neck": "none",
        "num_filters": (128,) * 4,
        "strides": (2, 1, 1, 1),
        "kernels": (7,) * 4,
        "repeats": 2,
    },
    SPEECH,
)
quartznet5x5 = _quartznet(1)
quartznet10x5 = _quartznet(2)
quartznet15x5 = _quartznet(3)

resnet8 = Network("resnet8", (1,) * 3, CIFAR | {"shortcut": "B"}, SMALL_PICTURE)
resnet8_24 = Network("resnet8_24", (1,) * 3, CIFAR | {"shortcut": "B", "num_filters": 24}, SMALL_PICTURE)
resnet8_32 = Network("resnet8_32", (1,) * 3, CIFAR | {"shortcut": "B", "num_filters": 32}, SMALL_PICTURE)
resnet14 = Network("resnet14", (2,) * 3, CIFAR | {"shortcut": "B", "num_filters": 32}, SMALL_PICTURE)

ZOO: dict[str, Network] = {
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
    "resnet50_v1": resnet50_v1,
    "resnet101_v1": resnet101_v1,
    "resnet152_v1": resnet152_v1,
    "plain18": plain18,
    "plain34": plain34,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet44": resnet44,
    "resnet56": resnet56,
    "resnet110": resnet110,
    "resnet1202": resnet1202,
    "plain20": plain20,
    "plain32": plain32,
    "plain44": plain44,
    "plain56": plain56,
    "plain110": plain110,
    "preact_resnet18": preact_resnet18,
    "preact_resnet34": preact_resnet34,
    "preact_resnet50": preact_resnet50,
    "preact_resnet101": preact_resnet101,
    "preact_resnet152": preact_resnet152,
    "preact_resnet200": preact_resnet200,
    "preact_resnet110": preact_resnet110,
    "preact_resnet164": preact_resnet164,
    "preact_resnet1001": preact_resnet1001,
    "resnetv2_50": resnetv2_50,
    "resnetv2_101": resnetv2_101,
    "resnetv2_152": resnetv2_152,
    "wrn16_4": wrn16_4,
    "wrn16_8": wrn16_8,
    "wrn28_10": wrn28_10,
    "wrn40_4": wrn40_4,
    "wide_resnet50_2": wide_resnet50_2,
    "wide_resnet101_2": wide_resnet101_2,
    "resnext50_32x4d": resnext50_32x4d,
    "resnext101_32x8d": resnext101_32x8d,
    "resnext101_64x4d": resnext101_64x4d,
    "resnext29_8x64d": resnext29_8x64d,
    "seresnet18": seresnet18,
    "seresnet34": seresnet34,
    "seresnet50": seresnet50,
    "seresnet101": seresnet101,
    "seresnet152": seresnet152,
    "resnet18d": resnet18d,
    "resnet26d": resnet26d,
    "resnet34d": resnet34d,
    "resnet50d": resnet50d,
    "resnet101d": resnet101d,
    "resnet152d": resnet152d,
    "resnet200d": resnet200d,
    "resnet50s": resnet50s,
    "ecaresnet50d": ecaresnet50d,
    "resnetblur50": resnetblur50,
    "resnetaa50": resnetaa50,
    "resnetrs50": resnetrs50,
    "resnetrs101": resnetrs101,
    "resnetrs152": resnetrs152,
    "resnetrs200": resnetrs200,
    "resnet10_1d": resnet10_1d,
    "resnet18_1d": resnet18_1d,
    "resnet34_1d": resnet34_1d,
    "resnet50_1d": resnet50_1d,
    "resnet10_3d": resnet10_3d,
    "resnet18_3d": resnet18_3d,
    "resnet34_3d": resnet34_3d,
    "resnet50_3d": resnet50_3d,
    "res8": res8,
    "res15": res15,
    "res26": res26,
    "vdcnn9": vdcnn9,
    "vdcnn17": vdcnn17,
    "vdcnn29": vdcnn29,
    "resnet8_text": resnet8_text,
    "resnet10_text": resnet10_text,
    "resnet18_text": resnet18_text,
    "jasper4x2": jasper4x2,
    "quartznet5x5": quartznet5x5,
    "quartznet10x5": quartznet10x5,
    "quartznet15x5": quartznet15x5,
    "resnet8": resnet8,
    "resnet8_24": resnet8_24,
    "resnet8_32": resnet8_32,
    "resnet14": resnet14,
}
