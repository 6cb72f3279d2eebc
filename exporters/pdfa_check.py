"""Structural check of what PDF/A-2 and -3, level B, ask for. It is no validator: it finds what tools usually get wrong.

Source: ISO 19005-2 and -3, clauses named in the findings. A file that passes is "declared PDF/A, structurally checked".
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import pikepdf
from lxml import etree
from pikepdf import Dictionary, Name, Pdf, Stream

_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_FORBIDDEN_ACTIONS = frozenset(
    {"/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/JavaScript", "/Hide", "/SetOCGState", "/Rendition"}
    | {"/Trans", "/GoTo3DView"}
)


def pdfa_findings(content: bytes) -> tuple[str, ...]:
    """What is wrong with a PDF that declares itself PDF/A-2 or -3; empty when nothing was found."""
    try:
        with Pdf.open(io.BytesIO(content)) as pdf:
            if pdf.is_encrypted:
                return ("6.1.3: the file is encrypted",)
            checks: tuple[Callable[[Pdf], Iterator[str]], ...] = (
                _trailer,
                _metadata,
                _output_intent,
                _catalog,
                _objects,
                _fonts,
                _colours,
                _attachments,
            )
            found = [finding for check in checks for finding in check(pdf)]
            found += [f"qpdf: {problem}" for problem in pdf.check_pdf_syntax()]
    except pikepdf.PasswordError:
        return ("6.1.3: the file is encrypted",)
    except pikepdf.PdfError as error:
        return (f"not a readable PDF: {error}",)
    return tuple(dict.fromkeys([*_bytes(content), *found]))


def _bytes(content: bytes) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7]\r?\n%[\x80-\xff]{4}", content):
        yield "6.1.2: header without its line of four high bytes"
    if not content.rstrip(b"\r\n").endswith(b"%%EOF"):
        yield "6.1.3: data after the end of the file"


def _trailer(pdf: Pdf) -> Iterator[str]:
    if "/ID" not in pdf.trailer:
        yield "6.1.3: no /ID in the trailer"
    if "/Encrypt" in pdf.trailer:
        yield "6.1.3: /Encrypt in the trailer"


def _metadata(pdf: Pdf) -> Iterator[str]:
    if "/Metadata" not in pdf.Root:
        yield "6.6.2: no XMP metadata"
        return
    try:
        tree = etree.fromstring(pdf.Root.Metadata.read_bytes(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        yield "6.6.2: XMP metadata is not well formed"
        return
    told = {str(each.tag): (each.text or "").strip() for each in tree.iter() if isinstance(each.tag, str)}
    told |= {str(name): str(value) for each in tree.iter() for name, value in each.attrib.items()}
    if told.get(f"{_PDFAID}part") not in ("2", "3"):
        yield "6.6.4: pdfaid:part is not 2 or 3"
    if told.get(f"{_PDFAID}conformance") not in ("A", "B", "U"):
        yield "6.6.4: pdfaid:conformance is not A, B or U"
    if "/Info" in pdf.trailer and len(pdf.trailer.Info.keys()):
        yield "6.6.3: document information beside XMP is not compared here: leave it out"


def _output_intent(pdf: Pdf) -> Iterator[str]:
    intents = [each for each in pdf.Root.get("/OutputIntents", []) if each.get("/S") == Name.GTS_PDFA1]
    if not intents:
        yield "6.2.3: no PDF/A output intent"
        return
    for intent in intents:
        profile = intent.get("/DestOutputProfile")
        if not isinstance(profile, Stream):
            yield "6.2.3: output intent without ICC profile"
            continue
        data = profile.read_bytes()
        channels = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}.get(data[16:20])
        if data[36:40] != b"acsp" or len(data) != int.from_bytes(data[:4], "big"):
            yield "6.2.3: the ICC profile is damaged"
        elif channels != profile.get("/N"):
            yield "6.2.3: /N is not the number of channels of the ICC profile"


def _catalog(pdf: Pdf) -> Iterator[str]:
    for key in ("/AA", "/Requirements", "/NeedsRendering"):
        if key in pdf.Root:
            yield f"6.5: {key} in the catalog"
    names = pdf.Root.get("/Names", Dictionary())
    for key in ("/JavaScript", "/AlternatePresentations"):
        if key in names:
            yield f"6.5: {key} among the names"
    for number, page in enumerate(pdf.pages, start=1):
        if "/AA" in page.obj or "/PresSteps" in page.obj:
            yield f"6.5: actions on page {number}"


def _objects(pdf: Pdf) -> Iterator[str]:
    for each in pdf.objects:
        if isinstance(each, Dictionary) and "/P" not in each and str(each.get("/S", "")) in _FORBIDDEN_ACTIONS:
            yield f"6.5.1: forbidden action {each.get('/S')}"
        if not isinstance(each, Stream):
            continue
        if "/F" in each or "/FFilter" in each:
            yield "6.1.7: a stream outside the file"
        named = each.get("/Filter")
        filters = [named] if isinstance(named, Name) else list(named) if named is not None else []
        yield from (f"6.1.7: filter {one}" for one in filters if one in (Name.LZWDecode, Name.Crypt))
        if each.get("/Subtype") == Name.PS or each.get("/Subtype2") == Name.PS:
            yield "6.2.9: PostScript object"
        if each.get("/Subtype") == Name.Image:
            yield from _image(each)


def _image(image: pikepdf.Object) -> Iterator[str]:
    if image.get("/Interpolate"):
        yield "6.2.8: picture with /Interpolate"
    for key in ("/Alternates", "/OPI"):
        if key in image:
            yield f"6.2.8: picture with {key}"
    if image.get("/BitsPerComponent", 8) not in (1, 2, 4, 8, 16):
        yield "6.2.8: picture with an odd number of bits"


def _colours(pdf: Pdf) -> Iterator[str]:
    intents = [each.get("/DestOutputProfile") for each in pdf.Root.get("/OutputIntents", [])]
    channels = {int(each.get("/N", 0)) for each in intents if isinstance(each, Stream)}
    for each in pdf.objects:
        space = each.get("/ColorSpace") if isinstance(each, Stream) else None
        if space == Name.DeviceCMYK and 4 not in channels:
            yield "6.2.4.3: DeviceCMYK without a CMYK output intent"
        if space == Name.DeviceRGB and 3 not in channels:
            yield "6.2.4.3: DeviceRGB without an RGB output intent"


def _fonts(pdf: Pdf) -> Iterator[str]:
    for each in pdf.objects:
        if not isinstance(each, Dictionary) or each.get("/Type") != Name.Font:
            continue
        name = str(each.get("/BaseFont", "without name"))
        kind = each.get("/Subtype")
        if kind == Name.Type0:
            if "/ToUnicode" not in each:
                yield f"6.2.11.7: font {name} without /ToUnicode"
            if not isinstance(each.get("/Encoding"), Name | Stream):
                yield f"6.2.11.3: font {name} without encoding"
        elif kind != Name.Type3:
            descriptor = each.get("/FontDescriptor", Dictionary())
            if not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")):
                yield f"6.2.11.4: font {name} is not embedded"
            if kind == Name.CIDFontType2 and "/CIDToGIDMap" not in each:
                yield f"6.2.11.3: font {name} without /CIDToGIDMap"


def _attachments(pdf: Pdf) -> Iterator[str]:
    associated = list(pdf.Root.get("/AF", []))
    for name in pdf.attachments:
        spec = pdf.attachments[name].obj
        if "/AFRelationship" not in spec:
            yield f"6.8: attachment {name} without /AFRelationship"
        if not any(each.objgen == spec.objgen for each in associated):
            yield f"6.8: attachment {name} is not in /AF"
        embedded = spec.get("/EF", Dictionary()).get("/F")
        if embedded is None or "/Subtype" not in embedded:
            yield f"6.8: attachment {name} without MIME type"
