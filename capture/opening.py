"""Opening untrusted files. Runs only in the sandbox's child (`capture.sandbox`), under its limits.

PDFium opens PDFs first, poppler (pdf2image) second; Pillow opens pictures first, OpenCV second. Whatever needed the
second one, or a repair, is marked.
"""

from __future__ import annotations

import re
import stat
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium_c
from PIL import Image, ImageFile, ImageOps

from capture.embedded_text import page_text
from capture.sources import Attachment, Limits, RasterPage, SourceInfo
from models.errors import UnusableImage
from models.image import GrayImage

DEFAULT_DPI = 300
NATIVE_DPI = (90.0, 650.0)
"""A picture that fills its page and has a resolution within these bounds is rendered pixel by pixel."""
PAPER_IN = ((8.27, 11.69), (5.83, 8.27), (4.13, 8.27), (3.90, 8.27), (4.13, 5.83), (11.69, 16.54), (8.5, 11.0))
"""Usual paper sizes, inches: A4, A5, DL, reply card, A6, A3, Letter."""
USUAL_DPI = (100, 150, 200, 240, 300, 400, 600)
MAX_XML_BYTES = 5 * 1024 * 1024
MAX_XML_DEPTH = 100
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)

ImageFile.LOAD_TRUNCATED_IMAGES = False
Image.MAX_IMAGE_PIXELS = None  # our own bound is checked from the header, before anything is decoded


