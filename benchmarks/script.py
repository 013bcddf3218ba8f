"""The script that one finds for naming a picture with Keras, for a photograph to be timed on.

    python -m benchmarks.script photo.jpg

Weights and the names of the classes would be downloads: the weights are random, and classes are
printed by number. Reading real weights would take the script longer still.
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
