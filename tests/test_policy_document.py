from __future__ import annotations

import re
from pathlib import Path

from modelaudit.catalogue import load_policy
from modelaudit.model.structure import UnreadReason

DOCUMENT = (Path(__file__).parents[1] / "docs" / "policy.md").read_text()


def test_the_example_is_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(example)
    assert len(load_policy(tmp_path / "policy.yaml").allow_unread) == 2


def test_every_reason_is_described() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)) == {reason.value for reason in UnreadReason}