def kind_of(path: Path) -> str:
    """The type of a file by its first bytes; the name is never asked.

    Raises: UnusableImage `empty` or `unsupported_type`, `xml_unsafe`.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    if not head.strip(b"\x00 \r\n\t"):
        raise UnusableImage("nothing in the file", code="empty")
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head:
        return "pdf"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<?xml", b"<!DOCTYPE", b"<rsm:", b"<Invoice")):
        check_xml(path.read_bytes()[: MAX_XML_BYTES + 1])
    raise UnusableImage("not a PDF, TIFF, JPEG, PNG or ZIP", code="unsupported_type")


def inspect(path: Path, limits: Limits) -> SourceInfo:
    """How many pages a file has and whether it is whole.

    Raises: UnusableImage with a code of `REFUSALS`.
    """
    kind = kind_of(path)
    if kind == "zip":
        return SourceInfo("zip", 0)
    info = _inspect_pdf(path) if kind == "pdf" else _inspect_picture(path, kind, limits)
    if info.pages < 1:
        raise UnusableImage("no page in the file", code="no_page")
    if info.pages > limits.max_pages:
        raise UnusableImage(f"{info.pages} pages, {limits.max_pages} at most", code="too_many_pages")
    return info


def raster(path: Path, numbers: Sequence[int], out: Path, limits: Limits) -> list[RasterPage]:
    """Gray pictures of some pages, written to `out`.

    Raises: UnusableImage with a code of `REFUSALS`.
    """
    kind = kind_of(path)
    return _raster_pdf(path, numbers, out, limits) if kind == "pdf" else _raster_picture(path, numbers, out, limits)


def _inspect_pdf(path: Path) -> SourceInfo:
    notes: list[str] = []
    repaired = False
    try:
        document = pypdfium2.PdfDocument(path)
        pages = len(document)
        document.close()
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise UnusableImage("a password is needed", code="encrypted") from error
        pages, repaired = _pages_by_poppler(path), True
        notes.append("opened by poppler only")
    attachments, warned, counted = _structure(path)
    if warned or (counted is not None and counted != pages):
        repaired = True
        notes.append("structure mended")
    return SourceInfo("pdf", pages, attachments, repaired, tuple(notes))


def _pages_by_poppler(path: Path) -> int:
    from pdf2image import pdfinfo_from_path
    from pdf2image.exceptions import PDFInfoNotInstalledError

    try:
        return int(pdfinfo_from_path(str(path), timeout=10).get("Pages", 0))
    except PDFInfoNotInstalledError:
        raise UnusableImage("PDFium cannot open it", code="no_page") from None
    except Exception as error:
        code = "encrypted" if "assword" in str(error) else "no_page"
        raise UnusableImage("neither PDFium nor poppler can open it", code=code) from error


def _structure(path: Path) -> tuple[tuple[Attachment, ...], bool, int | None]:
    """Embedded e-invoices, whether qpdf had to mend the file, and its own count of pages."""
    import pikepdf

    try:
        with pikepdf.Pdf.open(path) as pdf:
            found = tuple(_xml_attachments(pdf))
            return found, bool(pdf.get_warnings()), len(pdf.pages)
    except Exception:
        # whatever its parser stumbles on, the file is damaged or protected in part: a person looks at its documents
        return (), True, None


def _xml_attachments(pdf: object) -> list[Attachment]:
    found: list[Attachment] = []
    attachments = pdf.attachments  # type: ignore[attr-defined]
    for name in list(attachments)[:20]:
        if not str(name).lower().endswith(".xml"):
            continue
        try:
            content = attachments[name].get_file().read_bytes()
            check_xml(content)
        except (UnusableImage, ValueError, KeyError, AttributeError, TypeError, RuntimeError):
            continue
        found.append(Attachment(PurePosixPath(str(name).replace("\\", "/")).name[:100], content))
    return found


def check_xml(content: bytes) -> None:
    """Refuse XML that could harm who reads it: declarations of types and entities, size, depth.

    Raises: UnusableImage `xml_unsafe`.
    """
    if len(content) > MAX_XML_BYTES:
        raise UnusableImage("XML too large", code="xml_unsafe")
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", errors="replace")
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise UnusableImage("XML with a document type declaration", code="xml_unsafe")
    depth = 0
    for match in re.finditer(r"<(/?)[A-Za-z_][^>]*?(/?)>", text):
        depth += -1 if match[1] else 0 if match[2] else 1
        if depth > MAX_XML_DEPTH:
            raise UnusableImage("XML too deep", code="xml_unsafe")


def _raster_pdf(path: Path, numbers: Sequence[int], out: Path, limits: Limits) -> list[RasterPage]:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError:
        return [_by_poppler(path, number, out, limits) for number in numbers]
    pages = []
    for number in numbers:
        try:
            pages.append(_by_pdfium(document, number, out, limits))
        except (pypdfium2.PdfiumError, IndexError, ValueError, OverflowError, MemoryError):
            pages.append(_by_poppler(path, number, out, limits))
    return pages


def _by_pdfium(document: pypdfium2.PdfDocument, number: int, out: Path, limits: Limits) -> RasterPage:
    page = document[number - 1]
    width_pt, height_pt = page.get_size()
    if not (1 <= width_pt < 20_000 and 1 <= height_pt < 20_000):
        raise UnusableImage(f"page {number} measures {width_pt:g} x {height_pt:g} points", code="too_many_pixels")
    native = _native_dpi(page, width_pt, height_pt)
    dpi = native or float(DEFAULT_DPI)
    dpi = min(dpi, 72 * (limits.max_pixels / (width_pt * height_pt)) ** 0.5)
    image = page.render(scale=dpi / 72, grayscale=True, may_draw_forms=True).to_numpy()
    gray: GrayImage = np.ascontiguousarray(image.reshape(image.shape[0], image.shape[1]))
    text = None if native else page_text(page, dpi=dpi, size=(gray.shape[1], gray.shape[0]))
    return RasterPage(number, _save(gray, out, number), dpi, text)


def _native_dpi(page: pypdfium2.PdfPage, width_pt: float, height_pt: float) -> float | None:
    """Resolution of the one picture that fills the page; `None` when the page is not a scan."""
    best: float | None = None
    for count, thing in enumerate(page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
        if count > 8:
            return None
        left, bottom, right, top = thing.get_bounds()
        covered = max(0.0, right - left) * max(0.0, top - bottom) / (width_pt * height_pt)
        if covered < 0.75:
            continue
        px_width, px_height = thing.get_px_size()
        shape_pt = sorted((right - left, top - bottom))
        shape_px = sorted((px_width, px_height))
        dpi = 72 * shape_px[1] / shape_pt[1]
        if NATIVE_DPI[0] <= dpi <= NATIVE_DPI[1]:
            best = max(best or 0.0, dpi)
    return best


def _by_poppler(path: Path, number: int, out: Path, limits: Limits) -> RasterPage:
    from pdf2image import convert_from_path

    try:
        pictures = convert_from_path(
            str(path), dpi=200, first_page=number, last_page=number, grayscale=True, timeout=20, size=(None, 3300)
        )
    except Exception as error:
        raise UnusableImage(f"page {number}: neither PDFium nor poppler can draw it", code="no_page") from error
    if not pictures or pictures[0].width * pictures[0].height > limits.max_pixels:
        raise UnusableImage(f"page {number}: no picture", code="no_page")
    gray: GrayImage = np.asarray(pictures[0].convert("L"))
    dpi = _guessed_dpi(pictures[0].width, pictures[0].height)
    return RasterPage(number, _save(gray, out, number), dpi, repaired=True)


def _open_picture(path: Path, limits: Limits) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(path, formats=("TIFF", "JPEG", "PNG", "MPO"))
    if image.width * image.height > 2 * limits.max_pixels:
        raise UnusableImage(f"{image.width} x {image.height} pixels", code="too_many_pixels")
    return image


def _inspect_picture(path: Path, kind: str, limits: Limits) -> SourceInfo:
    try:
        image = _open_picture(path, limits)
        pages = int(getattr(image, "n_frames", 1)) if kind == "tiff" else 1
    except UnusableImage:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, OverflowError, RuntimeError) as error:
        if _decoded_by_opencv(path, limits) is None:
            raise UnusableImage("no picture can be made of it", code="no_page") from error
        return SourceInfo(kind, 1, repaired=True, notes=("opened by OpenCV only",))
    return SourceInfo(kind, pages)


def _raster_picture(path: Path, numbers: Sequence[int], out: Path, limits: Limits) -> list[RasterPage]:
    return [_picture_page(path, number, out, limits) for number in numbers]


def _picture_page(path: Path, number: int, out: Path, limits: Limits) -> RasterPage:
    try:
        image = _open_picture(path, limits)
        if number > 1:
            image.seek(number - 1)
            if image.width * image.height > 2 * limits.max_pixels:
                raise UnusableImage(f"page {number}: {image.width} x {image.height} pixels", code="too_many_pixels")
        dpi = _stated_dpi(image)
        image.load()
        upright = ImageOps.exif_transpose(image)
        gray = _gray(upright)
    except UnusableImage:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, OverflowError, RuntimeError) as error:
        mended = _decoded_by_opencv(path, limits) if number == 1 else None
        if mended is None:
            code = "truncated" if "truncated" in str(error) or isinstance(error, EOFError) else "no_page"
            raise UnusableImage(f"page {number}: the picture is damaged", code=code) from error
        height, width = mended.shape
        return RasterPage(number, _save(mended, out, number), _guessed_dpi(width, height), repaired=True)
    if dpi is None:
        dpi = _guessed_dpi(gray.shape[1], gray.shape[0])
    return RasterPage(number, _save(gray, out, number), dpi)


def _decoded_by_opencv(path: Path, limits: Limits) -> GrayImage | None:
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        return None
    if image is None or image.size > 2 * limits.max_pixels or min(image.shape) < 8:
        return None
    gray: GrayImage = image.astype(np.uint8)
    return gray


def _gray(image: Image.Image) -> GrayImage:
    if image.mode in ("I;16", "I;16B", "I", "F"):
        values = np.asarray(image, dtype=np.float64)
        top = max(float(values.max()), 1.0)
        scaled: GrayImage = (values * (255.0 / (65535.0 if top > 255 else 255.0))).clip(0, 255).astype(np.uint8)
        return scaled
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    gray: GrayImage = np.asarray(image.convert("L"))
    return gray


def _stated_dpi(image: Image.Image) -> float | None:
    """The resolution the file states, when it is believable."""
    stated = image.info.get("dpi")
    try:
        x, y = float(stated[0]), float(stated[1])  # type: ignore[index]
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    if not (90 <= x <= 1210 and 90 <= y <= 1210) or not 0.9 < x / y < 1.1:
        return None
    long_in = max(image.size) / x
    return x if 3.0 <= long_in <= 48.0 else None


def _guessed_dpi(width: int, height: int) -> float:
    """The resolution at which a picture is a usual piece of paper; by its long side as A4 otherwise."""
    short, long = sorted((width, height))
    fits = [
        (abs(short / dpi - paper[0]) + abs(long / dpi - paper[1]), dpi)
        for dpi in USUAL_DPI
        for paper in PAPER_IN
        if abs(short / dpi / paper[0] - 1) < 0.03 and abs(long / dpi / paper[1] - 1) < 0.03
    ]
    return float(min(fits)[1]) if fits else float(np.clip(long / 11.69, 75, 600))


def _save(gray: GrayImage, out: Path, number: int) -> Path:
    if min(gray.shape) < 8:
        raise UnusableImage(f"page {number} measures {gray.shape[1]} x {gray.shape[0]} pixels", code="no_page")
    file = out / f"{number:06d}.npy"
    np.save(file, gray, allow_pickle=False)
    return file


def expand(path: Path, out: Path, limits: Limits) -> list[tuple[str, Path]]:
    """Take the files out of an archive: (shown name, file in `out`), named by position and never by the archive.

    Raises: UnusableImage `archive_unsafe`, `encrypted` or `no_page`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check_archive(members, limits)
            taken: list[tuple[str, Path]] = []
            for position, member in enumerate(members):
                target = out / f"{position:04d}.bin"
                with archive.open(member) as source, target.open("wb") as file:
                    _copy(source, file, member.file_size)
                taken.append((clean_name(member.filename), target))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise UnusableImage("the archive is damaged", code="archive_unsafe") from error
    if not taken:
        raise UnusableImage("nothing in the archive", code="no_page")
    return taken


