"""Every option of every command refuses a wrong value: one line that says what, where and what to do next, and exit 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.attested import make_keys
from support.cases import check_each
from support.command import run_command
from support.fixtures import FIXTURES

from modelaudit.cli.main import command as program

BENIGN = str(FIXTURES / "pickle/benign/data-protocol4.pkl")
MALICIOUS = str(FIXTURES / "pickle/malicious/os-system.pkl")
TEXTS = frozenset({"--reason", "--by", "--approved-by", "--reference", "--role", "--approver-role"})
"""Options that take any text; tests/test_decisions.py has their limits."""
REPORT = "report.json"
WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    "scan TARGET": (
        ("--discover nowhere", "'nowhere' does not exist; name a folder or file of a code base"),
        ("--revision main", "is a local path, which has no revisions; leave out --revision"),
        (
            "--checks securty",
            "--checks: 'securty' is not a check; choose one of: integrity, license, provenance, security; did you",
        ),
        ("--checks security,", "--checks: '' is not a check; choose one of"),
        ("--policy strct", "did you mean strict?"),
        (
            "--fail-on hgh",
            "'--fail-on': 'hgh' is not one of 'info', 'low', 'medium', 'high', 'critical', 'never'; did you",
        ),
        ("--show lo", "did you mean low?"),
        ("--bom-findings perhaps", "'--bom-findings': 'perhaps' is not one of"),
        ("-o jsn", "-o jsn: 'jsn' is not a format; did you mean json?"),
        ("-o json=nowhere/x", "nowhere/x: the folder does not exist; create it first"),
        ("-o json=/dev/full/x", "/dev/full/x: the folder does not exist; create it first"),
        ("-o json -o html", "stdout takes one document, not 2: name a file for all but one"),
        ("--ledger nowhere/x", "nowhere/x: the folder does not exist; create it first"),
        ("--ledger .", ".: is a folder; name a file"),
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
        ("--use comercial", "--use: 'comercial' is not a use; did you mean commercial?"),
        ("--use commercial=perhaps", "--use commercial=perhaps: write yes or no, as in --use commercial=no"),
        (
            "--territory Mars",
            "--territory: 'MARS' is not a territory; give a code of ISO 3166-1, such as DE, or one of",
        ),
        ("--mau many", "'--mau': 'many' is not a number; write digits"),
        ("--mau=-1", "--mau -1.0: the number must be finite, and 0 or more"),
        ("--revenue nan", "--revenue nan: the number must be finite, and 0 or more"),
        ("--field medical-advce", "--field: 'medical-advce' is not a field of use; did you mean medical-advice?"),
        ("--field zzz", "--field: 'zzz' is not a field of use; use one of: general"),
        ("--decisions nowhere", "--decisions nowhere: there is no such file; name an existing file"),
        ("--baseline nowhere", "--baseline nowhere: there is no such file; name an existing file"),
        ("--lock notes.txt", "--lock compares a whole model"),
        ("--public-key nowhere", "--public-key: nowhere cannot be read: No such file or directory; check the path"),
        ("--public-key notes.txt", "--public-key: notes.txt holds no public key in PEM; write it with openssl pkey"),
        ("--certificate-root notes.txt", "--certificate-root: notes.txt holds no certificate in PEM"),
        ("--identity me@example.org", "belong together; add --issuer and --trusted-root"),
        ("--issuer https://example.org", "belong together; add --identity and --trusted-root"),
        ("--trusted-root notes.txt", "belong together; add --identity and --issuer"),
        ("--signature notes.txt", "is a file; --signature covers a folder of a model"),
        ("--baseline notes.txt", "notes.txt: The file is not a valid report"),
        ("--polcy strict", "No such option '--polcy' (did you mean --policy?)"),
    ),
    "license TARGET": (
        ("--path nowhere", "--path nowhere: the repository has no such folder"),
        ("--revision main", "is a local path, which has no revisions; leave out --revision"),
        ("--policy strct", "did you mean strict?"),
        ("--use comercial", "did you mean commercial?"),
        ("--territory Mars", "--territory: 'MARS' is not a territory"),
        ("--mau many", "'many' is not a number"),
        ("--revenue many", "'many' is not a number"),
        ("--field medical-advce", "did you mean medical-advice?"),
        ("--decisions nowhere", "--decisions nowhere: there is no such file"),
        ("--baseline nowhere", "--baseline nowhere: there is no such file"),
        ("-o jsn", "did you mean json?"),
        ("--notices notes.txt", "'--notices': Directory 'notes.txt' is a file"),
        ("--notices notes.txt/x", "notes.txt is not a folder; name another folder"),
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "decide model": (
        ("--report nowhere", "nowhere: cannot be read: No such file or directory; name a report that"),
        (f"--report {REPORT} --answer accpt", "did you mean accept?"),
        (f"--report {REPORT} --answer accept", "a decision needs --reason, --by, --approved-by, --expires too"),
        ("--expires soon", "name a SUBJECT and its report, as in: decide FINGERPRINT --report report.json"),
        (f"--report {REPORT} --policy strct", "did you mean strict?"),
        ("--list --decisions notes.txt", "--list: records nothing"),
    ),
    f"diff {REPORT} {REPORT}": (
        ("--policy strict", "--policy: both sides are saved reports, which were judged already; leave it out, or name"),
        ("--use commercial", "--use: both sides are saved reports"),
        ("--territory EU", "--territory: both sides are saved reports"),
        ("--mau 5", "--mau: both sides are saved reports"),
        ("--revenue 5", "--revenue: both sides are saved reports"),
        ("--field general", "--field: both sides are saved reports"),
        ("--decisions notes.txt", "--decisions: both sides are saved reports"),
        ("-o jsn", "-o jsn: 'jsn' is not a format; did you mean json?"),
        ("-o json=", "-o json=: write the name of a file after the equals sign"),
        ("-o json=.", ".: is a folder; name a file"),
        ("-o json=nowhere/x", "nowhere/x: the folder does not exist; create it first"),
    ),
    f"diff {REPORT} TARGET": (
        ("--decisions nowhere", "--decisions nowhere: there is no such file"),
        ("--use comercial", "did you mean commercial?"),
    ),
    "discover .": (
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "explain pickle": (
        ("--report nowhere", "give the fingerprint of a finding, as in: modelaudit explain FINGERPRINT --report"),
        ("--severity hgh", "did you mean high?"),
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "policy init new.yaml": (
        ("--extends strct", "--extends: 'strct' is neither a file nor one of: air-gap"),
        ("--discover nowhere", "'nowhere' does not exist"),
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "policy init nowhere/new.yaml": (("--offline", "nowhere/new.yaml: the folder does not exist; create it first"),),
    "policy init notes.txt": (("--offline", "notes.txt: exists already; edit it, or name another file"),),
    "policy check": (
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "policy check nowhere": (
        ("--rules .", "nowhere: is not a policy file; write one with: modelaudit policy init nowhere"),
    ),
    "policy show": (
        ("--rules nowhere", "'--rules': Path 'nowhere' does not exist"),
        ("--rules-key nowhere", "'--rules-key': Path 'nowhere' does not exist"),
    ),
    "policy show strct": (("--json", "did you mean strict?"),),
    "lock TARGET": (
        ("--revision main", "is a local path"),
        ("-o nowhere/x", "nowhere/x: cannot be written: No such file or directory"),
    ),
    "verify .": (
        ("--lock nowhere", "nowhere"),
        ("--lock notes.txt", "notes.txt"),
        ("--model acme/tiny", "--model"),
        ("-o jsn", "-o jsn: 'jsn' is not a format"),
        ("--public-key notes.txt", "notes.txt lies in the model, and a model must not name who signs it; move it out"),
        ("--public-key /dev/null", "--public-key: /dev/null holds no public key in PEM; write it with openssl pkey"),
        ("--certificate-root /dev/null", "--certificate-root: /dev/null holds no certificate in PEM"),
        ("--identity me@example.org", "belong together; add --issuer and --trusted-root"),
        ("--issuer https://example.org", "belong together; add --identity and --trusted-root"),
        ("--trusted-root notes.txt", "belong together; add --identity and --issuer"),
        ("--allowed-signature-gap ../x", "'../x' leads out of the model; name a path from the root of the model"),
        ("--signature nowhere", "--signature: nowhere cannot be read: No such file or directory; check the path"),
        ("--key notes.txt", "--key concerns an attestation or a sealed folder; add --attestation FILE"),
        ("--verifier-id urn:x", "--verifier-id concerns an attestation or a sealed folder"),
        ("--policy-digest 00", "--policy-digest concerns an attestation or a sealed folder"),
        ("--resource urn:x", "--resource concerns an attestation or a sealed folder"),
        ("--not-older-than 30d", "--not-older-than concerns an attestation or a sealed folder"),
        ("--attestation notes.txt", "--attestation needs the key of a trusted attester: --key FILE"),
        ("--attestation notes.txt --key /dev/null --not-older-than 30", "--not-older-than 30: is not a number of days"),
        ("--attestation notes.txt --key /dev/null --policy-digest 00", "--policy-digest 00"),
        ("--attestation notes.txt --lock x", "an attestation is checked alone"),
    ),
    f"attest TARGET --report {REPORT} -o x": (
        ("--trust-config notes.txt", "--trust-config: notes.txt is not the trust configuration of a Sigstore instance"),
        ("--trust-config none.json", "--trust-config: none.json cannot be read: No such file"),
        ("--trust-config notes.txt --key notes.txt", "name who signs: --key FILE, or --trust-config FILE"),
        ("--trust-config notes.txt --seal y", "--seal needs --key FILE"),
    ),
    f"attest TARGET --report {REPORT} --key notes.txt": (
        ("-o nowhere/x", "nowhere/x: cannot be written: No such file or directory"),
        ("-o x", "--key: notes.txt holds no private key in PEM"),
        ("--offline", "--offline"),
        (
            "-o x --verifier-id gate",
            "--verifier-id 'gate': is not a URI; write one such as https://example.com/verifier",
        ),
        ("-o x --resource tiny", "--resource 'tiny': is not a URI"),
        ("-o x --expires 30", "--expires 30: is not a number of days; write it such as 30d"),
        ("-o x --image sha256:1", "--image sha256:1"),
    ),
    f"attest TARGET --report {REPORT} --key key.pem": (
        ("--seal notes.txt", "--seal notes.txt: it exists already; name a new folder"),
        ("-o x --signature notes.txt", "--signature names what --seal carries beside the model; add --seal FOLDER"),
        ("--push tiny", "'tiny' is not an image; write it as registry.example/name@sha256:"),
        ("--push host/tiny:v1 --seal x", "--push names the image itself"),
    ),
    "attest TARGET": (
        ("--report nowhere --key key.pem -o x", "nowhere"),
        (f"--report {REPORT} --key nowhere -o x", "--key: nowhere cannot be read: No such file or directory"),
    ),
    "policy rules": (
        ("--pack nowhere/x --key notes.txt", "nowhere/x: the folder does not exist; create it first"),
        ("--pack x --key notes.txt", "--key: notes.txt holds no private key in PEM"),
    ),
    f"render {REPORT}": (
        ("--bom-findings perhaps", "'--bom-findings': 'perhaps' is not one of 'yes', 'no'"),
        ("--decisions nowhere", "--decisions nowhere: there is no such file; name an existing file"),
        ("-o jsn", "did you mean json?"),
        ("-o html=nowhere/x", "nowhere/x: the folder does not exist; create it first"),
    ),
}


def list_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its words."""
    for name in program.list_commands(click.Context(program)):
        found = program.get_command(click.Context(program), name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from ((f"{name} {each}", command) for each, command in found.commands.items())
        else:
            yield name, found


def list_options(command: click.Command) -> Iterator[click.Option]:
    """Yield each option that takes a value."""
    yield from (each for each in command.params if isinstance(each, click.Option) and not each.is_flag)


def test_file_that_is_no_report_is_not_compared_with_one_as_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_command("scan", BENIGN, "-q", "--offline", "--no-second-opinion", "-o", f"json={REPORT}")
    Path("deep.json").write_text('{"schema": "modelaudit"}')
    done = run_command("diff", "deep.json", REPORT)
    assert (done.returncode, done.stderr) == (
        2,
        "modelaudit: error: deep.json: is not a report; name a report, or the folder of the model\n",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a report, a file of another kind, and a key."""
    place = tmp_path_factory.mktemp("options")
    (place / "notes.txt").write_text("no report\n")
    make_keys(place)
    run_command("scan", MALICIOUS, "--no-second-opinion", "-q", "-o", f"json={place / REPORT}")
    return place


@check_each("words, option, message", [(words, *each) for words, options in WRONG.items() for each in options])
def test_wrong_value_gets_one_line_before_any_scan_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, option: str, message: str
) -> None:
    monkeypatch.chdir(folder)
    done = run_command(*words.replace("TARGET", BENIGN).split(), *option.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert done.stderr.startswith("modelaudit: error: ")
    assert message in done.stderr
    assert sorted(each.name for each in folder.iterdir()) == ["key.pem", "key.pub", "notes.txt", REPORT]


def test_each_option_with_a_value_has_a_wrong_value_in_this_test() -> None:
    missing = [
        f"{name} {option.opts[0]}"
        for name, command in list_commands()
        for option in list_options(command)
        if option.opts[0] not in TEXTS
        and not any(
            words.startswith(name) and any(name_ in value for name_ in option.opts)
            for words, options in WRONG.items()
            for value, _ in options
        )
    ]
    assert not missing


def test_option_that_is_empty_or_given_twice_is_refused_by_every_command() -> None:
    for name, command in list_commands():
        for option in list_options(command):
            long = max(option.opts, key=len)
            done = run_command(*name.split(), f"{long}=")
            assert done.returncode == 2
            assert f"{long} is empty; give it a value, or leave it out; see: modelaudit {name} --help" in done.stderr
            if not option.multiple:
                done = run_command(*name.split(), f"{long}=x", f"{long}=x")
                assert done.returncode == 2
                assert f"{long} is given 2 times; give it once; see: modelaudit {name} --help" in done.stderr


def test_last_value_of_an_option_never_replaces_one_that_fails_the_gate() -> None:
    assert run_command("scan", MALICIOUS, "--fail-on", "high", "--fail-on", "never").returncode == 2


def test_short_help_of_every_command_fits_into_a_line_of_80_columns() -> None:
    for words in ((), ("policy",)):
        lines = run_command(*words, "--help", COLUMNS="80").stdout.partition("Commands:\n")[2].splitlines()
        assert lines
        assert not [line for line in lines if line.endswith("...") or len(line) > 80]


def test_misspelt_subcommand_of_a_group_gets_the_nearest() -> None:
    done = run_command("policy", "chek")
    assert done.returncode == 2
    assert done.stderr == (
        "modelaudit: error: No such command 'chek'; did you mean check?; see: modelaudit policy --help\n"
    )


def test_explained_finding_has_its_own_message_and_no_general_one(folder: Path) -> None:
    report = folder / REPORT
    for finding in json.loads(report.read_text())["findings"]:
        shown = " ".join(run_command("explain", finding["fingerprint"], "--report", report).stdout.split())
        assert finding["message"] in shown
        assert "(name)" not in shown and "What it finds" not in shown
        assert "Why it matters" in shown and "What to do" in shown


def test_line_of_an_error_controls_no_pipeline(tmp_path: Path) -> None:
    done = run_command("render", str(tmp_path / "##vso[task.complete result=Succeeded;]DONE.json"), "-o", "table")
    assert done.returncode == 2
    assert "DONE.json" in done.stderr
    assert "##vso[" not in done.stderr
