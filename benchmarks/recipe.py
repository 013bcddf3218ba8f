"""The transfer-learning recipe of the Keras guide, as a baseline for `benchmarks.training`.

    python -m benchmarks.recipe FOLDER --backbone efficientnet-lite0 --cut block10_out

Source: "Transfer learning & fine-tuning", https://keras.io/guides/transfer_learning/. The network
is frozen under a new head for 10 epochs; then its top is trained too, with a low learning rate, for
5. Pictures are read from FOLDER/train, FOLDER/validation and FOLDER/test, one folder per class, and
augmented by layers of the model. They are read again in each epoch, as in the guide. Unlike
Tusker's views, they are not sheared, which saves the recipe some time.

Prints one line of JSON per step: `at` (seconds since 1970), `what`, and the accuracy if any.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from core import backbones
from core.backbones import build

BATCH = 32
FROZEN_EPOCHS, FROZEN_RATE = 10, 1e-3
TUNED_EPOCHS, TUNED_RATE = 5, 1e-5


def say(step: str, **more: Any) -> None:
    """Print a step."""
    print(json.dumps({"at": time.time(), "what": step, **more}), flush=True)


def pictures(folder: Path, size: int, seed: int | None = None) -> tf.data.Dataset:
    """Batches of a split, shuffled in each epoch if there is a seed."""
    return keras.utils.image_dataset_from_directory(
        folder,
        image_size=(size, size),
        crop_to_aspect_ratio=True,
        batch_size=BATCH,
        shuffle=seed is not None,
        seed=seed,
        verbose=False,
    )


def network(trunk: keras.Model, classes: int) -> keras.Model:
    """Augmentation, the pretrained network, pooling and a new head."""
    trunk.trainable = False
    inputs = keras.Input(trunk.input.shape[1:])
    x = layers.RandomFlip("horizontal")(inputs)
    x = layers.RandomRotation(0.1)(x)
    x = layers.RandomZoom(0.1)(x)
    x = trunk(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def unfreeze(trunk: keras.Model, cut: str) -> None:
    """Make the layers above `cut` trainable, except batch normalisation."""
    trunk.trainable = True
    below = trunk.layers.index(trunk.get_layer(cut)) + 1
    for index, layer in enumerate(trunk.layers):
        if index < below or isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def fit(
    model: keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    *,
    rate: float,
    epochs: int,
    phase: str,
) -> None:
    """Train for some epochs, and print the validation accuracy of each."""
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )

    def report(epoch: int, logs: dict[str, float]) -> None:
        say(f"{phase} epoch", epoch=epoch + 1, accuracy=logs["val_accuracy"])

    callback = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(train, validation_data=validation, epochs=epochs, callbacks=[callback], verbose=0)


def main(arguments: list[str] | None = None) -> int:
    """Train the head and then the top, and evaluate the test set after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--cut", required=True, help="layer above which the network is trained")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    say("imported")
    keras.utils.set_random_seed(options.seed)
    backbone = backbones.get(options.backbone)
    train = pictures(options.folder / "train", backbone.size, options.seed)
    validation = pictures(options.folder / "validation", backbone.size)
    test = pictures(options.folder / "test", backbone.size)
    trunk = build.trunk(backbone)
    model = network(trunk, len(train.class_names))
    say("built")
    fit(model, train, validation, rate=FROZEN_RATE, epochs=FROZEN_EPOCHS, phase="frozen")
    say("frozen fitted")
    say("frozen scored", accuracy=model.evaluate(test, verbose=0)[1])
    unfreeze(trunk, options.cut)
    fit(model, train, validation, rate=TUNED_RATE, epochs=TUNED_EPOCHS, phase="tuned")
    say("tuned")
    say("tuned scored", accuracy=model.evaluate(test, verbose=0)[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
