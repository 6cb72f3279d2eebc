"""Image stores: files named by their content, written once, never changed."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from models.errors import Unavailable

_KEY = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})\.[a-z0-9]{1,8}")
_INCOMING = ".incoming"
"""Folder of half-written files; nothing ever reads there."""


def key_of(content: bytes, *, suffix: str) -> str:
    """The key bytes are stored under: `ab/cd/abcd....png` for the suffix `png` or `.png`."""
    bare = suffix.lstrip(".").lower()
    if re.fullmatch(r"[a-z0-9]{1,8}", bare) is None:
        raise ValueError(f"{suffix!r} is no file suffix")
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest[2:4]}/{digest}.{bare}"


def sha256_in(key: str) -> str:
    """The fingerprint a key promises, 64 hexadecimal digits; empty for what is not a key."""
    match = _KEY.fullmatch(key)
    return match[3] if match else ""


def _checked(key: str) -> str:
    # a key may come from a URL: anything that is not exactly a key is a file we do not have
    if _KEY.fullmatch(key) is None:
        raise FileNotFoundError(key)
    return key


class FsspecImages:
    """`models.ports.ImageStore` on any fsspec URL (`file:///...`, `s3://bucket/...`).

    On a local file system a file is written under another name, fsynced, renamed, and its folder fsynced: it is there
    whole or not at all, also after a power cut.
    """

    def __init__(self, url: str, **options: object) -> None:
        self._files, root = fsspec.core.url_to_fs(url, **options)
        self._root = str(root).rstrip("/")
        self._folder = Path(self._root) if isinstance(self._files, LocalFileSystem) else None
        if self._folder is not None:
            (self._folder / _INCOMING).mkdir(parents=True, exist_ok=True)

    def save(self, content: bytes, *, suffix: str) -> str:
        """Store and fsync; saving what is there already changes nothing.

        Raises: Unavailable when the store is full or does not answer; nothing is left under the key then.
        """
        key = key_of(content, suffix=suffix)
        try:
            if self._folder is not None:
                self._save_locally(self._folder, key, content)
            elif not self._files.exists(f"{self._root}/{key}"):
                self._files.pipe_file(f"{self._root}/{key}", content)
        except OSError as error:
            raise Unavailable(f"The image store did not take a file ({type(error).__name__} {error.errno}).") from error
        return key

    def _save_locally(self, root: Path, key: str, content: bytes) -> None:
        target = root / key
        if target.exists():
            # another process may have renamed it a moment ago and not fsynced yet
            _fsync_folder(target.parent)
            return
        temporary = root / _INCOMING / uuid.uuid4().hex
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            for folder in (target.parent.parent, target.parent):
                if not folder.exists():
                    folder.mkdir(exist_ok=True)
                    _fsync_folder(folder.parent)
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)

    def load(self, key: str) -> bytes:
        """The bytes of a key.

        Raises: Unavailable when the store does not answer, FileNotFoundError when it has no such key.
        """
        try:
            content = self._files.cat_file(f"{self._root}/{_checked(key)}")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"The image store did not give a file ({type(error).__name__} {error.errno}).") from error
        return bytes(content)

    def exists(self, key: str) -> bool:
        """Whether the store has it."""
        try:
            return bool(self._files.exists(f"{self._root}/{_checked(key)}"))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unavailable(f"The image store does not answer ({type(error).__name__} {error.errno}).") from error

    def verify(self, key: str) -> bool:
        """Whether the bytes are there and still are what the name promises."""
        try:
            return hashlib.sha256(self.load(key)).hexdigest() == sha256_in(key)
        except FileNotFoundError:
            return False

    def keys(self) -> Iterator[str]:
        """Every key there is, in no order."""
        for path in self._files.find(self._root):
            key = str(path)[len(self._root) + 1 :]
            if sha256_in(key):
                yield key

    def half_written(self, *, older_than_s: float) -> list[Path]:
        """Temporary files that a killed process left behind; local file systems only."""
        if self._folder is None:
            return []
        limit = time.time() - older_than_s
        return [file for file in (self._folder / _INCOMING).iterdir() if file.stat().st_mtime < limit]

    def remove_half_written(self, *, older_than_s: float) -> int:
        """Remove them; answers how many."""
        left = self.half_written(older_than_s=older_than_s)
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class MemoryImages:
    """An image store in memory, for tests; passes the same contract tests."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}

    def save(self, content: bytes, *, suffix: str) -> str:
        """Store; saving what is there already changes nothing."""
        key = key_of(content, suffix=suffix)
        self._content.setdefault(key, bytes(content))
        return key

    def load(self, key: str) -> bytes:
        """The bytes of a key; FileNotFoundError when there is no such key."""
        try:
            return self._content[_checked(key)]
        except KeyError:
            raise FileNotFoundError(key) from None

    def exists(self, key: str) -> bool:
        """Whether the store has it."""
        return key in self._content

    def verify(self, key: str) -> bool:
        """Whether the bytes are there and still are what the name promises."""
        return key in self._content and hashlib.sha256(self._content[key]).hexdigest() == sha256_in(key)

    def keys(self) -> Iterator[str]:
        """Every key there is."""
        yield from list(self._content)
