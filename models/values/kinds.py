"""The one door to values: what a `value_type` of `models.definitions.FieldDefinition` means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import Misconfigured
from models.values import amounts, bank, contacts, dates, identifiers, places, plain
from models.values.sentences import sentence


@dataclass(frozen=True, slots=True)
class ValueKind:
    """How one type of value is parsed, checked and shown. All functions are pure."""

    name: str
    parse: Callable[[str], str | None]
    """Text as read or typed -> canonical form, `None` when it has none."""
    check: Callable[[str], tuple[str, ...]] = plain.no_check
    """Canonical value -> codes of the checks it fails, each with its sentence in `models.values.sentences`."""
    has_check_digit: bool = False
    """Arithmetic notices nearly every wrong character."""
    format_fr: Callable[[str], str] = plain.as_is
    """Canonical value -> as French readers write it; parsing that gives the same value again."""
    refusals: tuple[tuple[str, str], ...] = ()
    """(pattern, code) of texts refused for a more precise reason than their form."""

    def refusal(self, text: str) -> str:
        """Code of the reason why `parse` answered `None` for this text."""
        for pattern, code in self.refusals:
            if re.search(pattern, text):
                return code
        return f"{self.name}.format"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one text."""

    canonical: str | None
    failed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def sentences(self) -> tuple[str, ...]:
        """In French, for the screen."""
        return tuple(sentence(code) for code in self.failed)


def _amount(text: str) -> str | None:
    try:
        value = amounts.parse_amount(text)
    except amounts.AmbiguousAmountError:
        return None
    return None if value is None else amounts.amount_text(value)


def _date(text: str) -> str | None:
    day = dates.parse_date(text)
    return day.isoformat() if day else None


_THREE_DECIMALS = r"^\D*\d{1,3}\s?[.,]\s?\d{3}\D*$"
_IN_FIGURES = r"^\s*\d{1,2}\s?[/.\- ]\s?\d{1,2}\s?[/.\- ]\s?\d{2,4}\s*$|^\s*\d{4}-\d\d-\d\d\s*$|^\s*(?:\d{6}|\d{8})\s*$"

_ALL = (
    ValueKind("amount", _amount, format_fr=amounts.amount_fr, refusals=((_THREE_DECIMALS, "amount.ambiguous"),)),
    ValueKind("date", _date, format_fr=dates.date_fr, refusals=((_IN_FIGURES, "date.impossible"),)),
    ValueKind("iban", bank.parse_iban, bank.check_iban, has_check_digit=True, format_fr=bank.iban_fr),
    ValueKind("bic", bank.parse_bic, bank.check_bic),
    ValueKind("siren", identifiers.parse_siren, identifiers.check_siren, True, identifiers.siren_fr),
    ValueKind("siret", identifiers.parse_siret, identifiers.check_siret, True, identifiers.siret_fr),
    ValueKind("vat_id", identifiers.parse_vat_id, identifiers.check_vat_id, True, identifiers.vat_id_fr),
    ValueKind("ics", identifiers.parse_ics, identifiers.check_ics, has_check_digit=True),
    ValueKind("rum", identifiers.parse_rum, identifiers.check_rum),
    ValueKind("ape", identifiers.parse_ape, identifiers.check_ape, format_fr=identifiers.ape_fr),
    ValueKind("phone", contacts.parse_phone, contacts.check_phone, format_fr=contacts.phone_fr),
    ValueKind("email", contacts.parse_email, contacts.check_email),
    ValueKind("postal_code", places.parse_postal_code, places.check_postal_code),
    ValueKind("city", plain.parse_text),
    ValueKind("name", plain.parse_text),
    ValueKind("street", plain.parse_text),
    ValueKind("text", plain.parse_text),
    ValueKind("reference", plain.parse_reference, plain.check_reference),
    ValueKind("index", plain.parse_index, plain.check_index, format_fr=plain.index_fr),
    ValueKind("digits", plain.parse_digits),
    ValueKind("currency", plain.parse_currency, plain.check_currency),
    ValueKind("document_kind", plain.parse_document_kind, format_fr=plain.document_kind_fr),
    ValueKind("choice", plain.parse_text),
    ValueKind("choices", plain.parse_text),
    ValueKind("flag", plain.parse_flag, format_fr=plain.flag_fr),
)
KINDS: dict[str, ValueKind] = {known.name: known for known in _ALL}


def kind(value_type: str) -> ValueKind:
    """The kind of a `value_type`.

    Raises: Misconfigured when no such type exists.
    """
    try:
        return KINDS[value_type]
    except KeyError as error:
        raise Misconfigured(f"value type {value_type!r} is unknown. Use one of: {', '.join(sorted(KINDS))}.") from error


def judge(value_type: str, text: str) -> Verdict:
    """Parse and check in one step.

    Raises: Misconfigured when no such type exists.
    """
    known = kind(value_type)
    canonical = known.parse(text)
    if canonical is None:
        return Verdict(None, (known.refusal(text),))
    return Verdict(canonical, known.check(canonical))
