from __future__ import annotations

from support.cases import check_each

from modelaudit.formats.archives.zip.layout import detect_layout
from modelaudit.model.artifact import TENSOR_STORAGE, TORCH_EXPORT, TORCH_TAR, TORCH_WEIGHT, TORCHSCRIPT

SCRIPT = ("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl")
EXPORT = ("m/archive_format", "m/models/model.json")


@check_each(
    "names, layout",
    [
        (("m/data.pkl", "m/data/0"), "torch-zip"),
        (("m/DATA.PKL",), "torch-zip"),
        (SCRIPT, "torchscript"),
        (("m/data.pkl", "m/code/__torch__/a.py"), "torchscript"),
        (("m/model.json", "m/code/m.py", "m/tensors/0"), "torchscript"),
        (("m/bytecode.pkl",), "torchscript"),
        (("m/data.pkl", "m/constants.pkl"), "torch-zip"),
        (EXPORT, "torch-export"),
        (("version", "serialized_exported_program.json"), "torch-export"),
        (("m/.data/extern_modules", "m/a.py"), "torch-package"),
        (("sys_info", "pickle", "storages", "tensors"), "torch-tar"),
        (("a.npy", "b.npy"), "npz"),
        (("MAR-INF/MANIFEST.json", "m.pt"), "torchserve"),
        (("./model_config.yaml", "./model_weights.ckpt"), "nemo"),
        (("schema.json", "1.npy"), "skops"),
        (("data.pkl",), "plain"),
        (("a/x", "b/data.pkl"), "plain"),
        ((), "plain"),
    ],
)
def test_layout_of_a_model_archive_is_detected_from_its_member_names(names: tuple[str, ...], layout: str) -> None:
    assert detect_layout(names).name == layout


@check_each(
    "names, member, content",
    [
        (SCRIPT, "m/data/0", TENSOR_STORAGE),
        (SCRIPT, "m/constants/12.storage", TENSOR_STORAGE),
        (SCRIPT, "m/data/x", None),
        (SCRIPT, "other/data/0", None),
        (SCRIPT, "m/code/__torch__/a.py", TORCHSCRIPT),
        (SCRIPT, "m/code/a.py.debug_pkl", TORCHSCRIPT),
        (SCRIPT, "m/a.py", None),
        (SCRIPT, "m/constants.PKL", TORCHSCRIPT),
        (("m/data.pkl",), "m/code/a.py", None),
        (("m/data.pkl",), "m/data.pkl", None),
        (EXPORT, "m/models/model.json", TORCH_EXPORT),
        (EXPORT, "m/data/weights/weight_0", TORCH_WEIGHT),
        (EXPORT, "m/data/weights/opaque_obj_0", None),
        (SCRIPT + EXPORT, "m/models/model.json", TORCH_EXPORT),
        (SCRIPT + EXPORT, "m/code/__torch__.py", TORCHSCRIPT),
        (("m/data.pkl", "serialized_exported_program.json"), "serialized_exported_program.json", TORCH_EXPORT),
        (("m/data.pkl", "sys_info", "pickle", "storages", "tensors"), "storages", TORCH_TAR),
        (("sys_info", "pickle", "storages", "tensors"), "pickle", None),
    ],
)
def test_content_type_of_a_torch_archive_member_depends_on_the_layout_of_the_archive(
    names: tuple[str, ...], member: str, content: str | None
) -> None:
    assert detect_layout(names).decide_content_type(member) == content