def _check_archive(members: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.max_members:
        raise UnusableImage(f"{len(members)} files in the archive", code="archive_unsafe")
    if sum(member.file_size for member in members) > limits.max_unpacked_bytes:
        raise UnusableImage("the archive unpacks to too much", code="archive_unsafe")
    for member in members:
        if member.flag_bits & 1:
            raise UnusableImage("the archive has a password", code="encrypted")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnusableImage("the archive holds a link", code="archive_unsafe")
        if member.file_size > 10_000_000 and member.file_size > 100 * max(1, member.compress_size):
            raise UnusableImage("the archive holds a bomb", code="archive_unsafe")
        if member.filename.lower().endswith(".zip"):
            raise UnusableImage("an archive in the archive", code="archive_unsafe")


def _copy(source: object, file: object, announced: int) -> None:
    left = announced
    while chunk := source.read(min(1 << 20, left + 1)):  # type: ignore[attr-defined]
        left -= len(chunk)
        if left < 0:
            raise UnusableImage("the archive lies about its sizes", code="archive_unsafe")
        file.write(chunk)  # type: ignore[attr-defined]


def clean_name(name: str) -> str:
    """A name that can be shown: its last part, without control characters and direction marks; never used as a path."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(
        c for c in last if c.isprintable() and c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
    return shown.strip()[:120] or "sans nom"
