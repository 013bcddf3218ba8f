"""Pretrained networks: their properties, costs and weights."""

from core.backbones.row import Backbone, Stage
from core.backbones.table import BACKBONES, DEFAULT, get, imagenet_labels, known
