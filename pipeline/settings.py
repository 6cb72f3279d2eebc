"""One frozen `Settings`, made where the program starts. Each may be given as `DEPLI_<NAME>` or in a `.env` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_home() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "depli"


class Settings(BaseSettings):
    """All that may differ between two installations."""

    model_config = SettingsConfigDict(env_prefix="DEPLI_", env_file=".env", frozen=True, extra="ignore")

    home: Path = Field(default_factory=_default_home)
    """Folder of the embedded set-up: record, images, hot folder, releases."""
    database_url: str = ""
    """SQLAlchemy URL of the record; empty = SQLite in `home`. PostgreSQL: `postgresql+psycopg://user@host/base`."""
    images_url: str = ""
    """fsspec URL of the image store; empty = folder in `home`."""
    queue_url: str = ""
    """`redis://...` or `amqp://...`; empty = worker threads in the process."""
    queue_namespace: str = Field(default="depli", pattern=r"^[a-z0-9-]{1,40}$")
    """Keeps the queues of several installations on one server apart."""
    hot_folder: Path | None = None
    """Folder that scanners write to; empty = `home`/entrants."""
    stable_s: float = Field(default=5.0, ge=0.5, le=600)
    """A file in the hot folder is taken when its size and date have not changed for that many seconds."""
    template_folders: tuple[Path, ...] = ()
    """Folders of forms, each with a folder per form; the forms that ship come first."""
    line_reader_checkpoint: Path | None = None
    """Folder of a local VisionEncoderDecoder (TrOCR-type) checkpoint for running handwriting; empty = the reader that
    ships. Needs the `train` extra in every reading process."""
    residual_error: float = Field(default=0.005, gt=0, le=0.1)
    """The promise: share of wrong values among the fields that pass without a person."""
    residual_risk: float = Field(default=0.05, gt=0, le=0.2)
    """Probability that limits fitted on this installation's own evidence let more errors through than promised."""
    audit_share: float = Field(default=0.02, ge=0, le=1)
    """Share of all fields drawn to be keyed blind, whatever the machine decided: the evidence behind the promise. 0
    ends the sample, and with it what keeps the promise honest."""
    supplier_file: Path | None = None
    """Supplier master file: CSV with the columns siret, vat, iban, name; names the seller of an invoice by its numbers
    and holds back a bank account that is not on file."""
    workers: int = Field(default_factory=lambda: max(1, len(os.sched_getaffinity(0))), ge=1, le=256)
    """Reading processes on this machine: one a core."""
    undo_s: float = Field(default=30.0, ge=0, le=3600)
    """Seconds in which a coder can take back the answers of a finished document; it is released after that."""
    sweep_s: float = Field(default=5.0, ge=0.5, le=300)
    """Seconds between two looks at the job table."""
    host: str = "127.0.0.1"
    """Address the web UI listens on."""
    port: int = Field(default=8080, ge=1, le=65535)
    """Port the web UI listens on."""
    secret_key: SecretStr = SecretStr("")
    """Signs the sessions; empty = made once and kept in `home`."""
    secure_cookies: bool = False
    """Send cookies over HTTPS only: set it behind a TLS proxy."""
    session_hours: float = Field(default=10.0, gt=0, le=72)
    """A sign-in lasts that many hours."""
    max_upload_mb: int = Field(default=500, ge=1, le=10_000)
    """Largest file taken by the web upload and the hot folder, megabytes."""
    max_pages: int = Field(default=2000, ge=1, le=20_000)
    """Largest number of pages of one file."""
    ged_url: str = ""
    """fsspec URL of the GED folder; empty = `home`/sortants/ged."""
    accounting_folder: Path | None = None
    """Folder of accounting files; empty = `home`/sortants/comptabilite."""
    chorus_folder: Path | None = None
    """Folder of Chorus pivot files; empty = `home`/sortants/chorus."""
    chorus_buyer_siret: str = Field(default="", pattern=r"^(\d{14})?$")
    """SIRET of the authority, for invoices that do not print it."""
    chorus_buyer_name: str = ""
    """Name of the authority, for the same."""
    destinations: tuple[str, ...] = ("ged", "accounting", "meter_readings", "mandates", "chorus")
    """Exporters in use, by name."""
    log_format: Literal["console", "json"] = "console"
    """How log lines look."""

    @property
    def record_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'depli.sqlite3'}"

    @property
    def store_url(self) -> str:
        return self.images_url or (self.home / "images").as_uri()

    @property
    def incoming(self) -> Path:
        return self.hot_folder or self.home / "entrants"

    @property
    def outgoing(self) -> Path:
        return self.home / "sortants"
