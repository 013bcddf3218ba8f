"""The settings of a training, with defaults and ranges, and the three presets."""

import json
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core import backbones
from core.errors import BadConfig, UnknownModel

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]
PresetName = Literal["quick", "balanced", "best"]
FeatureName = Literal["last", "depths", "best"]
PRESETS: tuple[PresetName, ...] = get_args(PresetName)
_PRESET_VALUES: dict[str, dict[str, object]] = {
    "quick": {"features": "best"},
    "balanced": {"features": "best"},
    "best": {
        "features": "best",
        "augmentation": {"views": 4},
        "unfreeze": {"stages": 2, "least_errors": 3},
        "fine_tune_phase": {"learning_rate": 6e-4, "epochs": 8, "patience": 100},
    },
}
"""Settings in which a preset differs from the defaults; all but `quick` have alternatives, too."""
FORMER = {"thorough": "best"}
"""Former names of presets."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Augmentation(_Part):
    """How the views of a training picture differ from it; by default there is only the picture."""

    views: int = Field(1, ge=1, le=16)
    """Renderings of each training picture. The first is the picture itself."""
    flip: bool = True
    """The second view is the mirror image; later ones are mirrored at random. Not for writing, or
    where left and right matter."""
    rotation: float = Field(15.0, ge=0, le=180)
    """Largest rotation, in degrees."""
    zoom: float = Field(0.15, ge=0, le=0.9)
    """Largest change of scale, as a fraction."""
    shear: float = Field(8.0, ge=0, le=45)
    """Largest shear, in degrees."""
    shift: float = Field(0.08, ge=0, le=0.5)
    """Largest shift, as a fraction of the edge."""
    brightness: float = Field(0.15, ge=0, le=0.9)
    """Largest change of brightness, as a fraction."""


class Head(_Part):
    """The layers on top of the pooled features."""

    hidden: tuple[int, ...] = ()
    """Units of each hidden dense layer, from the features up; without any, the head is linear."""
    dropout: float = Field(0.2, ge=0, le=0.9)
    """Share of inputs dropped before each dense layer while training."""
    convex_start: bool = True
    """Solve a linear head as a logistic regression, instead of by gradient steps."""

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if len(self.hidden) > 3 or any(not 1 <= units <= 4096 for units in self.hidden):
            raise ValueError("hidden takes at most 3 layers of 1 to 4096 units")
        return self


class Phase(_Part):
    """How a phase trains by gradient steps."""

    optimizer: OptimizerName = "adam"
    """Adam, AdamW, RMSprop, or SGD with momentum."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Step size; in the second phase the peak of the schedule."""
    epochs: int = Field(20, ge=0, le=500)
    """Limit of passes over the training pictures."""
    patience: int = Field(5, ge=1, le=500)
    """Epochs without a better validation loss before it stops; the best weights are kept.

    In the second phase the schedule ends the training: early epochs, at a high rate, are often
    worse than the head alone, and later ones better."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of SGD; the others have their own."""
    weight_decay: float = Field(1e-4, ge=0, le=1)
    """Weight decay of AdamW."""


class Unfreeze(_Part):
    """How much of the backbone the second phase trains."""

    stages: int = Field(0, ge=0, le=8)
    """Stages from the top; 0 leaves all frozen. Batch normalisation always stays frozen."""
    layers: int = Field(0, ge=0, le=2000)
    """Layers from the top, in place of stages; 0 goes by stages."""
    least_errors: int = Field(0, ge=0, le=1000)
    """Errors that the head must be expected to make on the validation pictures, and that
    fine-tuning must avoid to be kept. If fewer are expected, it is left out. 0: always fine-tune,
    and keep it if its loss is smaller and its accuracy no lower."""

    @model_validator(mode="after")
    def _stages_or_layers(self) -> Self:
        if self.stages and self.layers:
            raise ValueError("give stages or layers, not both")
        return self


