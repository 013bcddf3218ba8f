"""Read the `TUSKER_*` environment variables into one frozen object that holds every limit."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import BadConfig

PREFIX = "TUSKER_"
MEGABYTE = 1024 * 1024


class Settings(BaseModel):
    """What the host decides. Each field is set by `TUSKER_` and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(
        default_factory=lambda: Path.home() / ".tusker",
        description="Where runs, uploads and prepared backbones are kept.",
    )
    mode: Literal["public", "personal"] = Field(
        "public",
        description="`personal` lists every run of this machine; `public` only the visitor's own.",
    )

    archive_megabytes: int = Field(500, ge=1, description="Largest zip that is taken in.")
    archive_entries: int = Field(20_000, ge=1, description="Most entries in a zip.")
    expanded_megabytes: int = Field(2_000, ge=1, description="Most that a zip may expand to.")
    expansion_ratio: int = Field(
        100, ge=2, description="Most that an entry may expand to, times its packed size."
    )
    picture_megabytes: int = Field(50, ge=1, description="Largest single picture file.")
    picture_pixels: int = Field(25_000_000, ge=1_024, description="Most pixels in a picture.")
    classes: int = Field(200, ge=2, description="Most classes in a dataset.")
    pictures_per_class: int = Field(5_000, ge=4, description="Most pictures in a class.")
    pictures: int = Field(20_000, ge=8, description="Most pictures in a dataset.")
    intake_seconds: int = Field(600, ge=1, description="Longest that taking in a dataset may last.")
    predict_pictures: int = Field(
        50, ge=1, description="Most pictures answered at once; on the page, more become a table."
    )
    batch_pictures: int = Field(
        2_000, ge=1, description="Most pictures in such a table on the page."
    )

    shown_pictures: int = Field(
        600, ge=8, description="Most pictures that a visitor may show to the camera at a time."
    )
    shown_megabytes: int = Field(
        64, ge=1, description="Most memory that such pictures may take, for each visitor."
    )

    features_megabytes: int = Field(
        2_000, ge=0, description="Most that is kept of features, to train again sooner."
    )
    job_minutes: float = Field(120.0, gt=0, description="Longest that a training may last.")
    queue_length: int = Field(20, ge=1, description="Most jobs of a kind that may wait.")
    jobs_at_once: int = Field(
        6, ge=1, description="Most jobs at work at once; of each of the six kinds there is one."
    )
    runner: Literal["local", "ray"] = Field(
        "local",
        description="Who does the jobs: `local`, this machine; `ray`, the machines of a Ray "
        "cluster, of which those do them that have `TUSKER_HOME` under the same path.",
    )
    ray_address: str = Field(
        "auto",
        description="Where that cluster is: `host:6379` or `ray://host:10001`; `auto`: the one "
        "that this machine is part of.",
    )
    storage: str = Field(
        "",
        repr=False,
        description="Where machines of a cluster that do not share `TUSKER_HOME` hand each other "
        "pictures and features, as fsspec names it: `s3://bucket/tusker`; empty: nowhere.",
    )
    worker_megabytes: int = Field(
        24_000,
        ge=0,
        description="On a public host, most address space of a worker; 0: as much as it asks for.",
    )
    upload_hours: float = Field(
        2.0,
        gt=0,
        description="Hours after which uploaded pictures are deleted, and on a "
        "public host models that were brought.",
    )

    disk_megabytes: int = Field(
        20_000, ge=1, description="On a public host, most that runs, uploads and models may take."
    )
    run_days: float = Field(
        30.0,
        gt=0,
        description="On a public host, days after which visitors' runs that are not published go.",
    )
    visitor_jobs: int = Field(
        3, ge=1, description="On a public host, most jobs of a visitor that wait or are at work."
    )
    visitor_minutes: float = Field(
        240.0, gt=0, description="On a public host, minutes of training of a visitor in 24 hours."
    )
    visitor_pictures: int = Field(
        40_000, ge=1, description="On a public host, most pictures kept of a visitor at a time."
    )
    visitor_megabytes: int = Field(
        4_000, ge=1, description="On a public host, most that a visitor's runs and uploads take."
    )

    api_token: str = Field(
        "", repr=False, description="What requests to `/api` must bear; empty: they need nothing."
    )
    api_megabytes: int = Field(64, ge=1, description="Largest request to `/api`.")
    api_requests_per_minute: int = Field(
        120, ge=1, description="Most requests to `/api` that one address may make in a minute."
    )

    live_runtime: str = Field(
        "https://cdn.jsdelivr.net/npm/",
        description="Where browsers load the runtime of the live view from; `none`: nowhere, this "
        "machine answers every frame.",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        # Workers run in a folder of their own: a relative path would lead them elsewhere.
        return home.expanduser().absolute()

    @field_validator("storage")
    @classmethod
    def _found_anywhere(cls, storage: str) -> str:
        if storage and "://" not in storage and not Path(storage).is_absolute():
            raise ValueError("an address such as s3://bucket/folder, or an absolute path")
        return storage

    @property
    def archive_bytes(self) -> int:
        """Largest zip that is taken in, in bytes."""
        return self.archive_megabytes * MEGABYTE

    @property
    def expanded_bytes(self) -> int:
        """Most that a zip may expand to, in bytes."""
        return self.expanded_megabytes * MEGABYTE

    @property
    def picture_bytes(self) -> int:
        """Largest single picture file, in bytes."""
        return self.picture_megabytes * MEGABYTE

    @property
    def features_bytes(self) -> int:
        """Most that is kept of features, in bytes."""
        return self.features_megabytes * MEGABYTE

    @property
    def worker_bytes(self) -> int:
        """Most address space of a worker, in bytes; 0 for as much as it asks for."""
        return self.worker_megabytes * MEGABYTE if self.mode == "public" else 0

    @property
    def api_bytes(self) -> int:
        """Largest request to `/api`, in bytes."""
        return self.api_megabytes * MEGABYTE

    @staticmethod
    def variable(field: str) -> str:
        """Name of the environment variable that sets a field: `pictures` → `TUSKER_PICTURES`."""
        return PREFIX + field.upper()


def load(environ: dict[str, str] | None = None) -> Settings:
    """Settings from the environment.

    Args:
        environ: variables to read in place of `os.environ`.

    Raises:
        BadConfig: a variable holds a value outside its range.
    """
    source = os.environ if environ is None else environ
    given = {
        field: source[Settings.variable(field)]
        for field in Settings.model_fields
        if source.get(Settings.variable(field))
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        raise BadConfig(
            f"{Settings.variable(field)} is {given[field]!r}: {first['msg'].lower()}."
        ) from error
