"""The commands of the command line, one function each, in the order of `tusker --help`."""

from core.commands.evaluate import evaluate
from core.commands.export import export
from core.commands.info import backbones, card, prepare
from core.commands.predict import predict
from core.commands.train import compare, estimate, train

COMMANDS = (predict, train, estimate, compare, evaluate, export, card, backbones, prepare)
