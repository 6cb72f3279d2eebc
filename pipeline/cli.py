"""The `depli` command. `depli --help` lists what it does, `depli COMMAND --help` teaches one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from models.errors import CaptureError, Misconfigured
from pipeline.logs import set_up_logs

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(
    name="depli",
    help="From paper mail to verified data: invoices, T-cards, subscription forms, SEPA mandates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
journal_app = typer.Typer(help="The tamper-evident journal.", no_args_is_help=True)
user_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
template_app = typer.Typer(help="Forms: a folder with blank.pdf and fields.json each.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")
app.add_typer(user_app, name="user")
app.add_typer(template_app, name="template")
label_app = typer.Typer(
    help="Exchange with Label Studio: review of a sample, truth for training.", no_args_is_help=True
)
app.add_typer(label_app, name="label")

err = Console(stderr=True, soft_wrap=True)
out = Console(highlight=False, soft_wrap=True)

Paths = Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)]
Templates = Annotated[
    list[Path] | None,
    typer.Option(
        "--template", help="Folder of a form, or of several forms; may be given more than once.", show_default=False
    ),
]


@app.command()
def read(
    paths: Paths,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a document on stdout.")] = False,
    template: Templates = None,
    workers: Annotated[int, typer.Option(min=0, help="Reading processes; 0 = one a core.")] = 0,
    residual_error: Annotated[
        float,
        typer.Option(
            min=0.0001, max=0.1, envvar="DEPLI_RESIDUAL_ERROR", help="Share of accepted values that may be wrong."
        ),
    ] = 0.005,
    suppliers: Annotated[Path | None, typer.Option(help="Supplier master file, CSV: siret;vat;iban;name.")] = None,
) -> None:
    """Read files or folders, with no server and no database: one line a document.

    Exit code 0 when all were read, 1 when some were rejected (the reason on stderr and, as a JSON line, "error"),
    2 for bad usage.

    Examples: `depli read samples/`, `depli read --json stack.tif | jq .fields`, `depli read --template ours/ a.jpg`.
    """
    from pipeline.processes import reading_context

    reading_context()  # loads beside us
    from pipeline.read_command import run_read

    folders = tuple(template or ())
    raise typer.Exit(
        run_read(
            paths,
            json_lines=as_json,
            template_folders=folders,
            workers=workers,
            residual_error=residual_error,
            suppliers=suppliers,
            out=out,
            err=err,
        )
    )


@app.command()
def separators(
    output: Annotated[Path, typer.Argument(help="PDF to write.")],
    kind: Annotated[str, typer.Option(help="patch-t, patch-2, patch-3, code128 or qr.")] = "patch-t",
    count: Annotated[int, typer.Option(min=1, max=500, help="Sheets.")] = 1,
) -> None:
    """Print separator sheets as a PDF: put one before each document of a stack."""
    from capture.separator_sheets import separator_sheets

    output.write_bytes(separator_sheets(kind, count))
    out.print(f"{output}: {count} x {kind}")


@app.command()
def serve() -> None:
    """Web UI, API, hot folder and workers in one process (settings: DEPLI_* variables, see docs/integrators.md)."""
    from pipeline.serving import serve as run

    run(_settings())


@app.command()
def worker(
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0 = one a core.")] = 0,
    inside: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Work on jobs from Redis or RabbitMQ (DEPLI_QUEUE_URL), kept alive by our own supervisor."""
    from pipeline.serving import work

    raise typer.Exit(work(_settings(), processes=processes, inside=inside))


@app.command()
def sweep(once: Annotated[bool, typer.Option(help="One look, then end.")] = False) -> None:
    """Send again what waits too long; for distributed set-ups, where `depli serve` is not running."""
    from pipeline.serving import sweep as run

    run(_settings(), once=once)


@app.command()
def intake(paths: Paths) -> None:
    """Hand files to the record and print their batch ids; a running server or worker takes them from there."""
    from pipeline.serving import take_in

    raise typer.Exit(take_in(_settings(), paths, out=out, err=err))


@app.command()
def status(
    batch: Annotated[str, typer.Argument(help="Batch label (2611-0042) or id; empty = all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Where batches, pages and documents are. Pages in = exported + rejected + set aside + waiting."""
    from pipeline.reports import status as run

    raise typer.Exit(run(_settings(), batch, as_json=as_json, out=out, err=err))


@app.command()
def export(
    retry: Annotated[bool, typer.Option(help="Also retry releases that are held.")] = False,
) -> None:
    """Hand over what is verified and waits for a destination; done once however often it runs."""
    from pipeline.serving import export as run

    raise typer.Exit(run(_settings(), retry=retry, out=out))


@journal_app.command("verify")
def journal_verify() -> None:
    """Check the chain of the journal and the masters' bytes; names the first bad row. Exit code 1 when one is wrong."""
    from pipeline.reports import verify

    raise typer.Exit(verify(_settings(), out=out, err=err))


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    role: Annotated[str, typer.Option(help="operator, coder, supervisor or admin.")] = "coder",
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="DEPLI_PASSWORD",
            help="12 characters or more.",
        ),
    ] = "",
) -> None:
    """Add a person who may sign in."""
    from pipeline.reports import add_user

    raise typer.Exit(add_user(_settings(), name, role=role, password=password, out=out, err=err))


