"""Words, dates and numbers in the user's language: French is the source, English the second."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal

LOCALES = Path(__file__).parent / "locale"
SUPPORTED = ("fr", "en")


def N_(text: str) -> str:  # noqa: N802 - the name Babel knows
    """Mark a text for the catalogue without translating it now."""
    return text


@dataclass(frozen=True, slots=True)
class Language:
    """One language's words and ways of writing."""

    code: str
    translations: gettext.NullTranslations
    zone: ZoneInfo

    def __call__(self, text: str, **values: object) -> str:
        """The translation, with `%(name)s` filled in."""
        translated = self.translations.gettext(text) if text else ""
        return translated % values if values else translated

    def plural(self, one: str, many: str, count: int) -> str:
        """`one` or `many`, with `%(count)s` filled in; French counts zero as one."""
        return self.translations.ngettext(one, many, count) % {"count": self.number(count)}

    def date(self, moment: datetime | None) -> str:
        """dd/mm/yyyy."""
        return f"{moment.astimezone(self.zone):%d/%m/%Y}" if moment else ""

    def moment(self, moment: datetime | None) -> str:
        """dd/mm/yyyy hh:mm:ss."""
        return f"{moment.astimezone(self.zone):%d/%m/%Y %H:%M:%S}" if moment else ""

    def number(self, value: float, digits: int = 0) -> str:
        """Decimal comma and narrow no-break space in French."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(value, format=pattern, locale=self.code)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share 0..1 as a percentage, a dash when unknown."""
        return "–" if share is None else f"{self.number(share * 100, digits)}\u202f%"

    def age(self, span: timedelta | None) -> str:
        """A span as hours and minutes (`02:11`), days before when needed."""
        if span is None:
            return "–"
        minutes = max(0, int(span.total_seconds() // 60))
        days, rest = divmod(minutes, 24 * 60)
        clock = f"{rest // 60:02d}:{rest % 60:02d}"
        return f"{days}\u202f{self('j')} {clock}" if days else clock


class Languages:
    """All languages of the screens."""

    def __init__(self, *, timezone: str) -> None:
        zone = ZoneInfo(timezone)
        self._by_code: Mapping[str, Language] = {
            code: Language(code, gettext.translation("depli", LOCALES, languages=[code], fallback=True), zone)
            for code in SUPPORTED
        }

    def choose(self, wanted: str | None, accepted: str = "") -> Language:
        """The language asked for, else the browser's English when it does not want French, else French."""
        if wanted is not None and wanted in self._by_code:
            return self._by_code[wanted]
        for part in accepted.lower().split(","):
            code = part.split(";")[0].strip()[:2]
            if code in self._by_code:
                return self._by_code[code]
        return self._by_code["fr"]
