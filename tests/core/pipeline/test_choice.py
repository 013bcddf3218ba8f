"""The engine that is done first is taken, if it sees the same; measured once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.estimating import measurements, throughput
from core.pipeline import choice
from core.training import keras_engine
from core.training.engines import litert
from core.training.network import Network

ROOT = Path(__file__).parents[3]
MANY = 10_000


class Probes:
    """Some views, and how often they were asked for."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)


@pytest.fixture
def light(tiny, settings):
    return litert(Network(tiny, settings), 1)


@pytest.fixture
def chosen(light, tiny, settings):
    """`chosen(count)`: the engine for so many views, fewer where an engine `knows` some."""

    def choose(count=MANY, probes=None, knows=None):
        def missing(engine):
            return count - (knows or {}).get(engine.rpartition("-")[2], 0)

        return choice.choose(
            light, Network(tiny, settings), 1, missing=missing, probes=probes or Probes()
        )

    return choose


@pytest.fixture
def remembered(light, tiny, settings):
    """`remembered(what, engine)` reads a measurement; with a value it makes one up."""

    def about(what, engine, value=None):
        key, lanes = measurements.key_of(f"{what}, {engine}", tiny, settings), 1
        if (what, engine) == (
            "seconds a view",
            "litert",
        ):  # kept for one core
            key, lanes = throughput.view_key(tiny, settings), light.lanes
        if value is not None:
            measurements.remember(settings, key, value * lanes)
        found = measurements.recall(settings, key)
        return None if found is None else found / lanes

    return about


@pytest.fixture
def a_long_pass(monkeypatch):
    """One that is worth starting TensorFlow for, on a processor without bfloat16."""
    monkeypatch.setattr(choice, "WORTH", 0.0)
    monkeypatch.setattr(choice, "_has_bfloat16", lambda: False)


@pytest.fixture
def built(monkeypatch):
    """How often a network was built in Keras, by the name of its engine."""
    names = []
    build = keras_engine.KerasEngine.__init__

    def counting(self, backbone, stage, name, *rest):
        names.append(name)
        build(self, backbone, stage, name, *rest)

    monkeypatch.setattr(keras_engine.KerasEngine, "__init__", counting)
    return names


def slow(monkeypatch, kind, seconds):
    """Make an engine take that much longer for each call."""
    run = kind.run

    def sluggish(self, views):
        time.sleep(seconds)
        return run(self, views)

    monkeypatch.setattr(kind, "run", sluggish)


def test_a_short_pass_is_measured_once_and_tries_nothing_else(chosen, light, built, remembered):
    probes = Probes()
    assert chosen(10, probes) is light
    assert probes.asked == 1
    assert 0 < remembered("seconds a view", "litert") < 1
    assert chosen(10, probes) is light
    assert probes.asked == 1
    assert built == []


