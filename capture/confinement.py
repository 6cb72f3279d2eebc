"""What a child that opens untrusted files gives up before it looks at one: memory, time, network, other files, rights.

Linux only where it says so; what the machine does not offer is left out, and `probe` says which that is.
"""

from __future__ import annotations

import ctypes
import os
import resource
import site
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from capture.sources import Limits

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4

# Landlock (Linux 5.13 and later): numbers are the same on every architecture; `man 7 landlock`
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_FILE, _TRUNCATE = 1 << 5, 1 << 8, 1 << 14
_LOOK = _EXECUTE | _READ_FILE | _READ_DIR
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many kinds of file access each version knows; 16 from version 5 on."""
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/fonts", "/etc/ld.so.cache", "/var/cache/fontconfig", "/dev/urandom")


def confine(limits: Limits, *, readable: Path, writable: Path | None) -> dict[str, bool]:
    """Limit this process for good; to be called in a child with one thread.

    Args:
        readable: the one foreign file it may read. writable: the one folder it may write to.
    Returns: which of `no_network` and `no_other_files` hold.
    """
    os.setsid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    no_network = libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for which, bound in (
        (resource.RLIMIT_AS, used + limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        # RLIMIT_NPROC counts every process of the user, so it would fail for reasons that are not the child's
        hard = resource.getrlimit(which)[1]
        top = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(which, (top, top))
    no_other_files = _landlock(libc, readable=readable, writable=writable)
    return {"no_network": no_network, "no_other_files": no_other_files}


def _landlock(libc: ctypes.CDLL, *, readable: Path, writable: Path | None) -> bool:
    """Let this process and its children reach only the system's libraries, `readable` and `writable`."""

    def call(number: int, *args: int | bytes | None) -> int:
        typed = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a or 0) for a in args]
        return int(libc.syscall(ctypes.c_long(number), *typed))

    version = call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    known = (1 << _FS_BITS.get(version, 16)) - 1
    # from version 4 on also no TCP, from version 6 on no signals and no abstract sockets outwards
    wanted = struct.pack("QQQ", known, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call(_CREATE_RULESET, wanted, len(wanted), 0)
    if ruleset < 0:
        return False

    def allow(paths: Iterable[str | Path], access: int) -> None:
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            of_its_kind = access if Path(path).is_dir() else access & (_EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE)
            call(_ADD_RULE, ruleset, 1, struct.pack("=Qi", of_its_kind & known, place), 0)
            os.close(place)

    allow({*_SYSTEM, sys.prefix, sys.base_prefix, *site.getsitepackages()}, _LOOK)
    allow([readable], _READ_FILE)
    allow([os.devnull], _READ_FILE | _WRITE_FILE)
    if writable is not None:
        allow([writable], _LOOK | _WRITE_FILE | _MAKE_FILE | _REMOVE_FILE | _TRUNCATE)
    done = call(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def probe(path: Path) -> dict[str, bool]:
    """Whether a confined child is really kept from the network and from a file that is none of its business.

    Args:
        path: a file that the process was not given. Called after `confine`.
    """
    try:
        path.read_bytes()
        reads = True
    except OSError:
        reads = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        try:
            sending.connect(("192.0.2.1", 9))  # sends nothing: asks the kernel for a way out
            routed = True
        except OSError:
            routed = False
    return {"no_other_files": not reads, "no_network": not routed}