class TrainingConfig(_Part):
    """All settings of a training."""

    preset: PresetName | Literal["custom", "thorough"] = "custom"
    """The preset that the settings are based on; `thorough` in runs of earlier versions."""
    start: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """SHA-256 of the weights of the model to continue from; empty for none."""
    backbone: str = backbones.DEFAULT
    """Name of the backbone."""
    alternatives: tuple[str, ...] = ()
    """Backbones that are cross-validated beside `backbone` before the training, which uses the best
    of all."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """The same pictures, settings, seed and machine give the same report."""
    validation: float = Field(0.15, gt=0, le=0.5)
    """Share of the pictures that decides when to stop."""
    test: float = Field(0.15, gt=0, le=0.5)
    """Share of the pictures that is kept for the report, unless the dataset has a test set."""
    crop: float = Field(0.94, ge=0.5, le=1)
    """Share of a picture's shorter edge that the model sees, around the centre."""
    batch_size: int = Field(32, ge=1, le=512)
    """Pictures per step."""
    features: FeatureName = "last"
    """Features of the head on the frozen backbone: of the `last` layer, of several `depths` too, or
    the `best` of both. Fine-tuning uses the last layer only, and is kept if it is better."""
    class_weights: bool = True
    """Weight classes inversely to their counts, so that a rare one counts as much."""
    label_smoothing: float = Field(0.0, ge=0, le=0.5)
    """Probability taken from the true class and shared among all."""
    augmentation: Augmentation = Augmentation()
    head: Head = Head()
    head_phase: Phase = Phase()
    unfreeze: Unfreeze = Unfreeze()
    fine_tune_phase: Phase = Phase(optimizer="adam", learning_rate=6e-4, epochs=3, patience=100)

    @model_validator(mode="after")
    def _leaves_pictures_to_learn_from(self) -> Self:
        if self.validation + self.test > 0.8:
            raise ValueError("validation and test together may take at most 0.8 of the pictures")
        try:
            rows = [backbones.get(name) for name in (self.backbone, *self.alternatives)]
        except UnknownModel as error:
            raise ValueError(str(error)) from error
        for row in rows:
            if self.unfreeze.stages > len(row.stages) - 1:
                raise ValueError(
                    f"{row.title} has {len(row.stages)} stages, so at most {len(row.stages) - 1} "
                    f"can be unfrozen, not {self.unfreeze.stages}"
                )
            most = sum(stage.layers for stage in row.stages[1:])
            if self.unfreeze.layers > most:
                raise ValueError(
                    f"{row.title} has {most} layers above its first stage, so at most {most} can "
                    f"be unfrozen, not {self.unfreeze.layers}"
                )
        return self

    def candidates(self) -> tuple[Self, ...]:
        """These settings with each of the backbones alone, the alternatives last."""
        names = dict.fromkeys((self.backbone, *self.alternatives))
        alone = ({"backbone": name, "alternatives": ()} for name in names)
        return tuple(self.model_copy(update=update) for update in alone)

    @property
    def head_views(self) -> int:
        """Views of each picture that the head is trained on.

        With fine-tuning, a linear head is trained on plain views only: others do not improve it.
        """
        return 1 if self.fine_tunes and not self.head.hidden else self.augmentation.views

    @property
    def solves_head(self) -> bool:
        """Whether the head is the optimum of a logistic regression."""
        return self.head.convex_start and not self.head.hidden

    def without_fine_tuning(self) -> Self:
        """The same with the whole backbone frozen, and the views that the head is trained on."""
        frozen = self.unfreeze.model_copy(update={"stages": 0, "layers": 0})
        views = self.augmentation.model_copy(update={"views": self.head_views})
        return self.model_copy(update={"unfreeze": frozen, "augmentation": views})

    @property
    def fine_tunes(self) -> bool:
        """Whether there is a second phase."""
        return bool((self.unfreeze.stages or self.unfreeze.layers) and self.fine_tune_phase.epochs)


def preset(name: str, *, backbone: str = backbones.DEFAULT, seed: int = 0) -> TrainingConfig:
    """The settings of a preset.

    Args:
        name: `quick` trains the head only; `balanced` first chooses among this backbone and those
            that need no download; `best` then trains the last two stages, too.

    Raises:
        BadConfig: no preset or no backbone of that name.
    """
    name = FORMER.get(name, name)
    if name not in _PRESET_VALUES:
        raise BadConfig(f"Expected one of the presets {', '.join(PRESETS)}, found {name!r}.")
    values = {"preset": name, "backbone": backbone, "seed": seed, **_PRESET_VALUES[name]}
    if name != "quick":
        values["alternatives"] = tuple(
            row.name for row in backbones.BACKBONES.values() if row.offline and row.name != backbone
        )
    return parse(values)


def parse(values: object) -> TrainingConfig:
    """Validate plain values as a configuration.

    Raises:
        BadConfig: there is an unknown name, or a value outside its range.
    """
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"]) or "configuration"
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        entered = "" if first["loc"] == () else f" Found {first['input']!r}."
        raise BadConfig(f"{setting}: {message}.{entered}") from error


def read(path: Path) -> TrainingConfig:
    """Read a configuration from a JSON file.

    Raises:
        BadConfig: the file cannot be read, or `parse` refuses its content.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(
            f"Expected a JSON file of settings at {path}, found none to read."
        ) from error
    except ValueError as error:
        raise BadConfig(f"{path.name} is not JSON. Look for a missing comma or quote.") from error
    return parse(values)
