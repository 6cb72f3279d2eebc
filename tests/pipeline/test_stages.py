"""Stages on the record that need no picture."""

from collections.abc import Callable

from models.batch import Batch, BatchState, Document
from models.store import RecordClock, SqlUnitOfWork
from pipeline.stages import close_batches


def batch_in_work(uow_factory: Callable[[], SqlUnitOfWork], clock: RecordClock) -> tuple[str, str]:
    batch = Batch(shown_name="lot.pdf", source="cli", received_at=clock.now())
    batch.record_opened()
    batch.record_separated()
    document = Document(batch_id=batch.id, position=0, formed_at=clock.now())
    with uow_factory() as uow:
        uow.batches.add(batch)
        uow.documents.add(document)
        uow.commit()
    return batch.id, document.id


def test_a_batch_whose_last_document_was_rejected_is_closed_by_the_sweep(
    uow_factory: Callable[[], SqlUnitOfWork],
) -> None:
    clock = RecordClock(uow_factory()._engine)
    batch_id, document_id = batch_in_work(uow_factory, clock)

    assert close_batches(uow_factory, clock) == 0
    with uow_factory() as uow:
        uow.documents.get(document_id).reject("publicité")
        uow.commit()

    assert close_batches(uow_factory, clock) == 1
    with uow_factory() as uow:
        assert uow.batches.get(batch_id).state is BatchState.DONE
    assert close_batches(uow_factory, clock) == 0
