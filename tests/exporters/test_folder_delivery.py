import contextlib
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import fsspec
import pytest

from exporters import folder_delivery
from exporters.folder_delivery import CHECKSUMS, FolderDelivery
from models.errors import Misconfigured, Unavailable
from models.handover import Parcel

KEY = "k1" * 20
FILES = {"document.pdf": b"%PDF", "document.json": b"{}", "deep/original.tif": b"II*"}
FOLDER = Parcel("2026/11/lettre", FILES)
FILE = Parcel("2026-11/ecritures.csv", {"ecritures.csv": b"a;b\r\n"})
MASTER_NAME = f"originaux/{hashlib.sha256(b'stack').hexdigest()}.pdf"
SHARED = Parcel("2026/11/lettre", FILES, {MASTER_NAME: b"stack"})

Now = Callable[[], datetime]


class Died(BaseException):
    """The process is gone."""


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("parcel", [FOLDER, FILE, SHARED], ids=["folder", "file", "shared"])
def test_the_same_key_twice_is_one_delivery(tmp_path: Path, now: Now, parcel: Parcel) -> None:
    delivery = FolderDelivery(str(tmp_path), "ged", now)

    first = delivery.deliver(KEY, parcel)
    stood = everything(tmp_path)
    second = delivery.deliver(KEY, Parcel(parcel.name, dict.fromkeys(parcel.files, b"rendered anew"), parcel.shared))

    assert second == first
    assert everything(tmp_path) == stood
    assert not [name for name in stood if ".part" in name]


def test_another_key_of_the_same_name_stands_beside(tmp_path: Path, now: Now) -> None:
    delivery = FolderDelivery(tmp_path.as_uri(), "ged", now)

    references = {delivery.deliver(key * 20, parcel).reference for key in ("k1", "k2") for parcel in (FOLDER, FILE)}

    assert len(references) == 4


def test_a_folder_carries_the_checksums_of_all_its_files(tmp_path: Path, now: Now) -> None:
    receipt = FolderDelivery(str(tmp_path), "ged", now).deliver(KEY, FOLDER)

    (listed,) = tmp_path.rglob(CHECKSUMS)
    rows = dict(reversed(line.split("  ")) for line in listed.read_text().splitlines())
    assert rows == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert receipt.sha256 == hashlib.sha256(listed.read_bytes()).hexdigest()
    assert receipt.at == now()


@pytest.mark.parametrize("parcel", [FOLDER, FILE, SHARED], ids=["folder", "file", "shared"])
@pytest.mark.parametrize("call", ["fsync", "rename", "link", "unlink", "mkdir"])
def test_a_death_at_any_system_call_leaves_all_or_nothing_and_the_next_run_completes_it(
    tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch, parcel: Parcel, call: str
) -> None:
    delivery = FolderDelivery(str(tmp_path / "whole"), "ged", now)
    delivery.deliver(KEY, parcel)
    whole = everything(tmp_path / "whole")
    real = getattr(os, call)

    for survived in range(12):
        root = tmp_path / f"death-{survived}"
        root.mkdir()
        left = survived

        def dies(*args: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                raise Died
            left -= 1
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, dies)
            with contextlib.suppress(Died):
                FolderDelivery(str(root), "ged", now).deliver(KEY, parcel)
        visible = {name: content for name, content in everything(root).items() if ".part" not in name}
        assert visible.items() <= whole.items()
        if parcel is not SHARED:
            assert visible in ({}, whole)
        FolderDelivery(str(root), "ged", now).deliver(KEY, parcel)
        assert everything(root) == whole


def test_a_file_cut_short_before_its_name_is_written_again(tmp_path: Path, now: Now) -> None:
    delivery = FolderDelivery(str(tmp_path), "accounting", now)
    target = tmp_path / folder_delivery.place_of(KEY, FILE)
    target.parent.mkdir(parents=True)
    target.with_name(f".{target.name}.{KEY[:12]}.dead.part").write_bytes(b"a;")

    delivery.deliver(KEY, FILE)

    assert everything(tmp_path) == {str(target.relative_to(tmp_path)): b"a;b\r\n"}


