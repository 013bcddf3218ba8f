"""Choose between backbones by a cross-validation of heads on their features."""

from pydantic import BaseModel, ConfigDict

from core import backbones
from core.evaluation.wording import LOSS_DECIDED, percent
from core.training.cross_validation import CrossValidated


class BackboneChoice(BaseModel):
    """The comparison of backbones, of which a training took the one with the least log loss.

    Accuracies, and log losses at the best temperature, are those of a cross-validation on training
    and validation pictures, with the features that suit each backbone. If they were not compared,
    there are none, and `reason` says why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chosen: str
    accuracies: dict[str, float] = {}
    losses: dict[str, float] = {}
    pictures: int = 0
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The choice, with figures."""
        if self.reason:
            return f"Backbones were not compared, since {self.reason}: {_title(self.chosen)}."
        chosen, *others = sorted(self.losses, key=lambda name: name != self.chosen)
        against = " and ".join(f"{self._figures(name)} with {_title(name)}" for name in others)
        disagree = self.accuracies[chosen] < max(self.accuracies.values())
        return (
            f"Backbone {_title(chosen)}: {self._figures(chosen)} in cross-validation on "
            f"{self.pictures:,} pictures, against {against}{LOSS_DECIDED if disagree else ''}."
        )

    def _figures(self, name: str) -> str:
        return f"{percent(self.accuracies[name])} (log loss {self.losses[name]:.3f})"


def choose(results: dict[str, CrossValidated]) -> BackboneChoice:
    """Choose the backbone with the least log loss; among equals the first.

    The loss varies less than the accuracy of a few hundred pictures.

    Args:
        results: by name of the backbone, of the same pictures.
    """
    losses = {name: result.loss for name, result in results.items()}
    chosen = min(losses, key=losses.__getitem__)
    return BackboneChoice(
        chosen=chosen,
        accuracies={name: result.accuracy for name, result in results.items()},
        losses=losses,
        pictures=len(results[chosen].labels),
    )


def _title(name: str) -> str:
    return backbones.get(name).title
