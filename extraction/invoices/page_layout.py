"""The words of a document in rows and cells, in millimetres, whatever lines the reader made of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Any

from models.geometry import MM_PER_INCH, Box
from models.text import PageText

_SAME_ROW = 0.5
"""Two words share a row when their middles are nearer than this share of the smaller height."""
_CELL_GAP = 0.8
"""A gap wider than this share of the text's height parts two cells; a blank is about a quarter of it."""
_BLANKS_IN_A_GAP = 1.6
_SHORTENED = re.compile(r"[^\W\d_]+\.")
_BEHIND_A_POINT = 2.0
"""`Réf.  marché`: a point takes little of the white that it stands in, and no column begins with a small letter."""
_CELL_GAP_LETTERS = 1.35
"""... and than this many letters: in a typewriter's font a blank is as wide as a letter."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word. Its box is in millimetres."""

    text: str
    box: Box
    confidence: float
    line: int = -1
    """Index of the line in which the reader saw it; -1 where that is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Words that stand together in one row."""

    tokens: tuple[Token, ...]
    box: Box
    page: int
    """1-based."""
    row: int
    """Index of its row within the document."""
    text: str = field(init=False)
    found: dict[str, list[Any]] = field(init=False, default_factory=dict)
    """Mentions found in it, by kind: looked for once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join(token.text for token in self.tokens))

    @property
    def folded(self) -> str:
        return fold(self.text)

    def part(self, start: int, end: int) -> Cell:
        """The cell of the words `start` to `end` (exclusive) alone."""
        tokens = self.tokens[start:end]
        return Cell(tokens, Box.around(token.box for token in tokens), self.page, self.row)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """All cells of one height on one page, left to right."""

    cells: tuple[Cell, ...]
    box: Box
    page: int
    number: int

    @property
    def text(self) -> str:
        return " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """Every row of every page, top to bottom."""

    rows: tuple[Row, ...]
    page_sizes: tuple[tuple[float, float], ...]
    """Width and height of each page in millimetres."""
    source: str
    cells: tuple[Cell, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", tuple(cell for row in self.rows for cell in row.cells))

    @staticmethod
    def of(pages: Sequence[PageText]) -> Document:
        """Rows and cells of the pages of one document."""
        rows: list[Row] = []
        for number, page in enumerate(pages, start=1):
            tokens, margins = _without_margins(_joined(_tokens(page)))
            rows.extend(_by_columns(_rows(tokens, page=number, first=len(rows))))
            rows.extend(_margin_row(run, page=number, number=len(rows) + i) for i, run in enumerate(margins))
        sizes = tuple((p.width * MM_PER_INCH / p.dpi, p.height * MM_PER_INCH / p.dpi) for p in pages)
        return Document(tuple(rows), sizes, pages[0].source if pages else "ocr")

    def on_page(self, page: int) -> list[Cell]:
        """Cells of one page."""
        return [cell for cell in self.cells if cell.page == page]


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Lower case without accents, ligatures opened, any sign that is no letter or digit a blank, `n°` as `no`."""
    plain = text.replace("œ", "oe").replace("Œ", "OE").replace("’", "'").replace("№", "n°").replace("€", " eur ")
    plain = re.sub(r"(?<![^\W\d_])[nN](?:\s?[°º]|[o*](?![^\W\d_]))|n[°º]", " no ", plain)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c)).lower()
    return " ".join(re.sub(r"[^a-z0-9%]+", " ", plain).split())


_GLUED = re.compile(
    r"(?<=[^\W\d_]{2}:)(?=[^\s/])|(?<=^[A-Z]\.[A-Z]\.[A-Z]\.)(?=[0-9])|(?<=[a-zà-ÿ]\.)(?=[0-9]{2})"
    r"|(?<=[A-Z]{3})(?=[A-Z][a-zà-ÿ]{4})|(?<=[^\W\d_]{2})(?=FACTURE$|Facture$)"
)
"""Where a reader lost the blank: `SIRET:534...`, `T.V.A.20 %`, `Tél.06 ...`."""


