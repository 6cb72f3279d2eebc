"""The second, independent reader of print: Tesseract, in process by tesserocr, else by its command (pytesseract)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from models.errors import Misconfigured
from models.geometry import Box
from models.image import GrayImage
from models.reading import Reading
from models.text import Character, PageText, TextLine, Word

TESSDATA_FOLDERS = (
    Path("/usr/share/tesseract-ocr/5/tessdata"),
    Path("/usr/share/tesseract-ocr/4.00/tessdata"),
    Path("/usr/share/tessdata"),
    Path("/usr/local/share/tessdata"),
    Path("/opt/homebrew/share/tessdata"),
)
"""Where Debian, Fedora, own builds and Homebrew put language data."""

_PAGE, _LINE = 3, 7
"""Page segmentation modes: fully automatic, one line."""
_EMPTY = 0.99
"""Confidence that a zone without ink is empty."""

_FRAME = 12
"""Pixels of paper put around a zone."""

Binding = Literal["tesserocr", "pytesseract"]


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as the engine gives it, with the line it stands in."""

    text: str
    confidence: float
    box: Box
    line: tuple[int, ...]
    characters: tuple[Character, ...] = ()


class _Engine(Protocol):
    version: str

    def tokens(self, image: GrayImage, dpi: float, psm: int, alphabet: str | None) -> list[_Token]:
        """The words of an image in reading order."""


class TesseractReader:
    """Tesseract with one language, one thread. Not safe between threads: one reader a worker."""

    def __init__(self, *, language: str = "fra", tessdata: Path | None = None, binding: Binding | None = None) -> None:
        """Args:
            language: Tesseract's name, `fra` or `fra+deu`.
            tessdata: folder of the language data; `None` = `TESSDATA_PREFIX`, then the usual places.
            binding: `None` = tesserocr where it is installed.

        Raises: Misconfigured with the package to install when language data or the program are missing.
        """
        # Debian's build starts four threads a page and gains nothing by them.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        folder = find_tessdata(language, folders=[tessdata] if tessdata else None)
        chosen = binding or ("tesserocr" if find_spec("tesserocr") else "pytesseract")
        self._engine: _Engine = _InProcess(folder, language) if chosen == "tesserocr" else _ByCommand(folder, language)
        self._language = language

    def read_line(self, image: GrayImage, alphabet: str | None = None) -> Reading:
        """Read one printed line that a zone was cut around.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper.
            alphabet: the only characters that can stand there; `None` = any.
        Returns: `zone` is the image itself.
        """
        height, width = image.shape
        zone = Box(0, 0, width, height)
        if float(np.percentile(image, 80)) - float(image.min()) < 40:
            return Reading("", _EMPTY, zone, self._name(_LINE))
        tokens = [_moved(t, _FRAME) for t in self._engine.tokens(_framed(image), 300.0, _LINE, alphabet)]
        text = " ".join(token.text for token in tokens)
        characters: list[Character] = []
        for token in tokens:
            if characters:
                characters.append(Character(((" ", 1.0),)))
            characters.extend(token.characters)
        confidence = float(np.prod([token.confidence for token in tokens])) if tokens else 0.0
        return Reading(text, confidence, zone, self._name(_LINE), tuple(characters))

    def read_page(self, image: GrayImage, dpi: float) -> PageText:
        """Read all print on an upright page, in Tesseract's order; boxes in pixels of `image`, source `ocr`.

        Args:
            image: shape (height, width), uint8, 0 ink, 255 paper; levelled. dpi: of the image.
        """
        tokens = self._engine.tokens(image, dpi, _PAGE, None)
        height, width = image.shape
        lines = tuple(self._line(group) for group in _by_line(tokens))
        return PageText(lines, width, height, dpi, "ocr")

    def _line(self, tokens: Sequence[_Token]) -> TextLine:
        words = tuple(Word(token.text, token.box, token.confidence) for token in tokens)
        return TextLine(
            text=" ".join(word.text for word in words),
            box=Box.around(word.box for word in words),
            confidence=float(np.prod([word.confidence for word in words])),
            words=words,
            reader=self._name(_PAGE),
        )

    def _name(self, psm: int) -> str:
        return f"tesseract {self._engine.version} {self._language} psm={psm}"


def find_tessdata(language: str, *, folders: Iterable[Path] | None = None) -> Path:
    """The folder that holds the data of every language asked for.

    Raises: Misconfigured, naming the Debian package to install.
    """
    prefix = os.environ.get("TESSDATA_PREFIX")
    places = list(folders) if folders is not None else [*([Path(prefix)] if prefix else []), *TESSDATA_FOLDERS]
    wanted = language.split("+")
    for folder in places:
        if all((folder / f"{name}.traineddata").is_file() for name in wanted):
            return folder
    packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in wanted)
    raise Misconfigured(
        f"Tesseract's language data {language!r} are in none of: {', '.join(map(str, places))}. "
        f"Install them (Debian: apt-get install {packages}) or set the tessdata folder."
    )


