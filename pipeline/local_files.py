"""Stored masters as files on this machine, for the programs that want a path."""

from __future__ import annotations

import tempfile
from pathlib import Path

from models.ports import ImageStore


class LocalFiles:
    """Masters of the image store as local paths: the store's own file when it is local, else one cached copy a key."""

    def __init__(self, images: ImageStore, *, root: Path | None, cache: Path) -> None:
        """
        Args:
            root: the folder of a local image store, `None` when it is remote.
            cache: folder of copies; removing it at any time is harmless.
        """
        self._images, self._root, self._cache = images, root, cache

    def path(self, key: str) -> Path:
        """A path whose bytes are those of `key`; read it only.

        Raises: Unavailable, FileNotFoundError as the image store does.
        """
        if self._root is not None:
            return self._root / key
        local = self._cache / key
        if not local.exists():
            local.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=local.parent, delete=False) as part:
                part.write(self._images.load(key))
            Path(part.name).replace(local)
        return local
