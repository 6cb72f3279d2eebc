"""From the readings of a form's zones to its fields: the best value that can be true, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rapidfuzz.distance import Levenshtein

from extraction.decoding import FLOOR, Guess, cells_of
from extraction.email_addresses import like_names
from extraction.words import fit_of_postal_code
from extraction.written_values import decode_comb, decode_line
from extraction.zones import NOT_VISIBLE, zone_key
from models.definitions import FormDefinition, Zone, ZoneKind, field_definition
from models.geometry import MM_PER_INCH, Box
from models.reading import Candidate, Decision, FieldValue, PageReading, Reading, Value
from models.values.bank import bank_of
from models.values.kinds import kind
from models.values.places import plain_place, postal_codes_of, with_whole_postal_code

_KEPT = 5
"""Candidates kept for the coder."""
_WEIGHED = 16
"""Candidates weighed against the other fields."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A zone's reading with where it was made."""

    zone: Zone
    reading: Reading
    page: int
    dpi: float

    @property
    def box_mm(self) -> Box:
        return self.reading.zone.scaled(MM_PER_INCH / self.dpi)


def form_fields(pages: Mapping[int, PageReading], definition: FormDefinition, *, today: date) -> dict[str, FieldValue]:
    """The fields of a form from the readings of its pages.

    Args:
        pages: page of the document, 1-based -> its reading, with `form` set. today: the day the mail came in.
    Returns: every field of the form, in its order; a field whose page is missing has no value and confidence 0.
        Confidences are the readers', to be calibrated (`extraction.calibration`); decisions are all `to_verify`:
        deciding is `extraction.acceptance.decide`.
    """
    seen = _seen(pages, definition)
    fields: dict[str, FieldValue] = {}
    for name in definition.field_names:
        parts = [seen[key] for zone in definition.zones_named(name) if (key := zone_key(zone)) in seen]
        code = fields.get(name.replace("city", "postal_code")) if name.endswith("city") else None
        near = code.value if code and isinstance(code.value, str) else None
        fields[name] = _field(name, parts, definition, today=today, postal_code=near) if parts else _missing(name)
        if name.endswith("postal_code"):
            _reweigh(fields, name, _of_town(definition.zones_named(name.replace("postal_code", "city")), seen))
    fields = _together(fields, seen)
    return {name: _checked(_as_seen(field)) for name, field in fields.items()}


def _seen(pages: Mapping[int, PageReading], definition: FormDefinition) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for number, page in sorted(pages.items()):
        if page.form is None or page.form.form != definition.id:
            continue
        for zone in definition.zones_on(page.form.form_page):
            reading = page.zones.get(zone_key(zone))
            if reading is not None:
                found.setdefault(zone_key(zone), _Seen(zone, reading, number, page.dpi))
    return found


def _missing(name: str) -> FieldValue:
    return FieldValue(name, None, 0.0, Decision.TO_VERIFY, flags=("page_missing",))


def _field(
    name: str, parts: Sequence[_Seen], definition: FormDefinition, *, today: date, postal_code: str | None
) -> FieldValue:
    first = parts[0]
    if first.zone.kind is ZoneKind.CHECKBOX:
        return _choice(name, parts)
    if first.zone.kind is ZoneKind.SIGNATURE:
        return _made(first, first.reading.text == "true", first.reading.confidence or 0.0)
    if first.zone.kind is ZoneKind.BARCODE:
        return _made(first, first.reading.text or None, first.reading.confidence or 0.0)
    value_type = field_definition(name, zones=definition.zones_named(name)).value_type
    if first.zone.kind is ZoneKind.COMB:
        guesses = decode_comb(value_type, name, first.reading.characters, today=today, postal_code=postal_code)
    else:
        guesses = decode_line(value_type, name, first.reading, today=today)
    found = _from_guesses(first, guesses)
    if value_type == "text" and isinstance(found.value, str) and not first.zone.handwritten:
        found = replace(found, value=with_whole_postal_code(found.value))
    if value_type == "name" and not first.zone.handwritten and name not in _PARTS_OF_NAMES and _is_run_together(found):
        found = replace(found, confidence=min(_RUN_TOGETHER, found.confidence or 0.0))
    return found


_PARTS_OF_NAMES = ("last_name", "first_name")
_RUN_TOGETHER = 0.85
_LONG_NAME = 9
"""Letters."""


def _is_run_together(name: FieldValue) -> bool:
    """Whether a printed name may be two whose space was lost: `ROBICJEAN-EMMANUEL`."""
    return isinstance(name.value, str) and len(name.value) >= _LONG_NAME and len(name.value.split()) == 1


def _made(seen: _Seen, value: Value, confidence: float) -> FieldValue:
    reading = seen.reading
    return FieldValue(
        seen.zone.name,
        value,
        confidence,
        Decision.TO_VERIFY,
        page=seen.page,
        box=seen.box_mm,
        text=reading.text,
        reader=reading.reader,
        candidates=(Candidate(value, reading.text, confidence, reading.reader),),
        characters=reading.characters,
        flags=reading.flags,
    )


