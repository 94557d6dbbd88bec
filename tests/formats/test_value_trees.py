"""Values on which loaders act count in every file that keeps values, and in no vocabulary, label or text for people."""

from __future__ import annotations

import base64
import io
import json
import pickle
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from builders.hdf5_writer import Hdf5, build_attribute
from builders.msgpack_files import encode_map
from builders.wire import encode_data
from support.cases import check_each

import modelaudit
from modelaudit.formats.value_trees import ValueTree
from modelaudit.languages.configurations.any_key import find_hostile_act
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.checksums import compute_crc32c

_Tree = dict[str, object]


def _encode_msgpack(value: object) -> bytes:
    """Encode mappings, lists and texts of up to 255 bytes."""
    if isinstance(value, dict):
        return encode_map(**{key: _encode_msgpack(item) for key, item in value.items()})
    if isinstance(value, list):
        return bytes((0x90 | len(value),)) + b"".join(map(_encode_msgpack, value))
    text = str(value).encode()
    return b"\xd9" + bytes((len(text),)) + text


def _build_hdf5(text: str) -> bytes:
    """Return a file with one attribute."""
    file = Hdf5()
    return file.build(file.add_group([build_attribute("settings", text.encode())]))


def _build_sqlite(text: str) -> bytes:
    """Return a database with one value."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table settings (name text, value text)")
    connection.execute("insert into settings values ('x', ?)", (text,))
    connection.commit()
    return connection.serialize()


def _build_safetensors(text: str) -> bytes:
    """Return a file with one row of bytes."""
    data = text.encode()
    entry = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    header = json.dumps({"settings": entry}).encode()
    return struct.pack("<Q", len(header)) + header + data


def _build_npy(descr: str, shape: str, data: bytes) -> bytes:
    """Return one array of NumPy."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def _build_text_array(tree: _Tree) -> bytes:
    """Return an array of the lines of a document, each in UTF-32."""
    lines = json.dumps(tree, indent=1).splitlines()
    width = max(map(len, lines))
    return _build_npy(
        f"<U{width}", f"({len(lines)},)", "".join(each.ljust(width, "\0") for each in lines).encode("utf-32-le")
    )


def _build_byte_array(tree: _Tree) -> bytes:
    """Return an array of numbers that are the text of a document."""
    data = json.dumps(tree).encode()
    return _build_npy("|u1", f"({len(data)},)", data)


