"""Exchange with Label Studio: verified fields go out to be reviewed, what reviewers wrote comes back as truth.

The files hold personal and bank data: pictures of handwriting, names, IBANs. They are written for their owner only
(mode 0600), nothing of their content reaches a log or a message, and they are to be deleted when the review is over.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from models.batch import DocumentState, Field, FieldState
from models.errors import Misconfigured, NotFound, Unavailable
from models.ports import ImageStore, UnitOfWork
from models.reading import Value
from models.values.kinds import kind
from pipeline.installation import Installation
from pipeline.settings import Settings

log = structlog.get_logger()

EMPTY = "vide"
ILLEGIBLE = "illisible"
NOT_ANNOTATED = "not annotated"
LABELS = "labels.tsv"
"""The table of a data set folder: file, text, kind of field; with a line of headings."""
AGREEMENT = "agreement.json"
_PUSHED_AT_ONCE = 100
"""Tasks in one request: each holds its picture, and servers bound the size of a request."""
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}
_DATA_URI = re.compile(r"data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=]+)")

Task = dict[str, Any]
"""A task as Label Studio's JSON has it."""


# what goes out


@dataclass(frozen=True, slots=True)
class Sample:
    """Which fields go out; the defaults take all."""

    limit: int | None = None
    """At most so many fields: by identifier, which is random, hence a fair sample that is the same each time."""
    only_corrected: bool = False
    """Those a coder gave another value than the machine."""
    kinds: frozenset[str] = frozenset()
    """Keys of `models.values.kinds`; empty = all."""


def labelling_config() -> str:
    """The labelling configuration, built and checked by the SDK.

    Raises: Misconfigured when the SDK is not installed.
    """
    sdk = _interface_module()
    config: str = sdk.LabelInterface.create(
        {
            "snippet": ("Image", {"value": "$snippet", "zoom": "true"}, ()),
            "label": ("Text", {"value": "$label"}, ()),
            "value": (
                "TextArea",
                {
                    "toName": "snippet",
                    "rows": "1",
                    "maxSubmissions": "1",
                    "editable": "true",
                    "placeholder": "Ce qui est écrit sur le papier",
                },
                (),
            ),
            "state": (
                "Choices",
                {"toName": "snippet", "choice": "single"},
                tuple(("Choice", {"value": word}, {}) for word in (EMPTY, ILLEGIBLE)),
            ),
        }
    )
    sdk.LabelInterface(config).validate()
    return config


def chosen_fields(uow: UnitOfWork, sample: Sample) -> list[Field]:
    """Fields of verified and released documents that have a snippet.

    Raises: Misconfigured when `sample` names a kind that does not exist.
    """
    for name in sample.kinds:
        kind(name)
    found = [
        one
        for state in (DocumentState.VERIFIED, DocumentState.RELEASED)
        for document in uow.documents.in_state(state, 1_000_000)
        for one in uow.fields.of_document(document.id)
        if one.snippet is not None
        and one.state is not FieldState.TO_VERIFY
        and (not sample.kinds or one.value_type in sample.kinds)
        and (not sample.only_corrected or _is_corrected(one))
    ]
    return sorted(found, key=lambda one: one.id)[: sample.limit]


def _is_corrected(one: Field) -> bool:
    return one.state is FieldState.KEYED and one.value != one.machine.value


def tasks_of(fields: Iterable[Field], images: ImageStore, *, config: str) -> list[Task]:
    """One task a field: the snippet, its label, the machine's value as a prediction; the coder's value is not in it.

    Raises: Misconfigured when the SDK is not installed, FileNotFoundError when the store has lost a snippet.
    """
    interface = _interface_module().LabelInterface(config)
    return [_task(one, images.load(one.snippet), interface) for one in fields if one.snippet is not None]


def _task(one: Field, snippet: bytes, interface: Any) -> Task:
    from label_studio_sdk.label_interface.objects import PredictionValue

    mime = "image/png" if str(one.snippet).endswith(".png") else "image/jpeg"
    data = {
        "snippet": f"data:{mime};base64,{base64.b64encode(snippet).decode('ascii')}",
        "label": one.label,
        "field": one.name,
        "value_type": one.value_type,
        "field_id": one.id,
    }
    text = as_text(one.machine.value)
    regions = interface.create_regions({"value": text} if text else {"state": EMPTY})
    for region in regions:
        region.id = one.id
    prediction = PredictionValue(
        model_version=one.machine.reader or "depli", score=one.machine.confidence, result=regions
    ).model_dump()
    # the SDK's validate_task() cannot look at predictions (it calls their check without them): each is asked apart
    if not interface.validate_task({"data": data}) or not interface.validate_prediction(prediction):
        raise ValueError(f"field {one.id}: the task does not fit the labelling configuration")
    return {"data": data, "predictions": [prediction]}


