"""Names of the files that `core.runs` writes into a run folder.

Those of the job are in `core.jobs.folder`, those of models in `core.model.storage`, where the
older terms in some of the names are explained.
"""

CONFIG = "config.json"
DATASET = "dataset.json"
FINDINGS = "findings.json"
ORIGIN = "origin.json"
REPORT = "report.json"
PROBABILITIES = "probabilities.npy"
HEATMAPS = "heatmaps.npy"
OOD_SCORES = "unlike.json"
FEATURES = "features.json"
BACKBONES = "backbones.json"
FOOTPRINT = "footprint.json"
LABEL_ISSUES = "suspects.json"
LEARNING_CURVE = "learning_curve.json"
INFLATION = "inflation.json"
VERIFICATION = "verification.json"
MANIFEST = "manifest.json"
ANNOTATIONS = "annotations.json"
ANNOTATIONS_LOCK = "annotations.lock"

MODEL_FOLDER = "model"
THUMBNAILS = "thumbnails"
PUBLISHED = "published"

READ_FOR_LISTS = (CONFIG, DATASET, REPORT, MANIFEST, OOD_SCORES, ANNOTATIONS, MODEL_FOLDER)
"""Files that lists and reports are read from; if one changes, they are read again."""
