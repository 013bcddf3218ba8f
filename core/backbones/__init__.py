"""Pretrained networks: what each is, what it costs, where its weights come from."""

from core.backbones.row import Backbone, Stage
from core.backbones.table import BACKBONES, DEFAULT, get, imagenet_labels, known
