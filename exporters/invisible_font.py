"""A TrueType font without any ink, for text that is searched and copied but never seen.

Built here from the tables that PDF wants of an embedded TrueType font (ISO 32000-1, 9.9): two empty glyphs, each half
an em wide.
"""

from __future__ import annotations

import struct
from functools import cache

UNITS_PER_EM = 1000
ADVANCE = 500
"""Width of every character, in thousandths of an em."""
_GLYPHS = 2


def _checksum(table: bytes) -> int:
    padded = table + b"\0" * (-len(table) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF


@cache
def invisible_font() -> bytes:
    """The font program; glyph 1 is the invisible character, glyph 0 is the same for characters that are missing."""
    tables = {
        b"glyf": b"\0\0\0\0",
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, UNITS_PER_EM, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0
        ),
        b"hhea": struct.pack(">IhhhHhhhhhh8xhH", 0x10000, 800, -200, 0, ADVANCE, 0, 0, 0, 1, 0, 0, 0, _GLYPHS),
        b"hmtx": struct.pack(">Hh", ADVANCE, 0) * _GLYPHS,
        b"loca": struct.pack(">3H", 0, 0, 0),
        b"maxp": struct.pack(">IH13H", 0x10000, _GLYPHS, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    offset = 12 + 16 * len(tables)
    directory, body = b"", b""
    for tag, table in sorted(tables.items()):
        directory += struct.pack(">4sIII", tag, _checksum(table), offset + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    power = 2 ** (len(tables).bit_length() - 1)
    header = struct.pack(
        ">IHHHH", 0x10000, len(tables), power * 16, power.bit_length() - 1, len(tables) * 16 - power * 16
    )
    font = bytearray(header + directory + body)
    head_at = offset + body.index(tables[b"head"])
    struct.pack_into(">I", font, head_at + 8, (0xB1B0AFBA - _checksum(bytes(font))) & 0xFFFFFFFF)
    return bytes(font)
