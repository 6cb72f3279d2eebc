"""Sessions: a signed cookie that names the user and the epoch; signing out moves the epoch and kills older cookies."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from models.ports import Clock
from models.verification import User


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says; trusted only after `Sessions.read` and a look at the user's epoch."""

    user_id: str
    epoch: int
    nonce: str
    issued_at: datetime


class Sessions:
    """Makes and reads session cookies and their CSRF tokens."""

    def __init__(self, *, secret_key: str, hours: float, secure: bool, clock: Clock) -> None:
        self._serializer = URLSafeSerializer(
            secret_key, salt="session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._csrf_key = hashlib.sha256(b"csrf\0" + secret_key.encode()).digest()
        self._life = timedelta(hours=hours)
        self._clock = clock
        self.secure = secure
        # the prefix makes browsers refuse the cookie from a neighbouring host; it asks for HTTPS
        self.cookie = "__Host-depli" if secure else "depli_session"
        self.visit_cookie = "__Host-depli-visit" if secure else "depli_visit"

    def issue(self, user: User) -> str:
        """The cookie's value for a fresh sign-in."""
        return str(
            self._serializer.dumps([user.id, user.session_epoch, secrets.token_hex(16), self._clock.now().timestamp()])
        )

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; `None` when it is forged, malformed or too old."""
        try:
            user_id, epoch, nonce, issued = self._serializer.loads(cookie)
            session = Session(str(user_id), int(epoch), str(nonce), datetime.fromtimestamp(float(issued), UTC))
        except (BadSignature, ValueError, TypeError):
            return None
        age = self._clock.now() - session.issued_at
        return session if timedelta(minutes=-5) <= age <= self._life else None

    def csrf_token(self, nonce: str) -> str:
        """The token that every write of this session (or of this visit to the sign-in page) carries."""
        return hmac.new(self._csrf_key, nonce.encode(), hashlib.sha256).hexdigest()

    def csrf_matches(self, nonce: str, token: str) -> bool:
        """Whether a write carries its session's token."""
        return hmac.compare_digest(self.csrf_token(nonce).encode(), token.encode())
