"""Classes that YAML tags name, and the arguments with which their objects load more files."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit

_TAG = "!new:speechbrain.utils.parameter_transfer.Pretrainer"
_KEPT = "m: !new:speechbrain.dataio.encoder.CategoricalEncoder\n"
_LOADABLES = f"p: {_TAG}\n    loadables:\n        m: !ref <m>\n"


def list_unverified(folder: Path, text: str) -> set[str]:
    """Scan a configuration; return the rules of its findings about names."""
    folder.mkdir(exist_ok=True)
    (folder / "hyperparams.yaml").write_text(text)
    report = modelaudit.scan(folder, second_opinion=False)
    return {each.rule for each in report.findings if each.rule.startswith("torch/")}


def test_object_that_keeps_its_arguments_is_verified(tmp_path: Path) -> None:
    assert list_unverified(tmp_path / "model", _KEPT + _LOADABLES) == set()
    assert list_unverified(tmp_path / "model", f"p: {_TAG}\n") == set()


@check_each(
    "text",
    [
        _LOADABLES + "    paths:\n        m: org/stranger/m.ckpt\n",
        _LOADABLES + "    custom_hooks: {m: x}\n",
        _LOADABLES + "    collect_in: /tmp\n",
        "k: &k {m: org/stranger/m.ckpt}\n" + _LOADABLES + "    paths: *k\n",
        "k: &k {paths: {m: org/stranger/m.ckpt}}\n" + _LOADABLES + "    <<: *k\n",
        "k: &k paths\n" + _LOADABLES + "    *k : {m: org/stranger/m.ckpt}\n",
        f"k: &k {{m: org/stranger/m.ckpt}}\np: {_TAG}\n    - x\n    - *k\n    - *k\n",
        _LOADABLES + f"again: {_TAG}\n    paths: {{m: x}}\n",
        _LOADABLES + "    'paths': {m: x}\n",
        _LOADABLES.replace("!new:", "!apply:") + "    paths: {m: x}\n",
    ],
)
def test_object_that_other_arguments_make_load_more_files_is_not_verified(tmp_path: Path, text: str) -> None:
    assert list_unverified(tmp_path / "model", _KEPT + text) == {"torch/unverified-target"}
