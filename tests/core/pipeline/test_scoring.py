"""What the report says is what a prediction would say."""

import shutil

import numpy as np
from PIL import Image

from core import intake
from core.model import storage
from core.model.dense import DenseHead
from core.pipeline import scoring
from core.pipeline.extraction import extract
from core.training.cache import FeatureCache
from core.training.calibrated_head import CalibratedHead
from core.training.context import TrainingContext
from tests.core.trainings import tiny_config, train

SPLITS = ("train", "validation", "test")


def test_a_head_on_embeddings_predicts_as_the_model_on_pictures(
    tiny, settings, shapes_dataset, tmp_path
):
    trained = train(shapes_dataset, tiny_config("quick"), tmp_path / "run", settings)
    run, first = trained.run, trained.run.probabilities()
    cache = FeatureCache(tmp_path / "features")
    context = TrainingContext(
        *(run.config(), run.dataset(), trained.pictures, tiny, settings, cache), lambda _: None
    )
    saved, arrays = storage.load(run.model_folder)
    head = DenseHead.from_arrays(arrays)
    features_by_split = extract(context, SPLITS, None)
    embeddings = {split: features_by_split[split].embeddings[:, 0] for split in SPLITS}
    calibrated_head = CalibratedHead(
        head, saved.temperature, head.probabilities(embeddings["validation"])
    )
    from_pictures, embeddings_again, _ = scoring.predict_test(context, run, "Again")
    np.testing.assert_allclose(from_pictures, first, atol=1e-6)
    np.testing.assert_allclose(embeddings_again, embeddings["test"], atol=1e-5)
    scoring.write_report(context, run, calibrated_head, head.probabilities(embeddings["test"]))
    (run.path / "manifest.json").unlink()  # it is of the report that was replaced
    np.testing.assert_array_equal(run.probabilities(), first)


def test_thumbnails_are_those_of_the_intake(trained_run):
    run, pictures = (trained := trained_run()).run, trained.pictures
    for index, example in enumerate(run.dataset().of("test")):
        expected = intake.thumbnail(pictures.parent, example).read_bytes()
        assert run.thumbnail(index).read_bytes() == expected


def test_missing_thumbnails_of_the_intake_are_made(tiny, settings, shapes_dataset, tmp_path):
    copy = tmp_path / "upload"
    shutil.copytree(shapes_dataset.pictures.parent, copy)
    shutil.rmtree(copy / intake.THUMBNAILS)
    imported = type(shapes_dataset)(shapes_dataset.dataset, copy / "pictures")
    run = train(imported, tiny_config("quick"), tmp_path / "run", settings).run
    for index in range(6):
        with Image.open(run.thumbnail(index)) as small:
            assert small.format == "JPEG"
            assert max(small.size) <= 160
