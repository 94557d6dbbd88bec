"""Components of a pipeline whose code is a file in their folder, and files that no loader imports by convention."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit

_NET = "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n"
_TRUST = (
    "from transformers import AutoModel\n\n\ndef run(path):\n"
    "    return AutoModel.from_pretrained(path, trust_remote_code=True)\n"
)


def scan(folder: Path, files: dict[str, str]) -> tuple[int, set[str]]:
    """Write files into a new folder; return the exit code of a scan and the rules that fail it or await review."""
    place = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    report = modelaudit.scan(place, second_opinion=False, checks=["security"])
    return report.exit_code, {each.rule for each in report.findings if each.severity.value != "low"}


def build_index(library: str, component: str = "unet") -> str:
    """Return the index of a pipeline with one component."""
    pair = {component: [library, "Net"]}
    return json.dumps({"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", **pair})


@check_each(
    "library, component, path, code",
    [
        ("own_net", "unet", "unet/own_net.py", 0),
        ("own_net", "unet", "own_net.py", 0),
        ("own_net", "unet", "vae/own_net.py", 3),
        ("own_net", "unet", "unet/other.py", 3),
        ("own_net", "../unet", "unet/own_net.py", 3),
        ("own_net.parts", "unet", "unet/parts.py", 3),
    ],
)
def test_component_is_a_class_of_the_file_in_its_folder(
    tmp_path: Path, library: str, component: str, path: str, code: int
) -> None:
    assert scan(tmp_path, {"model_index.json": build_index(library, component), path: _NET})[0] == code


@check_each(
    "library", ["timm", "diffusers", "transformers", "peft", "stable_diffusion", "onnxruntime.training", "demo-unet"]
)
def test_file_of_the_name_of_any_library_is_loaded_with_its_component(tmp_path: Path, library: str) -> None:
    attack = "import os\nos.system('touch /tmp/mark')\n" + _NET
    other = {"text_encoder/config.json": '{"model_type": "clip"}'}
    files = {"model_index.json": build_index(library), f"unet/{library}.py": attack, **other}
    assert scan(tmp_path, files)[0] == 1


def test_component_of_a_library_needs_no_file(tmp_path: Path) -> None:
    files = {"model_index.json": build_index("diffusers"), "unet/config.json": '{"_class_name": "UNet2DModel"}'}
    assert scan(tmp_path, files) == (0, set())


def test_file_in_the_folder_of_a_component_is_judged(tmp_path: Path) -> None:
    index = build_index("own_net")
    attack = _NET + "import os\nos.system('touch /tmp/mark')\n"
    assert scan(tmp_path, {"model_index.json": index, "unet/own_net.py": attack})[0] == 1
    assert scan(tmp_path, {"model_index.json": index, "unet/own_net.py": "class Other:\n    pass\n"})[0] == 3
    assert scan(tmp_path, {"model_index.json": build_index("subprocess"), "unet/subprocess.py": _NET})[0] != 0
    assert scan(tmp_path, {"model_index.json": build_index("torch"), "unet/torch.py": _NET})[0] != 0


@check_each(
    "path, code, is_found",
    [
        ("inference/generate.py", _TRUST, False),
        ("generate.py", _TRUST, False),
        ("custom_generate/generate.py", _TRUST, True),
        ("handler.py", _TRUST, True),
    ],
)
def test_generate_is_loaded_from_its_folder_alone(tmp_path: Path, path: str, code: str, is_found: bool) -> None:
    files = {"config.json": json.dumps({"model_type": "bert"}), path: code}
    assert ("code/trusts-remote-code" in scan(tmp_path, files)[1]) is is_found


def test_generate_that_the_model_imports_is_loaded(tmp_path: Path) -> None:
    config = {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.Net"}}
    model = _NET + "from .generate import run\n"
    files = {"config.json": json.dumps(config), "modeling_x.py": model, "generate.py": _TRUST}
    assert "code/trusts-remote-code" in scan(tmp_path, files)[1]