def as_text(value: Value) -> str:
    """A canonical value as one line of text; empty for an empty field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else value


def push(tasks: Sequence[Task], *, config: str, title: str, url: str, token: str) -> int:
    """Make a project on a Label Studio server and load the tasks; answers the project's number.

    Raises: Unavailable when the server does not answer, Misconfigured when it refuses us.
    """
    _interface_module()
    import httpx
    from label_studio_sdk import LabelStudio
    from label_studio_sdk.core.api_error import ApiError

    try:
        client: Any = LabelStudio(base_url=url, api_key=token)  # type: ignore[no-untyped-call]
        project = client.projects.create(title=title, label_config=config)
        for start in range(0, len(tasks), _PUSHED_AT_ONCE):
            client.projects.import_tasks(id=project.id, request=list(tasks[start : start + _PUSHED_AT_ONCE]))
    except ApiError as error:
        # the body may repeat what was sent: only the status is told
        if error.status_code is None or error.status_code >= 500:
            raise Unavailable(f"Label Studio at {url} answered {error.status_code}. Try again later.") from None
        raise Misconfigured(
            f"Label Studio at {url} refuses us ({error.status_code}). Check --url, --token and the rights of its owner."
        ) from None
    except httpx.HTTPError as error:
        raise Unavailable(f"Label Studio at {url} does not answer ({type(error).__name__}). Check --url.") from None
    return int(project.id)


# what comes back


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person or the machine says stands on the paper: canonical text, empty for nothing."""

    text: str
    illegible: bool = False


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One field that came back."""

    field_id: str
    value_type: str
    picture: bytes
    suffix: str
    reviewer: Answer
    coder: Answer | None
    """`None` when no person had keyed it, or the record does not know it any more."""
    machine: Answer | None


@dataclass(slots=True)
class Agreement:
    """How often two answers were alike."""

    compared: int = 0
    alike: int = 0

    def add(self, one: Answer | None, other: Answer | None) -> None:
        """Count a pair; one that is not whole is not counted."""
        if one is not None and other is not None:
            self.compared += 1
            self.alike += one == other

    @property
    def share(self) -> float | None:
        """0..1; `None` when nothing was compared."""
        return self.alike / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class Returned:
    """What an export of annotations held."""

    reviewed: tuple[Reviewed, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why tasks are not in it -> how many."""


def annotations_of(tasks: object, uow: UnitOfWork, images: ImageStore, *, config: str) -> Returned:
    """Read Label Studio's JSON export, each annotation checked against the configuration.

    A task reviewed more than once counts when all reviewers agree or one annotation is marked as ground truth.
    Args:
        tasks: content of the file, "JSON" in Label Studio's export (not "JSON-MIN").
        uow: read only; gives what coder and machine said. images: asked when the export lacks the picture.
    Raises: Misconfigured when the content is not such an export, or the SDK is not installed.
    """
    interface = _interface_module().LabelInterface(config)
    if not isinstance(tasks, list) or not all(map(_is_task, tasks)):
        raise Misconfigured('not an export of annotations. In Label Studio choose Export, then "JSON" (not JSON-MIN).')
    reviewed: dict[str, Reviewed] = {}
    left_out: Counter[str] = Counter()
    for task in tasks:
        found = _reviewed(task, uow, images, interface)
        if isinstance(found, str):
            left_out[found] += 1
        elif found.field_id in reviewed:
            left_out["the same field twice"] += 1
        else:
            reviewed[found.field_id] = found
    return Returned(tuple(reviewed.values()), dict(left_out))


def _is_task(task: object) -> bool:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        return False
    annotations = task.get("annotations") or []
    return isinstance(annotations, list) and all(isinstance(annotation, dict) for annotation in annotations)


