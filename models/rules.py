"""Rules across the fields of one document. Pure: values in, results out; a rule whose values are missing is silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from models.definitions import DocumentType
from models.reading import Decision, FieldValue, InvoiceLine, Value, VatShare
from models.values.amounts import decimal_of
from models.values.bank import bank_of
from models.values.identifiers import siren_of_vat_id
from models.values.places import goes_with
from models.values.sentences import sentence

CENT = Decimal("0.01")
ROUNDING = Decimal("0.02")
"""What a VAT line may be off by when the seller rounds line by line."""
FRENCH_VAT_RATES = frozenset(
    Decimal(rate) for rate in ("0", "0.9", "1.05", "1.75", "2.1", "5.5", "7", "8.5", "10", "13", "19.6", "20")
)
"""Mainland, overseas, Corsica, and the rates before 2014 that old credit notes carry."""

Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule says of one document."""

    code: str
    fields: tuple[str, ...]
    """The fields it looked at; when it fails, one of them at least is wrong."""
    ok: bool
    blocking: bool = True
    """False for a hint: the paper itself may well say so (a commune merged, a bank renamed)."""

    @property
    def message(self) -> str:
        """In French, for the screen."""
        return sentence(self.code)


@dataclass(frozen=True, slots=True)
class Window:
    """What is known beside the paper."""

    received: date
    """Day the mail came in."""
    oldest_invoice: timedelta = timedelta(days=3 * 366)
    oldest_reading: timedelta = timedelta(days=366)
    ahead: timedelta = timedelta(days=2)
    """How far ahead of `received` a date written on the paper may be."""


def apply_rules(
    values: Values,
    *,
    vat_breakdown: Iterable[VatShare] = (),
    lines: Sequence[InvoiceLine] = (),
    document_type: DocumentType | None = None,
    window: Window | None = None,
    largest_consumption: int | None = None,
) -> tuple[RuleResult, ...]:
    """Every rule that has its values.

    Args:
        values: canonical value by field name.
        document_type: brings the rules on what must be there (mandates).
        window: brings the rules on dates; without it only the order of dates is checked.
        largest_consumption: m³ between two indexes from which a person looks.
    """
    return (
        *_totals(values),
        *_vat_lines(values, tuple(vat_breakdown)),
        *_line_items(values, lines),
        *_date_order(values),
        *(_date_window(values, window) if window else ()),
        *_identities(values),
        *_bank(values),
        *_addresses(values),
        *_meter(values, largest_consumption),
        *_barcode(values),
        *(_mandate(values) if document_type is DocumentType.SEPA_MANDATE else ()),
    )


def failed_rules(results: Iterable[RuleResult], *, hints: bool = True) -> dict[str, tuple[str, ...]]:
    """Codes of the failed rules by field; with `hints`, those that do not block too."""
    found: dict[str, list[str]] = {}
    for result in results:
        if not result.ok and (hints or result.blocking):
            for name in result.fields:
                found.setdefault(name, []).append(result.code)
    return {name: tuple(dict.fromkeys(codes)) for name, codes in found.items()}


def with_failures(fields: Mapping[str, FieldValue], results: Iterable[RuleResult]) -> dict[str, FieldValue]:
    """The fields with the blocking rules they fail noted; none of those passes unseen."""
    failed = failed_rules(results, hints=False)
    return {
        name: replace(
            field,
            failed_rules=tuple(dict.fromkeys([*field.failed_rules, *failed[name]])),
            decision=Decision.TO_VERIFY,
        )
        if name in failed
        else field
        for name, field in fields.items()
    }