SHORT = """
import sys
import numpy as np
from core import backbones, settings
from core.training import choice, engines
from core.training.network import Network

settings, tiny = settings.load(), backbones.get("tiny")
light = engines.litert(Network(tiny, settings), 1)
views = np.zeros((4, 32, 32, 3), np.uint8)
found = choice.choose(light, Network(tiny, settings), 1, missing=lambda _: 50, probes=lambda: views)
print(found is light)
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def test_a_short_pass_never_starts_tensorflow(tiny, settings):
    done = subprocess.run(
        [sys.executable, "-c", SHORT],
        cwd=ROOT,
        env=os.environ | {"TUSKER_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]


@pytest.mark.usefixtures("a_long_pass")
def test_what_measures_faster_is_taken(chosen, light, monkeypatch):
    slow(monkeypatch, type(light), 0.5)
    found = chosen()
    assert isinstance(found, keras_engine.KerasEngine)
    assert found.name == light.name.removesuffix("litert") + "tensorflow"
    assert (found.cut, found.cut_shape) == (light.cut, light.cut_shape)


@pytest.mark.usefixtures("a_long_pass")
def test_what_measures_slower_is_not(chosen, light, built, monkeypatch):
    slow(monkeypatch, keras_engine.KerasEngine, 0.5)
    assert chosen() is light
    assert len(built) == 1


@pytest.mark.usefixtures("a_long_pass")
def test_a_long_pass_is_measured_once_too(chosen, built, remembered, monkeypatch):
    slow(monkeypatch, keras_engine.KerasEngine, 0.5)
    chosen()
    for what in ("seconds to start", "seconds a view", "deviation"):
        assert remembered(what, "tensorflow") is not None
    probes = Probes()
    chosen(probes=probes)
    assert probes.asked == 0
    assert len(built) == 1, "what is known to be slower was started again"


@pytest.mark.usefixtures("a_long_pass")
def test_the_start_counts_and_is_worth_it_for_many_views_only(chosen, light, remembered, built):
    remembered("seconds a view", "litert", 0.02)
    for what, value in (("seconds to start", 10), ("seconds a view", 0.01), ("deviation", 0)):
        remembered(what, "tensorflow", value)
    assert chosen(900) is light
    assert built == []
    assert chosen(1100).name.endswith("-tensorflow")


@pytest.mark.usefixtures("a_long_pass")
def test_what_an_engine_has_seen_already_counts_for_it(chosen, light, remembered, built):
    remembered("seconds a view", "litert", 0.02)
    for what, value in (("seconds to start", 10), ("seconds a view", 0.02), ("deviation", 0)):
        remembered(what, "tensorflow", value)
    assert chosen(1000) is light
    assert chosen(1000, knows={"tensorflow": 400}) is light
    assert built == []
    assert chosen(1000, knows={"tensorflow": 1000}).name.endswith("-tensorflow")
    assert chosen(1000, knows={"tensorflow": 1000, "litert": 900}) is light


@pytest.mark.usefixtures("a_long_pass")
def test_where_nothing_has_to_pass_nothing_is_measured(chosen, light, built):
    probes = Probes()
    assert chosen(1000, probes, knows={"litert": 1000}) is light
    assert probes.asked == 0
    assert built == []


@pytest.mark.usefixtures("a_long_pass")
def test_an_engine_that_sees_something_else_is_not_taken(chosen, light, remembered, monkeypatch):
    slow(monkeypatch, type(light), 0.5)
    run = keras_engine.KerasEngine.run

    def off(self, views):
        embeddings, cuts = run(self, views)
        return embeddings * 1.05, cuts

    monkeypatch.setattr(keras_engine.KerasEngine, "run", off)
    assert chosen() is light
    assert remembered("deviation", "tensorflow") == pytest.approx(0.05, rel=0.01)
    assert chosen() is light, "it was forgotten that it deviates"


@pytest.mark.parametrize("flags", ["flags : sse2 avx512_bf16 amx_tile", "flags : amx_bf16"])
def test_half_precision_is_tried_where_the_processor_has_it(
    chosen, remembered, monkeypatch, tmp_path, flags
):
    monkeypatch.setattr(choice, "WORTH", 0.0)
    monkeypatch.setattr(choice, "PROCESSOR", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("flags : sse2 avx512f\n")
    assert not choice._has_bfloat16()
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    remembered("seconds a view", "litert", 0.03)
    for engine, seconds in (("tensorflow", 0.02), ("tensorflow-bfloat16", 0.01)):
        for what, value in (("seconds to start", 5), ("seconds a view", seconds), ("deviation", 0)):
            remembered(what, engine, value)
    assert chosen().name.endswith("-tensorflow-bfloat16")


def test_without_a_list_of_the_processor_there_is_no_half_precision(monkeypatch, tmp_path):
    monkeypatch.setattr(choice, "PROCESSOR", tmp_path / "nowhere")
    assert not choice._has_bfloat16()
