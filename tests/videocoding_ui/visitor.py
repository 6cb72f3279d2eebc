"""A person at a browser, without the browser: keeps cookies and sends the token."""

from __future__ import annotations

import re
import uuid
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from tests.videocoding_ui.seed import PASSWORD


class Visitor:
    """One browser window."""

    def __init__(self, app: object, name: str | None = None, *, password: str = PASSWORD) -> None:
        self.client = TestClient(app, follow_redirects=False)  # type: ignore[arg-type]
        self.csrf = ""
        if name:
            self._be(name) if password == PASSWORD else self.sign_in(name, password)

    def _be(self, name: str) -> None:
        """Signed in without the slow hashing of the password, which tests of signing in go through."""
        desk = self.client.app.state.desk  # type: ignore[attr-defined]
        with desk.reading() as uow:
            cookie = desk.sessions.issue(uow.users.by_name(name))
        self.client.cookies.set(desk.sessions.cookie, cookie)
        self.csrf = desk.sessions.csrf_token(desk.sessions.read(cookie).nonce)

    def sign_in(self, name: str, password: str) -> Response:
        """Through the sign-in form."""
        token = self.token_of("/connexion")
        answer = self.client.post("/connexion", data={"csrf": token, "name": name, "password": password})
        if answer.status_code == 303:
            self.csrf = self.token_of("/aide")
        return answer

    def token_of(self, path: str) -> str:
        """The CSRF token a page carries."""
        found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', self.client.get(path).text)
        assert found
        return found[1]

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(path, **options)

    def post(self, path: str, **fields: Any) -> Response:
        """A form."""
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def api(self, method: str, path: str, body: object = None) -> Response:
        """JSON with the token header."""
        return self.client.request(method, f"/api/v1/{path}", json=body, headers={"X-CSRF-Token": self.csrf})

    def lease(self, want: int = 1, held: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Reserve the next documents."""
        answer = self.api("POST", "leases", {"want": want, "held": list(held)})
        assert answer.status_code == 200, answer.text
        leases: list[dict[str, Any]] = answer.json()["leases"]
        return leases

    def answer(self, lease: dict[str, Any], task: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Answer one task; as proposed unless told otherwise."""
        body = {"uuid": str(uuid.uuid4()), "task": task["id"], "fence": lease["fence"], "ms": 1200, **given}
        if "value" not in body and "flag" not in body:
            body["value"] = RIGHT[task["field"]]
        answer = self.api("POST", "answers", [body])
        assert answer.status_code == 200, answer.text
        return {"uuid": body["uuid"], **answer.json()["answers"][0]}


RIGHT: dict[str, str | bool | list[str]] = {
    "debtor_name": "LEFEBVRE MARIE",
    "debtor_postal_code": "59800",
    "iban": "FR14 2004 1010 0505 0001 3M02 606",
    "bic": "PSSTFRPPLIL",
    "payment_type": "recurrent",
    "signature_date": "12/11/2026",
    "signature": True,
    "meter_index": "4187",
    "reading_date": "18/11/2026",
    "phone": "06 12 34 56 78",
    "remark": ["leak_suspected"],
}
"""What is written on the drawn forms, as a coder types it."""
