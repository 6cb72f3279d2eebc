"""Collects every text of the screens into the catalogues and compiles them: `python -m videocoding_ui.catalogue`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

from models.definitions import FORM_FIELDS, INVOICE_FIELDS
from models.errors import REFUSALS
from models.values.sentences import SENTENCES
from videocoding_ui.keymap import key_map
from videocoding_ui.language import LOCALES, SUPPORTED

_HERE = Path(__file__).parent
_CALLS = ("N_", "language", "say", "_", "NotFound", "NotAllowed", "NotPossible", "Unavailable", "_Refused")


def messages() -> list[str]:
    """Every text that a person may see, in French, each once, sorted."""
    return sorted({*_in_code(), *_in_templates(), *_in_data()} - {""})


def _in_code() -> Iterator[str]:
    for path in sorted(_HERE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in _CALLS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def _in_templates() -> Iterator[str]:
    environment = Environment(autoescape=True)
    for path in sorted((_HERE / "templates").glob("*.html")):
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_" and isinstance(call.args[0], nodes.Const):
                yield str(call.args[0].value)


def _in_data() -> Iterator[str]:
    yield from (row["words"] for row in key_map())
    yield from (definition.label_fr for definition in (*INVOICE_FIELDS, *FORM_FIELDS))
    yield from SENTENCES.values()
    yield from REFUSALS.values()


def path_of(code: str, suffix: str) -> Path:
    """Where a language's catalogue is; `suffix` is `po` or `mo`."""
    return LOCALES / code / "LC_MESSAGES" / f"depli.{suffix}"


def read(code: str) -> Catalog:
    """A language's catalogue as it is kept."""
    with path_of(code, "po").open("rb") as source:
        return read_po(source, locale=code)


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the compiled catalogue."""
    target = BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def main() -> None:
    """Bring the catalogues up to date, keep their translations, compile."""
    for code in SUPPORTED:
        old = read(code) if path_of(code, "po").exists() else Catalog(locale=code)
        fresh = Catalog(locale=code, project="depli", fuzzy=False, domain="depli")
        # a date of its own would make every run a change
        fresh.creation_date = fresh.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
        for text in messages():
            known = old.get(text)
            fresh.add(text, string=known.string if known else "")
        path_of(code, "po").parent.mkdir(parents=True, exist_ok=True)
        with path_of(code, "po").open("wb") as target:
            write_po(target, fresh, width=120, sort_output=True, omit_header=False)
        path_of(code, "mo").write_bytes(compiled(read(code)))


if __name__ == "__main__":
    main()