def _reviewed(task: Task, uow: UnitOfWork, images: ImageStore, interface: Any) -> Reviewed | str:
    """The field of a task, or why it is left out."""
    data = task["data"]
    field_id, value_type = str(data.get("field_id", "")), str(data.get("value_type", ""))
    if re.fullmatch(r"[0-9a-f]{32}", field_id) is None or not value_type:
        return "not a task of ours"
    annotations = [a for a in task.get("annotations") or () if not a.get("was_cancelled")]
    annotations = [a for a in annotations if a.get("ground_truth")] or annotations
    if not annotations:
        return NOT_ANNOTATED
    if not all(interface.validate_annotation(annotation) for annotation in annotations):
        return "does not fit the labelling configuration"
    answers = {_answer(annotation["result"], value_type) for annotation in annotations}
    if None in answers:
        return "no value of its kind"
    if len(answers) > 1:
        return "reviewers disagree"
    (reviewer,) = answers
    known = _known(field_id, uow)
    picture = _picture(str(data.get("snippet", "")), known, images)
    if picture is None or reviewer is None:
        return "no picture"
    content, suffix = picture
    return Reviewed(
        field_id=field_id,
        value_type=value_type,
        picture=content,
        suffix=suffix,
        reviewer=reviewer,
        coder=_coder(known) if known else None,
        machine=_said(known.machine.value, value_type) if known else None,
    )


def _answer(result: Sequence[Mapping[str, Any]], value_type: str) -> Answer | None:
    """What an annotation says; a word for the state outweighs the text, which the prediction may have put there."""
    # a relation between regions has no name
    states = [word for region in result if region.get("from_name") == "state" for word in region["value"]["choices"]]
    if ILLEGIBLE in states:
        return Answer("", illegible=True)
    if EMPTY in states:
        return Answer("")
    texts = [text for region in result if region.get("from_name") == "value" for text in region["value"]["text"]]
    canonical = normalised(" ".join(texts), value_type) if texts else None
    return None if canonical is None else Answer(canonical)


def normalised(text: str, value_type: str) -> str | None:
    """The canonical text of what a person wrote, `None` when it has none.

    Raises: Misconfigured when no such type exists.
    """
    if value_type == "choices":
        return ", ".join(sorted(filter(None, map(kind(value_type).parse, text.split(","))))) or None
    return kind(value_type).parse(text)


def _said(value: Value, value_type: str) -> Answer:
    text = as_text(value)
    # a value without canonical form is still what was said: compared as it is
    return Answer((normalised(text, value_type) or text) if text else "")


def _coder(known: Field) -> Answer | None:
    if known.state is FieldState.ILLEGIBLE:
        return Answer("", illegible=True)
    return _said(known.value, known.value_type) if known.state is FieldState.KEYED else None


def _known(field_id: str, uow: UnitOfWork) -> Field | None:
    try:
        return uow.fields.get(field_id)
    except NotFound:
        return None


def _picture(uri: str, known: Field | None, images: ImageStore) -> tuple[bytes, str] | None:
    """What the reviewer saw, and its suffix."""
    match = _DATA_URI.fullmatch(uri)
    if match is not None:
        try:
            return base64.b64decode(match[2], validate=True), _SUFFIXES[match[1]]
        except binascii.Error:
            return None
    if known is None or known.snippet is None or not images.exists(known.snippet):
        return None
    return images.load(known.snippet), known.snippet.rpartition(".")[2]


# the data set


def write_data_set(reviewed: Iterable[Reviewed], folder: Path) -> int:
    """Write pictures and `labels.tsv` for their owner only; illegible ones are left out. Answers how many.

    Raises: Misconfigured when the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Misconfigured(f"{folder} is not empty: two data sets would be mixed. Name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    rows = []
    for one in reviewed:
        if one.reviewer.illegible:
            continue
        # named by content: the same picture twice is one file, and the name says nothing of the record
        name = f"{hashlib.sha256(one.picture).hexdigest()[:32]}.{one.suffix}"
        write_private(folder / name, one.picture)
        rows.append((name, one.reviewer.text, one.value_type))
    with _private(folder / LABELS).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, dialect="excel-tab", lineterminator="\n")
        table.writerow(("file", "text", "kind"))
        table.writerows(rows)
    return len(rows)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of a data set and what stands on it."""

    picture: Path
    text: str
    """Canonical; empty when nothing is written."""
    value_type: str


def read_data_set(folder: Path) -> Iterator[Labelled]:
    """The rows of a data set folder, for training and evaluation.

    Raises: Misconfigured when the folder holds no such table or a picture is missing.
    """
    table = folder / LABELS
    if not table.is_file():
        raise Misconfigured(f"{table} is missing: make the folder with `depli label import`.")
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, dialect="excel-tab"):
            if set(row) != {"file", "text", "kind"} or Path(row["file"]).name != row["file"]:
                raise Misconfigured(f"{table}: not a table of file, text, kind.")
            if not (folder / row["file"]).is_file():
                raise Misconfigured(f"{folder} lacks the picture {row['file']}.")
            yield Labelled(folder / row["file"], row["text"], row["kind"])