def _tokens(page: PageText) -> list[Token]:
    scale = MM_PER_INCH / page.dpi
    found: list[Token] = []
    for number, line in enumerate(page.lines):
        for word in line.words:
            if word.text.strip():
                token = Token(word.text.strip(), word.box.scaled(scale), word.confidence, number)
                found.extend(_parted(token))
        if not line.words and line.text.strip():
            found.extend(_spread(line.text, line.box.scaled(scale), line.confidence))
    return found


_JOIN_GAP = 0.45
_CODE_GAP = 0.9
"""No blank stands beside `_`: a reader parts words where the stroke lies low."""


def _joined(tokens: list[Token]) -> list[Token]:
    """`12,` and `99` that nearly touch are one number: text layers part words at every sign."""
    found: list[Token] = []
    for token in tokens:
        last = found[-1] if found else None
        if last is not None and _is_one_number(last, token):
            box = Box.around((last.box, token.box))
            found[-1] = Token(last.text + token.text, box, min(last.confidence, token.confidence), last.line)
        else:
            found.append(token)
    return found


def _is_one_number(left: Token, right: Token) -> bool:
    number = left.text[-1] in ".," and left.text[-2:-1].isdigit() and right.text[0].isdigit()
    code = (left.text[-1] == "_" and right.text[0].isalnum()) or (left.text[-1].isalnum() and right.text[0] == "_")
    if not number and not code:
        return False
    height = min(left.box.height, right.box.height)
    near = -0.3 * height < right.box.x - left.box.right < (_CODE_GAP if code else _JOIN_GAP) * height
    return near and abs(left.box.center_y - right.box.center_y) < 0.5 * max(left.box.height, right.box.height)


_STACKED_MM = 3.2
_LEAST_STACKED = 8


def _without_margins(tokens: list[Token]) -> tuple[list[Token], list[list[Token]]]:
    """The tokens that stand upright, and the runs of single letters that are a line turned by 90 degrees.

    A text layer gives a turned line (the register numbers in the margin) letter by letter. A run is in reading order,
    from the bottom up.
    """
    short = sorted((t for t in tokens if len(t.text) <= 2), key=lambda t: (t.box.center_x, t.box.y))
    columns: list[list[Token]] = []
    for token in short:
        if columns and token.box.center_x - columns[-1][0].box.center_x <= 1.2:
            columns[-1].append(token)
        else:
            columns.append([token])
    turned: list[list[Token]] = []
    for column in columns:
        run: list[Token] = []
        for token in sorted(column, key=lambda t: t.box.center_y):
            if run and token.box.center_y - run[-1].box.center_y > _STACKED_MM:
                turned.append(run)
                run = []
            run.append(token)
        turned.append(run)
    turned = [run[::-1] for run in turned if len(run) >= _LEAST_STACKED and _crowded(run)]
    gone = {id(token) for run in turned for token in run}
    return [token for token in tokens if id(token) not in gone], turned


def _crowded(run: list[Token]) -> bool:
    """Letters of a turned line stand nearer than rows of print do."""
    steps = [low.box.center_y - top.box.center_y for top, low in pairwise(run)]
    return median(steps) < 1.1 * median(max(t.box.width, t.box.height) for t in run) or median(steps) < 1.8


def _margin_row(run: list[Token], *, page: int, number: int) -> Row:
    """A turned line as a row of its own; a wide step is a blank."""
    steps = [low.box.center_y - top.box.center_y for low, top in pairwise(run)]
    usual = median(steps)
    words: list[list[Token]] = [[run[0]]]
    for token, step in zip(run[1:], steps, strict=True):
        if step > 1.45 * usual:
            words.append([token])
        else:
            words[-1].append(token)
    tokens = tuple(
        Token("".join(t.text for t in w), Box.around(t.box for t in w), min(t.confidence for t in w)) for w in words
    )
    cell = Cell(tokens, Box.around(t.box for t in tokens), page, number)
    return Row((cell,), cell.box, page, number)


def _parted(token: Token) -> Iterable[Token]:
    parts = _GLUED.split(token.text)
    if len(parts) == 1:
        return [token]
    box, place, found = token.box, 0, []
    per_character = box.width / len(token.text)
    for part in parts:
        at = Box(box.x + place * per_character, box.y, len(part) * per_character, box.height)
        found.append(replace(token, text=part, box=at))
        place += len(part)
    return found