def _text(values: Values, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _amount(values: Values, name: str) -> Decimal | None:
    return decimal_of(_text(values, name))


def _day(values: Values, name: str) -> date | None:
    text = _text(values, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _totals(values: Values) -> Iterable[RuleResult]:
    names = ("total_without_tax", "total_tax", "total_with_tax")
    net, tax, gross = (_amount(values, name) for name in names)
    due = _amount(values, "amount_due")
    if net is not None and tax is not None and gross is not None:
        yield RuleResult("totals.sum", names, abs(net + tax - gross) <= CENT)
    if net is not None and tax is not None:
        # 20 % is the highest French rate; a cent a line is lost in rounding
        yield RuleResult("totals.vat_share", names[:2], abs(tax) <= abs(net) * Decimal("0.2") + Decimal("0.10"), False)
    if due is not None and gross is not None:
        # a deposit lowers what is due, a balance carried forward may raise it: only a hint
        yield RuleResult("totals.due", ("amount_due", "total_with_tax"), abs(due) <= abs(gross) + CENT, False)
    signed = [(name, amount) for name in names if (amount := _amount(values, name))]
    if len(signed) > 1:
        yield RuleResult("totals.sign", tuple(name for name, _ in signed), len({a > 0 for _, a in signed}) == 1)


def _vat_lines(values: Values, shares: Sequence[VatShare]) -> Iterable[RuleResult]:
    rows = [(decimal_of(s.rate), decimal_of(s.base), decimal_of(s.tax)) for s in shares]
    known = [(rate, base, tax) for rate, base, tax in rows if rate is not None and base is not None and tax is not None]
    if not known:
        return
    fits = all(abs(base * rate / 100 - tax) <= ROUNDING for rate, base, tax in known)
    yield RuleResult("totals.vat_rate", ("vat_breakdown",), fits)
    yield RuleResult("vat.rate_unknown", ("vat_breakdown",), all(rate in FRENCH_VAT_RATES for rate, *_ in known), False)
    if len(known) < len(rows):
        return
    tax_total, net_total = _amount(values, "total_tax"), _amount(values, "total_without_tax")
    slack = CENT * len(known)
    if tax_total is not None:
        ok = abs(sum(tax for *_, tax in known) - tax_total) <= slack
        yield RuleResult("totals.vat_sum", ("vat_breakdown", "total_tax"), ok)
    if net_total is not None:
        ok = abs(sum(base for _, base, _ in known) - net_total) <= slack
        yield RuleResult("totals.base_sum", ("vat_breakdown", "total_without_tax"), ok)


def _line_items(values: Values, lines: Sequence[InvoiceLine]) -> Iterable[RuleResult]:
    net = _amount(values, "total_without_tax")
    sums = [decimal_of(line.line_total) for line in lines]
    known = [amount for amount in sums if amount is not None]
    if net is not None and known and len(known) == len(sums):
        # global discounts and shipping are often printed beside the lines: only a hint
        ok = abs(sum(known) - net) <= CENT * len(known)
        yield RuleResult("totals.lines_sum", ("lines", "total_without_tax"), ok, False)


def _date_order(values: Values) -> Iterable[RuleResult]:
    issued, due = _day(values, "issue_date"), _day(values, "due_date")
    if issued and due:
        yield RuleResult("dates.order", ("issue_date", "due_date"), due >= issued)
        yield RuleResult("dates.due_far", ("issue_date", "due_date"), (due - issued).days <= 366, False)


def _date_window(values: Values, window: Window) -> Iterable[RuleResult]:
    oldest = {
        "issue_date": window.received - window.oldest_invoice,
        "reading_date": window.received - window.oldest_reading,
        "signature_date": window.received - window.oldest_reading,
    }
    for name, earliest in oldest.items():
        day = _day(values, name)
        if day:
            yield RuleResult("dates.future", (name,), day <= window.received + window.ahead)
            yield RuleResult("dates.old", (name,), day >= earliest, False)
    birth = _day(values, "birth_date")
    if birth:
        years = (window.received - birth).days / 365.25
        yield RuleResult("dates.birth", ("birth_date",), 16 <= years <= 115)
    entry = _day(values, "entry_date")
    if entry:
        yield RuleResult("dates.old", ("entry_date",), abs((entry - window.received).days) <= 3 * 366, False)


def _identities(values: Values) -> Iterable[RuleResult]:
    siret, vat_id = _text(values, "seller_siret"), _text(values, "seller_vat_id")
    siren = siren_of_vat_id(vat_id) if vat_id else None
    if siret and siren:
        yield RuleResult("identity.vat_siret", ("seller_siret", "seller_vat_id"), siret.startswith(siren))
    buyer = _text(values, "buyer_siret")
    if siret and buyer:
        yield RuleResult("identity.parties", ("seller_siret", "buyer_siret"), siret != buyer)


def _bank(values: Values) -> Iterable[RuleResult]:
    iban, bic = _text(values, "iban"), _text(values, "bic")
    if not iban or not bic or len(bic) < 8:
        return
    # Monaco banks with French BICs and the islands use the French registry
    same_country = iban[:2] == bic[4:6] or {iban[:2], bic[4:6]} <= {"FR", "MC", "GP", "MQ", "GF", "RE", "YT", "PM"}
    yield RuleResult("bank.bic_country", ("iban", "bic"), same_country)
    _, bics = bank_of(iban)
    if bics:
        yield RuleResult("bank.bic_bank", ("iban", "bic"), bic[:4] in {each[:4] for each in bics}, False)


def _addresses(values: Values) -> Iterable[RuleResult]:
    for prefix in ("", "debtor_"):
        code, city = _text(values, f"{prefix}postal_code"), _text(values, f"{prefix}city")
        agrees = goes_with(city, code) if code and city else None
        if agrees is not None:
            yield RuleResult("address.city", (f"{prefix}postal_code", f"{prefix}city"), agrees, False)


def _meter(values: Values, largest_consumption: int | None) -> Iterable[RuleResult]:
    before, now = _text(values, "previous_index"), _text(values, "meter_index")
    if not before or not now or not (before.isdigit() and now.isdigit()):
        return
    names = ("previous_index", "meter_index")
    used, turned = consumption(int(before), int(now))
    yield RuleResult("meter.backwards", names, used is not None)
    if used is not None and (largest_consumption is not None or turned):
        limit = largest_consumption if largest_consumption is not None else 10 ** len(before) // 10
        yield RuleResult("meter.consumption", names, used <= limit, largest_consumption is None)


def consumption(before: int, now: int) -> tuple[int | None, bool]:
    """m³ between two indexes of one meter, and whether its wheels went past their last figure in between.

    Wheels turn over from 9999 (four figures at least) to 0; a smaller index is believed only when the meter stood in
    the last tenth of its range and stands now in the first. `None` when the index went backwards.
    """
    if now >= before:
        return now - before, False
    span: int = 10 ** max(4, len(str(before)))
    if before >= span - span // 10 and now < span // 10:
        return now + span - before, True
    return None, False


def _barcode(values: Values) -> Iterable[RuleResult]:
    barcode, reference = _text(values, "barcode"), _text(values, "subscriber_reference")
    if barcode and reference:
        yield RuleResult("barcode.reference", ("barcode", "subscriber_reference"), reference in barcode, False)


def _mandate(values: Values) -> Iterable[RuleResult]:
    required = ("mandate_reference", "creditor_identifier", "debtor_name", "iban", "signature_date")
    for name in required:
        if name in values:
            yield RuleResult("mandate.required", (name,), bool(values[name]))
    if "signature" in values:
        yield RuleResult("mandate.signature", ("signature",), values["signature"] is True)
