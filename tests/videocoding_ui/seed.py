"""A small record with drawn pages: forms filled with a drawn pen, an invoice, a document in every state.

Used by the tests and to take pictures of the screens.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pypdfium2

from models.batch import Batch, Document, Field, Master, Page, StoredReading
from models.definitions import DocumentType, FormDefinition, ZoneKind, field_definition
from models.errors import Route
from models.geometry import Box
from models.image import GrayImage
from models.ports import ImageStore, UnitOfWork
from models.reading import (
    Candidate,
    Decision,
    DocumentReading,
    FieldValue,
    InvoiceLine,
    PageReading,
    Quality,
    Value,
)
from models.releases import Release, release_key
from models.text import Character
from models.verification import Role, User
from videocoding_ui import hash_password

DPI = 150
PASSWORD = "correct horse battery"
XSS = '<img src=x onerror="window.__xss=1"><script>window.__xss=1</script>'
FORMS_FOLDER = Path(__file__).parents[2] / "pipeline" / "forms"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@dataclass
class Seeded:
    """What a test needs to know of the record."""

    users: dict[str, str]
    """Role -> user id; the user's name is the role's word, the password `PASSWORD`."""
    batch: str
    documents: dict[str, str] = field(default_factory=dict)
    """A word -> document id."""
    held_release: str = ""
    aside_page: str = ""
    master: str = ""


@cache
def forms() -> dict[str, FormDefinition]:
    """The forms that ship."""
    found = {}
    for path in sorted(FORMS_FOLDER.glob("*/fields.json")):
        definition = FormDefinition.from_json(json.loads(path.read_text(encoding="utf-8")), source=path.parent.name)
        found[definition.id] = definition
    return found


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


@cache
def blank(form: str) -> GrayImage:
    """The first page of a blank form at `DPI`, shape (height, width), 0 ink and 255 paper."""
    pdf = pypdfium2.PdfDocument(FORMS_FOLDER / form / "blank.pdf")
    return np.asarray(pdf[0].render(scale=DPI / 72, grayscale=True).to_numpy()).reshape(
        pdf[0].render(scale=DPI / 72, grayscale=True).to_numpy().shape[:2]
    )


class Pen:
    """Writes on a page like a person in a hurry."""

    def __init__(self, page: GrayImage, seed: int) -> None:
        self.page = page
        self.chance = Random(seed)

    def character(self, letter: str, box: Box) -> None:
        """One character in its cell, in millimetres."""
        cell = box.scaled(DPI / 25.4)
        scale = cell.height / 36 * self.chance.uniform(0.9, 1.15)
        (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
        size = int(max(cell.width, cell.height) * 2)
        patch = np.full((size, size), 255, np.uint8)
        cv2.putText(
            patch,
            letter,
            ((size - width) // 2, (size + height) // 2),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            30,
            2,
            cv2.LINE_AA,
        )
        shear = self.chance.uniform(-0.25, 0.12)
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), self.chance.uniform(-7, 7), 1.0)
        turn[0, 1] += shear
        turn[0, 2] -= shear * size / 2
        patch = cv2.warpAffine(patch, turn, (size, size), borderValue=255)
        x = int(cell.center_x - size / 2 + self.chance.uniform(-2, 2))
        y = int(cell.center_y - size / 2 + self.chance.uniform(-2, 2))
        self._press(patch, x, y)

    def line(self, text: str, box: Box, *, font: int = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX) -> None:
        """A running line."""
        area = box.scaled(DPI / 25.4)
        scale = area.height / 44
        cv2.putText(
            self.page, text, (int(area.x + 6), int(area.bottom - area.height * 0.25)), font, scale, 30, 2, cv2.LINE_AA
        )

    def cross(self, box: Box) -> None:
        """A tick in a box."""
        area = box.scaled(DPI / 25.4)
        corners = [(int(area.x) - 2, int(area.y)), (int(area.right) + 3, int(area.bottom) + 2)]
        cv2.line(self.page, corners[0], corners[1], 25, 3, cv2.LINE_AA)
        cv2.line(self.page, (corners[1][0], corners[0][1]), (corners[0][0], corners[1][1]), 25, 3, cv2.LINE_AA)

    def signature(self, box: Box) -> None:
        """A scrawl."""
        area = box.scaled(DPI / 25.4)
        points = []
        for step in range(26):
            x = area.x + area.width * (0.2 + 0.025 * step)
            y = area.center_y + area.height * 0.22 * np.sin(step * 1.3) * self.chance.uniform(0.5, 1.2)
            points.append((int(x), int(y)))
        cv2.polylines(self.page, [np.array(points)], False, 25, 2, cv2.LINE_AA)

    def _press(self, patch: GrayImage, x: int, y: int) -> None:
        top, left = max(0, y), max(0, x)
        area = self.page[top : y + patch.shape[0], left : x + patch.shape[1]]
        part = patch[top - y :, left - x :][: area.shape[0], : area.shape[1]]
        np.minimum(area, part, out=area)


def png(image: GrayImage) -> bytes:
    """The bytes of a picture."""
    return bytes(cv2.imencode(".png", image)[1])


def snippet_of(page: GrayImage, box: Box) -> bytes:
    """The cut-out of a field: 30 % more around it, at least 96 pixels high."""
    grown = box.grown(max(2.0, box.height * 0.3)).scaled(DPI / 25.4)
    cut = page[max(0, int(grown.y)) : int(grown.bottom), max(0, int(grown.x)) : int(grown.right)]
    factor = max(1.0, 96 / max(1, cut.shape[0]))
    return png(cv2.resize(cut, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))


@dataclass
class Wrote:
    """What is written in a field, and what the machine makes of it."""

    text: str
    value: Value
    confidence: float | None = 0.9
    accepted: bool = False
    doubts: tuple[int, ...] = ()
    candidates: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    read: Value | str = ""
    """What the machine read, when it is not `value`."""


MANDATE: dict[str, Wrote] = {
    "mandate_reference": Wrote("RUM-2026-004217", "RUM-2026-004217", 0.99, accepted=True),
    "debtor_name": Wrote("LEFEBVRE MARIE", "LEFEBVRE MARIE", 0.82, doubts=(3,)),
    "debtor_postal_code": Wrote("59800", "59800", 0.88, doubts=(2,)),
    "debtor_city": Wrote("LILLE", "LILLE", 0.97, accepted=True),
    "iban": Wrote(
        "FR1420041010050500013M02606",
        "FR1420041010050500013M02606",
        0.91,
        doubts=(9, 21),
        candidates=("FR1420041010060500013M02606",),
    ),
    "bic": Wrote("PSSTFRPPLIL", "PSSTFRPPLIL", 0.6),
    "payment_type": Wrote("recurrent", "recurrent", 0.93),
    "signature_date": Wrote("12112026", "2026-11-12", 0.9, doubts=(4,)),
    "signature": Wrote("", True, 0.8),
}
T_CARD: dict[str, Wrote] = {
    "subscriber_reference": Wrote("0042718836", "0042718836", 0.995, accepted=True),
    "subscriber_name": Wrote("MOREL Jean", "MOREL Jean", 0.98, accepted=True),
    "meter_index": Wrote("04187", "04187", 0.9, doubts=(3,)),
    "reading_date": Wrote("18112026", "2026-11-18", 0.86),
    "phone": Wrote("0612345678", "0612345678", 0.4),
    "remark": Wrote("leak_suspected", ["leak_suspected"], 0.9),
}


def characters(text: str, doubts: tuple[int, ...]) -> tuple[Character, ...]:
    """One character a place; the doubtful ones have a rival."""
    return tuple(
        Character(((letter, 0.55), ("8", 0.3)) if place in doubts else ((letter, 0.99),))
        for place, letter in enumerate(text)
    )


class Seeder:
    """Fills one batch."""

    def __init__(self, uow: UnitOfWork, images: ImageStore, batch: Batch, master: Master) -> None:
        self.uow, self.images, self.batch, self.master = uow, images, batch, master
        self.position = 0
        self.documents = 0

    def page(self, image: GrayImage | None, document: Document | None = None, place: int = 0) -> Page:
        """One page of the batch, placed in a document if there is one."""
        page = Page(
            batch_id=self.batch.id,
            master_id=self.master.id,
            number=self.position + 1,
            position=self.position,
            endorsement=f"E{self.position + 1:06d}",
        )
        self.position += 1
        self.uow.pages.add(page)
        if image is None:
            return page
        key = self.images.save(png(image), suffix="png")
        small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        page.record_read(image=key, preview=self.images.save(png(small), suffix="png"), rescan=False)
        height, width = image.shape[:2]
        reading = PageReading(
            width=width,
            height=height,
            dpi=DPI,
            rotated_deg=0,
            skew_deg=0.2,
            blank=False,
            quality=Quality(DPI, 0.8, 0.9, 0.1, rescan=False),
        )
        self.uow.readings.add(StoredReading(page_id=page.id, content=reading, made_at=NOW, engines="seed"))
        if document is not None:
            page.place(document.id, place)
        return page

    def document(self, kind: DocumentType, form: str | None, *, age: timedelta, sure: bool = True) -> Document:
        """A recognised document, without fields yet."""
        document = Document(batch_id=self.batch.id, position=self.documents, formed_at=NOW - age)
        self.documents += 1
        self.uow.documents.add(document)
        reading = DocumentReading((1,), kind, form, 0.99 if sure else 0.41, "indices : mandat, SEPA")
        document.record_recognised(reading, sure_of_type=sure)
        self.uow.journal.append(
            "document_recognised",
            at=NOW - age,
            subject=f"document:{document.id}",
            batch_id=self.batch.id,
            document_id=document.id,
            type=kind.value,
        )
        return document

    def form(self, form: str, wrote: dict[str, Wrote], *, age: timedelta, seed: int) -> Document:
        """A filled form with its fields and snippets."""
        definition = forms()[form]
        image = blank(form).copy()
        pen = Pen(image, seed)
        document = self.document(definition.document_type, form, age=age)
        for name, written in wrote.items():
            for zone in definition.zones_named(name):
                _write(pen, zone.kind, zone.box, zone.cells, zone.value, written)
        page = self.page(image, document)
        for position, (name, written) in enumerate(wrote.items()):
            zones = definition.zones_named(name)
            self.field(document, page, image, name, position, written, Box.around(z.box for z in zones), zones)
        return document

    def field(
        self,
        document: Document,
        page: Page,
        image: GrayImage,
        name: str,
        position: int,
        written: Wrote,
        box: Box,
        zones: object = (),
    ) -> Field:
        """One field with its snippet."""
        definition = field_definition(name, zones=zones)  # type: ignore[arg-type]
        decision = Decision.ACCEPTED if written.accepted else Decision.TO_VERIFY
        read = written.value if written.read == "" else written.read
        text = written.text
        made = FieldValue(
            name=name,
            value=read,
            confidence=written.confidence,
            decision=decision,
            page=1,
            box=box,
            text=text,
            reader="seed",
            candidates=tuple(Candidate(each, each, 0.2, "seed") for each in written.candidates),
            characters=characters(text, written.doubts),
            failed_rules=written.failed,
        )
        one = Field(
            document_id=document.id,
            name=name,
            label=definition.label_fr,
            value_type=definition.value_type,
            position=position,
            machine=made,
            critical=definition.critical,
            page_id=page.id,
            snippet=self.images.save(snippet_of(image, box), suffix="png"),
        )
        self.uow.fields.add(one)
        return one

    def invoice(self, *, age: timedelta) -> Document:
        """A printed invoice whose supplier calls himself a script."""
        image = np.full((1754, 1240), 255, np.uint8)
        document = self.document(DocumentType.SUPPLIER_INVOICE, None, age=age)
        document.lines = (InvoiceLine(XSS, "2", "10.00", "20.00", "20"),)
        rows = {
            "seller_name": Wrote(XSS, XSS, 0.8),
            "invoice_number": Wrote("F-2026-118", "F-2026-118", 0.9),
            "issue_date": Wrote("03/11/2026", "2026-11-03", 0.99, accepted=True),
            "seller_siret": Wrote("73282932000074", "73282932000075", 0.8, failed=("siret.check_digits",)),
            "total_with_tax": Wrote("1 234,50", "1234.50", 0.9),
        }
        boxes = {name: Box(90, 30 + 14 * row, 90, 8) for row, name in enumerate(rows)}
        for name, written in rows.items():
            Pen(image, 1).line(
                field_definition(name).label_fr, Box(15, boxes[name].y, 70, 7), font=cv2.FONT_HERSHEY_DUPLEX
            )
            Pen(image, 1).line(written.text[:26], boxes[name], font=cv2.FONT_HERSHEY_DUPLEX)
        page = self.page(image, document)
        for position, (name, written) in enumerate(rows.items()):
            self.field(document, page, image, name, position, written, boxes[name])
        return document


def _write(pen: Pen, kind: ZoneKind, box: Box, cells: tuple[Box, ...], value: str | None, written: Wrote) -> None:
    if kind is ZoneKind.COMB:
        for letter, cell in zip(written.text, cells, strict=False):
            if letter != " ":
                pen.character(letter, cell)
    elif kind is ZoneKind.CHECKBOX:
        chosen = written.value if isinstance(written.value, list) else [written.value]
        if value in chosen:
            pen.cross(box)
    elif kind is ZoneKind.SIGNATURE:
        pen.signature(box)
    elif kind is ZoneKind.LINE:
        pen.line(written.text, box)
    else:
        pen.line(written.text, box, font=cv2.FONT_HERSHEY_DUPLEX)


def add_users(uow: UnitOfWork) -> dict[str, str]:
    """One person a role."""
    users = {}
    for role in Role:
        user = User(name=role.value, password_hash=_password_hash(), role=role, created_at=NOW)
        uow.users.add(user)
        users[role.value] = user.id
    second = User(name="coder2", password_hash=_password_hash(), role=Role.CODER, created_at=NOW)
    uow.users.add(second)
    users["coder2"] = second.id
    return users


def seed(open_uow: Callable[[], UnitOfWork], images: ImageStore, *, mandates: int = 1, others: bool = True) -> Seeded:
    """Fill an empty record: users, a batch with documents to key and, if asked, one in each other state."""
    with open_uow() as uow:
        users = add_users(uow)
        batch = Batch(
            shown_name=f"courrier {XSS if others else 'du matin'}.pdf",
            source="upload",
            received_at=NOW - timedelta(hours=2),
        )
        uow.batches.add(batch)
        original = images.save(b"%PDF-1.4 as it came", suffix="pdf")
        master = Master(
            batch_id=batch.id, shown_name=batch.shown_name, image=original, sha256="0" * 64, size_bytes=4321, position=0
        )
        uow.masters.add(master)
        master.record_opened(kind="pdf", pages=9, repaired=False)
        batch.record_opened()
        uow.journal.append(
            "batch_received", at=NOW - timedelta(hours=2), subject=f"batch:{batch.id}", batch_id=batch.id
        )
        done = Seeded(users=users, batch=batch.id, master=master.id)
        seeder = Seeder(uow, images, batch, master)
        for number in range(mandates):
            document = seeder.form("sepa-mandate-a", MANDATE, age=timedelta(minutes=90 - number), seed=number + 1)
            done.documents[f"mandate{number}"] = document.id
        done.documents["t_card"] = seeder.form("tcard-a", T_CARD, age=timedelta(minutes=40), seed=9).id
        if others:
            _other_states(uow, images, seeder, done)
        batch.record_separated()
        uow.commit()
    return done


def _other_states(uow: UnitOfWork, images: ImageStore, seeder: Seeder, done: Seeded) -> None:
    done.documents["invoice"] = seeder.invoice(age=timedelta(minutes=35)).id
    unsure = seeder.document(DocumentType.OTHER, None, age=timedelta(minutes=30), sure=False)
    seeder.page(blank("tcard-b"), unsure)
    done.documents["unsure"] = unsure.id
    quarantined = seeder.document(DocumentType.OTHER, None, age=timedelta(minutes=20))
    seeder.page(blank("subscription-a"), quarantined)
    quarantined.quarantine("Trois échecs : crashed")
    done.documents["quarantined"] = quarantined.id
    for word in ("held", "released"):
        document = seeder.form(
            "tcard-a", {"meter_index": Wrote("00731", "00731", 0.99, accepted=True)}, age=timedelta(minutes=80), seed=5
        )
        document.record_verified(uow.fields.of_document(document.id), now=NOW - timedelta(minutes=70))
        document.straight_through = True
        done.documents[word] = document.id
        release = Release(
            document_id=document.id,
            batch_id=done.batch,
            destination="ged" if word == "released" else "chorus",
            key=release_key(document.id, word, 1),
            planned_at=NOW - timedelta(minutes=69),
        )
        uow.releases.add(release)
        release.record_sending()
        if word == "held":
            release.hold("Chorus Pro refuse : SIRET du destinataire inconnu.")
            done.held_release = release.id
        else:
            release.confirm(reference="2026/11/0007.pdf", payload_sha256="ab" * 32, now=NOW)
            document.record_released()
    blank_side = seeder.page(np.full((1754, 1240), 250, np.uint8))
    blank_side.set_aside("blank")
    done.aside_page = blank_side.id
    rejected = seeder.page(None)
    rejected.reject(Route.RESCAN, "Image trop floue pour être lue.")
    rescanned = seeder.page(blank("tcard-b"), unsure, 1)
    rescanned.rescan, rescanned.reason = True, "flou"