def _build_checkpoint(tree: _Tree) -> bytes:
    """Return a checkpoint with the text of a document as the bytes of a tensor."""
    data = json.dumps(tree).encode()
    file = io.BytesIO()
    state = pickle.dumps({"x": 1}, 2)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (("data.pkl", state), ("byteorder", b"little"), ("data/0", data), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", content)
    return file.getvalue()


def _mask(data: bytes) -> bytes:
    """Return the checksum of a record."""
    checksum = compute_crc32c(data)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _build_events(text: str) -> bytes:
    """Return an event log with a text in a tensor of a summary."""
    tensor = encode_data(8, text.encode())
    value = encode_data(1, b"settings") + encode_data(8, tensor)
    records = (encode_data(3, b"brain.Event:2"), encode_data(5, encode_data(1, value)))
    sized = ((struct.pack("<Q", len(record)), record) for record in records)
    return b"".join(size + _mask(size) + record + _mask(record) for size, record in sized)


def _build_core_ml(text: str) -> bytes:
    """Return a model with one entry in the meta data of its author."""
    entry = encode_data(1, b"settings") + encode_data(2, text.encode())
    description = encode_data(100, encode_data(100, entry))
    return b"\x08\x05" + encode_data(2, description) + encode_data(600, b"")


_CONTAINERS: Final[dict[str, Callable[[_Tree], bytes]]] = {
    "p0.pkl": lambda tree: pickle.dumps([tree], 0),
    "p2.bin": lambda tree: pickle.dumps({"state": {"a": 1}, "hyper_parameters": tree}, 2),
    "p4.pt": lambda tree: pickle.dumps(("x", [tree]), 4),
    "z.joblib": lambda tree: zlib.compress(pickle.dumps({"steps": [tree]}, 4)),
    "m.msgpack": lambda tree: _encode_msgpack({"params": {"a": "b"}, "config": tree}),
    "a.h5": lambda tree: _build_hdf5(json.dumps(tree)),
    "lines.npy": _build_text_array,
    "bytes.npy": _build_byte_array,
    "a.pth": _build_checkpoint,
    "a.db": lambda tree: _build_sqlite(json.dumps(tree)),
    "a.safetensors": lambda tree: _build_safetensors(json.dumps(tree)),
    "events.out.tfevents.1.a": lambda tree: _build_events(json.dumps(tree)),
    "a.mlmodel": lambda tree: _build_core_ml(json.dumps(tree)),
    "nested.json": lambda tree: json.dumps({"x": json.dumps(tree)}).encode(),
    "coded.json": lambda tree: json.dumps({"x": base64.b64encode(json.dumps(tree).encode()).decode()}).encode(),
    "a.json": lambda tree: json.dumps(tree).encode(),
}


def _scan(folder: Path, name: str, data: bytes) -> set[str]:
    """Return the rules of the findings of high or critical severity for one file."""
    (folder / name).write_bytes(data)
    report = modelaudit.scan(folder, second_opinion=False, checks=("security",))
    (folder / name).unlink()
    return {finding.rule for finding in report.findings if finding.severity.value in ("high", "critical")}


@check_each(
    "tree, rule",
    [
        ({"trainer": {"_target_": "os.system", "command": "id"}}, "torch/dangerous-target"),
        ({"x": [{"py/reduce": [{"py/function": "os.system"}]}]}, "torch/dangerous-target"),
        ({"x": {"pooler_act": "subprocess.Popen"}}, "configuration/dangerous-value"),
        ({"prepare": "$__import__('os').getcwd()"}, "configuration/code-value"),
        ({"lr": "().__class__.__base__.__subclasses__()"}, "configuration/code-value"),
        ({"prompt": "{{ x.__init__.__globals__.os.popen('id').read() }}"}, "jinja/sandbox-escape"),
        ({"attn_implementation": "someone/kernel"}, "configuration/hub-kernel"),
        (
            {"act": {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"}},
            "keras/dangerous-name",
        ),
    ],
)
def test_value_on_which_a_loader_acts_fails_the_scan_in_every_container(tmp_path: Path, tree: _Tree, rule: str) -> None:
    for name, build in _CONTAINERS.items():
        assert rule in _scan(tmp_path, name, build(tree)), name


def test_ordinary_values_pass_in_every_container(tmp_path: Path) -> None:
    tree: _Tree = {
        "labels": ["os.system", "__import__('os')"],
        "id2label": {"0": "subprocess.run"},
        "description": "It calls os.system('id').",
        "activation": "torch.nn.SiLU",
        "os": "os.name",
        "metric": "eval.loss",
        "note": "import os and run it",
        "optimizer": {"_target_": "torch.optim.AdamW", "lr": "0.1"},
    }
    for name, build in _CONTAINERS.items():
        assert _scan(tmp_path, name, build(tree)) == set(), name


def test_names_in_the_records_of_a_data_set_are_data(tmp_path: Path) -> None:
    record = b'{"text": "os.system", "answer": "().__class__.__base__.__subclasses__()"}\n'
    assert _scan(tmp_path, "train.jsonl", record) == set()
    assert _scan(tmp_path, "config.json", record) == {"configuration/dangerous-value"}
    assert _scan(tmp_path, "words.pkl", pickle.dumps({"os.system", "subprocess.run"})) == set()


def test_values_beyond_the_bound_of_a_tree_leave_an_absence_only_if_a_loader_may_act_on_them() -> None:
    absent = [UnreadReason.LIMIT]
    for key, value, expected in (
        ("x", "plain text", []),
        ("x", "os.system", absent),
        ("7", "os.system", []),
        ("7", "os.system('id')", absent),
        ("7", "- os.system", absent),
        ("7", "re:zero", []),
        ("x", "re:zero", absent),
        ("7", "- re:zero", absent),
        ("x", "kP!D\x1f\x19?", []),
        ("x", "k !D\n 19?", absent),
    ):
        tree = ValueTree()
        for number in range(50_000):
            tree.add(("words", str(number)), "word")
        tree.add((key,), value)
        readings = list(tree.interpret("a.pkl", Limits()))
        assert [each.reason for each in readings if isinstance(each, Unread)] == expected


def test_values_behind_very_many_others_in_a_pickle_are_read(tmp_path: Path) -> None:
    numbers = [1] * 600_000
    assert _scan(tmp_path, "a.pkl", pickle.dumps([numbers, {"_target_": "os.system"}])) == {"torch/dangerous-target"}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([numbers, {"note": "two implementations"}]))
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=("security",))
    assert report.decision.load.verdict.value == "pass"


@check_each(
    "text, act",
    [
        ("exec('1')", "builtins.exec"),
        ("eval(\"__import__('os')\")", "builtins.__import__"),
        ("import os as o\no.system('id')", "os.system"),
        ("(lambda: 0).__globals__['x']", "__globals__"),
        ("__builtins__['exec']", "__builtins__"),
        ("eval(config)", ""),
        ("x.__class__.__name__", ""),
        ("os.path.join(a, b)", ""),
        ("call exec() here", ""),
        ("exec(" * 70 + ")" * 70, ""),
        ("exec('" + "a" * 30_000 + "')", ""),
    ],
)
def test_only_python_that_runs_or_reaches_something_is_hostile(text: str, act: str) -> None:
    assert find_hostile_act(text) == act


def test_truncated_or_changed_record_of_an_event_log_is_damage(read_bytes: Callable[..., object]) -> None:
    data = _build_events("text")
    for changed in (data[:-3], data[:-6] + b"\0" + data[-5:], data + b"\0\0"):
        reading = read_bytes(changed, "events.out.tfevents.1.a")
        assert UnreadReason.DAMAGED in reading.reasons()  # type: ignore[attr-defined]
    assert read_bytes(data, "events.out.tfevents.1.a").unread == []  # type: ignore[attr-defined]