@template_app.command("check")
def template_check(folder: Annotated[Path, typer.Argument(help="Folder of a form.")]) -> None:
    """Check a form folder: zones on the page, a picture of the right size, recognised as itself and nothing else."""
    from pipeline.form_command import check

    raise typer.Exit(check(folder, out=out, err=err))


@template_app.command("add")
def template_add(folder: Annotated[Path, typer.Argument(help="Folder of a form.")]) -> None:
    """Check a form folder and put it into use."""
    from pipeline.form_command import add

    raise typer.Exit(add(_settings(), folder, out=out, err=err))


@label_app.command("export")
def label_export(
    output: Annotated[Path, typer.Argument(help="JSON of tasks to write; the configuration goes beside it, as .xml.")],
    limit: Annotated[int, typer.Option(min=0, help="At most so many fields; 0 = all.")] = 0,
    only_corrected: Annotated[bool, typer.Option(help="Only fields that a coder corrected.")] = False,
    kinds: Annotated[str, typer.Option(help="Comma-separated kinds of fields: iban,date,amount...; empty = all.")] = "",
    url: Annotated[str, typer.Option(help="Label Studio server to push a new project to.", show_default=False)] = "",
    token: Annotated[
        str, typer.Option(envvar="DEPLI_LABEL_TOKEN", help="Access token of that server.", show_default=False)
    ] = "",
    title: Annotated[str, typer.Option(help="Name of the project.")] = "Depli",
) -> None:
    """Write verified fields as Label Studio tasks. The files hold personal data: mode 0600, delete them after use.

    Needs the `label` extra: pip install 'depli[label]'. Example: `depli label export review.json --kinds iban,date`.
    """
    from pipeline.labelling import Sample, kinds_named, run_export

    sample = Sample(limit or None, only_corrected, kinds_named(kinds))
    raise typer.Exit(run_export(_settings(), output, sample=sample, url=url, token=token, title=title, out=out))


@label_app.command("import")
def label_import(
    annotations: Annotated[Path, typer.Argument(help='Export of Label Studio, format "JSON".')],
    folder: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="New folder of the data set.")],
) -> None:
    """Make a data set of what reviewers wrote, and say how often coder, reviewer and machine agree.

    Exit code 1 when an annotated task could not be used. The folder holds personal data.
    """
    from pipeline.labelling import run_import

    raise typer.Exit(run_import(_settings(), annotations, folder, out=out))


@app.command()
def train(
    what: Annotated[str, typer.Argument(help="What to rebuild; a wrong name lists what there is.")],
    data: Annotated[
        list[Path], typer.Option(help="Folder of the training data; `calibration` takes several mailbags.")
    ],
    output: Annotated[
        Path | None, typer.Option("--out", help="Folder for the result; where it ships when left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed: the same seed gives the same weights.")] = 2611,
    count: Annotated[int, typer.Option(min=1, help="mailbag: how many documents to draw.")] = 100,
    forms: Annotated[int, typer.Option(min=0, help="mailbag: how many forms to draw beside the shipped ones.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="calibration: folder that keeps page readings, to fit again without reading.")
    ] = None,
) -> None:
    """Rebuild learned weights from named data, draw a simulated mailbag, or fit calibration and limits.

    Weights need the extra: .[train]. Example: `depli train calibration --data mailbag --data drawn --cache /tmp/pages`.
    """
    from pipeline.training.command import run

    raise typer.Exit(
        run(what, data=data, output=output, seed=seed, count=count, forms=forms, cache=cache, out=out, err=err)
    )


@app.command()
def bench(
    data: Annotated[Path, typer.Option(help="Folder with mailbag, invoices and handwriting.")] = Path("../shared/data"),
    report: Annotated[Path, typer.Option(help="Report to write.")] = Path("docs/benchmarks.md"),
    only: Annotated[str, typer.Option(help="Comma-separated parts; a wrong name lists them.")] = "",
) -> None:
    """Measure accuracy, coverage and speed on real material and write the report."""
    from pipeline.benchmark import run

    raise typer.Exit(run(data, report=report, only=tuple(filter(None, only.split(","))), out=out, err=err))


@app.command()
def demo(
    samples: Annotated[Path, typer.Option(help="Folder of sample mail.")] = Path("samples"),
    home: Annotated[Path, typer.Option(help="Folder of the demo's record; emptied first.")] = Path("var/demo"),
    once: Annotated[bool, typer.Option("--once", help="Process and end, do not open the web UI.")] = False,
) -> None:
    """Process the samples through the real pipeline, embedded, and open the web UI with a demo coder and supervisor."""
    from pipeline.demo import run

    raise typer.Exit(run(samples, home=home, once=once, out=out))


def _settings() -> Settings:
    from pydantic import ValidationError

    from pipeline.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        lines = "; ".join(f"DEPLI_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Misconfigured(f"Settings: {lines}. See docs/integrators.md.") from error


def main() -> None:
    """Entry point: our errors become one sentence and exit code 2 (set-up) or 1."""
    set_up_logs()
    try:
        app()
    except Misconfigured as error:
        err.print(f"depli: {error}", style="red")
        sys.exit(2)
    except CaptureError as error:
        err.print(f"depli: {error}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
