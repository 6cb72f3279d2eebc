"""The long-running commands: serve, worker, sweep; and the short ones that hand files in and documents out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import structlog
import uvicorn
from rich.console import Console

from models.errors import CaptureError, UnusableImage
from models.releases import ReleaseState
from pipeline.installation import Installation
from pipeline.intake import Incoming
from pipeline.logs import set_up_logs
from pipeline.queue import run_worker
from pipeline.reading import sources
from pipeline.settings import Settings
from pipeline.supervisor import Supervisor, sign_of_life, worker_command
from pipeline.watching import HotFolderWatch

log = structlog.get_logger()


def serve(settings: Settings) -> None:
    """Web UI, API, hot folder and (embedded) workers until interrupted."""
    set_up_logs(settings.log_format)
    installation = Installation(settings)
    watch = HotFolderWatch(
        settings.incoming, intake=installation.intake, clock=installation.clock, stable_s=settings.stable_s
    )
    try:
        app = installation.app()
        if installation.queue.embedded:
            installation.start_crew()
        watch.start()
        log.info("serving", address=f"http://{settings.host}:{settings.port}/", hot_folder=str(settings.incoming))
        uvicorn.run(
            app, host=settings.host, port=settings.port, log_level="warning", access_log=False, server_header=False
        )
    finally:
        watch.stop()
        installation.stop()


def work(settings: Settings, *, processes: int, inside: bool = False) -> int:
    """Worker processes for jobs that come through Redis or RabbitMQ; answers the exit code.

    Args:
        inside: this is a worker process itself, started by our supervisor.
    """
    set_up_logs(settings.log_format)
    if inside:
        own = settings.model_copy(update={"workers": 1})
        installation = Installation(own)
        try:
            return run_worker(
                installation.queue,
                run=installation.run(),
                sweep=installation.sweep(),
                threads=2,
                sweep_s=settings.sweep_s,
                sign_of_life=sign_of_life(),
            )
        finally:
            installation.stop()
    count = processes or settings.workers
    return Supervisor(worker_command("worker", "--inside"), count=count).run()


def sweep(settings: Settings, *, once: bool) -> None:
    """Ring again for what waits, every few seconds or once."""
    set_up_logs(settings.log_format)
    installation = Installation(settings)
    look = installation.sweep()
    try:
        while True:
            log.info("swept", result=str(look()))
            if once:
                return
            time.sleep(settings.sweep_s)
    finally:
        installation.stop()


def take_in(settings: Settings, paths: Sequence[Path], *, out: Console, err: Console) -> int:
    """Hand files to the record and print `batch-id label name`; 1 when one could not be taken."""
    installation = Installation(settings)
    failed = 0
    try:
        for path in sources(paths):
            try:
                with path.open("rb") as stream:
                    taken = installation.intake.take([Incoming(path.name, stream)], shown_name=path.name, source="cli")
            except (UnusableImage, OSError) as error:
                failed += 1
                err.print(f"depli intake: {path}: {error}", style="red", markup=False)
                continue
            note = "  (déjà reçu)" if taken.repeated else ""
            out.print(f"{taken.batch_id} {taken.label} {path.name}{note}", markup=False)
    finally:
        installation.stop()
    return 1 if failed else 0


def export(settings: Settings, *, retry: bool, out: Console) -> int:
    """Run every release that is due, in this process; 1 when some are held."""
    installation = Installation(settings)
    try:
        if retry:
            with installation.uow() as uow:
                for release in uow.releases.latest(10_000):
                    if release.state is ReleaseState.HELD:
                        release.retry()
                        for job in installation.on_retry(uow, release):
                            uow.jobs.add(job)
                uow.commit()
        run = installation.run()
        with installation.uow().reading() as uow:
            due = [job.id for job in uow.jobs.due(now=installation.clock.now(), limit=100_000)]
        for job_id in due:
            run(job_id)
        with installation.uow().reading() as uow:
            releases = uow.releases.latest(10_000)
        for release in releases:
            if release.state is ReleaseState.HELD:
                out.print(f"{release.destination} {release.document_id}: {release.error}", markup=False)
        confirmed = sum(r.state is ReleaseState.CONFIRMED for r in releases)
        held = sum(r.state is ReleaseState.HELD for r in releases)
        out.print(f"{confirmed} remises confirmées, {held} retenues")
        return 1 if held else 0
    except CaptureError as error:
        out.print(f"depli export: {error}", style="red", markup=False)
        return 1
    finally:
        installation.stop()
