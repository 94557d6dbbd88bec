from __future__ import annotations

import json

from support.cases import check_each

from modelaudit.model.outline import Outline, References


def list_targets(read_bytes, content: object, path: str = "config.json") -> list[str]:
    """Read a JSON document at a path; return the paths of the files that it references."""
    reading = read_bytes(json.dumps(content).encode(), path)
    return [each.target for group in reading.of(References) for each in group.items]


@check_each(
    "content, expected",
    [
        ({"auto_map": {"AutoModel": "modeling_x.X"}}, ["modeling_x.py"]),
        ({"auto_map": {"AutoTokenizer": [None, "tokenization_x.X"]}}, ["tokenization_x.py"]),
        ({"auto_map": {"AutoModel": "org/repo--modeling_x.X"}}, ["org/repo--modeling_x.py"]),
        ({"text_config": {"auto_map": {"AutoConfig": "conf.X"}}}, ["conf.py"]),
        ({"custom_pipelines": {"x": {"impl": "pipe.Pipe", "pt": ["AutoModel"]}}}, ["pipe.py"]),
        ({"auto_map": {"AutoModel": "../up.X"}}, ["../up.py"]),
        ({"auto_map": {}}, []),
        ({"auto_map": None}, []),
        ({"model_type": "bert"}, []),
    ],
)
def test_auto_map_and_custom_pipelines_reference_the_python_files_of_their_classes(
    content: object, expected: list[str], read_bytes
) -> None:
    assert list_targets(read_bytes, content) == expected


def test_model_index_gives_the_code_files_of_components_and_classes_that_diffusers_does_not_supply(read_bytes) -> None:
    content = {
        "_class_name": ["pipe", "Pipe"],
        "unet": ["diffusers", "UNet"],
        "own": ["net", "Net"],
        "x": ["os", "system"],
    }
    files = ["pipe.py", "unet/diffusers.py", "own/net.py", "x/os.py"]
    assert list_targets(read_bytes, content, "model_index.json") == files
    (outline,) = read_bytes(json.dumps(content).encode(), "model_index.json").of(Outline)
    assert [each.name for each in outline.mentions] == ["net.Net", "os.system"]


def test_auto_map_in_yaml_references_imported_files_as_in_json(read_bytes) -> None:
    reading = read_bytes(b"auto_map:\n  AutoModel: o/r--m.X\n", "config.yaml")
    assert [each.target for group in reading.of(References) for each in group.items] == ["o/r--m.py"]
