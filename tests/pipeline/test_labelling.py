"""Label Studio: what goes out tells nothing of the coder, what comes back is checked and becomes truth."""

from __future__ import annotations

import base64
import csv
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.batch import Field, FieldState
from models.errors import Misconfigured, Unavailable
from models.ports import ImageStore
from models.reading import Value
from models.store import MemoryImages, SqlUnitOfWork, open_record
from tests.videocoding_ui.seed import NOW, seed

pytest.importorskip("label_studio_sdk", reason="needs the `label` extra")

from pipeline import labelling
from pipeline.cli import app
from pipeline.installation import Installation
from pipeline.labelling import Sample
from pipeline.settings import Settings

CONFIG = labelling.labelling_config()


@pytest.fixture(scope="module")
def images() -> MemoryImages:
    """An image store for all tests: they only read it."""
    return MemoryImages()


@pytest.fixture(scope="module")
def uow(tmp_path_factory: pytest.TempPathFactory, images: MemoryImages) -> Iterator[SqlUnitOfWork]:
    """The record of `keyed`, read only, for all tests."""
    engine = open_record(f"sqlite:///{tmp_path_factory.mktemp('record') / 'record.sqlite3'}")
    yield keyed(SqlUnitOfWork(engine), images).reading()
    engine.dispose()


def keyed(one: SqlUnitOfWork, images: ImageStore) -> SqlUnitOfWork:
    """A mandate whose IBAN a coder corrected, a T-card nobody has keyed, two cards accepted by the machine."""
    seeded = seed(lambda: one, images)
    with one:
        mandate = one.documents.get(seeded.documents["mandate0"])
        fields = one.fields.of_document(mandate.id)
        for each in fields:
            if each.name == "iban":
                each.key(IBAN)
            elif each.name == "bic":
                each.record_illegible()
            elif each.state is FieldState.TO_VERIFY:
                each.key(each.machine.value)
        mandate.record_verified(fields, now=NOW)
        one.commit()
    return one


IBAN = "FR7630006000011234567890189"


def exported(uow: SqlUnitOfWork, images: MemoryImages, sample: Sample | None = None) -> list[labelling.Task]:
    with uow:
        return labelling.tasks_of(labelling.chosen_fields(uow, sample or Sample()), images, config=CONFIG)


def the(tasks: list[labelling.Task], name: str) -> labelling.Task:
    return next(task for task in tasks if task["data"]["field"] == name)


def annotated(task: labelling.Task, *, text: str = "", state: str = "", **more: Any) -> labelling.Task:
    """The task as Label Studio exports it after one more annotation."""
    result = []
    if text:
        result.append({"from_name": "value", "to_name": "snippet", "type": "textarea", "value": {"text": [text]}})
    if state:
        result.append({"from_name": "state", "to_name": "snippet", "type": "choices", "value": {"choices": [state]}})
    annotation = {"completed_by": 7, "was_cancelled": False, "result": result, **more}
    return {**task, "id": 1, "annotations": [*task.get("annotations", ()), annotation]}


def returned(tasks: list[labelling.Task], uow: SqlUnitOfWork, images: MemoryImages) -> labelling.Returned:
    with uow:
        return labelling.annotations_of(json.loads(json.dumps(tasks)), uow, images, config=CONFIG)


