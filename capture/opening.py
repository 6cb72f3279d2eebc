"""Opening untrusted files. Runs only in the sandbox's child (`capture.sandbox`), under its limits.

PDFium opens PDFs first, poppler (pdf2image) second; Pillow opens pictures first, OpenCV second. Whatever needed the
second one, or a repair, is marked.
"""

from __future__ import annotations

import itertools
import re
import stat
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.parsers import expat

import cv2
import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from capture.embedded_text import page_text
from capture.plain_scans import gray_of_jpeg, plain_jpegs
from capture.sources import Attachment, Limits, RasterPage, SourceInfo
from models.errors import UnusableImage
from models.image import GrayImage

DEFAULT_DPI = 300
NATIVE_DPI = (90.0, 650.0)
"""A picture that fills its page and has a resolution within these bounds is rendered pixel by pixel."""
PAPER_IN = ((8.27, 11.69), (5.83, 8.27), (4.13, 8.27), (3.90, 8.27), (4.13, 5.83), (11.69, 16.54), (8.5, 11.0))
"""Usual paper sizes, inches: A4, A5, DL, reply card, A6, A3, Letter."""
MIN_LONG_IN, MAX_LONG_IN = 3.0, 18.0
"""Paper that goes through a document scanner; a resolution that makes it otherwise is a program's default."""
MAX_POINTS = 20_000
USUAL_DPI = (100, 150, 200, 240, 300, 400, 600)
MAX_XML_BYTES = 5 * 1024 * 1024
MAX_XML_DEPTH = 100
_EXIF_ORIENTATION, _EXIF_FIRST_ON_ITS_SIDE = 0x0112, 5
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
    """Refuse XML that could harm who reads it: declarations of types and entities, size, depth; or that is broken.

    Raises: UnusableImage `xml_unsafe`.
    """
    if len(content) > MAX_XML_BYTES:
        raise UnusableImage("XML too large", code="xml_unsafe")
    depth = 0

    def begins(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_XML_DEPTH:
            raise UnusableImage("XML too deep", code="xml_unsafe")

    def ends(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declares(*_: object) -> None:
        raise UnusableImage("XML with a document type declaration", code="xml_unsafe")

    # the parser itself, in whatever encoding the file is, comes to the declaration before it acts on it
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begins, ends
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = declares
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UnusableImage("XML that is not well formed", code="xml_unsafe") from error


def _raster_pdf(path: Path, numbers: Sequence[int], out: Path, limits: Limits) -> list[RasterPage]:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError:
        return [_by_poppler(path, number, out, limits) for number in numbers]
    plain = plain_jpegs(path, numbers)
    pages = []
    for number in numbers:
        try:
            pages.append(_by_pdfium(document, number, out, limits, plain=number in plain))
        except (pypdfium2.PdfiumError, IndexError, ValueError, OverflowError, MemoryError):
            pages.append(_by_poppler(path, number, out, limits))
    return pages


def _by_pdfium(document: pypdfium2.PdfDocument, number: int, out: Path, limits: Limits, *, plain: bool) -> RasterPage:
    page = document[number - 1]
    width_pt, height_pt = page.get_size()
    _check_size(number, width_pt, height_pt)
    scan = _whole_scan(page, limits, plain=plain)
    if scan is not None:
        return RasterPage(number, _save(scan[0], out, number), scan[1])
    native = _native_dpi(page, width_pt, height_pt)
    dpi = native or float(DEFAULT_DPI)
    dpi = min(dpi, 72 * (limits.max_pixels / (width_pt * height_pt)) ** 0.5)
    gray = _drawn(page, dpi)
    text = None if native else page_text(page, dpi=dpi, size=(gray.shape[1], gray.shape[0]))
    return RasterPage(number, _save(gray, out, number), dpi, text)


def _check_size(number: int, width_pt: float, height_pt: float) -> None:
    if not (width_pt < MAX_POINTS and height_pt < MAX_POINTS):
        raise UnusableImage(f"page {number} measures {width_pt:g} x {height_pt:g} points", code="too_many_pixels")
    if not (width_pt >= 1 and height_pt >= 1):
        raise UnusableImage(f"page {number} has no size", code="no_page")


def _drawn(page: pypdfium2.PdfPage, dpi: float) -> GrayImage:
    image = page.render(scale=dpi / 72, grayscale=True, may_draw_forms=True).to_numpy()
    gray: GrayImage = np.ascontiguousarray(image.reshape(image.shape[0], image.shape[1]))
    return gray


def _whole_scan(page: pypdfium2.PdfPage, limits: Limits, *, plain: bool) -> tuple[GrayImage, float] | None:
    """The picture itself and its resolution, when the page is nothing but one picture that fills it.

    Taking it as it is costs a third of drawing it, and no pixel is resampled. A small drawing of the page is the
    check that what is shown is this picture: masks, inverted or tinted pictures are drawn. A `plain` page
    (`capture.plain_scans`) needs no check, and its gray is decoded once.
    """
    things = list(itertools.islice(page.get_objects(max_depth=1), 2))
    if len(things) != 1 or things[0].type != pdfium_c.FPDF_PAGEOBJ_IMAGE or pdfium_c.FPDFPage_GetAnnotCount(page.raw):
        return None
    scan = things[0]
    left, bottom, right, top = page.get_cropbox()
    matrix = scan.get_matrix()
    wide, tall = scan.get_px_size()
    if wide * tall > limits.max_pixels or min(wide, tall) < 8:
        return None
    reach = max(right - left, top - bottom) * 0.005
    fills = all(abs(a - b) <= reach for a, b in zip(scan.get_bounds(), (left, bottom, right, top), strict=True))
    upright = matrix.a > 0 and matrix.d > 0 and max(abs(matrix.b), abs(matrix.c)) < 0.001 * matrix.a
    dpi_x, dpi_y = 72 * wide / max(1.0, right - left), 72 * tall / max(1.0, top - bottom)
    dpi = (dpi_x + dpi_y) / 2
    if max(right - left, top - bottom) > 72 * MAX_LONG_IN:
        # made by a program that takes a pixel for a point, or for 1/96 inch
        dpi = _guessed_dpi(wide, tall)
    if not (fills and upright and abs(dpi_x / dpi_y - 1) < 0.02 and NATIVE_DPI[0] <= dpi <= NATIVE_DPI[1]):
        return None
    turn = -page.get_rotation() // 90
    decoded = gray_of_jpeg(bytes(scan.get_data()), (wide, tall)) if plain else None
    if decoded is not None:
        return np.ascontiguousarray(np.rot90(decoded, k=turn)), dpi
    gray = _as_gray(scan.get_bitmap().to_numpy())
    if gray is None:
        return None
    gray = np.ascontiguousarray(np.rot90(gray, k=turn))
    shown = _drawn(page, min(20.0, dpi_x))
    # compared as blotches: how finely each side averages on the way down must not matter
    size = max(1, shown.shape[1] // 4), max(1, shown.shape[0] // 4)
    blotches = [cv2.resize(side, size, interpolation=cv2.INTER_AREA).astype(np.int16) for side in (shown, gray)]
    differs = np.abs(blotches[0] - blotches[1])
    return (gray, dpi) if float(differs.mean()) < 6 and float(np.percentile(differs, 98)) < 40 else None


def _as_gray(picture: NDArray[np.uint8]) -> GrayImage | None:
    """A picture of PDFium (gray, or blue-green-red with or without a fourth channel) as gray."""
    if picture.dtype != np.uint8:
        return None
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.ascontiguousarray(picture.reshape(picture.shape[:2]))
    if picture.shape[2] == 3:
        return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY).astype(np.uint8)
    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGRA2GRAY).astype(np.uint8)


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
        # fax pictures are finer across than down: the finer side counts, and the shape of the paper says which is which
        wide, tall = sorted((right - left, top - bottom))
        px_wide, px_tall = sorted(thing.get_px_size())
        dpi = 72 * max(px_wide / wide, px_tall / tall)
        if NATIVE_DPI[0] <= dpi <= NATIVE_DPI[1]:
            best = max(best or 0.0, dpi)
    return best


def _by_poppler(path: Path, number: int, out: Path, limits: Limits) -> RasterPage:
    from pdf2image import convert_from_path, pdfinfo_from_path

    try:
        told = pdfinfo_from_path(str(path), first_page=number, last_page=number, timeout=10)
        shape = next(str(value) for name, value in told.items() if re.fullmatch(r"Page(\s+\d+)? size", name))
        width_pt, height_pt = (float(side) for side in re.findall(r"[\d.]+", shape)[:2])
        _check_size(number, width_pt, height_pt)
        dpi = round(min(DEFAULT_DPI, 72 * (limits.max_pixels / (width_pt * height_pt)) ** 0.5))
        pictures = convert_from_path(
            str(path), dpi=dpi, first_page=number, last_page=number, grayscale=True, use_cropbox=True, timeout=20
        )
    except UnusableImage:
        raise
    except Exception as error:
        raise UnusableImage(f"page {number}: neither PDFium nor poppler can draw it", code="no_page") from error
    if not pictures or pictures[0].width * pictures[0].height > 1.1 * limits.max_pixels:
        raise UnusableImage(f"page {number}: no picture", code="no_page")
    gray: GrayImage = np.asarray(pictures[0].convert("L"))
    return RasterPage(number, _save(gray, out, number), float(dpi), repaired=True)


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
        if image.format == "JPEG":
            image.draft("L", image.size)  # only the brightness of a colour picture is decoded
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        gray = _gray(image)
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
        return RasterPage(number, _save(gray, out, number), _guessed_dpi(gray.shape[1], gray.shape[0]))
    gray, square_dpi = _square(gray, dpi)
    return RasterPage(number, _save(gray, out, number), square_dpi)


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
    gray: GrayImage = np.asarray(image if image.mode == "L" else image.convert("L"))
    return gray


def _stated_dpi(image: Image.Image) -> tuple[float, float] | None:
    """The resolution the file states across and down, when it is believable."""
    stated = image.info.get("dpi")
    try:
        x, y = float(stated[0]), float(stated[1])  # type: ignore[index]
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    # faxes have twice as many points across as down
    if not (90 <= x <= 1210 and 90 <= y <= 1210) or not 0.45 < x / y < 2.2:
        return None
    if not MIN_LONG_IN <= max(image.width / x, image.height / y) <= MAX_LONG_IN:
        return None
    return (y, x) if image.getexif().get(_EXIF_ORIENTATION, 1) >= _EXIF_FIRST_ON_ITS_SIDE else (x, y)


def _square(gray: GrayImage, dpi: tuple[float, float]) -> tuple[GrayImage, float]:
    """The picture with points as far apart across as down, at the finer of the two resolutions."""
    x, y = dpi
    if abs(x / y - 1) < 0.02:
        return gray, (x + y) / 2
    finer = max(x, y)
    size = round(gray.shape[1] * finer / x), round(gray.shape[0] * finer / y)
    return cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8), finer


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
                with target.open("rb") as file:
                    if file.read(4) in (b"PK\x03\x04", b"PK\x05\x06"):
                        raise UnusableImage("an archive in the archive", code="archive_unsafe")
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
