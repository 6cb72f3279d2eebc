from pathlib import Path

import pytest

from capture.intake import DONE, REFUSED, HotFolder


def test_a_file_is_ready_when_it_has_stopped_growing(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=5)
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"half")

    assert hot.ready(0) == []
    scan.write_bytes(b"half and whole")
    assert hot.ready(4) == []
    assert hot.ready(6) == []
    assert hot.ready(9.5) == [scan]


def test_a_mark_says_that_a_file_is_whole_at_once(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=500)
    (tmp_path / "scan.pdf").write_bytes(b"x")
    (tmp_path / "scan.pdf.done").touch()

    assert hot.ready(0) == [tmp_path / "scan.pdf"]


def test_partial_hidden_and_linked_files_are_left_alone(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=0)
    for name in (".hidden.pdf", "copy.part", "a.tmp"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.pdf").symlink_to("/etc/hostname")
    (tmp_path / "folder.pdf").mkdir()

    assert hot.ready(1) == []


def test_a_taken_file_moves_aside_and_never_over_another(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=0)
    for content in (b"first", b"second"):
        (tmp_path / "scan.pdf").write_bytes(content)
        assert hot.take(tmp_path / "scan.pdf", lambda path, name: f"{name}:{path.read_bytes().decode()}").endswith(
            content.decode()
        )

    assert sorted(file.read_bytes() for file in (tmp_path / DONE).iterdir()) == [b"first", b"second"]
    assert not (tmp_path / "scan.pdf").exists()


def test_a_file_that_the_record_did_not_take_stays(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=0)
    (tmp_path / "scan.pdf").write_bytes(b"x")

    def full(path: Path, name: str) -> str:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        hot.take(tmp_path / "scan.pdf", full)

    assert (tmp_path / "scan.pdf").exists()


def test_a_refused_file_is_kept_with_its_reason(tmp_path: Path) -> None:
    hot = HotFolder(tmp_path, stable_s=0)
    (tmp_path / "scan.pdf").write_bytes(b"")

    hot.refuse(tmp_path / "scan.pdf", "Le fichier est vide.")

    assert (tmp_path / REFUSED / "scan.pdf").exists()
    assert "vide" in (tmp_path / REFUSED / "scan.pdf.txt").read_text()