def test_only_fields_of_verified_documents_go_out(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    names = {task["data"]["field"] for task in exported(uow, images)}

    assert {"iban", "bic", "meter_index"} <= names
    assert "reading_date" not in names  # of the T-card that still waits


def test_a_task_shows_the_snippet_and_the_machine_value_but_not_the_coders(
    uow: SqlUnitOfWork, images: MemoryImages
) -> None:
    task = the(exported(uow, images), "iban")

    (prediction,) = task["predictions"]
    assert prediction["result"][0]["value"] == {"text": ["FR1420041010050500013M02606"]}
    assert prediction["score"] == pytest.approx(0.91)
    assert IBAN not in json.dumps(task)
    head, _, picture = task["data"]["snippet"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_an_empty_machine_value_is_predicted_as_empty() -> None:
    interface = labelling._interface_module().LabelInterface(CONFIG)

    (region,) = labelling._task(field_of(None), b"\x89PNG", interface)["predictions"][0]["result"]

    assert region["value"] == {"choices": [labelling.EMPTY]}


def field_of(value: Value) -> Field:
    from models.reading import Decision, FieldValue

    machine = FieldValue("iban", value, 0.5, Decision.TO_VERIFY)
    return Field(
        document_id="d", name="iban", label="IBAN", value_type="iban", position=0, machine=machine, snippet="k.png"
    )


def test_a_sample_can_be_narrowed_to_what_was_corrected_and_to_kinds(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    corrected = exported(uow, images, Sample(only_corrected=True))
    indexes = exported(uow, images, Sample(kinds=frozenset({"index"})))

    assert [task["data"]["field"] for task in corrected] == ["iban"]
    assert {task["data"]["value_type"] for task in indexes} == {"index"}


def test_a_limited_sample_is_the_same_each_time(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    first, again = exported(uow, images, Sample(limit=3)), exported(uow, images, Sample(limit=3))

    assert len(first) == 3
    assert first == again


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(Misconfigured, match="ibann"):
        labelling.kinds_named("date,ibann")


def test_exports_are_readable_by_their_owner_only(uow: SqlUnitOfWork, images: MemoryImages, tmp_path: Path) -> None:
    output = tmp_path / "review.json"
    output.write_text("old")
    output.chmod(0o644)

    tasks, _ = labelling.export_tasks(output, uow=uow, images=images, sample=Sample())

    assert json.loads(output.read_text()) == tasks
    assert {path.stat().st_mode & 0o777 for path in (output, output.with_suffix(".xml"))} == {0o600}


def test_what_a_reviewer_wrote_is_made_canonical(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    tasks = exported(uow, images)
    back = returned(
        [
            annotated(the(tasks, "iban"), text="fr76 3000 6000 0112 3456 7890 189"),
            annotated(the(tasks, "signature_date"), text="12/11/2026"),
        ],
        uow,
        images,
    )

    assert [one.reviewer.text for one in back.reviewed] == [IBAN, "2026-11-12"]
    assert not back.left_out


def test_agreement_compares_coder_reviewer_and_machine(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    tasks = exported(uow, images)
    back = returned(
        [
            annotated(the(tasks, "iban"), text=IBAN),
            annotated(the(tasks, "bic"), text="PSSTFRPPLIL"),
            annotated(the(tasks, "meter_index"), text="00731"),
        ],
        uow,
        images,
    )

    figures = labelling.agreement(back.reviewed)
    # the coder could not read the BIC; nobody keyed the index, which the machine had accepted
    assert (figures["all"]["coder_reviewer"].alike, figures["all"]["coder_reviewer"].compared) == (1, 2)
    assert (figures["all"]["machine_reviewer"].alike, figures["all"]["machine_reviewer"].compared) == (2, 3)
    assert figures["iban"]["machine_coder"].share == 0.0
    assert figures["index"]["machine_coder"].share is None


def test_a_state_outweighs_the_text_that_the_prediction_left(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    tasks = exported(uow, images)
    back = returned(
        [
            annotated(the(tasks, "iban"), text=IBAN, state=labelling.ILLEGIBLE),
            annotated(the(tasks, "bic"), text="PSSTFRPPLIL", state=labelling.EMPTY),
        ],
        uow,
        images,
    )

    assert [(one.reviewer.text, one.reviewer.illegible) for one in back.reviewed] == [("", True), ("", False)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"annotations": []}, labelling.NOT_ANNOTATED),
        ({"annotations": [{"was_cancelled": True, "result": []}]}, labelling.NOT_ANNOTATED),
        ({"annotations": [{"result": [{"from_name": "x"}]}]}, "does not fit the labelling configuration"),
        ({"annotations": [{"result": []}]}, "no value of its kind"),
        ({"data": {"field_id": "../../etc/passwd", "value_type": "iban"}}, "not a task of ours"),
    ],
)
def test_a_task_that_cannot_be_used_is_counted_with_its_reason(
    uow: SqlUnitOfWork, images: MemoryImages, change: dict[str, Any], why: str
) -> None:
    back = returned([{**annotated(the(exported(uow, images), "iban"), text=IBAN), **change}], uow, images)

    assert not back.reviewed
    assert back.left_out == {why: 1}


def test_reviewers_who_disagree_make_no_truth_unless_one_is_marked(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    once = annotated(the(exported(uow, images), "iban"), text=IBAN)
    other = "FR1420041010050500013M02606"

    disputed = returned([annotated(once, text=other)], uow, images)
    settled = returned([annotated(once, text=other, ground_truth=True)], uow, images)

    assert disputed.left_out == {"reviewers disagree": 1}
    assert [one.reviewer.text for one in settled.reviewed] == [other]


def test_a_field_the_record_has_lost_is_still_truth(uow: SqlUnitOfWork, images: MemoryImages) -> None:
    task = annotated(the(exported(uow, images), "iban"), text=IBAN)
    task["data"] = {**task["data"], "field_id": "0" * 32}

    (one,) = returned([task], uow, images).reviewed

    assert (one.reviewer.text, one.coder, one.machine) == (IBAN, None, None)


def test_an_imported_data_set_is_read_back_as_it_was_written(
    uow: SqlUnitOfWork, images: MemoryImages, tmp_path: Path
) -> None:
    tasks = exported(uow, images)
    answers = tmp_path / "annotations.json"
    given = [annotated(the(tasks, "iban"), text=IBAN), annotated(the(tasks, "bic"), state=labelling.ILLEGIBLE)]
    answers.write_text(json.dumps(given))
    folder = tmp_path / "set"

    labelling.import_annotations(answers, folder, uow=uow, images=images)

    (row,) = labelling.read_data_set(folder)
    assert (row.text, row.value_type) == (IBAN, "iban")
    _, _, picture = given[0]["data"]["snippet"].partition(",")
    assert row.picture.read_bytes() == base64.b64decode(picture)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    figures = json.loads((folder / labelling.AGREEMENT).read_text())
    assert figures["agreement"]["all"]["coder_reviewer"] == {"compared": 2, "alike": 2, "share": 1.0}
    assert IBAN not in (folder / labelling.AGREEMENT).read_text()
    with pytest.raises(Misconfigured, match="not empty"):
        labelling.import_annotations(answers, folder, uow=uow, images=images)


def test_a_table_that_names_files_elsewhere_is_refused(tmp_path: Path) -> None:
    with (tmp_path / labelling.LABELS).open("w", newline="") as file:
        csv.writer(file, dialect="excel-tab").writerows([("file", "text", "kind"), ("../x.png", "1", "index")])

    with pytest.raises(Misconfigured, match="not a table"):
        list(labelling.read_data_set(tmp_path))


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"data": 1}]', '[{"data": {}, "annotations": [3]}]', "no json"])
def test_another_file_is_refused(uow: SqlUnitOfWork, images: MemoryImages, tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)

    with pytest.raises(Misconfigured):
        labelling.import_annotations(path, tmp_path / "set", uow=uow, images=images)


def test_without_the_sdk_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)

    with pytest.raises(Misconfigured, match=r"pip install 'depli\[label\]'"):
        labelling.labelling_config()


class Server(HTTPServer):
    """Answers like Label Studio and notes what it was asked."""

    status = 201

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str | None, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(("POST", self.path, self.headers["Authorization"], body))
        answer = {"id": 42, "title": "t"} if self.path == "/api/projects/" else {"task_count": len(body)}
        content = json.dumps(answer if self.server.status < 400 else {"detail": "no"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A fake Label Studio on this machine."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_push_makes_the_project_and_loads_every_task(
    server: Server, uow: SqlUnitOfWork, images: MemoryImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "_PUSHED_AT_ONCE", 4)
    tasks = exported(uow, images)

    assert labelling.push(tasks, config=CONFIG, title="Relecture", url=server.url, token="secret") == 42

    (project, *imports) = server.asked
    assert project[1:3] == ("/api/projects/", "Token secret")
    assert project[3] == {"title": "Relecture", "label_config": CONFIG}
    assert {path for _, path, _, _ in imports} == {"/api/projects/42/import"}
    assert [task for *_, body in imports for task in body] == tasks
    assert len(imports) == -(-len(tasks) // 4)


def test_a_refused_token_halts_and_does_not_tell_it(server: Server) -> None:
    server.status = 401

    with pytest.raises(Misconfigured, match="401") as caught:
        labelling.push([], config=CONFIG, title="t", url=server.url, token="secret")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_tried_later() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        labelling.push([], config=CONFIG, title="t", url="http://127.0.0.1:9", token="secret")


def test_the_commands_take_a_sample_to_the_server_and_bring_truth_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEPLI_LABEL_TOKEN", "secret")
    installation = Installation(Settings())
    keyed(installation.uow(), installation.images)
    installation.stop()
    output, answers = tmp_path / "review.json", tmp_path / "annotations.json"

    sent = CliRunner().invoke(app, ["label", "export", str(output), "--only-corrected", "--url", server.url])
    assert sent.exit_code == 0, sent.output
    (task,) = server.asked[1][3]
    relation = {"type": "relation", "from_id": "a", "to_id": "a", "direction": "right"}
    answers.write_text(json.dumps([annotated(task, text=IBAN), {**task, "annotations": [{"result": [relation]}]}]))
    back = CliRunner().invoke(app, ["label", "import", str(answers), str(tmp_path / "set")])

    assert back.exit_code == 1  # of the second annotation nothing can be used
    assert [row.text for row in labelling.read_data_set(tmp_path / "set")] == [IBAN]
    assert IBAN not in sent.output + back.output
