"""`depli template check` and `add`: a form folder, judged and put into use."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console

from classifiers.forms import match_form
from models.errors import Misconfigured
from models.templates import FormTemplate
from pipeline.engines import templates
from pipeline.settings import Settings
from pipeline.templates import load_template


def problems_of(template: FormTemplate, others: tuple[FormTemplate, ...]) -> list[str]:
    """What to mend before the form is used: its own blank must be recognised as itself and nothing else."""
    found: list[str] = []
    every = (*(other for other in others if other.id != template.id), template)
    for number, blank in enumerate(template.blanks, start=1):
        match = match_form(blank, dpi=template.dpi, templates=every)
        if match is None:
            if template.definition.zones_on(number):
                found.append(
                    f"page {number}: not enough printed matter to recognise the form by; print a title or frames."
                )
        elif match.form != template.id:
            found.append(f"page {number} looks like form {match.form}: print something that tells them apart.")
        elif match.form_page != number:
            found.append(f"page {number} looks like page {match.form_page}: print page numbers or titles.")
    return found


def check(folder: Path, *, out: Console, err: Console) -> int:
    """Print what is wrong with a form folder; 1 when something is."""
    try:
        template = load_template(folder)
    except Misconfigured as error:
        err.print(f"depli template check: {error}", style="red", markup=False)
        return 1
    found = problems_of(template, templates(()))
    for problem in found:
        err.print(f"{folder}: {problem}", style="red", markup=False)
    definition = template.definition
    out.print(
        f"{definition.id}: {definition.title}, {definition.pages} page(s), {len(definition.zones)} zones, "
        f"fields {', '.join(definition.field_names)}",
        markup=False,
    )
    return 1 if found else 0


def add(settings: Settings, folder: Path, *, out: Console, err: Console) -> int:
    """Check a form folder and copy it to the installation's forms; 1 when it has a fault."""
    if check(folder, out=out, err=err):
        return 1
    template = load_template(folder)
    target = settings.home / "forms" / template.id
    if target.exists():
        err.print(f"{target} exists: give the form another id, or remove the folder first.", style="red", markup=False)
        return 1
    shutil.copytree(folder, target)
    out.print(f"{target}: in use after the next start of depli serve and depli worker", markup=False)
    return 0
