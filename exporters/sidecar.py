"""The data of a document beside its pages: JSON for programs, XML for archives that import folders."""

from __future__ import annotations

import json
from typing import Any

from lxml import etree

from models.handover import ReleasedDocument
from models.reading import Value

FORMAT = "depli-document/1"


def document_data(document: ReleasedDocument) -> dict[str, Any]:
    """All that is known of a document, ready for JSON: canonical values, who stands for them, where the paper is."""
    return {
        "format": FORMAT,
        "id": document.id,
        "label": document.label,
        "batch": {"id": document.batch_id, "label": document.batch_label, "position": document.position + 1},
        "document_type": document.document_type.value,
        "form": document.form,
        "received_at": document.received_at.isoformat(timespec="seconds"),
        "verified_at": document.verified_at.isoformat(timespec="seconds"),
        "straight_through": document.straight_through,
        "origin": "paper",
        "engines": document.engines,
        "pages": [
            {"number": page.number, "dpi": round(page.dpi, 1), "endorsement": page.endorsement}
            for page in document.pages
        ],
        "masters": [
            {
                "sha256": master.sha256,
                "size_bytes": master.size_bytes,
                "kind": master.kind,
                "pages": list(master.pages),
                "whole": master.whole,
            }
            for master in document.masters
        ],
        "fields": {
            name: {
                "label": field.label,
                "type": field.value_type,
                "value": field.value,
                "verified_by": field.verified_by,
                "illegible": field.illegible,
                "forced": field.forced,
                "page": field.page,
            }
            for name, field in document.fields.items()
        },
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "line_total": line.line_total,
                "vat_rate": line.vat_rate,
            }
            for line in document.lines
        ],
        "vat_breakdown": [
            {"rate": share.rate, "base": share.base, "tax": share.tax} for share in document.vat_breakdown
        ],
    }


def as_json(document: ReleasedDocument, **more: str | list[str]) -> bytes:
    """UTF-8, keys in a fixed order, two spaces of indent."""
    return (json.dumps({**document_data(document), **more}, ensure_ascii=False, indent=2) + "\n").encode()


def as_xml(document: ReleasedDocument, **more: str | list[str]) -> bytes:
    """The same data as XML; a value that is empty on paper is an element without text."""
    data = {**document_data(document), **more}
    fields: dict[str, dict[str, Any]] = data.pop("fields")
    root = etree.Element("document", id=document.id, format=FORMAT)
    for name in ("format", "id"):
        data.pop(name)
    for name, value in data.items():
        _append(root, name, value)
    parent = etree.SubElement(root, "fields")
    for name, entry in fields.items():
        element = etree.SubElement(
            parent,
            "field",
            name=name,
            type=entry["type"],
            label=_legal(entry["label"]),
            verified_by=entry["verified_by"],
            illegible=_written(entry["illegible"]),
            forced=_written(entry["forced"]),
        )
        kept: Value = entry["value"]
        for each in kept if isinstance(kept, list) else [kept]:
            if each is not None:
                etree.SubElement(element, "value").text = _legal(_written(each))
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return made


def _append(parent: etree._Element, name: str, value: object) -> None:
    element = etree.SubElement(parent, name)
    if isinstance(value, dict):
        for key, inner in value.items():
            _append(element, key, inner)
    elif isinstance(value, list):
        for each in value:
            _append(element, name.removesuffix("s") if name.endswith("s") else "item", each)
    elif value is not None:
        element.text = _legal(_written(value))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _legal(text: str) -> str:
    """Without the characters that XML 1.0 forbids."""
    return "".join(
        c for c in text if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
