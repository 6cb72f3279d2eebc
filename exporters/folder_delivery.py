"""The one place that writes to a destination's folder: all or nothing, once for each key, never over anything.

On a disk of this machine a parcel is written beside its place, flushed, and renamed, so that a reader sees it whole or
not at all. On any other store that fsspec reaches, files are written one by one and the checksum list last: a folder
without `SHA256SUMS` is not there yet.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

from models.errors import CaptureError, Misconfigured, Unavailable
from models.handover import Parcel, Receipt

CHECKSUMS = "SHA256SUMS"
KEY_SHOWN = 12
"""Figures of the key that end the name of what is delivered: two documents never have the same name."""
REFUSED_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL})


@dataclass(frozen=True, slots=True)
class FolderDelivery:
    """Delivers parcels below one folder, local or remote."""

    root: str
    """Path or any fsspec URL."""
    destination: str
    now: Callable[[], datetime]

    def deliver(self, key: str, parcel: Parcel) -> Receipt:
        """Write the parcel; what the same key delivered before is left as it is and answered.

        Raises: Unavailable when the store does not take it now, Misconfigured when it refuses us or when something else
            stands in the parcel's place.
        """
        _refuse_bad_names(parcel)
        local = local_folder(self.root)
        with _as_ours(self.root, remote=local is None):
            if local is not None:
                reference, sha256 = _deliver_on_disk(local, key, parcel)
            else:
                reference, sha256 = _deliver_remotely(self.root, key, parcel)
        return Receipt(self.destination, reference, sha256, self.now())


def local_folder(root: str) -> Path | None:
    """The folder of a plain path or `file://` URL, `None` for a remote store."""
    parsed = urlparse(root)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return None if parsed.scheme else Path(root)


def checksums(files: Mapping[str, bytes]) -> bytes:
    """The list that `sha256sum -c` reads."""
    return "".join(f"{_sha256(files[name])}  {name}\n" for name in sorted(files)).encode()


def place_of(key: str, parcel: Parcel) -> PurePosixPath:
    """Where a parcel stands below the root: its name, ended by the key; a single file keeps its suffix."""
    name = PurePosixPath(parcel.name)
    if is_single_file(parcel):
        return name.with_name(f"{name.stem}_{key[:KEY_SHOWN]}{name.suffix}")
    return name.with_name(f"{name.name}_{key[:KEY_SHOWN]}")


def is_single_file(parcel: Parcel) -> bool:
    """One file named like the parcel: delivered as a file, not as a folder."""
    return set(parcel.files) == {PurePosixPath(parcel.name).name} and not parcel.shared


@contextmanager
def _as_ours(root: str, *, remote: bool) -> Iterator[None]:
    try:
        yield
    except CaptureError:
        raise
    except (PermissionError, NotADirectoryError) as error:
        raise Misconfigured(f"{_shown(root)} refuses us ({type(error).__name__}). Correct its rights.") from error
    except OSError as error:
        what = error.strerror or type(error).__name__
        if error.errno in REFUSED_ERRNOS:
            raise Misconfigured(f"{_shown(root)} refuses us ({what}). Correct the destination.") from error
        raise Unavailable(f"{_shown(root)} does not take files now ({what}).") from error
    except Exception as error:
        if not remote:
            raise
        if isinstance(error, ImportError | ValueError):
            # the cause may quote the whole URL, with its password
            raise Misconfigured(f"{_shown(root)} is no store we know. Correct the URL.") from None
        # each fsspec back end has its own errors (SSH, S3, HTTP): nothing was confirmed, so it is tried again
        raise Unavailable(f"{_shown(root)} does not answer ({type(error).__name__}).") from error


def _shown(root: str) -> str:
    """The root without user names or passwords."""
    parsed = urlparse(root)
    return parsed._replace(netloc=parsed.netloc.rpartition("@")[2]).geturl()


def _refuse_bad_names(parcel: Parcel) -> None:
    for name in (parcel.name, *parcel.files, *parcel.shared):
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise Misconfigured(f"{name!r} is no name below a folder. Correct the name template of the destination.")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _deliver_on_disk(root: Path, key: str, parcel: Parcel) -> tuple[str, str]:
    target = root / place_of(key, parcel)
    _make_folder(target.parent)
    if is_single_file(parcel):
        _put_file(target, next(iter(parcel.files.values())), key)
        return target.as_uri(), _sha256(target.read_bytes())
    for path, content in parcel.shared.items():
        shared = root / path
        _make_folder(shared.parent)
        _put_file(shared, content, key)
        if _sha256(shared.read_bytes()) != _sha256(content):
            raise Misconfigured(f"{shared} was altered: it no longer is the file its name says. Find out who did it.")
    _put_folder(target, parcel.files, key)
    return target.as_uri(), _verified_folder(target)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each known to the disk before anything is written in it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _flush_folder(each.parent)


def _part_beside(target: Path, key: str) -> Path:
    """Where one attempt writes: its own place, since a worker that lost its lease may still be writing."""
    return target.with_name(f".{target.name}.{key[:KEY_SHOWN]}.{secrets.token_hex(4)}.part")


def _sweep_parts(target: Path, key: str) -> None:
    """Remove what attempts that died left beside a target that now stands."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.{key[:KEY_SHOWN]}.*.part"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _put_file(target: Path, content: bytes, key: str) -> None:
    """Write, flush, then name it: a crash leaves nothing or a `.part`, never half a file under the final name."""
    if not target.exists():
        part = _part_beside(target, key)
        with _beaten_to(target):
            _write_flushed(part, content)
            _name_without_overwriting(part, target)
        _flush_folder(target.parent)
    _sweep_parts(target, key)


