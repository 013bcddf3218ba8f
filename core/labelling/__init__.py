"""Turn pictures without classes into a dataset: name groups, label a test set, check labels."""

from core.labelling.labels import LEFT_OUT, Labels
from core.labelling.learning import Learned, learn
from core.labelling.pile import Pile, ingest, list_piles, load
