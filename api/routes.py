"""The routes of the API and their handlers."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from api import openapi, schemas
from api.access import AccessControl
from api.errors import HANDLERS
from api.model_cache import ModelCache
from api.parsing import Parameters, parse
from api.schemas import PictureError, PictureResult, respond
from core import backbones, runs
from core.backbones import imagenet_labels, serving
from core.bundles import imported
from core.errors import BadImage
from core.model import heatmap
from core.model.classifier import Answer, Classifier
from core.runs import Run
from core.settings import Settings

THREADS = 2
"""Threads that decode and predict. The other threads of the process serve the pages."""
OPENING_THREADS = 8
"""Threads that open models or wait until another has opened one, apart from those that predict."""

Result = TypeVar("Result")


def routes(settings: Settings) -> list[BaseRoute]:
    """The routes below `/api`, for `st.App` or another Starlette application."""
    api = Api(settings)
    app = Starlette(
        routes=[
            Route("/predict", api.predict, methods=["POST"]),
            Route("/models", api.models),
            Route("/openapi.json", api.openapi),
            Route("/health", api.health),
        ],
        middleware=[Middleware(AccessControl, settings=settings)],
        exception_handlers=HANDLERS,
    )
    # Unknown paths are 404 and not Streamlit's index page.
    app.router.redirect_slashes = False
    return [Mount("/api", app=app), Route("/api", app)]


class Api:
    """The handlers of the routes, with the models that they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models = ModelCache(settings)
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._opening = anyio.CapacityLimiter(OPENING_THREADS)
        self._openapi = openapi.describe(settings)

    async def predict(self, request: Request) -> Response:
        """Predict the classes of each picture."""
        async with parse(request, self._settings) as (pictures, parameters):
            load = partial(self._models.classifier, parameters.model)
            classifier = await anyio.to_thread.run_sync(load, limiter=self._opening)
            results = []
            for upload in pictures:
                # Picture by picture, so that other requests get their turn in between.
                work = partial(_predict, classifier, upload, parameters)
                results.append(await self._in_thread(work))
                if await request.is_disconnected():
                    raise ClientDisconnect
        errors = [result.error for result in results if isinstance(result, PictureError)]
        if len(errors) == len(results):
            start = f"None of the {len(errors)} pictures could be read. The first: "
            raise HTTPException(422, (start if len(errors) > 1 else "") + errors[0])
        return respond(schemas.PredictResponse(model=parameters.model, pictures=results))

    async def models(self, _request: Request) -> Response:
        """List the models that can predict."""
        return respond(await self._in_thread(partial(_list_models, self._settings)))

    async def openapi(self, _request: Request) -> Response:
        """The OpenAPI description."""
        return respond(self._openapi)

    async def health(self, _request: Request) -> Response:
        """Whether the API is up."""
        return respond(schemas.Health())

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)


def _predict(
    classifier: Classifier, upload: UploadFile, parameters: Parameters
) -> PictureResult | PictureError:
    # As the client sent it, so never a path. Some charsets decode to lone surrogates, which JSON
    # cannot hold.
    name = (upload.filename or "").encode("utf-8", "replace").decode()
    try:
        answer = classifier.classify(upload.file.read())
    except BadImage as error:
        return PictureError(file=name, error=str(error))
    predictions = classifier.top(answer.probabilities, parameters.top)
    likely = classifier.prediction_set(answer)
    return PictureResult(
        file=name,
        predictions=[schemas.Prediction(**vars(prediction)) for prediction in predictions],
        verdict=classifier.verdict(answer),
        prediction_set=likely
        and schemas.PredictionSet(level=likely.level, labels=[*likely.labels]),
        notes=[*answer.notes],
        milliseconds=answer.seconds * 1000,
        heatmap=_heatmap(classifier, answer, predictions[0].index) if parameters.heatmap else None,
    )


def _heatmap(classifier: Classifier, answer: Answer, index: int) -> schemas.Heatmap:
    (evidence,) = classifier.heatmaps(answer, [index])
    rows = heatmap.to_uint8(evidence).tolist()
    return schemas.Heatmap(index=index, crop=classifier.crop, rows=rows)


def _list_models(settings: Settings) -> schemas.ModelsResponse:
    personal = settings.mode == "personal"
    models = [
        schemas.ModelInfo(
            name=row.name, title=row.title, kind="backbone", classes=len(imagenet_labels())
        )
        for row in map(backbones.get, backbones.BACKBONES)
        if serving.locate(row, settings) is not None
    ]
    # Knowing a run's id is the permission to use it: a public host lists published runs only.
    listed = [run for run in runs.list_runs(settings) if personal or run.published]
    listed += [Run(runs.SAMPLE)] if personal else []
    summaries = [runs.summarise(run, settings) for run in listed]
    models += [
        schemas.ModelInfo(name=run.id, title=run.name, kind="run", classes=len(run.classes))
        for run in sorted(summaries, key=lambda run: -run.at)
        if run.complete
    ]
    models += [
        schemas.ModelInfo(
            name=model.id, title=model.title, kind="brought", classes=len(model.model().classes)
        )
        for model in sorted(imported.list_models(settings), key=lambda model: -model.at)
        if personal and not model.damaged and model.ready(settings)
    ]
    return schemas.ModelsResponse(default=backbones.DEFAULT, models=models)
