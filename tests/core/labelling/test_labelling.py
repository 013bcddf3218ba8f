import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import dataset as datasets
from core import labelling
from core.errors import BadDataset, BadInput
from core.labelling import LEFT_OUT, Labels, clusters, learn, saving
from core.settings import Settings
from tests import shapes

CLASSES, PER_CLASS = 4, 16
COPIES, SIMILAR = 3, 5


@pytest.fixture(scope="session")
def prepared(shared: Callable[..., Any]) -> Path:
    """The folder of a pile of shapes, whose file names begin with their class."""

    def build(folder: Path) -> Path:
        source = folder / "pile.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for number in range(PER_CLASS):
                for label in range(CLASSES):
                    content = shapes.encoded(shapes.draw(label, number, 96))
                    archive.writestr(f"{label}-{number:02}.jpg", content)
            for number in range(COPIES):
                content = shapes.encoded(shapes.draw(0, number, 96))
                archive.writestr(f"0-copy-{number}.jpg", content)
            for number in range(SIMILAR):
                darker = shapes.draw(1, number, 96).point(lambda level: int(level * 0.93))
                archive.writestr(f"1-similar-{number}.jpg", shapes.encoded(darker))
            archive.writestr("notes.txt", "no picture")
        settings = Settings(home=folder, mode="personal")
        labelling.ingest(source, "pile", folder / "upload", settings, lambda *_: None)
        return folder / "upload"

    return shared("pile", build)


@pytest.fixture
def labels(prepared: Path, tmp_path: Path) -> Labels:
    """No labels yet, for the prepared pile; they are written to a folder of this test."""
    return Labels(labelling.load(shutil.copytree(prepared, tmp_path / "upload")))


def actual(labels: Labels, picture: int) -> str:
    return shapes.NAMES[int(labels.pile.pictures[picture].name[0])]


def name_groups(labels: Labels) -> None:
    """Give each group the name of its most typical picture."""
    while groups := labels.unnamed():
        _, members = groups[0]
        labels.label(members, actual(labels, members[0]), single=False)


def answer_test(labels: Labels) -> None:
    while untested := labels.untested():
        labels.label([untested[0]], actual(labels, untested[0]), single=True)


def test_copies_are_left_out_and_near_duplicates_stay_in_one_split(labels: Labels) -> None:
    pile = labels.pile
    assert len(pile.pictures) == CLASSES * PER_CLASS + SIMILAR
    reasons = {skipped.name: skipped.reason for skipped in pile.skipped}
    assert reasons["0-copy-1.jpg"] == "The same as 0-01.jpg."
    assert len(reasons) == COPIES + 1
    groups_of_several = [
        group for group, count in Counter(pile.groups.tolist()).items() if count > 1
    ]
    assert len(groups_of_several) >= SIMILAR
    test = set(pile.test)
    assert len(test) == len(pile.test) == round(labelling.pile.TEST_MOST_SHARE * len(pile.pictures))
    for group in groups_of_several:
        members = set(np.flatnonzero(pile.groups == group).tolist())
        assert members <= test or not members & test


def test_groups_partition_the_pictures_outside_the_test_set(labels: Labels) -> None:
    pile = labels.pile
    for count in (1, 2, 7):
        groups = [pile.members(node) for node in pile.cut(count)]
        assert len(groups) == count
        assert sorted(p for group in groups for p in group) == pile.others.tolist()
    assert len(pile.cut(10_000)) == len(pile.others)
    labels.regroup(3)
    before = dict(labels.unnamed())
    node, members = labels.unnamed()[0]
    assert len(members) == max(map(len, before.values()))
    labels.split(node)
    after = dict(labels.unnamed())
    assert len(after) == 4 and node not in after
    parts = [group for node, group in after.items() if node not in before]
    assert sorted(p for group in parts for p in group) == sorted(members)
    alike = pile.groups[pile.others]
    for group, count in Counter(alike.tolist()).items():
        if count > 1:
            assert sum(group in pile.groups[m] for m in after.values()) == 1, "kept together"


