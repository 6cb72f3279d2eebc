#!/usr/bin/env python3
"""Makes `samples/` again from a mailbag folder (synthetic scans made for this project) and our own separator sheets.

    python tools/make_samples.py MAILBAG samples/

A stack with Patch T sheets (black and white TIFF), a duplex stack with barcode sheets (PDF), single documents, and a
born-digital invoice with its Factur-X data.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pikepdf
import pypdfium2
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen import canvas

from capture.separator_sheets import separator_sheets

PATCH_STACK = ("0013.tif", "0102.tif", "0104.tif", "0088.tif", "0109.tif")
DUPLEX_STACK = ("0055.jpg", "0064.pdf", "0054.pdf")
SINGLES = {
    "carte-t-a.jpg": "0008.jpg",
    "carte-t-b.pdf": "0023.pdf",
    "carte-t-b-couleur.jpg": "0053.jpg",
    "abonnement.pdf": "0027.pdf",
    "abonnement-envers.pdf": "0099.pdf",
    "mandat-sepa.jpg": "0086.jpg",
    "facture-ramettes.pdf": "0048.pdf",
    "facture-photo-couleur.pdf": "0101.pdf",
    "facture.jpg": "0071.jpg",
    "prospectus.pdf": "0042.pdf",
    "avis.pdf": "0025.pdf",
}


def pictures(path: Path) -> list[Image.Image]:
    """The pages of a scan at their own resolution, with their dpi."""
    if path.suffix == ".pdf":
        pages = []
        for page in pypdfium2.PdfDocument(path):
            image = page.render(scale=200 / 72, grayscale=True).to_pil()
            image.info["dpi"] = (200, 200)
            pages.append(image)
        return pages
    image = Image.open(path)
    pages = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        page = image.convert("L")
        page.info["dpi"] = image.info.get("dpi", (200, 200))
        pages.append(page)
    return pages


def sheet(pdf: bytes) -> Image.Image:
    """A separator sheet as a 200 dpi scan."""
    page: Image.Image = pypdfium2.PdfDocument(pdf)[0].render(scale=200 / 72, grayscale=True).to_pil()
    return page


def patch_stack(docs: Path, target: Path) -> None:
    """Separator, document, separator, document ... in one multi-page G4 TIFF."""
    patch = sheet(separator_sheets("patch-t", 1))
    pages: list[Image.Image] = []
    for name in PATCH_STACK:
        pages.append(patch)
        for page in pictures(docs / name):
            factor = 200 / float(page.info["dpi"][0])
            pages.append(
                page.resize((round(page.width * factor), round(page.height * factor))) if factor != 1 else page
            )
    black = [page.point(lambda v: 255 if v > 140 else 0).convert("1") for page in pages]
    black[0].save(target, save_all=True, append_images=black[1:], compression="group4", dpi=(200, 200))


def duplex_stack(docs: Path, target: Path) -> None:
    """Fronts and blank backs, barcode sheets between the documents, as a scanner's PDF."""
    barcode = sheet(separator_sheets("code128", 1))
    blank = Image.new("L", barcode.size, 246)
    pages: list[Image.Image] = []
    for name in DUPLEX_STACK:
        pages += [barcode, blank]
        for page in pictures(docs / name):
            pages += [page, Image.new("L", page.size, 246)]
    pages[0].save(target, save_all=True, append_images=pages[1:], resolution=200.0, quality=60)


def digital_invoice(target: Path) -> None:
    """A born-digital invoice with a text layer and its CII data embedded, invented from end to end."""
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, pagesize=A4)
    page.setFont("Helvetica-Bold", 16)
    page.drawString(20 * mm, 275 * mm, "Fontaine & Filles SARL")
    page.setFont("Helvetica", 9)
    page.drawString(20 * mm, 269 * mm, "8 rue du Lavoir - 25000 BESANCON")
    page.drawString(20 * mm, 264 * mm, "SIRET 732 829 320 00074 - TVA FR 44 732 829 320")
    page.drawString(120 * mm, 250 * mm, "Regie des Eaux de Montbrel")
    page.setFont("Helvetica-Bold", 13)
    page.drawString(20 * mm, 235 * mm, "FACTURE N° F-2026-118")
    page.setFont("Helvetica", 10)
    page.drawString(20 * mm, 228 * mm, "Date : 12/10/2026        Échéance : 11/11/2026")
    for x, title in ((20, "Désignation"), (110, "Qté"), (130, "PU HT"), (160, "Montant HT")):
        page.drawString(x * mm, 210 * mm, title)
    for y, row in ((203, ("Compteur DN15", "4", "45,00", "180,00")), (197, ("Pose et essai", "2", "60,00", "120,00"))):
        for x, text in zip((20, 110, 130, 160), row, strict=True):
            page.drawString(x * mm, y * mm, text)
    for y, (label, amount) in (
        (180, ("Total HT", "300,00 €")),
        (174, ("TVA 20 %", "60,00 €")),
        (168, ("Total TTC", "360,00 €")),
    ):
        page.drawString(130 * mm, y * mm, label)
        page.drawRightString(190 * mm, y * mm, amount)
    page.drawString(20 * mm, 150 * mm, "IBAN FR14 2004 1010 0505 0001 3M02 606")
    page.save()
    pdf = pikepdf.Pdf.open(io.BytesIO(buffer.getvalue()))
    xml = (Path(__file__).parent / "sample-invoice.xml").read_bytes()
    pdf.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(
        pdf, xml, mime_type="text/xml", relationship=pikepdf.Name.Alternative
    )
    pdf.save(target)


def main() -> None:
    docs, target = Path(sys.argv[1]) / "docs", Path(sys.argv[2])
    target.mkdir(exist_ok=True)
    patch_stack(docs, target / "lot-patch-t.tif")
    duplex_stack(docs, target / "lot-recto-verso.pdf")
    for shown, name in SINGLES.items():
        shutil.copyfile(docs / name, target / shown)
    digital_invoice(target / "facture-numerique.pdf")


if __name__ == "__main__":
    main()
