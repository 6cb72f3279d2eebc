"""The readers of one process, loaded once and shared by all pages it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import structlog

from extraction.readers.glyphs import GlyphReader
from extraction.readers.handwritten import HandwrittenLineReader
from extraction.readers.printed import PrintedTextReader
from extraction.readers.tesseract import TesseractReader
from extraction.readers.transformer_line import TransformerLineReader
from extraction.zones import WrittenLineReader
from models.errors import Misconfigured
from models.templates import FormTemplate
from pipeline.processes import one_thread
from pipeline.templates import load_templates

log = structlog.get_logger()

SHIPPED_FORMS = Path(__file__).parent / "forms"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a reading process must know to load its readers; picklable."""

    template_folders: tuple[Path, ...] = ()
    line_reader_checkpoint: Path | None = None
    """A transformer for running handwriting; `None` = the reader that ships."""


@dataclass(frozen=True, slots=True, eq=False)
class Engines:
    """Readers and form templates, ready to use."""

    printed: PrintedTextReader
    glyphs: GlyphReader
    templates: tuple[FormTemplate, ...]
    lines: WrittenLineReader = field(default_factory=HandwrittenLineReader)
    """Reads running handwriting: the reader that ships, or a checkpoint that the installation brings."""
    second: TesseractReader | None = None
    """An independent reader of print, asked where the first is unsure; `None` where Tesseract is not installed."""


_of_process: Engines | None = None


def load_engines(settings: EngineSettings) -> Engines:
    """Load weights and templates.

    Raises: Misconfigured, naming the weight file or form at fault and the remedy.
    """
    checkpoint = settings.line_reader_checkpoint
    lines = TransformerLineReader(checkpoint) if checkpoint is not None else HandwrittenLineReader()
    return Engines(PrintedTextReader(), GlyphReader(), templates(settings.template_folders), lines, _second_reader())


def _second_reader() -> TesseractReader | None:
    try:
        return TesseractReader()
    except Misconfigured as error:
        log.warning("no_second_reader", reason=str(error))
        return None


@cache
def templates(folders: tuple[Path, ...]) -> tuple[FormTemplate, ...]:
    """The forms that ship and those of `folders`; a later one replaces an earlier one of the same id."""
    known = {template.id: template for template in _shipped_forms()}
    for folder in folders:
        known.update({template.id: template for template in load_templates(folder)})
    return tuple(known.values())


@cache
def _shipped_forms() -> tuple[FormTemplate, ...]:
    return load_templates(SHIPPED_FORMS)


def load_for_process(settings: EngineSettings) -> None:
    """Initialise a reading process."""
    global _of_process  # noqa: PLW0603  (one set of models a process is the point)
    one_thread()
    _of_process = load_engines(settings)


def engines() -> Engines:
    """The engines of this process; `load_for_process` came first."""
    if _of_process is None:
        raise RuntimeError("this process has not loaded its engines")
    return _of_process
