"""A searchable PDF of page images: the pictures kept without loss, the words laid invisibly over them.

Declared PDF/A-3B (ISO 19005-3) and checked structurally by `exporters.pdfa_check`; no validator of the standard runs.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import resources
from xml.sax.saxutils import escape

import img2pdf
import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String
from PIL import Image

from exporters.invisible_font import ADVANCE, invisible_font
from models.handover import ReleasedPage
from models.text import PageText, TextLine

POINTS_PER_INCH = 72.0
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance></rdf:Description>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>application/pdf</dc:format>
<dc:identifier>{identifier}</dc:identifier>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<xmp:CreateDate>{moment}</xmp:CreateDate><xmp:ModifyDate>{moment}</xmp:ModifyDate>
<xmp:MetadataDate>{moment}</xmp:MetadataDate><xmp:CreatorTool>Depli</xmp:CreatorTool>
<pdf:Producer>Depli</pdf:Producer></rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def searchable_pdf(pages: Sequence[ReleasedPage], *, title: str, identifier: str, moment: datetime) -> bytes:
    """One PDF page for each page image, at its size on paper, with its words selectable.

    JPEG pictures stay as they are, black-and-white ones become CCITT group 4, others Flate: no pixel changes. The same
    pages give the same bytes.

    Args:
        title: shown by viewers; no bank data.
        moment: aware; the creation date written.
    """
    with Pdf.new() as pdf:
        for page in pages:
            with Pdf.open(io.BytesIO(_picture_pdf(page))) as picture:
                pdf.pages.extend(picture.pages)
        font = pdf.make_indirect(_font(pdf, _characters(page.text for page in pages)))
        order = _codes(_characters(page.text for page in pages))
        for page, target in zip(pages, pdf.pages, strict=True):
            for key in ("/Rotate", "/Group"):
                if key in target.obj:
                    del target.obj[key]
            if page.text is not None and page.text.lines:
                _lay_words(pdf, target, page.text, font, order)
        _declare(pdf, title=title, identifier=identifier, moment=moment)
        return _saved(pdf)


def _saved(pdf: Pdf) -> bytes:
    target = io.BytesIO()
    pdf.remove_unreferenced_resources()
    pdf.save(
        target,
        deterministic_id=True,
        min_version="1.7",
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        compress_streams=True,
    )
    return target.getvalue()


def _picture_pdf(page: ReleasedPage) -> bytes:
    content = _without_alpha(page.image())
    layout = img2pdf.get_fixed_dpi_layout_fun((page.dpi, page.dpi))
    made = img2pdf.convert(content, layout_fun=layout, nodate=True, rotation=img2pdf.Rotation.none)
    if not isinstance(made, bytes):
        raise TypeError("img2pdf gave no bytes")
    return made


def _without_alpha(content: bytes) -> bytes:
    """The picture as it is when PDF/A takes it so; CMYK, transparent and 16-bit pictures become RGB or gray PNG."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.mode in ("1", "L", "RGB") and "transparency" not in picture.info:
            return content
        gray = picture.mode in ("I", "I;16", "F", "LA")
        flat = Image.new("RGB", picture.size, "white")
        rgba = picture.convert("RGBA")
        flat.paste(rgba, mask=rgba.getchannel("A"))
        target = io.BytesIO()
        (flat.convert("L") if gray else flat).save(target, "PNG")
        return target.getvalue()


def _characters(texts: Iterable[PageText | None]) -> str:
    """Every character of the words once, in code order, the space among them."""
    found = {" "} | {c for text in texts if text for line in text.lines for w in _words(line) for c in w[0]}
    return "".join(sorted(found))


def _codes(characters: str) -> dict[str, int]:
    return {character: code for code, character in enumerate(characters, start=1)}


