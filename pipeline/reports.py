"""The short commands that look at the record: status, journal verify, user add."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from models.batch import Batch, PageState
from models.ports import UnitOfWork
from models.store.checks import sanity, verify_journal
from models.verification import Role, User
from pipeline.installation import Installation
from pipeline.settings import Settings
from videocoding_ui.passwords import hash_password


def batch_status(uow: UnitOfWork, batch: Batch) -> dict[str, Any]:
    """Counts of one batch: pages in = placed + set aside + rejected + waiting."""
    pages = uow.pages.of_batch(batch.id)
    documents = uow.documents.of_batch(batch.id)

    def count(*states: PageState) -> int:
        return sum(page.state in states for page in pages)

    by_state: dict[str, int] = {}
    for document in documents:
        by_state[document.state.value] = by_state.get(document.state.value, 0) + 1
    return {
        "batch": batch.label,
        "id": batch.id,
        "name": batch.shown_name,
        "state": batch.state.value,
        "reason": batch.reason or None,
        "pages": len(pages),
        "in_documents": count(PageState.PLACED),
        "set_aside": count(PageState.SET_ASIDE),
        "rejected": count(PageState.REJECTED),
        "waiting": count(PageState.WAITING, PageState.READ),
        "documents": by_state,
    }


def status(settings: Settings, wanted: str, *, as_json: bool, out: Console, err: Console) -> int:
    """Print where batches are; 1 when the one asked for is not known."""
    installation = Installation(settings)
    try:
        with installation.uow().reading() as uow:
            batches = [b for b in uow.batches.latest(100_000) if wanted in ("", b.label, b.id)]
            rows = [batch_status(uow, batch) for batch in sorted(batches, key=lambda b: b.number)]
    finally:
        installation.stop()
    if wanted and not rows:
        err.print(f"depli status: no batch {wanted}. `depli status` lists them.", style="red", markup=False)
        return 1
    for row in rows:
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        documents = ", ".join(f"{count} {state}" for state, count in row["documents"].items()) or "-"
        out.print(
            f"{row['batch']}  {row['state']:9} pages {row['pages']} = {row['in_documents']} in documents"
            f" + {row['set_aside']} set aside + {row['rejected']} rejected + {row['waiting']} waiting;"
            f" documents: {documents}  {row['name']}{'  ' + row['reason'] if row['reason'] else ''}",
            markup=False,
        )
    return 0


def verify(settings: Settings, *, out: Console, err: Console) -> int:
    """Check journal chain and invariants; 1 when something is wrong."""
    installation = Installation(settings)
    try:
        broken = verify_journal(installation.uow().reading())
        problems = sanity(installation.uow().reading(), installation.images, now=installation.clock.now())
        with installation.uow().reading() as uow:
            length = sum(1 for _ in uow.journal.entries())
    finally:
        installation.stop()
    if broken is not None:
        err.print(f"journal: row {broken.sequence}: {broken.reason}", style="red", markup=False)
    for problem in problems:
        err.print(f"record: {problem}", style="red", markup=False)
    if broken is None and not problems:
        out.print(f"journal: {length} rows, the chain holds; masters and sheets accounted for")
    return 1 if broken is not None or problems else 0


def add_user(settings: Settings, name: str, *, role: str, password: str, out: Console, err: Console) -> int:
    """Add a person; 2 for a role, name or password that will not do."""
    try:
        wanted = Role(role)
    except ValueError:
        err.print(f"depli user add: no role {role}; one of {', '.join(r.value for r in Role)}.", style="red")
        return 2
    if len(password) < 12:
        err.print("depli user add: the password is too short, give 12 characters or more.", style="red")
        return 2
    installation = Installation(settings)
    try:
        with installation.uow() as uow:
            if uow.users.by_name(name) is not None:
                err.print(f"depli user add: {name} exists already.", style="red", markup=False)
                return 2
            now = installation.clock.now()
            user = User(name=name, password_hash=hash_password(password), role=wanted, created_at=now)
            uow.users.add(user)
            uow.journal.append("user_added", at=now, subject=f"user:{user.id}", role=wanted.value)
            uow.commit()
    finally:
        installation.stop()
    out.print(f"{name}: {wanted.value}", markup=False)
    return 0
