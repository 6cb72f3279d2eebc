"""The command line as scripts see it: exit codes, output, sentences."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"


def depli(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEPLI_HOME": str(home), "DEPLI_PASSWORD": "assez-long-pour-durer"}
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_help_lists_every_command_of_the_contract(tmp_path: Path) -> None:
    shown = depli("--help", home=tmp_path).stdout

    contract = "read serve worker sweep intake status export journal user template train bench separators"
    for command in contract.split():
        assert command in shown


@pytest.mark.parametrize("arguments", [("read",), ("read", "--no-such-option", "x"), ("nonsense",)])
def test_bad_usage_ends_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert depli(*arguments, home=tmp_path).returncode == 2


def test_a_missing_file_is_named_and_ends_with_1(tmp_path: Path) -> None:
    done = depli("read", "--json", str(tmp_path / "absent.pdf"), home=tmp_path)

    assert done.returncode == 1
    assert "absent.pdf" in done.stderr


def test_a_wrong_setting_is_named_with_its_remedy(tmp_path: Path) -> None:
    environment = {**os.environ, "DEPLI_HOME": str(tmp_path), "DEPLI_PORT": "99999999"}
    command = [sys.executable, "-m", "pipeline.cli", "status"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 2
    assert "DEPLI_PORT" in done.stderr


def test_files_come_in_are_listed_and_the_journal_holds(tmp_path: Path) -> None:
    letter = tmp_path / "lettre.pdf"
    letter.write_bytes(b"%PDF-1.4 not looked at yet")
    home = tmp_path / "home"

    taken = depli("intake", str(letter), home=home)
    again = depli("intake", str(letter), home=home)
    listed = depli("status", "--json", home=home)
    verified = depli("journal", "verify", home=home)

    assert taken.returncode == again.returncode == 0
    assert taken.stdout.split()[0] == again.stdout.split()[0]
    assert json.loads(listed.stdout)["state"] == "received"
    assert verified.returncode == 0, verified.stderr


def test_people_are_added_once_with_a_known_role(tmp_path: Path) -> None:
    assert depli("user", "add", "odile", "--role", "coder", home=tmp_path).returncode == 0
    assert depli("user", "add", "odile", "--role", "coder", home=tmp_path).returncode == 2
    assert depli("user", "add", "paul", "--role", "king", home=tmp_path).returncode == 2


def test_the_shipped_forms_pass_their_own_check_and_a_broken_one_does_not(tmp_path: Path) -> None:
    good = depli("template", "check", str(FORMS / "tcard-a"), home=tmp_path)
    broken = tmp_path / "form"
    broken.mkdir()
    (broken / "fields.json").write_text('{"id": "x", "family": "t_card", "page_mm": [210, 99], "fields": [{}]}')
    bad = depli("template", "check", str(broken), home=tmp_path)

    assert good.returncode == 0, good.stderr
    assert bad.returncode == 1
    assert "fields.json" in bad.stderr


def test_separator_sheets_are_written(tmp_path: Path) -> None:
    target = tmp_path / "sheets.pdf"

    assert depli("separators", str(target), "--kind", "patch-t", "--count", "2", home=tmp_path).returncode == 0
    assert target.read_bytes().startswith(b"%PDF-")