def test_the_most_typical_pictures_come_first(labels: Labels) -> None:
    members = labels.pile.members(labels.pile.cut(1)[0])
    points = clusters.unit_vectors(labels.pile.features[members])
    similarities = points @ points.mean(axis=0)
    assert np.all(np.diff(similarities) <= 1e-6)


def test_very_many_pictures_are_grouped_before_their_tree_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clusters, "LEAVES", 40)
    label = np.arange(90) % 3
    features = np.random.default_rng(0).normal(size=(90, 8)).astype(np.float32) * 0.1
    features[np.arange(90), label] += 5
    leaf, merges = clusters.tree(features, np.arange(90))
    assert len(merges) + 1 == leaf.max() + 1 <= 20
    for node in clusters.cut(merges, 3):
        assert len(set(label[np.isin(leaf, clusters.below(merges, node))])) == 1


def test_naming_the_groups_labels_the_pile(labels: Labels) -> None:
    assert learn(labels) is None
    name_groups(labels)
    assert not labels.unnamed()
    answer_test(labels)
    learned = learn(labels)
    assert learned is not None and learned.accuracy is not None
    assert learned.tested == len(labels.pile.test)
    assert learned.correct / learned.tested == learned.accuracy.value >= 0.8
    assert learned.accuracy.low < learned.accuracy.value
    assert sorted(learned.classes) == sorted(shapes.NAMES[:CLASSES])


def test_test_pictures_are_not_learned_from(labels: Labels) -> None:
    name_groups(labels)
    before = learn(labels)
    answer_test(labels)
    after = learn(labels)
    assert before is not None and after is not None and before.tested == 0
    assert np.array_equal(before.probabilities, after.probabilities)


def test_a_wrong_label_is_the_first_question(labels: Labels) -> None:
    for picture in labels.pile.others.tolist():
        labels.label([picture], actual(labels, picture), single=False)
    wrong = next(p for p in labels.of("circle") if np.sum(labels.pile.groups == p) < 2)
    labels.label([wrong], "square", single=False)
    learned = learn(labels)
    assert learned is not None
    order = learned.doubtful(labels)
    assert order[0] == wrong
    assert sorted(order) == labels.pile.others.tolist()
    labels.skip([wrong])
    assert learned.doubtful(labels)[-1] == wrong
    labels.label([wrong], "circle", single=True)
    assert wrong not in learned.doubtful(labels)


def test_a_skipped_group_comes_last(labels: Labels) -> None:
    (first, members), *later_groups = labels.unnamed()
    labels.skip(members)
    assert [group for group, _ in labels.unnamed()] == [
        *(group for group, _ in later_groups),
        first,
    ]


def test_every_label_is_on_disk_and_can_be_undone(labels: Labels) -> None:
    labels.regroup(5)
    node, members = labels.unnamed()[0]
    labels.label(members, "rose", single=False)
    labels.label(members[:2], LEFT_OUT, single=True)
    labels.rename("rose", "tulip")
    path = labels.pile.folder / labelling.labels.FILE
    with path.open("a") as file:
        file.write('{"kind": "label", "pict')  # the machine lost power
    reopened = Labels(labels.pile)
    assert reopened.names == labels.names and reopened.groups == labels.groups
    assert reopened.classes == ["tulip"] and reopened.names[members[0]] == LEFT_OUT

    reopened.undo()
    assert reopened.classes == ["rose"]
    reopened.undo()
    assert reopened.of("rose") == sorted(members)
    reopened.undo()
    assert reopened.classes == [] and reopened.unnamed()[0] == (node, members)
    assert Labels(labels.pile).names == reopened.names
    reopened.undo()
    reopened.undo()
    assert not reopened.can_undo


def test_a_step_after_a_line_that_a_crash_cut_short_is_kept(labels: Labels) -> None:
    labels.label([0], "Bäume", single=True)
    labels.label([1], "Bäume", single=True)
    path = labels.pile.folder / "labels.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex("ä".encode()) + 1])
    after_crash = Labels(labels.pile)
    assert (after_crash.names[0], after_crash.names[1]) == ("Bäume", None)
    after_crash.label([2], "Wolken", single=True)
    assert Labels(labels.pile).names[:3] == ["Bäume", None, "Wolken"]


