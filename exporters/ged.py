"""The document archive (GED): a folder per document with the untouched master, a searchable PDF and the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exporters.contracts import Reason, Refused
from exporters.folder_delivery import FolderDelivery
from exporters.pdfa_check import pdfa_findings
from exporters.searchable_pdf import searchable_pdf
from exporters.sidecar import as_json, as_xml
from models.definitions import DocumentType
from models.handover import Parcel, Receipt, ReleasedDocument, ReleasedMaster

SUFFIXES = {"pdf": ".pdf", "tiff": ".tif", "jpeg": ".jpg", "png": ".png", "xml": ".xml"}
TITLES = {
    DocumentType.SUPPLIER_INVOICE: "Facture fournisseur",
    DocumentType.T_CARD: "Carte de relevé",
    DocumentType.SUBSCRIPTION_FORM: "Demande d'abonnement",
    DocumentType.SEPA_MANDATE: "Mandat de prélèvement SEPA",
    DocumentType.OTHER: "Courrier",
}


@dataclass(frozen=True, slots=True)
class GedExporter:
    """Writes below one folder, local or on any store that fsspec reaches.

    A master that holds nothing but the document stands in its folder. A master shared by several documents (a stack)
    stands once under `originaux/`, named by its SHA-256, and the data names it and its pages: nobody's letter ends in
    the folder of another.
    """

    delivery: FolderDelivery
    name: str = "ged"

    def accepts(self, document_type: DocumentType) -> bool:
        """Everything is archived, whatever it is."""
        return document_type in DocumentType

    def render(self, document: ReleasedDocument) -> Parcel:
        """`document.pdf`, `document.json`, `document.xml`, the master; `SHA256SUMS` comes with the delivery.

        Raises: Refused when the document has no page, or when the PDF made of it is not what it declares to be.
        """
        if not document.pages:
            raise Refused(self.name, document.label, [Reason("ged.pages", "Ce document n'a pas de page.")])
        pdf = searchable_pdf(
            document.pages,
            title=f"{TITLES[document.document_type]} {document.label}",
            identifier=document.id,
            moment=document.received_at,
        )
        findings = pdfa_findings(pdf)
        if findings:
            reasons = [
                Reason("ged.pdfa", f"Le PDF produit n'est pas conforme à sa déclaration : {each}.") for each in findings
            ]
            raise Refused(self.name, document.label, reasons)
        own, shared = _masters(document.masters)
        more: dict[str, str | list[str]] = {
            "pdf_profile": "PDF/A-3B declared, structurally checked",
            "originals": [*own, *shared],
        }
        files = {
            "document.pdf": pdf,
            "document.json": as_json(document, **more),
            "document.xml": as_xml(document, **more),
            **{name: master.content() for name, master in own.items()},
        }
        return Parcel(_folder_of(document), files, {path: master.content() for path, master in shared.items()})

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Raises: Unavailable, Misconfigured."""
        return self.delivery.deliver(key, parcel)


def ged_exporter(url: str, *, now: Callable[[], datetime]) -> GedExporter:
    """The archive below a folder or fsspec URL."""
    return GedExporter(FolderDelivery(url, "ged", now))


def _folder_of(document: ReleasedDocument) -> str:
    return f"{document.received_at:%Y}/{document.received_at:%m}/{document.document_type.value}/{document.label}"


def _masters(masters: tuple[ReleasedMaster, ...]) -> tuple[dict[str, ReleasedMaster], dict[str, ReleasedMaster]]:
    """Masters that stand in the document's folder, and those that it shares with others."""
    own: dict[str, ReleasedMaster] = {}
    shared: dict[str, ReleasedMaster] = {}
    whole = [master for master in masters if master.whole]
    for number, master in enumerate(whole, start=1):
        own[f"original{'' if len(whole) == 1 else f'-{number}'}{SUFFIXES.get(master.kind, '.bin')}"] = master
    for master in masters:
        if not master.whole:
            suffix = SUFFIXES.get(master.kind, ".bin")
            shared[f"originaux/{master.sha256[:2]}/{master.sha256}{suffix}"] = master
    return own, shared
