"""Makes `extraction/french.txt.gz`: which words French has, how often they and triples of letters come in text.

`python -m pipeline.training.french HUNSPELL HANDWRITING extraction/french.txt.gz` with the folder of `fr.dic` and
`fr.aff` (Debian package hunspell-fr-classical 7.0, Dicollecte, MPL-2.0) and that of `lines_fr.zip` (CC BY 4.0; texts of
the writers that are trained on only). The same files give the same bytes.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.training.running_hand import is_held_out, labelled_lines

_LONGEST = 15
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a stem is inflected: what goes, what comes, and the stems this is for."""

    strip: str
    add: str
    condition: re.Pattern[str]


def inflected(folder: Path) -> set[str]:
    """All forms of a hunspell dictionary with two-letter flags, without prefixes."""
    endings = _endings((folder / "fr.aff").read_text(encoding="utf-8"))
    words: set[str] = set()
    for line in (folder / "fr.dic").read_text(encoding="utf-8").splitlines()[1:]:
        stem, _, flags = line.split(" ")[0].split("\t")[0].partition("/")
        pairs = [flags[k : k + 2] for k in range(0, len(flags), 2)]
        if "{}" in pairs:
            continue
        if "()" not in pairs:
            words.add(stem)
        for flag in pairs:
            for ending in endings.get(flag, ()):
                if stem.endswith(ending.strip) and ending.condition.search(stem):
                    words.add(stem[: len(stem) - len(ending.strip)] + ending.add)
    return {word.lower() for word in words if len(word) <= _LONGEST and _WORD.fullmatch(word)}


def _endings(rules: str) -> dict[str, list[_Ending]]:
    found: dict[str, list[_Ending]] = {}
    for line in rules.splitlines():
        parts = line.split()
        if len(parts) < 5 or parts[0] != "SFX" or parts[3].isdigit():
            continue
        strip, add = parts[2].replace("0", ""), parts[3].partition("/")[0].replace("0", "")
        found.setdefault(parts[1], []).append(_Ending(strip, add, re.compile(f"(?:{parts[4]})$")))
    return found


def counted(texts: Iterator[str]) -> tuple[Counter[str], Counter[str]]:
    """Words in small letters, and triples of characters; two spaces stand before a line and one behind it."""
    words: Counter[str] = Counter()
    triples: Counter[str] = Counter()
    for text in texts:
        words.update(_WORD.findall(text))
        padded = f"  {text} "
        triples.update(padded[k : k + 3] for k in range(len(padded) - 2))
    return words, triples


def build(hunspell: Path, handwriting: Path, target: Path) -> None:
    """Write the file: triples with their count, a blank line, words with their count (0: only in the dictionary)."""
    lines = labelled_lines(handwriting / "lines_fr.zip")
    words, triples = counted(line.text.replace("’", "'").lower() for line in lines if not is_held_out(line.writer))
    every = sorted(inflected(hunspell) | set(words))
    rows = [f"{triple}{count}" for triple, count in sorted(triples.items())]
    rows += ["", *(f"{word} {words[word]}" if words[word] else word for word in every)]
    target.write_bytes(gzip.compress("\n".join(rows).encode("utf-8"), 9, mtime=0))


if __name__ == "__main__":
    build(*(Path(argument) for argument in sys.argv[1:4]))
