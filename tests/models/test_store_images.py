"""Image stores: written once, named by content, whole or not at all. The fake passes the same tests as the real one."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Unavailable
from models.store import FsspecImages, MemoryImages
from models.store.images import key_of, sha256_in

Images = FsspecImages | MemoryImages


@pytest.fixture(params=["folder", "file url", "fsspec memory", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Images:
    match request.param:
        case "folder":
            return FsspecImages(str(tmp_path / "images"))
        case "file url":
            return FsspecImages((tmp_path / "with space" / "images").as_uri())
        case "fsspec memory":
            return FsspecImages(f"memory://{uuid.uuid4().hex}")
        case _:
            return MemoryImages()


def test_what_is_saved_comes_back_under_the_name_of_its_content(store: Images) -> None:
    digest = hashlib.sha256(b"page").hexdigest()

    key = store.save(b"page", suffix="png")

    assert key == f"{digest[:2]}/{digest[2:4]}/{digest}.png"
    assert store.load(key) == b"page"
    assert store.exists(key)
    assert store.verify(key)
    assert list(store.keys()) == [key]


def test_saving_twice_is_saving_once(store: Images) -> None:
    assert store.save(b"page", suffix=".png") == store.save(b"page", suffix="PNG")
    assert len(list(store.keys())) == 1


def test_an_empty_file_is_a_file(store: Images) -> None:
    key = store.save(b"", suffix="pdf")

    assert store.load(key) == b""
    assert store.verify(key)


def test_an_unknown_key_is_not_found(store: Images) -> None:
    key = key_of(b"never saved", suffix="png")

    assert not store.exists(key)
    assert not store.verify(key)
    with pytest.raises(FileNotFoundError):
        store.load(key)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../../etc/passwd", "ab/cd/../../x.png", "ab/cd/" + "a" * 64 + ".png", ".incoming/x"]
)
def test_only_keys_are_looked_up(store: Images, key: str) -> None:
    assert not store.exists(key)
    assert not store.verify(key)
    with pytest.raises(FileNotFoundError):
        store.load(key)


@pytest.mark.parametrize("suffix", ["", "a/b", "../x", "toolongsuffix", "p g"])
def test_a_suffix_that_is_none_is_refused(store: Images, suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        store.save(b"x", suffix=suffix)


def test_many_savers_of_one_content_agree(store: Images) -> None:
    with ThreadPoolExecutor(6) as threads:
        keys = set(threads.map(lambda _: store.save(b"same" * 1000, suffix="png"), range(24)))

    assert list(store.keys()) == list(keys)
    assert store.verify(keys.pop())


@given(st.binary(max_size=200))
def test_any_bytes_survive(content: bytes) -> None:
    store = MemoryImages()
    key = store.save(content, suffix="bin")

    assert store.load(key) == content
    assert sha256_in(key) == hashlib.sha256(content).hexdigest()


def test_an_altered_file_is_noticed(tmp_path: Path) -> None:
    store = FsspecImages(str(tmp_path))
    key = store.save(b"original", suffix="pdf")
    (tmp_path / key).write_bytes(b"tampered")

    assert not store.verify(key)


def test_a_file_that_is_there_is_never_written_again(tmp_path: Path) -> None:
    store = FsspecImages(str(tmp_path))
    key = store.save(b"original", suffix="pdf")
    before = (tmp_path / key).stat()

    store.save(b"original", suffix="pdf")

    after = (tmp_path / key).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("fails", ["fsync", "rename"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    store = FsspecImages(str(tmp_path))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(Unavailable):
        store.save(b"page", suffix="png")
    monkeypatch.undo()

    assert list(store.keys()) == []
    assert store.half_written(older_than_s=-1) == []
    assert store.verify(store.save(b"page", suffix="png"))


def test_the_file_is_on_disk_before_it_gets_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FsspecImages(str(tmp_path))
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        steps.append("fsync " + ("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"))  # noqa: PTH112
        fsync(descriptor)

    def noted_rename(source: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    store.save(b"page", suffix="png")

    assert steps[0] == "fsync file"
    assert steps[-2:] == ["rename", "fsync folder"]


def test_what_a_killed_process_left_is_found_and_removed_when_old_enough(tmp_path: Path) -> None:
    store = FsspecImages(str(tmp_path))
    (tmp_path / ".incoming" / "left").write_bytes(b"hal")

    assert store.remove_half_written(older_than_s=3600) == 0
    assert len(store.half_written(older_than_s=-1)) == 1
    assert store.remove_half_written(older_than_s=-1) == 1
    assert list(store.keys()) == []
