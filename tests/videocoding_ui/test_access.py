"""Who may pass: sign-in, sessions, cross-site writes, roles, images, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from models.verification import Role
from tests.videocoding_ui.desk_app import DeskApp
from tests.videocoding_ui.seed import PASSWORD
from tests.videocoding_ui.visitor import Visitor
from videocoding_ui.gate import Gate
from videocoding_ui.protection import CSP

NOBODY = "nobody"
O, C, S, A = "operator", "coder", "supervisor", "admin"  # noqa: E741
ALL = {O, C, S, A}
MATRIX: dict[tuple[str, str], set[str]] = {
    ("GET", "/connexion"): {NOBODY, *ALL},
    ("POST", "/connexion"): {NOBODY, *ALL},
    ("POST", "/deconnexion"): ALL,
    ("POST", "/moi/affichage"): ALL,
    ("GET", "/"): ALL,
    ("GET", "/aide"): ALL,
    ("GET", "/sante"): {NOBODY, *ALL},
    ("GET", "/coder"): {C, S, A},
    ("GET", "/lots"): {O, S, A},
    ("GET", "/lots/fragment"): {O, S, A},
    ("POST", "/lots"): {O, S, A},
    ("GET", "/lots/{batch_id}"): {O, S, A},
    ("POST", "/lots/{batch_id}/pages/{page_id}/ecarter"): {O, S, A},
    ("POST", "/lots/{batch_id}/pages/{page_id}/retablir"): {O, S, A},
    ("GET", "/renumerisations"): {O, S, A},
    ("GET", "/documents"): {O, S, A},
    ("GET", "/documents/{document_id}"): {O, S, A},
    ("POST", "/documents/{document_id}/rejeter"): {S, A},
    ("POST", "/documents/{document_id}/rouvrir"): {S, A},
    ("POST", "/documents/{document_id}/remises/{release_id}/reprendre"): {S, A},
    ("GET", "/supervision"): {S, A},
    ("GET", "/supervision/fragment"): {S, A},
    ("GET", "/supervision/promesse"): {S, A},
    ("POST", "/supervision/promesse/{evidence_id}"): {S, A},
    ("GET", "/admin/utilisateurs"): {A},
    ("POST", "/admin/utilisateurs"): {A},
    ("POST", "/admin/utilisateurs/{user_id}/activite"): {A},
    ("POST", "/admin/utilisateurs/{user_id}/mot-de-passe"): {A},
    ("POST", "/api/v1/leases"): {C, S, A},
    ("PUT", "/api/v1/leases/{document_id}"): {C, S, A},
    ("DELETE", "/api/v1/leases/{document_id}"): {C, S, A},
    ("POST", "/api/v1/answers"): {C, S, A},
    ("POST", "/api/v1/answers/{answer_id}/undo"): {C, S, A},
    ("POST", "/api/v1/documents/{document_id}/type"): {C, S, A},
    ("POST", "/api/v1/documents/{document_id}/whole"): {C, S, A},
    ("GET", "/api/v1/documents/{document_id}/events"): {O, S, A},
    ("GET", "/images/pages/{page_id}"): ALL,
    ("GET", "/images/vignettes/{page_id}"): {O, S, A},
    ("GET", "/images/champs/{field_id}"): ALL,
    ("GET", "/originaux/{master_id}"): {O, S, A},
}


def routes_of(desk: DeskApp) -> Iterator[APIRoute]:
    seen = list(desk.app.routes)
    while seen:
        route = seen.pop()
        seen.extend(getattr(getattr(route, "original_router", None), "routes", ()))
        if isinstance(route, APIRoute):
            yield route


def test_every_route_has_its_row_of_roles_and_every_row_its_route(desk: DeskApp) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for route in routes_of(desk):
        gates = [each.call for each in route.dependant.dependencies if isinstance(each.call, Gate)]
        roles = {role.value for gate in gates for role in gate.roles} if gates else {NOBODY, *ALL}
        for method in route.methods - {"HEAD"}:
            found[method, route.path] = roles

    assert found == MATRIX


@pytest.mark.parametrize("who", [NOBODY, *sorted(ALL)])
def test_each_role_is_let_through_or_refused_as_the_matrix_says(desk: DeskApp, who: str) -> None:
    visitor = Visitor(desk.app, None if who == NOBODY else who)
    for (method, path), allowed in MATRIX.items():
        if path in ("/deconnexion", "/connexion", "/"):
            continue
        concrete = re.sub(r"\{\w+\}", "0" * 32, path)
        answer = visitor.client.request(method, concrete, headers={"X-CSRF-Token": visitor.csrf})
        if who in allowed:
            assert answer.status_code not in (401, 403), (method, path)
            assert not answer.headers.get("location", "").startswith("/connexion"), (method, path)
        elif who == NOBODY:
            assert answer.status_code in (401, 303), (method, path)
        else:
            assert answer.status_code == 403, (method, path)


def test_every_answer_carries_the_headers(desk: DeskApp) -> None:
    visitor = Visitor(desk.app, "admin")
    for path in ("/connexion", "/lots", "/nulle-part", "/static/css/depli.css", "/api/v1/leases", "/sante"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(desk: DeskApp) -> None:
    visitor = Visitor(desk.app)

    cookie = visitor.sign_in("coder", PASSWORD).headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_signing_out_kills_the_session_also_when_its_cookie_was_copied(desk: DeskApp) -> None:
    visitor = Visitor(desk.app, "coder")
    thief = Visitor(desk.app)
    thief.client.cookies = visitor.client.cookies.__class__(visitor.client.cookies)
    assert thief.get("/coder").status_code == 200

    visitor.post("/deconnexion")

    assert thief.get("/coder").headers["location"].startswith("/connexion")


def test_a_forged_or_old_cookie_opens_nothing(desk: DeskApp) -> None:
    visitor = Visitor(desk.app, "coder")
    cookie = visitor.client.cookies["depli_session"]
    desk.clock.advance(hours=11)
    assert visitor.get("/coder").status_code == 303
    visitor.client.cookies.set("depli_session", cookie[:-2] + "xx")
    assert visitor.get("/coder").status_code == 303


def test_a_write_without_its_token_is_refused(desk: DeskApp) -> None:
    visitor = Visitor(desk.app, "coder")
    other = Visitor(desk.app, "coder2")

    for token in ("", "0" * 64, other.csrf):
        visitor.csrf = token
        assert visitor.api("POST", "leases", {}).status_code == 403
        assert visitor.post("/moi/affichage", theme="dark").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_write_from_another_site_is_refused(desk: DeskApp, headers: dict[str, str]) -> None:
    visitor = Visitor(desk.app, "coder")

    answer = visitor.client.post("/api/v1/leases", json={}, headers={"X-CSRF-Token": visitor.csrf, **headers})

    assert answer.status_code == 403


def test_a_read_never_changes_state(desk: DeskApp) -> None:
    visitor = Visitor(desk.app, "admin")
    for (method, path), _ in MATRIX.items():
        if method == "POST" and ("GET", path) not in MATRIX:
            assert visitor.get(re.sub(r"\{\w+\}", "0" * 32, path)).status_code in (404, 405), path


def test_an_account_pauses_after_failed_sign_ins_and_opens_again(desk: DeskApp) -> None:
    visitor = Visitor(desk.app)
    statuses = [visitor.sign_in("coder", "wrong").status_code for _ in range(5)]
    assert statuses == [401] * 5

    assert visitor.sign_in("coder", PASSWORD).status_code == 401
    desk.clock.advance(minutes=2)
    assert visitor.sign_in("coder", PASSWORD).status_code == 303


def test_an_unknown_name_is_told_nothing_more(desk: DeskApp) -> None:
    visitor = Visitor(desk.app)

    known, unknown = visitor.sign_in("coder", "wrong"), visitor.sign_in("nobody", "wrong")

    assert known.status_code == unknown.status_code == 401
    assert re.sub(r'value="[^"]*"', "", known.text) == re.sub(r'value="[^"]*"', "", unknown.text)


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
def test_sign_in_never_leads_to_another_site(desk: DeskApp, onward: str) -> None:
    visitor = Visitor(desk.app)
    token = visitor.token_of("/connexion")

    answer = visitor.client.post(
        "/connexion", data={"csrf": token, "name": "coder", "password": PASSWORD, "suite": onward}
    )

    assert answer.headers["location"] == "/"


def test_a_deactivated_person_is_out_at_once_and_cannot_come_back(desk: DeskApp) -> None:
    coder, admin = Visitor(desk.app, "coder"), Visitor(desk.app, "admin")

    admin.post(f"/admin/utilisateurs/{desk.seeded.users['coder']}/activite")

    assert coder.get("/coder").status_code == 303
    assert coder.sign_in("coder", PASSWORD).status_code == 401


def test_an_admin_makes_a_person_who_can_sign_in(desk: DeskApp) -> None:
    admin = Visitor(desk.app, "admin")
    made = admin.post("/admin/utilisateurs", name="jeanne", password="un long mot de passe", role=Role.OPERATOR.value)
    assert made.status_code == 303
    assert admin.post("/admin/utilisateurs", name="jeanne", password="un autre mot", role="coder").status_code == 422
    assert admin.post("/admin/utilisateurs", name="paul", password="court", role="coder").status_code == 422

    assert Visitor(desk.app, "jeanne", password="un long mot de passe").get("/lots").status_code == 200


def test_a_coder_sees_the_images_on_his_screen_and_no_others(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")
    with desk.open_uow() as uow:
        (foreign,) = uow.pages.of_document(desk.seeded.documents["released"])
        (hidden,) = uow.fields.of_document(desk.seeded.documents["released"])
    (lease,) = coder.lease()

    page = coder.get(lease["document"]["pages"][0]["image"])
    snippet = coder.get(lease["tasks"][0]["snippet"])

    assert page.status_code == snippet.status_code == 200
    assert page.headers["content-type"] == "image/png"
    assert "private" in page.headers["cache-control"]
    again = coder.get(lease["tasks"][0]["snippet"], headers={"If-None-Match": snippet.headers["etag"]})
    assert again.status_code == 304
    assert coder.get(f"/images/pages/{foreign.id}").status_code == 404
    assert coder.get(f"/images/champs/{hidden.id}").status_code == 404
    assert Visitor(desk.app, "supervisor").get(f"/images/pages/{foreign.id}").status_code == 200
    assert coder.get(f"/images/pages/{foreign.image}").status_code == 404


def test_the_original_leaves_only_as_a_sandboxed_attachment(desk: DeskApp) -> None:
    answer = Visitor(desk.app, "operator").get(f"/originaux/{desk.seeded.master}")

    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_too_large_a_body_is_refused_before_it_is_read(desk: DeskApp) -> None:
    coder = Visitor(desk.app, "coder")

    headers = {"X-CSRF-Token": coder.csrf, "Content-Type": "application/json"}
    answer = coder.client.post("/api/v1/answers", content=b"[" + b" " * (1024 * 1024 + 1) + b"]", headers=headers)

    assert answer.status_code == 413


def test_health_tells_strangers_only_whether_it_is_alive(desk: DeskApp) -> None:
    assert Visitor(desk.app).get("/sante").json() == {"ok": True}
    assert Visitor(desk.app, "coder").get("/sante").json() == {"ok": True}
    assert Visitor(desk.app, "supervisor").get("/sante").json()["sandbox"] == "forkserver"
