"""The web screens: sign-in, batches, the coder's desk, document traces, supervision, people."""

from videocoding_ui.application import create_app
from videocoding_ui.desk import UploadedFile
from videocoding_ui.passwords import hash_password
from videocoding_ui.settings import UiSettings

__all__ = ["UiSettings", "UploadedFile", "create_app", "hash_password"]
