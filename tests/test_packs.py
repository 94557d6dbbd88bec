"""Packs of rules: they take the place of the built-in rules, whoever signed them is checked, and they hide nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from support.attested import TINY, make_keys
from support.cases import check_each
from support.command import receive_signals, run_command
from support.fixtures import FIXTURES
from support.rule_packs import change_files, write_signed

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.directory import find_rules_directory
from modelaudit.formats.registry import FACTS
from modelaudit.model.errors import ConfigurationError
from modelaudit.packs import choose_rules, read_rule_files

MALICIOUS: Final = FIXTURES / "pickle/malicious/os-system.pkl"
CALL: Final = "findings/pickle/dangerous-call.yaml"
ACME: Final = "library: acme\nnames:\n  acme.Thing: holds nothing but numbers\n"
EDITION: Final = re.search(rb"number: (\d+)\ndate: \"(.*)\"", read_rule_files()["edition.yaml"])
assert EDITION is not None
NUMBER, DATE = int(EDITION[1]), EDITION[2].decode()
CLOCK: Final = {"SOURCE_DATE_EPOCH": "1800000000"}

OWN_RULE: Final = """\
id: acme/reduce
title: A pickle constructs objects
check: security
severity: low
confidence: low
since: 0.1.0
why: We want none.
fix: Leave it out.
references: [https://cwe.mitre.org/data/definitions/502.html]
cwe: [CWE-502]
match:
  - subject: pickle-act
    where:
      act: [call]
message: "it calls {name}"
examples:
  fires: []
  quiet: []
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with keys, and with the pack of this installation."""
    place = tmp_path_factory.mktemp("packs")
    make_keys(place)
    make_keys(place, "other")
    done = run_command("policy", "rules", "--pack", place / "own.pack", "--key", place / "key.pem")
    assert done.returncode == 0, done
    return place


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary files lie in a folder of the test, and return it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def make_pack(place: Path, folder: Path, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Write a pack that differs from this installation, and return the options that use it."""
    pack = write_signed(folder / "acme.pack", place / "key.pem", change_files(changes))
    return "--rules", str(pack), "--rules-key", str(place / "key.pub")


def scan(target: Path, folder: Path, *options: str | Path) -> tuple[int, dict[str, Any], list[str]]:
    """Scan, and return the exit code, the report, and the notes on stderr."""
    saved = f"json={folder / 'report.json'}"
    done = run_command("scan", target, "--no-second-opinion", "-q", "-o", saved, *options, **CLOCK)
    notes = [line.removeprefix("modelaudit: note: ") for line in done.stderr.splitlines() if ": note: " in line]
    return done.returncode, json.loads((folder / "report.json").read_text()), notes


def test_pack_of_this_installation_gives_the_same_report_but_for_a_note(place: Path, tmp_path: Path) -> None:
    again = place / "again.pack"
    assert run_command("policy", "rules", "--pack", again, "--key", place / "key.pem").returncode == 0
    assert again.read_bytes() == (place / "own.pack").read_bytes()
    note = f"rules of the pack own.pack, number {NUMBER} of {DATE}, in place of those of this installation"
    options = ("--rules", place / "own.pack", "--rules-key", place / "key.pub")
    for target in (TINY, MALICIOUS):
        code, plain, nothing = scan(target, tmp_path)
        its_code, packed, notes = scan(target, tmp_path, *options)
        assert (nothing, notes) == ([], [note])
        assert packed["target"]["notes"] == [*plain["target"]["notes"], note]
        packed["target"]["notes"] = plain["target"]["notes"]
        assert (its_code, packed) == (code, plain)


CHANGES: Final[dict[str, tuple[Mapping[str, Any], str]]] = {
    "removed": ({CALL: None}, "the pack removes rules: pickle/dangerous-call"),
    "lowered": (
        {CALL: ("severity: critical", "severity: low")},
        "the pack lowers rules: pickle/dangerous-call (critical to low)",
    ),
    "narrowed": (
        {CALL: ("act: [call, construct]", "act: [call]")},
        "the pack changes what rules match: pickle/dangerous-call",
    ),
    "licence": ({"licenses/0BSD.yaml": None}, "the pack removes licences: 0BSD"),
    "other terms": (
        {"licenses/CC-BY-NC-4.0.yaml": ("category: non-commercial", "category: research-only")},
        "the pack changes licences: CC-BY-NC-4.0",
    ),
    "trusted": ({"callables/trusted/acme.yaml": ACME}, "the pack trusts further names: acme.Thing"),
    "policy": ({"policies/strict.yaml": ("security: medium", "security: high")}, "the pack changes policies: strict"),
    "older": (
        {"edition.yaml": 'number: 1\ndate: "2020-02-29"\n'},
        f"the pack is older than the rules of this installation, number {NUMBER} of {DATE}",
    ),
    "without": (
        {"edition.yaml": None},
        f"the pack is older than the rules of this installation, number {NUMBER} of {DATE}",
    ),
    "same number": (
        {CALL: ("title: A pickle", "title: The pickle")},
        "the pack has the number of the rules of this installation, and other rules",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_way_in_which_a_pack_finds_less_is_named_on_stderr_and_in_the_report(
    place: Path, tmp_path: Path, name: str
) -> None:
    changes, expected = CHANGES[name]
    newer = {"edition.yaml": f'number: {NUMBER + 1}\ndate: "{DATE}"\n'}
    is_about_edition = "edition.yaml" in changes or name == "same number"
    options = make_pack(place, tmp_path, changes if is_about_edition else {**newer, **changes})
    _, report, notes = scan(TINY, tmp_path, *options)
    head, *others = notes
    assert head.startswith("rules of the pack acme.pack, ")
    assert others == [expected]
    assert report["target"]["notes"][-2:] == [head, expected]


def test_command_without_a_report_names_what_the_pack_finds_less_on_stderr(place: Path, tmp_path: Path) -> None:
    changes, expected = CHANGES["removed"]
    assert expected in run_command("explain", "Apache-2.0", *make_pack(place, tmp_path, changes)).stderr


def test_newer_pack_that_only_adds_has_no_further_note_and_its_edition_is_in_the_report(
    place: Path, tmp_path: Path
) -> None:
    changes = {"edition.yaml": 'number: 4711\ndate: "2027-01-02"\n', "findings/acme/reduce.yaml": OWN_RULE}
    code, report, notes = scan(MALICIOUS, tmp_path, *make_pack(place, tmp_path, changes))
    assert notes == ["rules of the pack acme.pack, number 4711 of 2027-01-02, in place of those of this installation"]
    assert (report["tool"]["rules_number"], report["tool"]["rules_date"]) == (4711, "2027-01-02")
    assert "acme/reduce" in {each["rule"] for each in report["findings"]}
    assert code == 1


def test_many_changes_are_counted_in_one_line(place: Path, tmp_path: Path) -> None:
    names = sorted(name for name in read_rule_files() if name.startswith("findings/sharded-index/"))
    names += sorted(name for name in read_rule_files() if name.startswith("findings/pickle/"))
    options = make_pack(place, tmp_path, dict.fromkeys(names))
    done = run_command("explain", "Apache-2.0", *options)
    assert re.search(rf"the pack removes rules: (\S+, ){{4}}\S+ and {len(names) - 5} more\n", done.stderr)


REFUSALS: Final = [
    ("--rules own.pack", "--rules: own.pack is a pack; name the key of its author with --rules-key FILE"),
    ("--rules-key key.pub", "--rules-key is the key of a pack of rules; name the pack with --rules FILE"),
    ("--rules DIR --rules-key key.pub", "--rules-key is the key of a pack of rules; name the pack with --rules FILE"),
    ("--rules own.pack --rules own.pack --rules-key key.pub", "--rules: own.pack and own.pack are packs; name one"),
    ("--rules own.pack --rules-key other.pub", "--rules: own.pack is refused: it names the key"),
    ("--rules own.pack --rules-key key.pem", "--rules-key: key.pem holds a private key"),
    ("--rules own.pack --rules-key rsa.pub", "--rules-key: rsa.pub holds an RSA key; "),
    ("--rules own.pack --rules-key note", "--rules-key: note holds no public key in PEM"),
    (
        "--rules key.pub --rules-key key.pub",
        "--rules: key.pub is refused: it is not a pack of rules: File is not a zip",
    ),
    ("--rules large --rules-key key.pub", "--rules: large is refused: it is larger than 67,108,864 bytes, so"),
    (
        "--rules certified --rules-key key.pub",
        "--rules: certified is refused: it is signed by the method certificate, ",
    ),
    ("--rules resigned --rules-key key.pub", "--rules: resigned is refused: the signature does not fit the statement"),
]


@pytest.fixture
def refused(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a folder with the keys, the pack, and files that are no packs."""
    for each in place.iterdir():
        shutil.copy(each, tmp_path)
    (tmp_path / "DIR").mkdir()
    (tmp_path / "note").write_text("no key")
    rsa = tmp_path / "rsa.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", rsa], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", rsa, "-pubout", "-out", tmp_path / "rsa.pub"], check=True)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100_000_000)
    _rewrite_bundle(tmp_path / "own.pack", tmp_path / "certified", _certify)
    _rewrite_bundle(tmp_path / "own.pack", tmp_path / "resigned", _spoil)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _rewrite_bundle(source: Path, path: Path, change: Any) -> None:
    """Write a pack with another bundle."""
    from modelaudit.integrity.rule_pack import read_pack, write_pack

    read = read_pack(source.read_bytes())
    bundle = json.loads(read.bundle.text)
    change(bundle)
    path.write_bytes(write_pack(read.files, json.dumps(bundle).encode()))


def _certify(bundle: dict[str, Any]) -> None:
    bundle["verificationMaterial"] = {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}}


def _spoil(bundle: dict[str, Any]) -> None:
    signature = bundle["dsseEnvelope"]["signatures"][0]
    signature["sig"] = f"{signature['sig'][:-8]}AAAAAAA="


def test_pack_that_nobody_trusted_signed_is_refused_by_every_command_in_one_line(
    refused: Path, temporary: Path
) -> None:
    for options, expected in REFUSALS:
        for words in (("scan", MALICIOUS), ("explain", "Apache-2.0")):
            done = run_command(*words, *options.split())
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
            assert done.stderr.startswith(f"modelaudit: error: {expected}"), done.stderr
    every = (
        ("license", TINY),
        ("discover", "."),
        ("policy", "show"),
        ("policy", "check"),
        ("policy", "init", "x.yaml"),
    )
    for words in every:
        done = run_command(*words, *REFUSALS[0][0].split())
        assert (done.returncode, done.stderr) == (2, f"modelaudit: error: {REFUSALS[0][1]}\n"), words
    assert not list(temporary.iterdir())


def test_every_command_uses_the_pack(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    changes = {
        "policies/strict.yaml": ("security: medium", "security: low"),
        "licenses/Apache-2.0.yaml": ("Give everyone", "Hand everyone"),
        "examples.yaml": 'examples:\n  pickle/dangerous-call:\n    fixture: acme/x.pkl\n    lines: ["acme example"]\n',
    }
    options = make_pack(place, tmp_path, changes)
    assert "  security: low  " in run_command("policy", "show", "strict", *options).stdout
    assert "Hand everyone" in run_command("explain", "Apache-2.0", *options).stdout
    assert "acme example" in run_command("explain", "pickle/dangerous-call", *options).stdout
    assert "ship     [ ] Hand everyone" in run_command("license", TINY, *options).stdout
    assert run_command("policy", "init", "new.yaml", *options).returncode == 0
    assert run_command("policy", "check", "new.yaml", *options).returncode == 0
    (tmp_path / "app.py").write_text('AutoModel.from_pretrained("acme/tiny")\n')
    assert run_command("discover", "app.py", *options).stdout == run_command("discover", "app.py").stdout
    # Nothing of it remains for the next command of this process.
    assert "Hand everyone" not in run_command("explain", "Apache-2.0").stdout


def test_licence_texts_are_recognised_by_the_fingerprints_of_the_pack(place: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    shutil.copy(Path(__file__).parents[1] / "LICENSE", model)

    def list_ids(*options: str) -> set[str]:
        _, report, _ = scan(model, tmp_path, *options)
        # Without the fingerprint, the text only resembles the pattern of a library.
        return {claim["entry"] for claim in report["license"]["claims"] if claim["basis"] != "variant"}

    assert list_ids() == {"Apache-2.0"}
    options = make_pack(place, tmp_path, {"fingerprints/standard.yaml": None})
    assert "Apache-2.0" not in list_ids(*options)


def test_folder_beside_a_pack_adds_to_the_rules_of_the_pack(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "extra/findings/acme"
    folder.mkdir(parents=True)
    (folder / "reduce.yaml").write_text(OWN_RULE)
    options = make_pack(place, tmp_path, {CALL: ("severity: critical", "severity: medium")})
    code, report, _ = scan(MALICIOUS, tmp_path, *options, "--rules", tmp_path / "extra")
    severities = {each["rule"]: each["severity"] for each in report["findings"]}
    assert (severities["pickle/dangerous-call"], severities["acme/reduce"]) == ("medium", "low")
    through_api = modelaudit.scan(
        MALICIOUS, rules=[options[1], tmp_path / "extra"], rules_key=options[3], second_opinion=False
    )
    assert {each.rule: each.severity for each in through_api.findings} == severities
    assert through_api.exit_code == code


def test_interface_of_python_opens_packs_as_the_command_does(place: Path, tmp_path: Path, temporary: Path) -> None:
    _, _, pack, _, key = "", *make_pack(place, tmp_path, {CALL: None})
    report = modelaudit.scan(MALICIOUS, rules=[pack], rules_key=key, second_opinion=False)
    assert "the pack removes rules: pickle/dangerous-call" in report.target.notes
    assert "pickle/dangerous-call" not in {each.rule for each in report.findings}
    assert "pickle/dangerous-call" in {each.rule for each in modelaudit.scan(MALICIOUS, second_opinion=False).findings}
    answer = modelaudit.license(TINY, rules=[Path(pack)], rules_key=Path(key))
    assert "the pack removes rules: pickle/dangerous-call" in answer.target.notes
    for function in (modelaudit.scan, modelaudit.license):
        with pytest.raises(ConfigurationError, match="name the key of its author with --rules-key FILE"):
            function(TINY, rules=[pack])
        with pytest.raises(ConfigurationError, match="rules must be a list, not a string"):
            function(TINY, rules=pack, rules_key=key)
    assert not list(temporary.iterdir())


def test_model_must_not_judge_itself_by_a_pack_a_key_or_a_folder_of_its_own(place: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    for name in ("own.pack", "key.pub"):
        shutil.copy(place / name, model)
    (tmp_path / "link.pack").symlink_to(model / "own.pack")
    (model / "rules/findings/acme").mkdir(parents=True)
    (model / "rules/findings/acme/reduce.yaml").write_text(OWN_RULE)
    own, key = str(place / "own.pack"), str(place / "key.pub")
    for option, pack, its_key in (
        ("--rules", str(model / "own.pack"), key),
        ("--rules", str(tmp_path / "link.pack"), key),
        ("--rules-key", own, str(model / "key.pub")),
        ("--rules", str(model / "rules"), None),
    ):
        keys = [] if its_key is None else ["--rules-key", its_key]
        # Both commands ask the same function, so that one option suffices for the second.
        for command in ("scan", "license") if option == "--rules-key" else ("scan",):
            done = run_command(command, model, "--rules", pack, *keys)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.splitlines()[-1].startswith(f"modelaudit: error: {option}: ")
            assert f"lies in the target {model}, and a model must not judge itself" in done.stderr
        with pytest.raises(ConfigurationError, match="a model must not judge itself"):
            modelaudit.scan(model, rules=[pack], rules_key=its_key)
    # The code that loads models is that of the user.
    assert run_command("discover", model, "--rules", model / "own.pack", "--rules-key", key).returncode == 0


@check_each(
    "name, before, after, expected",
    [
        (CALL, "severity: critical", "severity: hihg", "rules/findings/pickle/dangerous-call.yaml:4: severity: 'hihg'"),
        ("edition.yaml", "number: ", "number: x", "rules/edition.yaml:3: number: must be a whole number"),
        ("edition.yaml", 'date: "20', 'date: "x', "rules/edition.yaml:4: date: "),
        ("fingerprints/standard.yaml", "words: ", "words: x", "fingerprints/standard.yaml:"),
        ("examples.yaml", "fixture: ", "fixtur: ", "rules/examples.yaml:"),
        ("policies/strict.yaml", "gates:", "gate:", "rules/policies/strict.yaml:"),
    ],
)
def test_mistake_in_a_rule_of_a_pack_ends_with_2_and_names_the_file_in_the_pack(
    place: Path, tmp_path: Path, temporary: Path, name: str, before: str, after: str, expected: str
) -> None:
    options = make_pack(place, tmp_path, {name: (before, after)})
    done = run_command("scan", MALICIOUS, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert done.stderr.startswith(f"modelaudit: error: --rules: {options[1]}: {expected}"), done.stderr
    assert not list(temporary.iterdir())


def test_pack_that_cannot_be_unpacked_ends_with_4_and_one_line(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    options = ("--rules", place / "own.pack", "--rules-key", place / "key.pub")
    done = run_command("scan", MALICIOUS, *options)
    expected = f"cannot be unpacked in {tmp_path / 'absent'}: No such file or directory\n"
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == f"modelaudit: error: --rules: {options[1]} {expected}"


def test_other_threads_keep_their_rules(place: Path) -> None:
    found: list[Path] = []
    with choose_rules([place / "own.pack"], place / "key.pub"):
        thread = Thread(target=lambda: found.append(find_rules_directory()))
        thread.start()
        thread.join()
        assert find_rules_directory() not in found
    assert found == [find_rules_directory()]
    assert load_catalogue(formats=FACTS).edition is not None


def test_folder_of_a_pack_is_removed_where_a_signal_ends_the_command(place: Path, tmp_path: Path) -> None:
    folder, pipe = tmp_path / "temporary", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    options = ("--rules", place / "own.pack", "--rules-key", place / "key.pub", "-o", f"json={pipe}")
    scan = subprocess.Popen(
        [sys.executable, "-I", "-m", "modelaudit", "scan", "--no-second-opinion", MALICIOUS, *options],
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=receive_signals,
    )
    assert scan.stderr is not None
    # The pack is in use from this line on, and the report waits for a reader of the pipe.
    assert "rules of the pack own.pack" in scan.stderr.readline()
    assert [each.name.startswith("modelaudit-rules-") for each in folder.iterdir()] == [True]
    scan.send_signal(signal.SIGTERM)
    assert scan.wait() == 143
    assert "stopped by SIGTERM" in scan.stderr.read()
    scan.stderr.close()
    assert not list(folder.iterdir())


def test_pack_is_written_with_an_encrypted_key_or_not_at_all(place: Path, tmp_path: Path) -> None:
    key, pack = tmp_path / "secret.pem", tmp_path / "rules.pack"
    line = ("openssl", "pkey", "-in", place / "key.pem", "-aes256", "-passout", "pass:word", "-out", key)
    subprocess.run(line, check=True)

    def write(key: Path, **environment: str) -> str:
        done = run_command("policy", "rules", "--pack", pack, "--key", key, **environment)
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
        assert pack.exists() == (done.returncode == 0)
        return done.stderr

    assert f"--key: {key} does not open with this passphrase" in write(key, MODELAUDIT_KEY_PASSPHRASE="wrong")
    assert f"--key: {place / 'key.pub'} holds no private key in PEM" in write(place / "key.pub")
    assert "cannot be read: No such file or directory" in write(tmp_path / "absent.pem")
    assert "the same file" in run_command("policy", "rules", "--pack", key, "--key", key).stderr
    assert b"ENCRYPTED" in key.read_bytes()
    assert f"wrote {pack}, " in write(key, MODELAUDIT_KEY_PASSPHRASE="word")
    assert pack.read_bytes() == (place / "own.pack").read_bytes()
