"""Separator sheets to print: patch codes in the industry's geometry, or barcodes."""

from __future__ import annotations

import io

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import inch, mm
from reportlab.pdfgen.canvas import Canvas

from models.errors import Misconfigured

NARROW = 0.08 * inch
WIDE = 0.20 * inch
PATCH_BARS = {"patch-t": "NWNW", "patch-2": "WNWN", "patch-3": "WWNN"}
BARCODE_TEXT = "DEPLI-SEP"
KINDS = (*PATCH_BARS, "code128", "qr")


def separator_sheets(kind: str, count: int) -> bytes:
    """A PDF of A4 sheets, one before each document of a stack.

    Args:
        kind: one of `KINDS`.
        count: sheets.
    Raises: Misconfigured for a kind we do not know.
    Source: Kodak patch code geometry: bars 0.08 and 0.20 inch thick, 0.08 inch apart.
    """
    if kind not in KINDS:
        raise Misconfigured(f"No separator sheet is called {kind}: choose {', '.join(KINDS)}.")
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.setTitle(f"Feuilles séparatrices {kind}")
    for _ in range(count):
        _draw(canvas, kind)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _draw(canvas: Canvas, kind: str) -> None:
    width, height = A4
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawCentredString(width / 2, height - 130 * mm, "SÉPARATEUR DE DOCUMENT")
    canvas.setFont("Helvetica", 11)
    canvas.drawCentredString(width / 2, height - 138 * mm, f"{kind} : placez cette feuille devant chaque document,")
    canvas.drawCentredString(width / 2, height - 144 * mm, "face imprimée visible, en-tête en haut. Réutilisable.")
    if kind in PATCH_BARS:
        y = height - 20 * mm
        for bar in PATCH_BARS[kind]:
            thick = WIDE if bar == "W" else NARROW
            canvas.rect(20 * mm, y - thick, width - 40 * mm, thick, stroke=0, fill=1)
            y -= thick + NARROW
    elif kind == "code128":
        barcode = code128.Code128(BARCODE_TEXT, barWidth=0.9 * mm, barHeight=30 * mm)
        barcode.drawOn(canvas, (width - barcode.width) / 2, height - 70 * mm)
    else:
        side = 60 * mm
        drawing = Drawing(side, side)
        drawing.add(QrCodeWidget(BARCODE_TEXT, barWidth=side, barHeight=side, barLevel="Q"))
        renderPDF.draw(drawing, canvas, (width - side) / 2, height - 90 * mm)
