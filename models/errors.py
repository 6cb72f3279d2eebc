"""Errors that say what happens to the paper. Messages name the file, batch or endorsement number, and the remedy."""

from __future__ import annotations

from enum import StrEnum


class Route(StrEnum):
    """Where the paper goes after an error."""

    RESCAN = "rescan"
    """The sheet is scanned again."""
    KEYING = "keying"
    """A person keys it from the image."""
    RETRY = "retry"
    """Nothing is wrong with the paper: tried again later."""
    HALT = "halt"
    """The set-up is wrong: a supervisor must act before anything goes on."""


class CaptureError(Exception):
    """Something that happens to paper, not a bug."""

    route: Route


class UnusableImage(CaptureError):
    """The file or image cannot be used; scan or send it again."""

    route = Route.RESCAN

    def __init__(self, message: str, *, code: str = "no_page") -> None:
        super().__init__(message)
        self.code = code
        """One of the closed list `REFUSALS`."""


class Unreadable(CaptureError):
    """No reader can read it; a person keys it."""

    route = Route.KEYING


class Unavailable(CaptureError):
    """An outside system did not answer; nothing was accepted, try again."""

    route = Route.RETRY


class Misconfigured(CaptureError):
    """The set-up is wrong, not the document."""

    route = Route.HALT


class WrongState(CaptureError):
    """An event came in an order that is not allowed."""

    route = Route.HALT


class NotFound(KeyError):
    """The record has no such row (HTTP 404)."""


class StaleVersion(Exception):
    """Someone else changed the row first; the caller shows both versions (HTTP 409)."""


REFUSALS: dict[str, str] = {
    "empty": "Le fichier est vide : renvoyez-le.",
    "truncated": "Le fichier est incomplet : copiez-le ou numérisez-le à nouveau.",
    "unsupported_type": "Ce type de fichier n'est pas accepté : envoyez un PDF, TIFF, JPEG, PNG ou ZIP.",
    "encrypted": "Le fichier est protégé par un mot de passe : enlevez la protection et renvoyez-le.",
    "too_many_pages": "Le fichier a trop de pages : envoyez-le en plusieurs lots.",
    "too_many_pixels": "L'image est trop grande : numérisez à 300 ppp au plus.",
    "timeout": "L'ouverture du fichier a pris trop de temps : imprimez-le et numérisez-le.",
    "memory": "L'ouverture du fichier demande trop de mémoire : imprimez-le et numérisez-le.",
    "crashed": "Le fichier fait échouer les lecteurs : imprimez-le et numérisez-le.",
    "xml_unsafe": "Le XML joint est dangereux et n'a pas été lu : vérifiez l'envoi avec l'expéditeur.",
    "archive_unsafe": "L'archive est dangereuse et n'a pas été ouverte : envoyez les fichiers un à un.",
    "no_page": "Aucune page lisible dans ce fichier : numérisez-le à nouveau.",
}
"""The closed list of reasons for which a file is refused, each with the sentence shown to the operator."""
