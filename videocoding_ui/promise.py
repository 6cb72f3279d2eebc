"""The promise about errors, as the supervisor sees it: what passes, how wrong it can be, what the sample says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.bounds import lower_bound, upper_bound
from models.definitions import DocumentType, field_definition
from models.ports import UnitOfWork
from models.promise import ALL, NEVER, Alarm, Evidence, Thresholds
from videocoding_ui.desk import Desk
from videocoding_ui.entered import shown
from videocoding_ui.gate import Form, NotFound, OnDesk, Person, Supervisor, text_of
from videocoding_ui.language import N_, Language
from videocoding_ui.templating import page
from videocoding_ui.views import TYPE_WORDS, View

router = APIRouter()

Counted = tuple[DocumentType, str, int, int]
"""Document type, field, how many, how many of these."""
_CONTESTED = 20
_DOCUMENTS = 2000
"""Latest documents that coverage is counted on."""
_HOLDS = {
    "open": N_("ouvert"),
    "stricter": N_("tenu plus strict"),
    "pulled": N_("toujours vérifié"),
    "closed": N_("fermé : alarme"),
}


@dataclass(slots=True)
class _Row:
    """Counts of one field, or of several together."""

    fields: int = 0
    accepted: int = 0
    seen: int = 0
    errors: int = 0
    names: dict[str, _Row] = field(default_factory=dict)

    def add(self, other: _Row) -> None:
        self.fields += other.fields
        self.accepted += other.accepted
        self.seen += other.seen
        self.errors += other.errors


@router.get("/supervision/promesse")
def promise_fragment(request: Request, on: OnDesk, person: Supervisor) -> Response:
    """The panel alone."""
    return page(request, "_promise.html", language=person.language, person=person, promise=promise_view(on, person))


@router.post("/supervision/promesse/{evidence_id}")
def settle(on: OnDesk, person: Supervisor, form: Form, evidence_id: str) -> Response:
    """Say who was right where a coder and the machine differ; until then the machine was wrong."""
    machine_right = text_of(form, "right") == "machine"
    with on.uow() as uow:
        try:
            evidence = uow.evidence.get(evidence_id)
        except LookupError as error:
            raise NotFound("Cette valeur n'existe plus.") from error
        evidence.settle(machine_right=machine_right)
        uow.journal.append(
            "evidence_settled",
            at=on.clock.now(),
            subject=f"document:{evidence.document_id}",
            actor=person.id,
            document_id=evidence.document_id,
            field=evidence.name,
            machine_right=machine_right,
        )
        uow.commit()
    return RedirectResponse("/supervision", status_code=303)


def promise_view(on: Desk, person: Person) -> View:
    """Coverage and bound, together and by field, with the alarms that stand."""
    say, settings = person.language, on.settings
    with on.reading() as uow:
        version = uow.policies.current()
        limits = on.limits(version)
        types = _rows(uow.fields.accepted_share(_DOCUMENTS), uow.evidence.audited())
        waiting, answered = uow.fields.drawn_waiting(), uow.evidence.count_drawn()
        contested = [_contested_view(each, uow, say) for each in uow.evidence.contested(_CONTESTED)]
    alarms = version.alarms if version is not None else ()
    total = _Row()
    for row in types.values():
        total.add(row)
    own = version is not None and version.thresholds is not None
    return {
        "target": say.percent(settings.residual_error, 2),
        "sure": say.percent(1 - settings.residual_risk, 0),
        "nothing_passes": limits.limit >= NEVER,
        "own": own,
        "version": version.number if version is not None else 0,
        "made": say.moment(version.made_at) if version is not None else "",
        "fitted": {
            "seen": say.number(limits.seen),
            "errors": say.number(limits.errors),
            "bound": say.percent(limits.bound, 2),
        },
        "share": say.percent(settings.audit_share),
        "waiting": say.number(waiting),
        "answered": say.number(answered),
        "total": _row_view(total, say, settings.residual_risk),
        "broken": lower_bound(total.errors, total.seen, risk=settings.residual_risk) > settings.residual_error,
        "types": [
            {
                "words": say(TYPE_WORDS[kind]),
                **_row_view(row, say, settings.residual_risk),
                **_hold(kind.value, "", limits, alarms, say),
                "fields": [
                    {
                        "words": say(field_definition(name).label_fr),
                        **_row_view(each, say, settings.residual_risk),
                        **_hold(kind.value, name, limits, alarms, say),
                    }
                    for name, each in sorted(row.names.items(), key=lambda item: (-item[1].errors, item[0]))
                ],
            }
            for kind, row in types.items()
        ],
        "contested": [each for each in contested if each is not None],
        "alarms": [_alarm_view(alarm, say) for alarm in alarms],
    }


def _rows(shares: Iterable[Counted], audited: Iterable[Counted]) -> dict[DocumentType, _Row]:
    """Counts by document type and field, in the order of the types."""
    found = {kind: _Row() for kind in DocumentType}
    for kind, name, fields, accepted in shares:
        found[kind].names.setdefault(name, _Row()).add(_Row(fields=fields, accepted=accepted))
    for kind, name, seen, errors in audited:
        found[kind].names.setdefault(name, _Row()).add(_Row(seen=seen, errors=errors))
    for row in found.values():
        for each in row.names.values():
            row.add(each)
    return {kind: row for kind, row in found.items() if row.names}


def _row_view(row: _Row, say: Language, risk: float) -> View:
    return {
        "share": say.percent(row.accepted / row.fields if row.fields else None),
        "seen": say.number(row.seen),
        "errors": say.number(row.errors),
        "bound": say.percent(upper_bound(row.errors, row.seen, risk=risk) if row.seen else None, 2),
    }


def _hold(kind: str, name: str, limits: Thresholds, alarms: Iterable[Alarm], say: Language) -> View:
    """Whether values of a field may pass, and why not."""
    field_key = f"{kind}/{name}"
    own = [alarm for alarm in alarms if alarm.stratum in (ALL, kind, field_key)]
    if any(alarm.closed for alarm in own):
        state = "closed"
    elif limits.of(kind, name) >= NEVER:
        state = "pulled"
    elif own or limits.of(kind, name) > limits.limit:
        state = "stricter"
    else:
        state = "open"
    return {"hold": state, "hold_words": say(_HOLDS[state])}


def _contested_view(evidence: Evidence, uow: UnitOfWork, say: Language) -> View | None:
    """What the machine read and what the coder keyed, beside the paper; `None` when the field is gone."""
    try:
        field = uow.fields.get(evidence.field_id)
    except LookupError:
        return None
    return {
        "id": evidence.id,
        "document_id": evidence.document_id,
        "words": say(field.label),
        "snippet": f"/images/champs/{field.id}" if field.snippet else None,
        "machine": shown(field.value_type, field.machine.value) or say("vide"),
        "keyed": shown(field.value_type, field.value) or say("vide"),
    }


def _alarm_view(alarm: Alarm, say: Language) -> View:
    kind, _, name = alarm.stratum.partition("/")
    where = say("tous les champs") if alarm.stratum == ALL else say(TYPE_WORDS[DocumentType(kind)])
    if name:
        where = f"{where}, {say(field_definition(name).label_fr)}"
    return {
        "where": where,
        "since": say.moment(alarm.raised_at),
        "seen": say.number(alarm.seen),
        "errors": say.number(alarm.errors),
        "closed": alarm.closed,
    }