def _name_without_overwriting(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        return
    except OSError:
        # no hard links there (network share): the key in the name keeps others away
        if not target.exists():
            part.rename(target)


def _put_folder(target: Path, files: Mapping[str, bytes], key: str) -> None:
    if not target.exists():
        part = _part_beside(target, key)
        with _beaten_to(target):
            part.mkdir()
            for name, content in {**files, CHECKSUMS: checksums(files)}.items():
                path = part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_flushed(path, content)
            for folder in {part, *(each for each in part.rglob("*") if each.is_dir())}:
                _flush_folder(folder)
            part.rename(target)
        _flush_folder(target.parent)
    _sweep_parts(target, key)


@contextmanager
def _beaten_to(target: Path) -> Iterator[None]:
    """An attempt that fails because another with the same key came first (and swept its parts) has succeeded."""
    try:
        yield
    except OSError:
        if not target.exists():
            raise


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _verified_folder(target: Path) -> str:
    """Fingerprint of a delivered folder, after reading every file again.

    Raises: Misconfigured when it is not what its checksum list says.
    """
    return _verified(str(target), lambda name: (target / name).read_bytes())


def _verified(shown: str, read: Callable[[str], bytes]) -> str:
    try:
        listed = read(CHECKSUMS)
        names = [line.partition("  ") for line in listed.decode().splitlines()]
        altered = [name for digest, _, name in names if _sha256(read(name)) != digest]
    except FileNotFoundError as error:
        raise Misconfigured(f"{shown} is incomplete: a file is gone. Find out who took it.") from error
    if altered:
        raise Misconfigured(f"{shown} was altered ({', '.join(altered)}). Nothing was written over it.")
    return _sha256(listed)


def _deliver_remotely(root: str, key: str, parcel: Parcel) -> tuple[str, str]:
    import fsspec

    system, base = fsspec.core.url_to_fs(root)
    target = f"{base.rstrip('/')}/{place_of(key, parcel)}"
    if is_single_file(parcel):
        if not system.exists(target):
            _put_remote(system, target, next(iter(parcel.files.values())))
        return system.unstrip_protocol(target), _sha256(system.cat_file(target))
    if not system.exists(f"{target}/{CHECKSUMS}"):
        for path, content in parcel.shared.items():
            _put_shared(system, f"{base.rstrip('/')}/{path}", content)
        for name, content in {**parcel.files, CHECKSUMS: checksums(parcel.files)}.items():
            _put_remote(system, f"{target}/{name}", content)
    return system.unstrip_protocol(target), _verified(target, lambda name: bytes(system.cat_file(f"{target}/{name}")))


def _put_shared(system: Any, target: str, content: bytes) -> None:
    if not system.exists(target):
        _put_remote(system, target, content)
    if _sha256(system.cat_file(target)) != _sha256(content):
        raise Misconfigured(f"{target} was altered: it no longer is the file its name says. Find out who did it.")


def _put_remote(system: Any, target: str, content: bytes) -> None:
    """Write under another name, then name it; only what an unfinished delivery of the same key left may stand there."""
    system.makedirs(target.rpartition("/")[0], exist_ok=True)
    part = f"{target}.part"
    system.pipe_file(part, content)
    system.mv(part, target)
