"""Before phase 1: choose the backbone, if the settings name several."""

from dataclasses import replace

from core import backbones
from core.backbones import serving
from core.errors import NotEnoughResources, WeightsUnavailable
from core.jobs.events import StepReporter
from core.pipeline import head_training
from core.pipeline.extraction import extract
from core.runs import Run
from core.system.prose import listed
from core.training import backbone_choice, backbone_cut
from core.training.backbone_choice import BackboneChoice
from core.training.context import LEARNED, TrainingContext
from core.training.cross_validation import CrossValidated


def select(context: TrainingContext, run: Run) -> TrainingContext:
    """Prepare the backbone of a training, the best one if there are alternatives.

    Plain views are extracted as the training needs them, so those of the chosen backbone are not
    extracted again. The settings of the run then name that backbone, and the others as its
    alternatives.

    Raises:
        WeightsUnavailable: the weights of the backbone in the settings cannot be had.
        NotEnoughResources: too little memory is free to prepare it.
        Cancelled: by the context.
    """
    config = context.config
    _prepare(context)
    if not config.alternatives or context.network.model is not None:
        return context
    contexts, results = {}, dict[str, CrossValidated]()
    missing: list[str] = []
    for candidate in config.candidates():
        name = candidate.backbone
        candidate_context = replace(context, config=candidate, backbone=backbones.get(name))
        try:
            _prepare(candidate_context)
        except (WeightsUnavailable, NotEnoughResources) as error:
            context.say(f"{candidate_context.backbone.title} was not compared. {error}")
            missing.append(candidate_context.backbone.title)
            continue
        depths = head_training.depths(candidate_context)
        stage = backbone_cut.cut_stage(candidate) if candidate.fine_tunes else None
        features = extract(candidate_context, LEARNED, stage, depths, views=1)
        validated = head_training.select(candidate_context, features, depths).out_of_fold
        if validated is None:
            return _uncompared(context, run, "a class has too few pictures or groups")
        contexts[name], results[name] = candidate_context, validated
    if len(results) < 2:
        return _uncompared(context, run, f"{listed(missing)} could not be prepared")
    choice = backbone_choice.choose(results)
    run.backbone_choice.write(choice)
    context.say(choice.sentence)
    others = tuple(name for name in choice.accuracies if name != choice.chosen)
    update = {"backbone": choice.chosen, "alternatives": others}
    run.config.write(run.config().model_copy(update=update))
    return contexts[choice.chosen]


def _uncompared(context: TrainingContext, run: Run, reason: str) -> TrainingContext:
    """Record why the backbones were not compared. The one in the settings is trained."""
    choice = BackboneChoice(chosen=context.config.backbone, reason=reason)
    run.backbone_choice.write(choice)
    context.say(choice.sentence)
    return context


def _prepare(context: TrainingContext) -> None:
    """Make the serving model of a published backbone if it is missing."""
    network, backbone, settings = context.network, context.backbone, context.settings
    if network.retrained is None and serving.locate(backbone, settings) is None:
        context.say(f"{backbone.title} is prepared first. This happens once.")
        progress = StepReporter(context.emit)
        serving.prepare(
            backbone,
            settings,
            lambda step, done, total: progress(f"{step} ({backbone.title})", done, total),
        )