def test_what_another_page_did_meanwhile_is_not_undone_unseen(labels: Labels) -> None:
    labels.label([0], "a", single=True)
    other = Labels(labels.pile)
    other.label([1], "b", single=True)
    with pytest.raises(BadInput, match="Another tab"):
        labels.undo()
    reopened = Labels(labels.pile)
    assert reopened.names[:2] == ["a", "b"]
    reopened.undo()
    assert Labels(labels.pile).names[:2] == ["a", None]


def test_a_group_that_was_left_out_is_not_asked_about(labels: Labels) -> None:
    name_groups(labels)
    members = labels.pile.others[:3].tolist()
    labels.label(members, LEFT_OUT, single=False)
    learned = learn(labels)
    assert learned is not None
    assert not set(members) & set(learned.doubtful(labels))


def test_a_pile_of_few_scenes_has_one_for_the_test_or_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", mode="personal")

    def ingest(scenes: int) -> labelling.Pile:
        source = tmp_path / str(scenes)
        source.mkdir()
        for scene in range(scenes):
            for number in range(6):
                darker = shapes.draw(scene, 0, 96).point(
                    lambda level, n=number: level * (50 - n) // 50
                )
                darker.save(source / f"{scene}-{number}.png")
        folder = tmp_path / f"upload {scenes}"
        return labelling.ingest(source, "pile", folder, settings, lambda *_: None)

    assert len(ingest(3).test) == 6
    with pytest.raises(BadDataset, match=r"at least 3 scenes.* of 2 in pile"):
        ingest(2)


def test_the_same_name_is_the_same_class(labels: Labels) -> None:
    first, second, third = (members for _, members in labels.unnamed()[:3])
    labels.label(first, "Rose", single=False)
    labels.label(second, " rose ", single=False)
    assert labels.classes == ["Rose"]
    labels.label(third, "tulip", single=False)
    labels.rename("tulip", "ROSE")
    assert labels.classes == ["Rose"]
    assert labels.of("Rose") == sorted(first + second + third)
    labels.rename("Rose", "rose")
    assert labels.classes == ["rose"]
    for name in ("a/b", "con", "x" * 61, "Training set"):
        with pytest.raises(BadDataset, match="Expected a name"):
            labels.label(first, name, single=False)
    assert labels.classes == ["rose"]


def test_the_result_is_a_dataset_with_the_labelled_test_set(labels: Labels, tmp_path: Path) -> None:
    assert "two classes" in saving.missing(labels)
    name_groups(labels)
    assert "test pictures" in saving.missing(labels)
    answer_test(labels)
    assert not saving.missing(labels)
    labels.label([labels.pile.test[0]], LEFT_OUT, single=True)
    archive = tmp_path / "result.zip"
    saving.write_zip(labels, archive)
    dataset = datasets.read(archive, tmp_path / "read", Settings(home=tmp_path)).dataset
    assert dataset.predefined and not dataset.skipped
    assert dataset.classes == tuple(sorted(shapes.NAMES[:CLASSES]))
    hashes = [labels.pile.pictures[picture].sha256 for picture in labels.pile.test[1:]]
    assert sorted(e.sha256 for e in dataset.of("test")) == sorted(hashes)
    assert len(dataset.of("train")) == len(labels.pile.others)


def test_too_few_pictures_are_refused_with_their_number(tmp_path: Path) -> None:
    source = tmp_path / "few"
    source.mkdir()
    for number in range(3):
        shapes.draw(0, number).save(source / f"{number}.jpg")
        shapes.draw(0, number).save(source / f"{number} again.jpg")
    with pytest.raises(BadDataset, match=r"different pictures.* found 3 in few"):
        labelling.ingest(source, "few", tmp_path / "upload", Settings(), lambda *_: None)
    with pytest.raises(BadDataset, match="no longer here"):
        labelling.load(tmp_path / "upload")
