"""Packs of rules that differ from the rules of this installation, signed with a key of the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelaudit.integrity.rule_pack import build_statement, write_pack
from modelaudit.integrity.signing import load_key_signer
from modelaudit.packs import read_rule_files


def change_files(changes: Mapping[str, str | tuple[str, str] | None]) -> dict[str, bytes]:
    """Return the files of this installation after changes: a new text, one part with another, or ``None`` to remove."""
    files = read_rule_files()
    for name, change in changes.items():
        if change is None:
            del files[name]
        elif isinstance(change, str):
            files[name] = change.encode()
        else:
            before, after = change
            assert before.encode() in files[name], name
            files[name] = files[name].replace(before.encode(), after.encode(), 1)
    return files


def write_signed(path: Path, key: Path, files: Mapping[str, bytes]) -> Path:
    """Write a pack of these files, signed with a private key."""
    path.write_bytes(write_pack(files, load_key_signer(key).sign(build_statement(files))))
    return path
