"""What may differ between two installations of the screens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UiSettings:
    """Given by the composition root; checked when made."""

    secret_key: str
    """Signs sessions and CSRF tokens; at least 16 characters, the same on every web process."""
    session_hours: float = 10.0
    """A sign-in lasts that many hours."""
    secure_cookies: bool = False
    """Send cookies over HTTPS only."""
    max_upload_bytes: int = 500 * 1024 * 1024
    """Largest upload request."""
    lock_after: int = 5
    """Failed sign-ins before the account is locked for a while."""
    propose_from: float = 0.75
    """A value is proposed to the coder from that confidence on; below, the input starts empty."""
    doubt_below: float = 0.85
    """A character less probable than that is marked as doubtful."""
    undo_s: float = 30.0
    """A document freezes that many seconds after its last field was answered."""
    residual_error: float = 0.005
    """Share of wrong values among those that pass without a person that is promised."""
    residual_risk: float = 0.05
    """Risk of the bounds shown."""
    audit_share: float = 0.02
    """Share of all fields drawn to be keyed blind."""
    timezone: str = "Europe/Paris"
    """Time zone of the dates shown."""
    slow_body_s: float = 20.0
    """A request body that sends nothing for that long is cut."""

    def __post_init__(self) -> None:
        if len(self.secret_key) < 16:
            raise ValueError("secret_key is too short: give at least 16 random characters.")
        if self.session_hours <= 0 or self.max_upload_bytes <= 0 or self.lock_after < 1:
            raise ValueError("session_hours, max_upload_bytes and lock_after must be positive.")
