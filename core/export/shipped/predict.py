"""Name what is in pictures: python predict.py PICTURE [PICTURE ...]

Needs numpy, pillow and ai-edge-litert (pip install numpy pillow ai-edge-litert), and beside it
classifier.tflite and model.json. All scaling of the pixels is inside the model.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
MODEL = json.loads((HERE / "model.json").read_text(encoding="utf-8"))


def load(path: str, size: int, crop: float) -> np.ndarray:
    """A picture as the model was taught: upright, on white, the middle square; uint8 RGB."""
    with Image.open(path) as opened:
        # JPEG can be read smaller, but not smaller than what is looked at.
        opened.draft(None, (math.ceil(size / crop), math.ceil(size / crop)))
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    edge = crop * min(image.size)
    left, top = (image.width - edge) / 2, (image.height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def main(paths: list[str]) -> None:
    """Print the three likeliest classes of each picture."""
    if not paths:
        sys.exit("Expected pictures: python predict.py PICTURE [PICTURE ...]")
    interpreter = Interpreter(str(HERE / "classifier.tflite"))
    interpreter.allocate_tensors()
    asked = interpreter.get_input_details()[0]["index"]
    answers = interpreter.get_signature_runner().get_output_details()
    for path in paths:
        picture = load(path, MODEL["size"], MODEL["crop"])
        interpreter.set_tensor(asked, picture[np.newaxis].astype(np.float32))
        interpreter.invoke()
        probabilities = interpreter.get_tensor(answers["probabilities"]["index"])[0]
        print(path)
        for rank, label in enumerate(np.argsort(-probabilities)[:3], start=1):
            print(f"{rank}: {MODEL['classes'][label]} with probability {probabilities[label]:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
