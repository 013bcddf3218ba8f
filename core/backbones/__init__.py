"""Pretrained networks to build on: what each is, what it costs, where its weights come from."""

from core.backbones.labels import imagenet_labels
from core.backbones.row import Backbone, Recipe, Stage, Weights
from core.backbones.table import BACKBONES, DEFAULT, get, known

__all__ = [
    "BACKBONES",
    "DEFAULT",
    "Backbone",
    "Recipe",
    "Stage",
    "Weights",
    "get",
    "imagenet_labels",
    "known",
]