@pytest.mark.parametrize("parcel", [FOLDER, FILE, SHARED], ids=["folder", "file", "shared"])
def test_two_workers_with_the_same_key_make_one_delivery(tmp_path: Path, now: Now, parcel: Parcel) -> None:
    delivery = FolderDelivery(str(tmp_path), "ged", now)

    with ThreadPoolExecutor(8) as pool:
        receipts = {future.result() for future in [pool.submit(delivery.deliver, KEY, parcel) for _ in range(24)]}

    assert len(receipts) == 1
    assert not [name for name in everything(tmp_path) if ".part" in name]


def test_an_altered_delivery_is_told_and_never_written_over(tmp_path: Path, now: Now) -> None:
    delivery = FolderDelivery(str(tmp_path), "ged", now)
    delivery.deliver(KEY, SHARED)
    (altered,) = tmp_path.rglob("document.json")
    altered.write_bytes(b'{"amount": 1}')

    with pytest.raises(Misconfigured, match=r"document\.json"):
        delivery.deliver(KEY, SHARED)
    assert altered.read_bytes() == b'{"amount": 1}'

    (tmp_path / MASTER_NAME).write_bytes(b"another stack")
    with pytest.raises(Misconfigured, match="altered"):
        delivery.deliver("k2" * 20, SHARED)


def test_a_stack_shared_by_two_documents_stands_once(tmp_path: Path, now: Now) -> None:
    delivery = FolderDelivery(str(tmp_path), "ged", now)
    for key in ("k1", "k2"):
        delivery.deliver(key * 20, SHARED)

    assert [path.name for path in (tmp_path / "originaux").iterdir()] == [Path(MASTER_NAME).name]


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "a/../../b", "", "a\\b"])
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, now: Now, name: str) -> None:
    with pytest.raises(Misconfigured):
        FolderDelivery(str(tmp_path / "root"), "ged", now).deliver(KEY, Parcel(name, FILES))
    assert everything(tmp_path) == {}


def test_a_full_disk_is_tried_again_and_a_closed_folder_needs_a_person(
    tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = FolderDelivery(str(tmp_path), "ged", now)

    def refuses(number: int) -> Callable[[int], None]:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", refuses(28))
    with pytest.raises(Unavailable):
        delivery.deliver(KEY, FOLDER)
    monkeypatch.setattr(os, "fsync", refuses(13))
    with pytest.raises(Misconfigured):
        delivery.deliver(KEY, FILE)


@pytest.mark.parametrize("parcel", [FOLDER, FILE, SHARED], ids=["folder", "file", "shared"])
def test_a_remote_store_takes_each_key_once(now: Now, parcel: Parcel, tmp_path: Path) -> None:
    root = f"memory://{tmp_path.name}-{len(parcel.shared)}-{len(parcel.files)}"
    delivery = FolderDelivery(root, "ged", now)

    first = delivery.deliver(KEY, parcel)
    stood = fsspec.filesystem("memory").find(root)
    second = delivery.deliver(KEY, parcel)

    assert first == second
    assert fsspec.filesystem("memory").find(root) == stood
    assert not [name for name in stood if name.endswith(".part")]


def test_a_remote_folder_without_its_checksums_is_not_there_yet(now: Now, tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    root = f"memory://{tmp_path.name}-cut"
    place = f"{root}/{folder_delivery.place_of(KEY, FOLDER)}"
    system.pipe_file(f"{place}/document.pdf", b"%PD")

    FolderDelivery(root, "ged", now).deliver(KEY, FOLDER)

    assert system.cat_file(f"{place}/document.pdf") == b"%PDF"
    assert system.exists(f"{place}/{CHECKSUMS}")


def test_errors_never_show_a_password(now: Now) -> None:
    with pytest.raises(Misconfigured) as caught:
        FolderDelivery("unknown-store://anne:secret@host/ged", "ged", now).deliver(KEY, FILE)

    assert "secret" not in str(caught.value)
