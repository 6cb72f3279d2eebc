"""What is known of an untrusted file once a sandboxed child looked at it. Plain values: they cross a process border."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.image import GrayImage
from models.text import PageText


@dataclass(frozen=True, slots=True)
class Attachment:
    """An e-invoice found inside a PDF, already checked to be harmless XML."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A file that can be opened."""

    kind: str
    """`pdf`, `tiff`, `jpeg`, `png`, `zip`."""
    pages: int
    """0 for an archive."""
    attachments: tuple[Attachment, ...] = ()
    repaired: bool = False
    """A reader had to mend it: its documents go to a person."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RasterPage:
    """One page as a gray picture in a file of the job's folder."""

    number: int
    """1-based in the source."""
    file: Path
    """NumPy array file, shape (height, width), uint8."""
    dpi: float
    text: PageText | None = None
    """The page's own words, for born-digital pages only; boxes in pixels of the picture."""
    repaired: bool = False

    def load(self) -> GrayImage:
        """The picture, shape (height, width), uint8, 0 is ink."""
        image: GrayImage = np.load(self.file, allow_pickle=False)
        return image


@dataclass(frozen=True, slots=True)
class Member:
    """A file taken out of an archive. It is on disk as long as a member of its archive is held."""

    shown_name: str
    file: Path
    _place: TemporaryDirectory[str] = field(repr=False)
    suffix: str = ".bin"

    @property
    def content(self) -> bytes:
        """Its bytes, read each time it is asked for."""
        return self.file.read_bytes()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    memory_bytes: int = 1536 * 1024 * 1024
    """Address space beyond what the interpreter and the libraries take."""
    cpu_s: int = 30
    wall_s: float = 40.0
    """Wall clock, kept by the parent."""
    file_bytes: int = 512 * 1024 * 1024
    open_files: int = 128
    max_pages: int = 2000
    max_pixels: int = 50_000_000
    """Of one page; a PDF page is rendered smaller to fit, a larger picture is refused."""
    max_members: int = 500
    max_unpacked_bytes: int = 1024 * 1024 * 1024
