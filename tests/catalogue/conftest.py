"""Write a small valid rule set to disk; tests damage one of its files at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FILES = {
    "subjects.yaml": "subjects:\n  pickle-act:\n    act: what happens\n    name: to what\n",
    "findings/pickle/dangerous-call.yaml": """\
id: pickle/dangerous-call
title: A call that harms
check: security
severity: critical
confidence: high
since: 0.1.0
why: It runs.
fix: Do not load it.
references: [https://cwe.mitre.org/data/definitions/502.html]
cwe: [CWE-502]
match:
  - subject: pickle-act
    where:
      act: [call, construct]
message: "it calls {name}"
examples:
  fires: [pickle/malicious]
  quiet: []
""",
    "callables/standard-library.yaml": "modules:\n  - os\n  - collections\n",
    "callables/trusted/python.yaml": """\
library: python
names:
  collections.OrderedDict: a dictionary
  collections.defaultdict:
    why: calls its first argument
    arguments: {0: {use: calls}}
alike:
  - why: names of one kind
    names:
      - builtins.set
      - builtins.frozenset
""",
    "callables/dangerous/command.yaml": """\
effect: command
names:
  platform.popen: runs a command
  builtins.open: {effect: file, why: opens a file}
  builtins.type:
    why: makes classes
    unless: {0: {one-of: ["None"]}}
modules:
  os: runs commands
""",
    "licenses/MIT.yaml": """\
id: MIT
name: MIT License
category: permissive
hub-ids: [mit]
aliases: [The MIT License]
url: https://spdx.org/licenses/MIT.html
read: 2026-01-31
clauses:
  - {kind: keep-notices, text: keep the notice, section: "1"}
""",
    "clauses.yaml": """\
fields:
  general: ordinary uses
territories:
  EU: [DE, FR]
kinds:
  keep-notices:
    title: Ship the notices
    group: ship
    about: Notices stay.
    duty-of: [redistribute]
  user-cap:
    title: A limit to the number of users
    group: limit
    about: Above it, nothing is granted.
    needs: [number]
    answers:
      - over: monthly-active-users
        answer: deny
        because: More than {number} users.
""",
    "licenses/_vague.yaml": "hub-ids:\n  other: names no licence\n",
    "policies/default.yaml": """\
name: default
description: the default
gates: {security: high}
allow-unread:
  - {reasons: [no-reader], paths: "*.png", formats: [PNG image], why: a picture}
""",
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Return the folder of the small rule set."""
    root = tmp_path / "rules"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def damage(rules: Path) -> Callable[[str, str, str], Path]:
    """Return a function that replaces the passage ``old`` of a rule file and returns the folder of the rules.

    With an empty ``old``, the whole content of the file becomes ``new``; the file need not exist.
    """

    def change(name: str, old: str, new: str) -> Path:
        path = rules / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert old in text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new, 1) if old else new, encoding="utf-8")
        return rules

    return change
