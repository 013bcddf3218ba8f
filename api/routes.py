"""The routes of the endpoint: what can be asked under which address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from api import description
from api.answers import Health, Model, Models, Predicted, Unread, json, respond
from api.gate import Gate
from api.kept import Kept
from api.predictions import answered, nothing_read
from api.question import asked
from api.refusals import HANDLERS, Refused
from core import backbones, runs
from core.backbones import imagenet_labels, serving
from core.bundles import ImportedModel, imported
from core.settings import Settings

AT_ONCE = 2
"""Threads that decode and predict; the others belong to the pages."""

Found = TypeVar("Found")


def routes(settings: Settings) -> list[BaseRoute]:
    """All that is below `/api`, for `st.App` or any other Starlette application."""
    endpoint = Endpoint(settings)
    inside = Starlette(
        routes=[
            Route("/predict", endpoint.predict, methods=["POST"]),
            Route("/models", endpoint.models),
            Route("/openapi.json", endpoint.description),
            Route("/health", endpoint.health),
        ],
        middleware=[Middleware(Gate, settings=settings)],
        exception_handlers=HANDLERS,
    )
    # Whatever is not there is said to be not there, in place of Streamlit's index page.
    inside.router.redirect_slashes = False
    return [Mount("/api", app=inside), Route("/api", inside)]


class Endpoint:
    """What the routes do, with the models that they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept = Kept(settings)
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._description = description.describe(settings)

    async def predict(self, request: Request) -> Response:
        """Name what is in each picture."""
        async with asked(request, self._settings) as question:
            said = question.parameters
            classifier = await self._in_turn(lambda: self._kept.classifier(said.model))
            pictures = []
            for given in question.pictures:
                # One at a time, so that a request with many lets others in between.
                ask = partial(answered, classifier, given, said)
                pictures.append(await self._in_turn(ask))
                if await request.is_disconnected():
                    raise ClientDisconnect
        unread = [picture for picture in pictures if isinstance(picture, Unread)]
        if len(unread) == len(pictures):
            raise Refused(422, nothing_read(unread))
        return respond(Predicted(model=said.model, pictures=pictures))

    async def models(self, _request: Request) -> Response:
        """What can be asked for by name."""
        return respond(await self._in_turn(self._models))

    async def description(self, _request: Request) -> Response:
        """The OpenAPI description."""
        return json(self._description)

    async def health(self, _request: Request) -> Response:
        """That it is there."""
        return respond(Health())

    def _models(self) -> Models:
        listed = [
            Model(name=row.name, title=row.title, kind="backbone", classes=len(imagenet_labels()))
            for row in map(backbones.get, backbones.BACKBONES)
            if serving.locate(row, self._settings) is not None
        ]
        # Knowing a run's id is the permission to use it, so a public host gives away only those
        # that were published.
        every = runs.list_runs(self._settings)
        if self._settings.mode == "personal":
            shown = [*every, runs.sample()]
        else:
            shown = [run for run in every if run.published]
        lines = [runs.summarise(run, self._settings) for run in shown]
        listed += [
            Model(name=line.id, title=line.name, kind="run", classes=len(line.classes))
            for line in sorted(lines, key=lambda line: -line.at)
            if line.complete
        ]
        if self._settings.mode == "personal":
            listed += [
                Model(
                    name=one.id, title=one.title, kind="brought", classes=len(one.model().classes)
                )
                for one in sorted(self._brought(), key=lambda one: -one.at)
            ]
        return Models(default=backbones.DEFAULT, models=listed)

    def _brought(self) -> list[ImportedModel]:
        every = imported.list_models(self._settings)
        return [one for one in every if not one.damaged and one.ready(self._settings)]

    async def _in_turn(self, work: Callable[[], Found]) -> Found:
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)