def _spread(text: str, box: Box, confidence: float) -> Iterable[Token]:
    """Words of a line that came without word boxes, by their share of its characters."""
    per_character = box.width / max(1, len(text))
    for match in re.finditer(r"\S+", text):
        width = per_character * len(match[0])
        yield Token(match[0], Box(box.x + per_character * match.start(), box.y, width, box.height), confidence)


def _rows(tokens: list[Token], *, page: int, first: int) -> list[Row]:
    groups: list[list[Token]] = []
    usual = median(t.box.height for t in tokens) if tokens else 0.0
    signs = [t for t in tokens if t.box.height < 0.45 * usual and not any(c.isalnum() for c in t.text)]
    low = {id(t) for t in signs}
    for token in sorted((t for t in tokens if id(t) not in low), key=lambda t: t.box.center_y):
        group = _row_of(token, groups)
        if group is None:
            groups.append([token])
        else:
            group.append(token)
    _keep_lines(groups)
    for sign in signs:
        _beside(sign, groups).append(sign)
    groups.sort(key=lambda g: median(t.box.center_y for t in g))
    blank = _blank(groups)
    return [_row(group, page=page, number=first + index, blank=blank) for index, group in enumerate(groups)]


def _keep_lines(groups: list[list[Token]]) -> None:
    """Words that the reader saw side by side in one line share a row, also between rows of a column beside them."""
    row_of = {id(token): group for group in groups for token in group}
    lines: dict[int, list[Token]] = {}
    for token in sorted((t for group in groups for t in group if t.line >= 0), key=lambda t: t.box.x):
        lines.setdefault(token.line, []).append(token)
    for line in lines.values():
        for left, right in pairwise(line):
            here, there = row_of[id(left)], row_of[id(right)]
            if here is there or not _side_by_side(left, right):
                continue
            parts = [[t for t in line if row_of[id(t)] is row] for row in (here, there)]
            moved, target = (parts[1], here) if len(parts[0]) >= len(parts[1]) else (parts[0], there)
            for token in moved:
                row_of[id(token)].remove(token)
                target.append(token)
                row_of[id(token)] = target
    groups[:] = [group for group in groups if group]


def _side_by_side(left: Token, right: Token) -> bool:
    height = min(left.box.height, right.box.height)
    return right.box.x - left.box.right < height and abs(left.box.center_y - right.box.center_y) < _SAME_ROW * height


_USUAL_BLANK = 0.45
_WIDEST_BLANK = 1.15
_LEAST_BLANKS = 12