def _from_guesses(seen: _Seen, guesses: Sequence[Guess]) -> FieldValue:
    """The best guess as the value; "" is a field left empty."""
    reading = seen.reading
    if not guesses:
        return replace(_made(seen, None, 0.0), candidates=(), flags=(*reading.flags, "no_valid_value"))
    best = guesses[0]
    made = _made(seen, best.text or None, best.probability)
    others = tuple(Candidate(g.text or None, g.text, g.probability, reading.reader) for g in guesses[:_WEIGHED])
    return replace(made, candidates=others)


def _choice(name: str, parts: Sequence[_Seen]) -> FieldValue:
    """A group of boxes: the value ticked when at most one may be, else the list of those ticked."""
    probabilities = [_probability(part.reading) for part in parts]
    ticked = [p >= 0.5 for p in probabilities]
    confidence = math.prod(max(p, 1 - p) for p in probabilities)
    box = Box.around(part.box_mm for part in parts)
    flags = {flag for part in parts for flag in part.reading.flags}
    values = [part.zone.value or "" for part, on in zip(parts, ticked, strict=True) if on]
    value: Value = values
    if parts[0].zone.exclusive:
        if sum(ticked) > 1:
            flags.add("several_ticked")
            confidence = min(confidence, 0.4)
            best = max(range(len(parts)), key=lambda k: _mark_strength(parts[k].reading, probabilities[k]))
            value = parts[best].zone.value
        else:
            value = values[0] if values else None
    return FieldValue(
        name,
        value,
        confidence,
        Decision.TO_VERIFY,
        page=parts[0].page,
        box=box,
        text=", ".join(values),
        reader=parts[0].reading.reader,
        candidates=(Candidate(value, ", ".join(values), confidence, parts[0].reading.reader),),
        flags=tuple(sorted(flags)),
    )


def _probability(reading: Reading) -> float:
    """That the box is ticked; most boxes are not, so neither is one that cannot be seen."""
    if NOT_VISIBLE in reading.flags:
        return 0.2
    confidence = reading.confidence if reading.confidence is not None else 0.5
    return confidence if reading.text == "true" else 1 - confidence


def _mark_strength(reading: Reading, probability: float) -> tuple[bool, float]:
    # Who blackens one box and crosses another has corrected himself.
    return "filled" not in reading.flags, probability


def _together(fields: dict[str, FieldValue], seen: Mapping[str, _Seen]) -> dict[str, FieldValue]:
    """Fields that say something of each other: the likelier pair of values wins."""
    fields = dict(fields)
    _reweigh(fields, "meter_index", _index_after(fields.get("previous_index")))
    _reweigh(fields, "subscriber_reference", _within(fields.get("barcode")))
    _reweigh(fields, "iban", _of_a_bank)
    _bic_of_bank(fields)
    if "email" in seen and not seen["email"].reading.alternatives:
        # What names of whole texts was weighed with the writer's names already.
        _address_of(fields)
    for city in ("city", "debtor_city"):
        _place_like(fields, fields.get(city))
    return fields


_NAMES = ("last_name", "first_name", "subscriber_name", "debtor_name")


def _address_of(fields: dict[str, FieldValue]) -> None:
    """An e-mail address is often made of the writer's names."""
    field = fields.get("email")
    if field is None or not isinstance(field.value, str):
        return
    names = [
        part
        for name in _NAMES
        if (other := fields.get(name)) and isinstance(other.value, str) and (other.confidence or 0) > 0.6
        for part in (*other.value.split(), other.value)
        if len(part) > 2
    ]
    better = like_names(Guess(field.value, field.confidence or 0.0), names)
    candidate = Candidate(better.text, field.text, better.probability, field.reader)
    others = tuple(c for c in field.candidates if c.value != better.text)
    fields["email"] = replace(field, value=better.text, confidence=better.probability, candidates=(candidate, *others))


