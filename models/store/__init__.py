"""The record in SQLAlchemy (SQLite or PostgreSQL) and the image store on fsspec."""

from models.store.checks import Problem, sanity, verify_journal
from models.store.clock import RecordClock
from models.store.engine import open_record
from models.store.images import FsspecImages, MemoryImages
from models.store.unit_of_work import SqlUnitOfWork

__all__ = [
    "FsspecImages",
    "MemoryImages",
    "Problem",
    "RecordClock",
    "SqlUnitOfWork",
    "open_record",
    "sanity",
    "verify_journal",
]
