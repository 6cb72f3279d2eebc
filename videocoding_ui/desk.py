"""What every route has at hand: the record, the images, the clock and what follows from a person's act."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from fastapi import Request

from models.batch import Document
from models.definitions import FormDefinition
from models.jobs import Job
from models.ports import Clock, ImageStore, UnitOfWork
from models.promise import PolicyVersion, Thresholds
from models.releases import Release
from videocoding_ui.language import Languages
from videocoding_ui.sessions import Sessions
from videocoding_ui.settings import UiSettings


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of an upload."""

    shown_name: str
    """As the browser said it; the intake cleans it and never uses it as a path."""
    stream: BinaryIO
    """At its beginning."""


class Intake(Protocol):
    """Takes files in as one batch: stored, fsynced and in the record when it answers."""

    def __call__(self, files: Sequence[UploadedFile], *, shown_name: str, user_id: str) -> str:
        """Answers the id of the batch.

        Raises: UnusableImage when nothing of it may come in, Unavailable when nothing could be stored.
        """
        ...


class Follows(Protocol):
    """Answers the jobs that follow from an event on a document; they are added in the same transaction.

    What else follows (releases, journal entries) it adds itself.
    """

    def __call__(self, uow: UnitOfWork, document: Document, /) -> Iterable[Job]: ...


class FollowsRelease(Protocol):
    """Answers the jobs that follow from retrying a release; they are added in the same transaction."""

    def __call__(self, uow: UnitOfWork, release: Release, /) -> Iterable[Job]: ...


Limits = Callable[[PolicyVersion | None], Thresholds]
Ring = Callable[[Iterable[Job]], None]
Health = Callable[[], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything a route may use."""

    uow: Callable[[], UnitOfWork]
    images: ImageStore
    clock: Clock
    intake: Intake
    ring: Ring
    settings: UiSettings
    health: Health
    forms: Mapping[str, FormDefinition]
    limits: Limits
    """The limits in force, from the version that the record holds."""
    on_verified: Follows
    """Every field has its value: plans the releases and their jobs."""
    on_recognise: Follows
    """A person said what a document is, or formed a new one: it is to be recognised (again)."""
    on_retry: FollowsRelease
    """A held release is to be tried again."""
    sessions: Sessions
    languages: Languages

    def reading(self) -> UnitOfWork:
        """A snapshot to read from; never waits for writers."""
        return self.uow().reading()


def add_jobs(uow: UnitOfWork, jobs: Iterable[Job]) -> list[Job]:
    """Add the jobs that follow; one that is there already is not there twice."""
    return [job for job in jobs if uow.jobs.add(job)]


def desk(request: Request) -> Desk:
    """The desk of the application that serves this request."""
    return cast(Desk, request.app.state.desk)