def _clean(text: str) -> str:
    """What may stand in a word: no controls, no halves of pairs, one space for each run of blanks."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable() and c != "\ufeff")


def _words(line: TextLine) -> list[tuple[str, float, float]]:
    """Words of a line with left edge and width in pixels."""
    placed = [(_clean(word.text), word.box.x, word.box.width) for word in line.words]
    if not placed:
        texts = line.text.split()
        per_letter = line.box.width / max(1, len(line.text))
        starts, at = [], 0
        for text in texts:
            at = line.text.index(text, at)
            starts.append(at)
            at += len(text)
        placed = [
            (_clean(text), line.box.x + start * per_letter, len(text) * per_letter)
            for text, start in zip(texts, starts, strict=True)
        ]
    return [word for word in placed if word[0]]


def _lay_words(pdf: Pdf, target: pikepdf.Page, text: PageText, font: pikepdf.Object, codes: dict[str, int]) -> None:
    """Write the words, invisible, behind the picture."""
    left, bottom, right, top = (float(edge) for edge in target.mediabox)
    across, down = (right - left) / text.width, (top - bottom) / text.height
    drawn = ["q BT 3 Tr"]
    for line in text.lines:
        words = _words(line)
        size = max(1.0, line.box.height * down)
        base = top - (line.box.y + line.box.height * 0.8) * down
        for place, (word, start, width) in enumerate(words):
            # a viewer built on PDFium overlooks a lone character without ink, not one with a space behind it
            shown = word if place == len(words) - 1 and len(word) > 1 else f"{word} "
            natural = len(word) * size * ADVANCE / 1000
            stretch = max(1.0, 100 * max(width, 1.0) * across / natural)
            code_points = "".join(f"{codes[character]:04X}" for character in shown)
            drawn.append(
                f"/Invisible {size:.3f} Tf {stretch:.3f} Tz "
                f"1 0 0 1 {left + start * across:.3f} {base:.3f} Tm <{code_points}> Tj"
            )
    drawn.append("ET Q")
    if Name.Resources not in target.obj:
        target.obj.Resources = Dictionary()
    target.obj.Resources.Font = Dictionary(Invisible=font)
    target.contents_add(Stream(pdf, "\n".join(drawn).encode("ascii")), prepend=True)


def _font(pdf: Pdf, characters: str) -> Dictionary:
    program = Stream(pdf, invisible_font())
    program.Length1 = len(invisible_font())
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name("/DEPLIX+Invisible"),
        Flags=4,
        FontBBox=Array([0, -200, ADVANCE, 800]),
        ItalicAngle=0,
        Ascent=800,
        Descent=-200,
        CapHeight=800,
        StemV=1,
        FontFile2=pdf.make_indirect(program),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name("/DEPLIX+Invisible"),
        CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
        DW=ADVANCE,
        CIDToGIDMap=pdf.make_indirect(Stream(pdf, b"\0\0" + b"\0\1" * len(characters))),
    )
    return Dictionary(
        Type=Name.Font,
        Subtype=Name.Type0,
        BaseFont=Name("/DEPLIX+Invisible"),
        Encoding=Name("/Identity-H"),
        DescendantFonts=Array([pdf.make_indirect(descendant)]),
        ToUnicode=pdf.make_indirect(Stream(pdf, _to_unicode(characters))),
    )


def _to_unicode(characters: str) -> bytes:
    rows = [f"<{code:04X}> <{c.encode('utf-16-be').hex().upper()}>" for c, code in _codes(characters).items()]
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _declare(pdf: Pdf, *, title: str, identifier: str, moment: datetime) -> None:
    """Metadata, output intent and the marks that PDF/A asks for."""
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    stamp = moment.isoformat(timespec="seconds")
    packet = _XMP.format(title=escape(title), identifier=escape(identifier), moment=stamp)
    metadata = Stream(pdf, packet.encode("utf-8"))
    metadata.Type, metadata.Subtype = Name.Metadata, Name.XML
    profile = Stream(pdf, resources.files("exporters").joinpath("srgb.icc").read_bytes())
    profile.N = 3
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier=String("sRGB"),
        Info=String("sRGB IEC61966-2.1"),
        DestOutputProfile=pdf.make_indirect(profile),
    )
    pdf.Root.Metadata = pdf.make_indirect(metadata)
    pdf.Root.OutputIntents = Array([pdf.make_indirect(intent)])
    pdf.Root.Lang = String("fr-FR")
    pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
    for key in ("/PageMode", "/PageLayout", "/OpenAction"):
        if key in pdf.Root:
            del pdf.Root[key]
