"""Choose the engine that is faster for this backbone on this machine, by measuring it once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.estimating import measurements, throughput
from core.training.engines import Engine, LitertEngine
from core.training.network import Network

logger = logging.getLogger(__name__)

WORTH = 60.0
"""Seconds from which on a pass is long enough to start TensorFlow and try it."""
DEVIATION = 0.02
"""Largest relative deviation of an embedding (root mean square) at which a result holds."""
ROUNDS = 2
PROCESSOR = Path("/proc/cpuinfo")


def choose(
    light: LitertEngine,
    network: Network,
    stage: int | None,
    *,
    missing: Callable[[str], int],
    probes: Callable[[], np.ndarray],
) -> Engine:
    """The engine that will be done first, its start included.

    LiteRT starts at once. TensorFlow takes seconds to start, so it is tried only where the pass
    is long, and what was measured is remembered.

    Args:
        light: the LiteRT engine of that network and stage.
        stage: index in `backbone.stages` whose activation is kept; None for none.
        missing: of an engine's name, how many views it would have to pass: those that another
            engine has seen are of no use to it.
        probes: makes some views to measure with, (n, size, size, 3) uint8.
    """

    backbone, settings = network.backbone, network.settings

    def key(what: str, engine: str) -> measurements.Key:
        return measurements.key_of(f"{what}, {engine}", backbone, settings)

    def known(what: str, engine: str) -> float | None:
        return measurements.recall(settings, key(what, engine))

    if not missing(light.name):
        return light
    seconds = measurements.recall(settings, throughput.view_key(backbone, settings))
    if seconds is None:  # otherwise that is known since the pictures were taken in
        seconds = _seconds(light, probes()) * light.lanes
        measurements.remember(settings, throughput.view_key(backbone, settings), seconds)
    best: Engine = light
    best_total = seconds / light.lanes * missing(light.name)
    if best_total < WORTH:
        return light
    for name, build in _others(network, stage, light).items():
        each, deviation = known("seconds a view", name), known("deviation", name)
        start = known("seconds to start", name)
        engine: Engine | None = None
        if each is None or deviation is None or start is None:
            began = time.monotonic()
            engine = build()
            views = probes()
            engine.run(views)
            start = time.monotonic() - began
            each, deviation = _seconds(engine, views), _deviation(engine, light, views)
            measurements.remember(settings, key("seconds to start", name), start)
            measurements.remember(settings, key("seconds a view", name), each)
            measurements.remember(settings, key("deviation", name), deviation)
            start = 0.0  # it has started by now
        total = start + each * missing(_filed(light, name))
        if deviation <= DEVIATION and total < best_total:
            best, best_total = engine or build(), total
    logger.info("%s is done in about %.0f s", best.name, best_total)
    return best


def _filed(light: LitertEngine, name: str) -> str:
    """What the features of another engine are filed under."""
    return light.name.removesuffix("litert") + name


def _others(
    network: Network, stage: int | None, light: LitertEngine
) -> dict[str, Callable[[], Engine]]:
    """What else could do it here, by name."""

    def tensorflow(name: str, precision: str) -> Callable[[], Engine]:
        def build() -> Engine:
            from core.training.keras_engine import KerasEngine

            filed = _filed(light, name)
            return KerasEngine(network, stage, filed, precision)  # type: ignore[arg-type]

        return build

    found = {"tensorflow": tensorflow("tensorflow", "float32")}
    if _has_bfloat16():
        found["tensorflow-bfloat16"] = tensorflow("tensorflow-bfloat16", "mixed_bfloat16")
    return found


def _has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself."""
    try:
        flags = PROCESSOR.read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _seconds(engine: Engine, views: np.ndarray) -> float:
    """Seconds a view with all lanes at work, the best of a few rounds."""
    from concurrent.futures import ThreadPoolExecutor

    lanes = engine.lanes if isinstance(engine, LitertEngine) else 1
    shares = [share for share in np.array_split(views, lanes) if len(share)]
    times = []
    with ThreadPoolExecutor(lanes) as pool:
        for _ in range(ROUNDS):
            began = time.monotonic()
            list(pool.map(engine.run, shares))
            times.append((time.monotonic() - began) / len(views))
    return min(times)


def _deviation(engine: Engine, reference: Engine, views: np.ndarray) -> float:
    found, expected = engine.run(views)[0], reference.run(views)[0]
    scale = float(np.sqrt((expected**2).mean()))
    return float(np.sqrt(((found - expected) ** 2).mean())) / max(scale, 1e-12)