def _blank(groups: list[list[Token]]) -> float:
    """The gap between two words of a sentence on this page, as a share of their height.

    A typewriter's font, or one whose letters are boxed tightly, has wide blanks.
    """
    gaps = []
    for group in groups:
        ordered = sorted(group, key=lambda t: t.box.x)
        for left, right in pairwise(ordered):
            if left.text[-1].isalpha() and right.text[0].isalpha() and left.text[-1].islower():
                gaps.append((right.box.x - left.box.right) / max(2.0, min(left.box.height, right.box.height)))
    near = sorted(g for g in gaps if 0 < g < 2)
    if len(near) < _LEAST_BLANKS:
        return _USUAL_BLANK
    return min(_WIDEST_BLANK, max(_USUAL_BLANK, near[len(near) // 2]))


def _beside(sign: Token, groups: list[list[Token]]) -> list[Token]:
    """The row of a comma, dash or point: its middle is not that of its row, but it stands beside or under a word."""
    best: tuple[float, list[Token] | None] = (4.0, None)
    for group in groups:
        for token in group:
            inside = token.box.y - 0.5 <= sign.box.center_y <= token.box.bottom + 0.6
            away = max(0.0, max(token.box.x, sign.box.x) - min(token.box.right, sign.box.right))
            if inside and away < best[0]:
                best = (away, group)
    if best[1] is None:
        groups.append([])
        return groups[-1]
    return best[1]


def _row_of(token: Token, groups: list[list[Token]]) -> list[Token] | None:
    for group in groups[:-9:-1]:
        middle = median(t.box.center_y for t in group)
        height = min(token.box.height, median(t.box.height for t in group))
        if abs(token.box.center_y - middle) <= _SAME_ROW * height:
            return group
    return None


def _row(tokens: list[Token], *, page: int, number: int, blank: float = _USUAL_BLANK) -> Row:
    tokens.sort(key=lambda t: t.box.x)
    parts: list[list[Token]] = [[tokens[0]]]
    for token in tokens[1:]:
        last = parts[-1][-1]
        height = min(median(t.box.height for t in parts[-1]), max(token.box.height, 2.0))
        letter = max(t.box.width / len(t.text) for t in (last, token))
        gap = max(_CELL_GAP * max(height, 2.0), min(_CELL_GAP_LETTERS * letter, 1.5 * height))
        gap = max(gap, _BLANKS_IN_A_GAP * blank * max(height, 2.0))
        if _SHORTENED.fullmatch(last.text) and token.text[:1].islower():
            gap *= _BEHIND_A_POINT
        if token.box.x - last.box.right > gap and token.text != ":":
            parts.append([token])
        else:
            parts[-1].append(token)
    cells = tuple(Cell(tuple(p), Box.around(t.box for t in p), page, number) for p in parts)
    return Row(cells, Box.around(c.box for c in cells), page, number)


_NEAR_ROWS_MM = 16.0
_ALIGNED_MM = 0.9


def _by_columns(rows: list[Row]) -> list[Row]:
    """Two columns that touch are parted where other rows nearby begin."""
    return [_parted_row(row, rows) for row in rows]


def _parted_row(row: Row, rows: list[Row]) -> Row:
    near = [r for r in rows if r is not row and abs(r.box.center_y - row.box.center_y) <= _NEAR_ROWS_MM]
    starts = [cell.box.x for r in near for cell in r.cells if any(c.isalpha() for c in cell.text)]
    cells: list[Cell] = []
    for whole in row.cells:
        cell, first = _unglued(whole, starts), 0
        for index in range(1, len(cell.tokens)):
            if _begins_column(cell, index, first, starts):
                cells.append(cell.part(first, index))
                first = index
        cells.append(cell.part(first, len(cell.tokens)) if first else cell)
    return Row(tuple(cells), row.box, row.page, row.number)


_INNER_CAPITAL = re.compile(r"(?<=[a-zà-ÿ]{2})(?=[A-ZÀ-Ý][a-zà-ÿ]{2})")


def _unglued(cell: Cell, starts: list[float]) -> Cell:
    """`HugoSyndicat` is two words when a column begins where the second would."""
    tokens: list[Token] = []
    for token in cell.tokens:
        place = _INNER_CAPITAL.search(token.text)
        x = token.box.x + token.box.width * place.start() / len(token.text) if place else 0.0
        if place is None or sum(abs(s - x) <= 2.5 for s in starts) < 2:
            tokens.append(token)
            continue
        edge = min(starts, key=lambda s: abs(s - x))
        left = Box(token.box.x, token.box.y, max(0.1, edge - token.box.x - 0.1), token.box.height)
        right = Box(edge, token.box.y, max(0.1, token.box.right - edge), token.box.height)
        tokens.append(Token(token.text[: place.start()], left, token.confidence))
        tokens.append(Token(token.text[place.start() :], right, token.confidence))
    return cell if len(tokens) == len(cell.tokens) else Cell(tuple(tokens), cell.box, cell.page, cell.row)


def _begins_column(cell: Cell, index: int, first: int, starts: list[float]) -> bool:
    """Two other cells begin at the left edge of this word, two more where the part before it begins."""
    token, before = cell.tokens[index], cell.tokens[index - 1]
    gap = token.box.x - before.box.right
    after = cell.tokens[index + 1].text if index + 1 < len(cell.tokens) else ""
    street_number = token.text[:1].isdigit() and before.text[-1:].isalpha() and after[:1].isalpha()
    if not token.text[:1].isupper() and not street_number:
        return False
    if before.text.endswith(":") or gap < -1.5:
        return False
    here = sum(abs(x - token.box.x) <= _ALIGNED_MM for x in starts)
    left = sum(abs(x - cell.tokens[first].box.x) <= 2 * _ALIGNED_MM for x in starts)
    return here >= 2 and left >= 1
