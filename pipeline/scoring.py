"""Scoring of readings against truth: the same comparison for every benchmark."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from rapidfuzz.distance import Levenshtein

from models.bounds import upper_bound

AMOUNTS = {"total_without_tax", "total_tax", "total_with_tax", "amount_due"}
DATES = {"issue_date", "due_date", "reading_date", "birth_date", "entry_date", "signature_date"}
DIGITS = {"phone", "siret", "seller_siret", "buyer_siret", "postal_code", "debtor_postal_code", "subscriber_reference"}
NUMBERS = {"meter_index", "meter_index_litres", "previous_index", "occupants"}
COMPACT = {
    "iban", "bic", "seller_iban", "seller_vat_id", "mandate_reference", "creditor_identifier", "meter_serial",
    "barcode", "invoice_number", "order_reference", "contract_reference", "buyer_service_code",
}  # fmt: skip


def comparable(name: str, value: Any) -> Any:
    """The form in which two values of a field are compared: spaces, case, accents and notation do not count."""
    if value is None or value is False or value in ("", []):
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return tuple(sorted(map(str, value)))
    text = str(value).strip()
    if name in AMOUNTS:
        try:
            return Decimal(re.sub(r"\s", "", text).replace(",", ".")).quantize(Decimal("0.01"))
        except InvalidOperation:
            return text
    if name in DATES:
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            return text
    if name in NUMBERS:
        digits = re.sub(r"\D", "", text)
        return int(digits) if digits else None
    if name in DIGITS:
        return re.sub(r"\D", "", text) or None
    if name in COMPACT:
        return re.sub(r"[\s.]", "", text).upper() or None
    if name == "email":
        return text.lower().replace(" ", "")
    spelled = text.replace("œ", "oe").replace("Œ", "OE")
    plain = "".join(c for c in unicodedata.normalize("NFD", spelled) if not unicodedata.combining(c)).upper()
    return re.sub(r"[^A-Z0-9]+", " ", plain).strip() or None


@dataclass(slots=True)
class Tally:
    """Counts of one field or kind of field."""

    seen: int = 0
    right: int = 0
    accepted: int = 0
    accepted_wrong: int = 0
    claimed: list[tuple[float, bool]] = field(default_factory=list)
    """Confidence of each value that has one, and whether it was right."""
    characters: int = 0
    misread: int = 0
    """Of the true values that are text: their characters, and how many were read otherwise, left out or put in."""

    def add(self, other: Tally) -> None:
        """The counts of another tally."""
        self.seen += other.seen
        self.right += other.right
        self.accepted += other.accepted
        self.accepted_wrong += other.accepted_wrong
        self.claimed += other.claimed
        self.characters += other.characters
        self.misread += other.misread

    def compare(self, truth: Any, found: Any) -> None:
        """Count the characters of two comparable values; a tick has none."""
        if truth is None or isinstance(truth, bool | tuple):
            return
        self.characters += len(str(truth))
        self.misread += min(len(str(truth)), Levenshtein.distance(str(truth), "" if found is None else str(found)))

    def count(self, *, right: bool, accepted: bool, confidence: float | None = None) -> None:
        """One value."""
        if confidence is not None:
            self.claimed.append((confidence, right))
        self.seen += 1
        self.right += right
        self.accepted += accepted
        self.accepted_wrong += accepted and not right

    def row(self) -> str:
        """A row of a Markdown table: seen, exact, accepted, wrong among accepted and its upper bound."""
        if not self.seen:
            return "0 | - | - | - | -"
        bound = upper_bound(self.accepted_wrong, self.accepted)
        return (
            f"{self.seen} | {self.right / self.seen:.3f} | {self.accepted / self.seen:.3f} | "
            f"{self.accepted_wrong} of {self.accepted} | {bound:.4f}"
        )


@dataclass(slots=True)
class Score:
    """Scores of a set of documents."""

    fields: dict[tuple[str, str], Tally] = field(default_factory=dict)
    types: Tally = field(default_factory=Tally)
    forms: Tally = field(default_factory=Tally)
    whole: Tally = field(default_factory=Tally)
    """Documents whose fields are all right; accepted = no field asks for a person."""
    lines: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """One line an error: where, what field, accepted or not; values are left out."""

    def add(self, truth: Mapping[str, Any], reading: Mapping[str, Any] | None) -> None:
        """Compare one document with its truth, in the notation of `depli read --json`."""
        reading = reading or {"document_type": None, "fields": {}}
        kind = truth["document_type"]
        self.types.count(right=reading.get("document_type") == kind, accepted=False)
        if truth.get("form"):
            self.forms.count(right=reading.get("form") == truth["form"], accepted=False)
        if kind == "other":
            return
        group = truth.get("form") or kind
        every_right = every_accepted = True
        for name, value in truth["fields"].items():
            if name in ("lines", "vat_breakdown"):
                continue
            found = (reading.get("fields") or {}).get(name) or {}
            true, read = comparable(name, value), comparable(name, found.get("value"))
            right = true == read
            accepted = found.get("decision") == "accepted"
            tally = self.fields.setdefault((group, name), Tally())
            tally.count(right=right, accepted=accepted, confidence=found.get("confidence"))
            tally.compare(true, read)
            every_right &= right
            every_accepted &= accepted
            if not right:
                self.wrong.append(f"{truth['file']} {name} {'ACCEPTED' if accepted else 'to_verify'}")
        self.whole.count(right=every_right, accepted=every_accepted)
        self._add_lines(truth["fields"].get("lines") or [], reading.get("lines") or [])

    def _add_lines(self, truth: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> None:
        def keys(lines: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, ...]]:
            names = ("quantity", "unit_price", "line_total")
            return Counter(tuple(str(comparable("amount_due", line.get(n))) for n in names) for line in lines)

        expected, got = keys(truth), keys(found)
        self.lines.update(both=sum((expected & got).values()), truth=sum(expected.values()), found=sum(got.values()))

    def together(self) -> Tally:
        """All fields as one."""
        total = Tally()
        for tally in self.fields.values():
            total.add(tally)
        return total

    def lines_f1(self) -> float:
        """Harmonic mean of precision and recall of invoice lines (quantity, price and total all right)."""
        return 2 * self.lines["both"] / max(1, self.lines["truth"] + self.lines["found"])
