"""From what a coder typed to a canonical value, by the same rules that judge what the machine read."""

from __future__ import annotations

from models.reading import Value
from models.values.kinds import kind

LONGEST = 500


class NotUnderstood(ValueError):
    """It has no canonical form, so it cannot be stored, forced or not."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def understood(
    value_type: str, value: str | bool | list[str] | None, *, choices: tuple[str, ...]
) -> tuple[Value, tuple[str, ...]]:
    """The canonical value and the codes of the checks it fails.

    Raises: NotUnderstood when it has no canonical form.
    """
    if value_type == "flag":
        return _flag(value), ()
    if value_type in ("choice", "choices"):
        return _chosen(value, choices=choices, several=value_type == "choices"), ()
    if not isinstance(value, str):
        raise NotUnderstood("not_text")
    text = " ".join(value.split())
    if not text:
        return None, ()
    if len(text) > LONGEST:
        raise NotUnderstood("too_long")
    known = kind(value_type)
    parsed = known.parse(text)
    if parsed is None:
        raise NotUnderstood(known.refusal(text))
    return parsed, known.check(parsed)


def _flag(value: str | bool | list[str] | None) -> bool:
    if not isinstance(value, bool):
        raise NotUnderstood("flag.format")
    return value


def _chosen(value: str | bool | list[str] | None, *, choices: tuple[str, ...], several: bool) -> Value:
    given = [value] if isinstance(value, str) else value
    if given is None or given == [""]:
        return [] if several else None
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise NotUnderstood("choice.format")
    if choices and any(each not in choices for each in given):
        raise NotUnderstood("choice.unknown")
    if several:
        return [each for each in choices or given if each in given]
    if len(given) != 1:
        raise NotUnderstood("choice.format")
    return given[0]


def shown(value_type: str, value: Value) -> str:
    """A canonical value as French readers write it; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, list):
        return ", ".join(value)
    if value_type in ("choice", "choices"):
        return value
    try:
        return kind(value_type).format_fr(value)
    except (ValueError, ArithmeticError):
        # what is not canonical is shown as it is kept
        return value


def masked(value_type: str, text: str) -> str:
    """Text for lists: an IBAN keeps its country, check digits and last three characters."""
    if value_type != "iban" or len(text) < 8:
        return text
    compact = "".join(text.split())
    return f"{compact[:4]} •••• {compact[-3:]}"
