"""Passwords: Argon2id, and the pause after failed sign-ins."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.verification import User

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# each verification takes 64 MiB: a crowd at the door must not take the machine down
_AT_ONCE = threading.BoundedSemaphore(2)

SHORTEST = 10
"""Fewest characters of a password."""
LONGEST = 256
LONGEST_LOCK = timedelta(minutes=15)


def hash_password(password: str) -> str:
    """Argon2id hash in PHC form.

    Raises: ValueError when the password is shorter than `SHORTEST` or longer than `LONGEST` characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    with _AT_ONCE:
        return _HASHER.hash(password)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")


def password_matches(user: User | None, password: str) -> bool:
    """Whether the password is the user's; an unknown name costs the same time as a known one."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(user.password_hash if user else _nobody(), password[:LONGEST]) and user is not None
        except (VerificationError, InvalidHashError):
            return False


def record_failure(user: User, *, now: datetime, lock_after: int) -> None:
    """Count a failed sign-in; from `lock_after` on the account pauses 30 s, 60 s, 120 s ... up to 15 minutes."""
    user.failed_sign_ins += 1
    beyond = user.failed_sign_ins - lock_after
    if beyond >= 0:
        user.locked_until = now + min(LONGEST_LOCK, timedelta(seconds=30 * 2 ** min(beyond, 10)))


def is_locked(user: User, *, now: datetime) -> bool:
    """Whether sign-in is refused for now, whatever the password."""
    return user.locked_until is not None and user.locked_until > now
