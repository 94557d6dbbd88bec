"""Every example of the document on policies runs and shows what the program prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support.catalogue import load_shipped
from support.command import run_command

from modelaudit.catalogue import load_policy
from modelaudit.catalogue.known_keys import list_known_keys
from modelaudit.catalogue.policies import POLICY_SHAPE
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import LicenseCategory, Use

DOCUMENT = (Path(__file__).parents[1] / "docs" / "policy.md").read_text()
BLOCKS = re.findall(r"^```(yaml|yaml invalid|console)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
SHOWN_FOLDER = "/home/you/project"


def test_every_example_runs_in_the_order_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/tiny").mkdir(parents=True)
    (tmp_path / "models/tiny/modelaudit.yaml").write_text("gates: {security: never}\n")
    for name in ("last-release.json", "decisions.yaml"):
        (tmp_path / name).write_text("decisions: []\n")
    (tmp_path / "keys").mkdir()
    for name in ("acme.pub", "root.pem", "trusted_root.json"):
        (tmp_path / "keys" / name).touch()
    policy, commands = tmp_path / "modelaudit.yaml", 0
    for kind, block in BLOCKS:
        if kind == "console":
            for command, output in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
                program, *arguments = shlex.split(command)
                assert program == "modelaudit"
                done = run_command(*arguments)
                printed = (done.stdout + done.stderr).replace(str(tmp_path), SHOWN_FOLDER)
                assert printed == output, command
                assert done.returncode == (2 if "error:" in output else 0)
                commands += 1
            continue
        policy.write_text(block)
        if kind == "yaml":
            load_policy(policy, load_shipped())
        else:
            with pytest.raises(ConfigurationError):
                load_policy(policy, load_shipped())
    assert (commands, sum(kind == "yaml" for kind, _ in BLOCKS)) == (7, 10)


def test_examples_have_every_key_of_a_policy_and_every_use() -> None:
    text = "".join(block for kind, block in BLOCKS if kind == "yaml")
    assert set(list_known_keys(POLICY_SHAPE.shape, ())) - set(re.findall(r"^([a-z-]+):", text, re.MULTILINE)) == set()
    assert {f"  {use}:" for use in Use} <= set(re.findall(r"^  [a-z-]+:", text, re.MULTILINE))
    assert {f"`{category}`" for category in LicenseCategory} <= set(re.findall(r"`[a-z-]+`", DOCUMENT))


def test_every_shipped_policy_is_documented() -> None:
    assert set(load_shipped().policies) == set(re.findall(r"^\| `([a-z-]+)` \| [`A-Z]", DOCUMENT, re.MULTILINE)) - {
        reason.value for reason in UnreadReason
    }


def test_policy_document_names_every_reason_for_an_absence() -> None:
    table = DOCUMENT.partition("| reason |")[2]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == {reason.value for reason in UnreadReason}
