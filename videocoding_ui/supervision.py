"""Supervision: queues, the oldest waiting, what passed without a person, keyings an hour, what is held."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from models.batch import DocumentState
from models.releases import ReleaseState
from models.verification import KeyingAction, Role
from videocoding_ui.desk import Desk
from videocoding_ui.gate import OnDesk, Person, Supervisor
from videocoding_ui.promise import promise_view
from videocoding_ui.templating import page
from videocoding_ui.views import DESTINATION_WORDS, DOCUMENT_WORDS, View, document_view, page_view

router = APIRouter()

_SAMPLE = 500
_LISTED = 20


@router.get("/supervision")
def supervision_page(request: Request, on: OnDesk, person: Supervisor) -> Response:
    """The whole page; its numbers are fetched again every 5 s, those of the promise every minute."""
    shown = {**_numbers(on, person), "promise": promise_view(on, person)}
    return page(request, "supervision.html", language=person.language, person=person, **shown)


@router.get("/supervision/fragment")
def supervision_fragment(request: Request, on: OnDesk, person: Supervisor) -> Response:
    """The numbers alone."""
    return page(request, "_supervision.html", language=person.language, person=person, **_numbers(on, person))


def _numbers(on: Desk, person: Person) -> View:
    say, now = person.language, on.clock.now()
    with on.reading() as uow:
        counts = uow.documents.count_by_state()
        queues = []
        for state in (DocumentState.TO_CLASSIFY, DocumentState.TO_VERIFY, DocumentState.VERIFIED):
            oldest = min((each.formed_at for each in uow.documents.in_state(state, _SAMPLE)), default=None)
            queues.append(
                {
                    "state": state.value,
                    "words": say(DOCUMENT_WORDS[state]),
                    "count": counts.get(state, 0),
                    "oldest": say.age(now - oldest if oldest else None),
                    "late": oldest is not None and now - oldest > timedelta(hours=4),
                }
            )
        finished = [
            *uow.documents.in_state(DocumentState.RELEASED, _SAMPLE),
            *uow.documents.in_state(DocumentState.VERIFIED, _SAMPLE),
        ]
        untouched = sum(each.straight_through for each in finished)
        quarantined = list(uow.documents.in_state(DocumentState.QUARANTINED, _LISTED))
        held = [each for each in uow.releases.latest(_SAMPLE) if each.state is ReleaseState.HELD]
        people, keyed = [], 0
        for user in uow.users.all():
            answers = [
                each
                for each in uow.keyings.of_coder_since(user.id, now - timedelta(hours=1))
                if not each.stale and each.action is not KeyingAction.TAKEN_BACK
            ]
            active_s = sum(each.active_ms for each in answers) / 1000
            keyed += len(answers)
            if answers or (user.active and user.role is Role.CODER):
                people.append(
                    {
                        "name": user.name,
                        "answers": say.number(len(answers)),
                        "pace": say.number(active_s / len(answers), 1) + " s" if answers and active_s else "–",
                    }
                )
        return {
            "queues": queues,
            "states": [
                {"state": state.value, "words": say(words), "count": say.number(counts.get(state, 0))}
                for state, words in DOCUMENT_WORDS.items()
            ],
            "total": say.number(sum(counts.values())),
            "straight": say.percent(untouched / len(finished) if finished else None),
            "keyed": say.number(keyed),
            "people": people,
            "rescans": [page_view(each, say) for each in uow.pages.to_rescan(_LISTED)],
            "quarantined": [document_view(each, say, batch=uow.batches.get(each.batch_id)) for each in quarantined],
            "held": [
                {
                    "document_id": each.document_id,
                    "id": each.id,
                    "destination": say(DESTINATION_WORDS.get(each.destination, each.destination)),
                    "error": each.error,
                    "planned": say.moment(each.planned_at),
                }
                for each in held[:_LISTED]
            ],
            "held_count": len(held),
            "jobs": [
                {"step": job.step.value, "subject": job.subject_id, "error": job.last_error, "batch_id": job.batch_id}
                for job in uow.jobs.quarantined(_LISTED)
            ],
            "at": f"{now.astimezone(say.zone):%H:%M:%S}",
        }
