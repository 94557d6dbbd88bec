"""Names that a file of the model registers, and values that the user of a program gives."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit

_CONFIG = '[nlp]\nlang = "en"\npipeline = ["a"]\n\n[components]\n\n[components.a]\nfactory = "sentence_len"\n'
_FACTORY = (
    'from spacy.language import Language\n\n@Language.factory("sentence_len")\ndef make(nlp, name):\n    return len\n'
)


def scan(folder: Path, files: dict[str, str]) -> tuple[int, set[str]]:
    """Write files into a new folder; return the exit code of a scan and the rules of its findings."""
    place = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    report = modelaudit.scan(place, second_opinion=False, checks=["security"])
    return report.exit_code, {each.rule for each in report.findings}


def test_factory_of_the_model_needs_no_review(tmp_path: Path) -> None:
    files = {"config.cfg": _CONFIG, "meta.json": '{"lang": "en", "name": "x"}'}
    assert scan(tmp_path, {**files, "functions.py": _FACTORY})[0] == 0
    assert scan(tmp_path, files)[0] == 3
    assert scan(tmp_path, {**files, "functions.py": _FACTORY.replace("sentence_len", "other")})[0] == 3
    assert scan(tmp_path, {**files, "functions.py": f"# {_FACTORY.splitlines()[2]}\n"})[0] == 3


def test_file_that_registers_a_factory_is_loaded(tmp_path: Path) -> None:
    code = _FACTORY.replace("    return len", "    import subprocess\n    return subprocess.run([name])")
    files = {"config.cfg": _CONFIG, "config.json": '{"model_type": "bert"}', "tools.py": code}
    assert scan(tmp_path, files)[0] == 1


@check_each(
    "program, code",
    [
        ("local lr = std.parseJson(std.extVar('lr'));\n{ trainer: { lr: lr, n: std.extVar('n') } }\n", 0),
        ("{ type: std.join('', ['o', 's']) }\n", 3),
        ("{ type: std.parseJson('x' + std.extVar('n')) }\n", 3),
    ],
)
def test_values_that_the_user_of_jsonnet_gives_are_no_text_of_the_file(tmp_path: Path, program: str, code: int) -> None:
    assert scan(tmp_path, {"exp.jsonnet": program})[0] == code
