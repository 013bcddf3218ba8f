"""Settings and limits, read from the `TUSKER_*` environment variables."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from core.errors import BadConfig

PREFIX = "TUSKER_"
FORMER = {
    "captured_pictures": "TUSKER_SHOWN_PICTURES",
    "captured_megabytes": "TUSKER_SHOWN_MEGABYTES",
}
"""Variables of earlier versions, which are still read."""
MEGABYTE = 1024 * 1024


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Settings of one installation. The variable `TUSKER_<FIELD>` sets each field."""

    home: Path = Field(
        default_factory=lambda: Path.home() / ".tusker",
        description="Folder for runs, uploads and prepared backbones.",
    )
    mode: Literal["public", "personal"] = Field(
        "public",
        description="`personal` lists all runs on this machine, `public` only the visitor's.",
    )

    archive_megabytes: int = Field(500, ge=1, description="Maximum size of an archive.")
    archive_entries: int = Field(
        20_000, ge=1, description="Maximum number of entries in an archive or folder."
    )
    expanded_megabytes: int = Field(2_000, ge=1, description="Maximum unpacked size of an archive.")
    expansion_ratio: int = Field(
        100, ge=2, description="Maximum ratio of unpacked to packed size of an archive."
    )
    picture_megabytes: int = Field(50, ge=1, description="Maximum size of a picture file.")
    picture_pixels: int = Field(
        25_000_000, ge=1_024, description="Maximum number of pixels of a picture."
    )
    classes: int = Field(200, ge=2, description="Maximum number of classes in a dataset.")
    pictures_per_class: int = Field(
        5_000, ge=4, description="Maximum number of pictures in a class."
    )
    pictures: int = Field(20_000, ge=8, description="Maximum number of pictures in a dataset.")
    intake_seconds: int = Field(600, ge=1, description="Maximum time to read a dataset.")
    predict_pictures: int = Field(
        50,
        ge=1,
        description="Maximum number of pictures per prediction; the page shows more as a table.",
    )
    batch_pictures: int = Field(
        2_000, ge=1, description="Maximum number of pictures in a table of predictions."
    )

    captured_pictures: int = Field(
        600, ge=8, description="Maximum number of camera pictures that a visitor may hold."
    )
    captured_megabytes: int = Field(
        64, ge=1, description="Maximum memory for a visitor's camera pictures."
    )

    features_megabytes: int = Field(
        2_000, ge=0, description="Maximum size of the feature cache, which speeds up later runs."
    )
    job_minutes: float = Field(120.0, gt=0, description="Maximum time of a job.")
    queue_length: int = Field(20, ge=1, description="Maximum number of waiting jobs per kind.")
    jobs_at_once: int = Field(
        5,
        ge=1,
        description="Maximum number of running jobs; at most one of each of six kinds, "
        "besides trainings that already have their report.",
    )
    runner: Literal["local", "ray"] = Field(
        "local",
        description="Where jobs run: `local` for this machine, `ray` for the machines of a Ray "
        "cluster that have `TUSKER_HOME` under the same path.",
    )
    ray_address: str = Field(
        "auto",
        description="Address of the Ray cluster: `host:6379`, `ray://host:10001`, or `auto` for "
        "the cluster that this machine belongs to.",
    )
    worker_megabytes: int = Field(
        24_000,
        ge=0,
        description="On a public host, maximum address space of a worker; 0 for no limit.",
    )
    upload_hours: float = Field(
        2.0,
        gt=0,
        description="Hours until uploads are deleted; on a public host, also imported models.",
    )

    arriving_megabytes: int = Field(
        8_000, ge=1, description="Maximum size of all uploads that pages are receiving or showing."
    )
    disk_megabytes: int = Field(
        20_000, ge=1, description="On a public host, maximum size of all runs, uploads and models."
    )
    run_days: float = Field(
        30.0, gt=0, description="On a public host, days until unpublished runs are deleted."
    )
    visitor_jobs: int = Field(
        3, ge=1, description="On a public host, maximum number of unfinished jobs per visitor."
    )
    visitor_minutes: float = Field(
        240.0,
        gt=0,
        description="On a public host, training minutes per visitor in 24 hours; the steps after "
        "the report do not count.",
    )
    visitor_pictures: int = Field(
        40_000, ge=1, description="On a public host, maximum number of stored pictures per visitor."
    )
    visitor_megabytes: int = Field(
        4_000, ge=1, description="On a public host, maximum size of a visitor's runs and uploads."
    )

    api_token: str = Field(
        "", repr=False, description="Bearer token that `/api` requires; empty for none."
    )
    api_megabytes: int = Field(64, ge=1, description="Maximum size of a request to `/api`.")
    api_requests_per_minute: int = Field(
        120, ge=1, description="Maximum number of requests to `/api` per address and minute."
    )

    live_runtime: str = Field(
        "https://cdn.jsdelivr.net/npm/",
        description="Where browsers load the runtime of the live view from; `none` to classify "
        "every frame on this machine.",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        # Workers run in another folder, where a relative path would mean something else.
        return home.expanduser().absolute()

    @property
    def worker_bytes(self) -> int:
        """Maximum address space of a worker in bytes; 0 for no limit."""
        return self.worker_megabytes * MEGABYTE if self.mode == "public" else 0

    @staticmethod
    def variable(field: str) -> str:
        """The environment variable of a field: `pictures` → `TUSKER_PICTURES`."""
        return PREFIX + field.upper()


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Args:
        environ: variables to use instead of `os.environ`; empty values count as not set.

    Raises:
        BadConfig: a variable has a value outside its range.
    """
    source = os.environ if environ is None else environ
    values, variables = {}, {}
    for field in Settings.model_fields:
        for variable in (FORMER.get(field, ""), Settings.variable(field)):
            if value := source.get(variable):
                values[field], variables[field] = value, variable
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0])
        raise BadConfig(
            f"{variables[field]} is {values[field]!r}: {problem['msg'].lower()}."
        ) from error
