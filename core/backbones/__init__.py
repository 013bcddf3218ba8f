"""Pretrained networks to build on: what each is, what it costs, where its weights come from."""

from core.backbones.labels import imagenet_labels
from core.backbones.table import BACKBONES, DEFAULT, Backbone, Recipe, Stage, Weights, get

__all__ = [
    "BACKBONES",
    "DEFAULT",
    "Backbone",
    "Recipe",
    "Stage",
    "Weights",
    "get",
    "imagenet_labels",
]
