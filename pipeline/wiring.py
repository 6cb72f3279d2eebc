"""Which adapter stands where: the one place that names them."""

from __future__ import annotations

import secrets
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlparse


def local_root(url: str) -> Path | None:
    """The folder of a `file://` URL or plain path, `None` for a remote store."""
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return Path(url) if not parsed.scheme else None


def secret_key(home: Path) -> str:
    """The key that signs sessions: made once, readable by the owner only."""
    path = home / "secret.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


def engines_label() -> str:
    """Versions of product and weights, kept beside each reading."""
    from models.learned.registry import REGISTRY

    digest = "+".join(f"{name}:{weights.sha256[:8]}" for name, weights in sorted(REGISTRY.items()))
    return f"depli {version('depli')} {digest}"