def agreement(reviewed: Iterable[Reviewed]) -> dict[str, dict[str, Agreement]]:
    """How often coder, reviewer and machine agree: over all fields ("all") and by kind of field."""
    found: dict[str, dict[str, Agreement]] = {}
    for one in reviewed:
        for group in ("all", one.value_type):
            pairs = found.setdefault(
                group, {name: Agreement() for name in ("coder_reviewer", "machine_reviewer", "machine_coder")}
            )
            pairs["coder_reviewer"].add(one.coder, one.reviewer)
            pairs["machine_reviewer"].add(one.machine, one.reviewer)
            pairs["machine_coder"].add(one.machine, one.coder)
    return found


def agreement_json(figures: Mapping[str, Mapping[str, Agreement]], left_out: Mapping[str, int]) -> str:
    """The figures as JSON; no value of any field is in it."""
    shown = {
        group: {name: {"compared": a.compared, "alike": a.alike, "share": a.share} for name, a in pairs.items()}
        for group, pairs in figures.items()
    }
    return json.dumps({"agreement": shown, "left_out": dict(left_out)}, ensure_ascii=False, indent=1)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, also when it was there with wider rights."""
    _private(path).write_bytes(content)


def _private(path: Path) -> Path:
    """The path, with an empty file of mode 0600 there: no moment at which others could open it."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return path


def kinds_named(text: str) -> frozenset[str]:
    """Kinds from a list with commas.

    Raises: Misconfigured when one does not exist.
    """
    return frozenset(kind(name.strip()).name for name in text.split(",") if name.strip())


def export_tasks(output: Path, *, uow: UnitOfWork, images: ImageStore, sample: Sample) -> tuple[list[Task], str]:
    """Write the tasks to `output` and the configuration beside it (suffix .xml); answers both."""
    config = labelling_config()
    with uow:
        tasks = tasks_of(chosen_fields(uow, sample), images, config=config)
    write_private(output, json.dumps(tasks, ensure_ascii=False).encode())
    write_private(output.with_suffix(".xml"), config.encode())
    log.info("labels_exported", tasks=len(tasks))
    return tasks, config


def import_annotations(annotations: Path, folder: Path, *, uow: UnitOfWork, images: ImageStore) -> Returned:
    """Read an export of annotations and write the data set with its agreement figures.

    Raises: Misconfigured when the file is no such export or the folder is not empty.
    """
    try:
        tasks = json.loads(annotations.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{annotations} cannot be read as JSON ({type(error).__name__}).") from None
    with uow:
        returned = annotations_of(tasks, uow, images, config=labelling_config())
    count = write_data_set(returned.reviewed, folder)
    write_private(folder / AGREEMENT, agreement_json(agreement(returned.reviewed), returned.left_out).encode())
    log.info("labels_imported", rows=count, left_out=sum(returned.left_out.values()))
    return returned


def run_export(
    settings: Settings, output: Path, *, sample: Sample, url: str, token: str, title: str, out: Console
) -> int:
    """`depli label export`.

    Raises: Misconfigured when --url comes without --token; see `export_tasks` and `push`.
    """
    if url and not token:
        raise Misconfigured("--url needs an access token: --token, or DEPLI_LABEL_TOKEN.")
    installation = Installation(settings)
    try:
        tasks, config = export_tasks(
            output, uow=installation.uow().reading(), images=installation.images, sample=sample
        )
    finally:
        installation.stop()
    out.print(
        f"{output}: {len(tasks)} tasks; {output.with_suffix('.xml')}: configuration. The tasks hold personal data."
    )
    if url:
        out.print(f"project {push(tasks, config=config, title=title, url=url, token=token)} on {url}")
    return 0


def run_import(settings: Settings, annotations: Path, folder: Path, *, out: Console) -> int:
    """`depli label import`; 1 when an annotated task could not be used."""
    installation = Installation(settings)
    try:
        returned = import_annotations(annotations, folder, uow=installation.uow().reading(), images=installation.images)
    finally:
        installation.stop()
    out.print(f"{folder / LABELS}: {sum(not one.reviewer.illegible for one in returned.reviewed)} rows")
    for name, pair in agreement(returned.reviewed).get("all", {}).items():
        out.print(f"{name}: {pair.alike} of {pair.compared} alike")
    for why, count in returned.left_out.items():
        out.print(f"left out, {why}: {count}")
    return 1 if set(returned.left_out) - {NOT_ANNOTATED} else 0


def _interface_module() -> Any:
    try:
        from label_studio_sdk import label_interface
    except ImportError as error:
        raise Misconfigured(
            "label-studio-sdk is not installed, which `depli label` needs: pip install 'depli[label]'."
        ) from error
    return label_interface