def _place_like(fields: dict[str, FieldValue], city: FieldValue | None) -> None:
    """Most people sign where they live: a place that is read nearly like the town is the town."""
    place = fields.get("place")
    if place is None or city is None or not isinstance(place.value, str) or not isinstance(city.value, str):
        return
    here, there = plain_place(place.value), plain_place(city.value)
    distance = Levenshtein.distance(here, there)
    if distance == 0:
        both = 1 - (1 - (place.confidence or 0.0)) * (1 - (city.confidence or 0.0)) * 0.3
        fields["place"] = replace(place, confidence=both)
        fields[city.name] = replace(city, confidence=both)
    elif distance <= max(1, len(there) // 4) and (city.confidence or 0.0) > (place.confidence or 0.0):
        fields["place"] = replace(place, value=city.value.title(), confidence=0.9 * (city.confidence or 0.0))
    elif distance <= max(1, len(here) // 4) and (place.confidence or 0.0) > (city.confidence or 0.0):
        likely = [c for c in city.candidates if isinstance(c.value, str) and plain_place(c.value) == here]
        if likely or postal_codes_of(place.value):
            fields[city.name] = replace(city, value=here, confidence=0.9 * (place.confidence or 0.0))


def _reweigh(fields: dict[str, FieldValue], name: str, weight: Callable[[str], float] | None) -> None:
    field = fields.get(name)
    if field is None or weight is None or not field.candidates:
        return
    weighed = [
        (c, (c.confidence or 0.0) * (weight(c.value) if isinstance(c.value, str) else 1.0)) for c in field.candidates
    ]
    unlisted = max(0.0, 1.0 - sum(c.confidence or 0.0 for c in field.candidates)) * min(
        1.0, max(weight(c.value) if isinstance(c.value, str) else 1.0 for c in field.candidates)
    )
    total = sum(w for _, w in weighed) + unlisted
    if total <= 0:
        return
    ranked = sorted(weighed, key=lambda item: -item[1])
    candidates = tuple(replace(c, confidence=w / total) for c, w in ranked)
    best = candidates[0]
    fields[name] = replace(field, value=best.value, confidence=best.confidence, candidates=candidates)


def _index_after(previous: FieldValue | None) -> Callable[[str], float] | None:
    """Meters run forwards, by a few hundred cubic metres a year."""
    if previous is None or not isinstance(previous.value, str) or not previous.value.isdigit():
        return None
    before, trust = int(previous.value), previous.confidence or 0.0

    def weight(value: str) -> float:
        used = int(value) - before
        likely = 1.0 if 0 <= used <= 1000 else 0.25 if 0 <= used <= 5000 else 0.03
        return trust * likely + (1 - trust) * 0.3

    return weight


def _of_town(zones: Sequence[Zone], seen: Mapping[str, _Seen]) -> Callable[[str], float] | None:
    """A post code that has the town written beside it is likelier than one that has not."""
    reading = next((seen[key].reading for zone in zones if (key := zone_key(zone)) in seen), None)
    if reading is None or len(zones) != 1 or zones[0].kind is not ZoneKind.COMB:
        return None
    return fit_of_postal_code(reading.characters)


def _within(barcode: FieldValue | None) -> Callable[[str], float] | None:
    """Senders print the subscriber's reference into the barcode."""
    if barcode is None or not isinstance(barcode.value, str):
        return None
    code = barcode.value
    return lambda value: 1.0 if value in code else 0.002


def _of_a_bank(iban: str) -> float:
    """Accounts are kept by banks that exist; a few are missing in the register."""
    name, bics = bank_of(iban)
    return 1.0 if name or bics else 0.02


_REGISTERED = 0.9
"""How often the BIC on a mandate is one the register has for the bank of its IBAN."""
_OTHER_BIC = 1e-5
"""How likely any one other BIC is."""


def _bic_of_bank(fields: dict[str, FieldValue]) -> None:
    """The BIC is one of the bank that keeps the account, unless the cells clearly say otherwise."""
    field, iban = fields.get("bic"), fields.get("iban")
    if field is None or iban is None or not field.value or not isinstance(iban.value, str) or not field.characters:
        return
    _, registered = bank_of(iban.value)
    if not registered:
        return
    cells = cells_of(field.characters)
    masses: dict[str, float] = {}
    for bic in sorted(registered):
        written = bic.ljust(len(cells))
        fit = math.prod(cell.get(c.strip(), FLOOR) for c, cell in zip(written, cells, strict=False))
        masses[bic] = fit * _REGISTERED * (iban.confidence or 0.0) / len(registered)
    for candidate in field.candidates:
        if isinstance(candidate.value, str):
            free = (candidate.confidence or 0.0) * math.prod(sum(cell.values()) for cell in cells) * _OTHER_BIC
            masses[candidate.value] = masses.get(candidate.value, 0.0) + free
    total = sum(masses.values())
    ranked = sorted(masses.items(), key=lambda item: -item[1])[:_WEIGHED]
    candidates = tuple(Candidate(bic, field.text, mass / total, field.reader) for bic, mass in ranked)
    best = candidates[0]
    fields["bic"] = replace(field, value=best.value, confidence=best.confidence, candidates=candidates)


def _as_seen(field: FieldValue) -> FieldValue:
    """A field that the page does not show is not known to be empty."""
    return replace(field, confidence=min(field.confidence or 0.0, 0.05)) if NOT_VISIBLE in field.flags else field


def _checked(field: FieldValue) -> FieldValue:
    """The field with the codes of the checks its value fails."""
    value_type = field_definition(field.name).value_type
    failed: tuple[str, ...] = ()
    if isinstance(field.value, str) and value_type not in ("choice", "choices", "flag"):
        failed = kind(value_type).check(field.value)
    return replace(field, failed_rules=failed, candidates=field.candidates[:_KEPT])
