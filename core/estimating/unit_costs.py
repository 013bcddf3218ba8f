"""Seconds per unit of work on this machine: guessed at first, then recorded by trainings.

`TUSKER_HOME/unit_costs.json` holds them by backbone.
"""

import logging
import math
import statistics
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from core import backbones
from core.backbones import Backbone
from core.settings import Settings
from core.system import files, threads

logger = logging.getLogger(__name__)

FILE = "unit_costs.json"
DECODE = 2e-3
"""Time on one core to decode and crop a picture, in seconds."""
FORWARD = 1.5e-3
"""Seconds of one core for a forward pass, per millisecond in the table of backbones."""
STEP = 4
"""Duration of a training step, in forward passes through the trained layers."""

Unit = Literal["view", "step"]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_RECORDED = TypeAdapter(dict[str, dict[str, Seconds]])


class UnitCosts(BaseModel, frozen=True):
    """Seconds on all cores of this machine.

    Attributes:
        view: decode and render one view of a picture and run it through the whole backbone.
        step: one training picture in one epoch of fine-tuning, if the whole backbone is trained.
        recorded: whether a training on this machine has recorded any of them.
    """

    view: Seconds
    step: Seconds
    recorded: bool = False


def guess(backbone: Backbone) -> UnitCosts:
    """Costs that follow from the table of backbones, before anything is recorded."""
    forward = FORWARD * backbone.milliseconds / threads.cores()
    return UnitCosts(view=forward + DECODE / threads.cores(), step=STEP * forward)


def read(backbone: Backbone, settings: Settings) -> UnitCosts:
    """The recorded costs of a backbone; a cost that was never recorded is guessed.

    The guess is corrected by what was recorded with other backbones: by the median difference for a
    view, since decoding takes as long for each backbone, and by the median factor for a step.
    """
    everything = _recorded(settings)
    own = everything.get(backbone.name, {})
    # Files from before exports were made on demand have their duration, too.
    recorded = {unit: own[unit] for unit in get_args(Unit) if unit in own}
    guessed = guess(backbone)
    known = [
        (seconds, guess(backbones.get(name)))
        for name, seconds in everything.items()
        if backbones.known(name)
    ]
    differences = [seconds["view"] - other.view for seconds, other in known if "view" in seconds]
    factors = [seconds["step"] / other.step for seconds, other in known if "step" in seconds]
    corrected = {
        "view": guessed.view + (max(0.0, statistics.median(differences)) if differences else 0.0),
        "step": guessed.step * (statistics.median(factors) if factors else 1.0),
    }
    return guessed.model_copy(update=corrected | recorded | {"recorded": bool(recorded)})


def record(backbone: Backbone, settings: Settings, unit: Unit, seconds: float) -> None:
    """Record the mean of these seconds and the recorded ones, so that old trainings count less.

    Write errors are only logged, and if two trainings record at once, one may be lost: estimates
    are optional.
    """
    if not 0 < seconds < math.inf:
        return
    costs = _recorded(settings)
    units = costs.setdefault(backbone.name, {})
    units[unit] = (units.get(unit, seconds) + seconds) / 2
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        files.write_bytes(settings.home / FILE, _RECORDED.dump_json(costs, indent=1))
    except OSError as error:
        logger.warning("unit costs could not be recorded: %s", error)


def _recorded(settings: Settings) -> dict[str, dict[str, float]]:
    """The file; a missing or damaged one is empty."""
    try:
        return _RECORDED.validate_json((settings.home / FILE).read_bytes())
    except (OSError, ValidationError):
        return {}