class _InProcess:
    """libtesseract in this process."""

    def __init__(self, folder: Path, language: str) -> None:
        import tesserocr

        self._lib = tesserocr
        try:
            self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang=language)
        except RuntimeError as error:
            raise Misconfigured(f"Tesseract cannot load {language!r} from {folder} ({error}).") from error
        self.version = str(tesserocr.tesseract_version().split()[1])

    def tokens(self, image: GrayImage, dpi: float, psm: int, alphabet: str | None) -> list[_Token]:
        api = self._api
        api.SetPageSegMode(psm)
        api.SetVariable("tessedit_char_whitelist", alphabet or "")
        api.SetImage(Image.fromarray(image))
        api.SetSourceResolution(round(dpi))
        api.Recognize()
        found = list(self._symbols() if psm == _LINE else self._words())
        api.Clear()
        return found

    def _words(self) -> Iterator[_Token]:
        level, at, line = self._lib.RIL, self._api.GetIterator(), 0
        while at is not None and not at.Empty(level.WORD):
            line += at.IsAtBeginningOf(level.TEXTLINE)
            text = (at.GetUTF8Text(level.WORD) or "").strip()
            if text:
                yield _Token(text, at.Confidence(level.WORD) / 100, _box(at.BoundingBox(level.WORD)), (line,))
            if not at.Next(level.WORD):
                return

    def _symbols(self) -> Iterator[_Token]:
        """Words with their characters; one walk over the symbols, as going down into a word loses the place."""
        level, at = self._lib.RIL, self._api.GetIterator()
        word: _Token | None = None
        while at is not None and not at.Empty(level.SYMBOL):
            if at.IsAtBeginningOf(level.WORD):
                if word is not None:
                    yield word
                word = _Token("", at.Confidence(level.WORD) / 100, _box(at.BoundingBox(level.WORD)), (1,))
            text = at.GetUTF8Text(level.SYMBOL) or ""
            if word is not None and text.strip():
                character = Character(((text, at.Confidence(level.SYMBOL) / 100),), _box(at.BoundingBox(level.SYMBOL)))
                word = replace(word, text=word.text + text, characters=(*word.characters, character))
            if not at.Next(level.SYMBOL):
                break
        if word is not None and word.text:
            yield word


class _ByCommand:
    """The `tesseract` program: a process a call, four times the CPU; where tesserocr has no wheel."""

    def __init__(self, folder: Path, language: str) -> None:
        import pytesseract

        self._lib, self._folder, self._language = pytesseract, folder, language
        try:
            self.version = str(pytesseract.get_tesseract_version())
        except pytesseract.TesseractNotFoundError as error:
            raise Misconfigured(
                "The program tesseract is not installed (Debian: apt-get install tesseract-ocr)."
            ) from error

    def tokens(self, image: GrayImage, dpi: float, psm: int, alphabet: str | None) -> list[_Token]:
        options = [f"--tessdata-dir {self._folder}", f"--psm {psm}", f"--dpi {round(dpi)}"]
        if alphabet:
            options.append(f"-c tessedit_char_whitelist={shlex.quote(alphabet)}")
        rows = self._lib.image_to_data(
            Image.fromarray(image),
            lang=self._language,
            config=" ".join(options),
            output_type=self._lib.Output.DICT,
        )
        found = []
        for number, text in enumerate(rows["text"]):
            confidence = float(rows["conf"][number])
            if not text.strip() or confidence < 0:
                continue
            box = Box(*(float(rows[side][number]) for side in ("left", "top", "width", "height")))
            line = tuple(int(rows[name][number]) for name in ("block_num", "par_num", "line_num"))
            characters = tuple(Character(((character, confidence / 100),)) for character in text.strip())
            found.append(_Token(text.strip(), confidence / 100, box, line, characters))
        return found


def _by_line(tokens: Iterable[_Token]) -> list[list[_Token]]:
    lines: dict[tuple[int, ...], list[_Token]] = {}
    for token in tokens:
        lines.setdefault(token.line, []).append(token)
    return list(lines.values())


def _box(corners: tuple[int, int, int, int]) -> Box:
    x0, y0, x1, y1 = corners
    return Box(x0, y0, max(0, x1 - x0), max(0, y1 - y0))


def _moved(token: _Token, by: float) -> _Token:
    """Back from the framed image to the zone."""
    box = _shifted(token.box, by)
    characters = tuple(
        replace(character, box=_shifted(character.box, by) if character.box else None) for character in token.characters
    )
    return replace(token, box=box, characters=characters)


def _shifted(box: Box, by: float) -> Box:
    return Box(box.x - by, box.y - by, box.width, box.height)


def _framed(image: GrayImage) -> GrayImage:
    """The image with paper around: Tesseract drops characters that touch the edge."""
    paper = int(np.percentile(image, 80))
    return np.pad(image, _FRAME, constant_values=paper)
