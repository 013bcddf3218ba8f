"""A minimal Keras script that classifies a photograph, as a baseline for `benchmarks.prediction`.

    python -m benchmarks.script photo.jpg

Weights and class names would be downloads: the weights are random, and classes are printed as
indices. With real weights the script would take longer.
"""

import sys

import numpy as np
import tensorflow as tf

applications = tf.keras.applications.resnet50
model = applications.ResNet50(weights=None)
picture = tf.keras.utils.load_img(sys.argv[1], target_size=(224, 224))
batch = np.expand_dims(tf.keras.utils.img_to_array(picture), axis=0)
probabilities = model.predict(applications.preprocess_input(batch))[0]
for rank, index in enumerate(np.argsort(-probabilities)[:3], start=1):
    print(f"{rank}: {index} with probability {probabilities[index]:.2f}")
