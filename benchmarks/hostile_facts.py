"""Write files that are small for the facts in them: layers, globals and references, of one file or many members."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hostile_files import INCOMPLETE, INCOMPLETE_OR_FAIL, HostileFile, Writer, write_numbered
from hostile_models import encode_field, encode_varint

_MEMBERS: Final = 100_000
"""Members of an archive that ``Limits.members`` admits."""


def _write_keras_layers(make_layer: Callable[[int], str], count: int) -> Writer:
    """Return a writer of a Keras archive whose configuration has ``count`` layers."""

    def write(path: Path) -> None:
        layers = ",".join(map(make_layer, range(count)))
        config = f'{{"module":"keras","class_name":"Sequential","config":{{"layers":[{layers}]}}}}'
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("metadata.json", '{"keras_version":"3.0"}')
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", b"")

    return write


def _make_keras_layer(number: int) -> str:
    """Return a layer of Keras of a class of its own."""
    return f'{{"module":"m{number}","class_name":"L","config":{{"name":"a"}},"registered_name":"p>L{number}"}}'


def _make_keras_lambda(number: int) -> str:
    """Return a ``Lambda`` layer of Keras 3."""
    function = f'{{"class_name":"__lambda__","config":{{"code":"{number}","defaults":null,"closure":null}}}}'
    return f'{{"module":"keras.layers","class_name":"Lambda","config":{{"function":{function}}}}}'


def _write_saved_model_assets(count: int) -> Writer:
    """Return a writer of a SavedModel of TensorFlow with ``count`` files of assets (field 6 of the meta graph)."""

    def make_asset(number: int) -> bytes:
        """Return the definition of one file."""
        return encode_field(6, encode_field(1, encode_field(1, b"x:0")) + encode_field(2, b"file%07d" % number))

    node = encode_field(1, encode_field(1, b"x") + encode_field(2, b"Placeholder"))
    graph = encode_field(1, encode_field(4, b"serve") + encode_field(5, b"2.21.0")) + encode_field(2, node)
    length = len(graph) + count * len(make_asset(0))
    return write_numbered(b"\x08\1" + encode_varint(2 << 3 | 2) + encode_varint(length) + graph, make_asset, count)


def _write_deflated_members(name: str, make_data: Callable[[int], bytes], count: int = 60) -> Writer:
    """Return a writer of an archive of ``count`` members, each close to the bound on the facts of one file."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number in range(count):
                archive.writestr(name.format(number), make_data(number))

    return write


def _make_globals(number: int) -> bytes:
    """Return a pickle of 45,000 globals."""
    return b"\x80\x04" + b"".join(b"cm%07d\nn%07d\n0" % (number, each) for each in range(45_000)) + b"N."


def _make_index(number: int) -> bytes:
    """Return the index of a model with 19,000 files."""
    rows = (b'"%d":"%d-%d.bin"' % (each, number, each) for each in range(19_000))
    return b'{"weight_map":{' + b",".join(rows) + b"}}"


def _write_pickle_members(path: Path) -> None:
    """Write a zip archive of pickles, each with a call of its own."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(_MEMBERS):
            archive.writestr(zipfile.ZipInfo(f"{number:06}.pkl"), b"\x80\x04cm\nn%d\n)R." % number)


def _write_index_files(path: Path) -> None:
    """Write a folder of 60 indexes of models, each with 19,000 files."""
    path.mkdir()
    for number in range(60):
        (path / f"{number}.bin.index.json").write_bytes(_make_index(number))


FACTS: Final[dict[str, HostileFile]] = {
    "folder-shard-indexes": HostileFile("model", _write_index_files, INCOMPLETE),
    "tensorflow-assets": HostileFile("saved_model.pb", _write_saved_model_assets(500_000), INCOMPLETE),
    "keras-layers": HostileFile("a.keras", _write_keras_layers(_make_keras_layer, 400_000), INCOMPLETE_OR_FAIL),
    "keras-lambdas": HostileFile("a.keras", _write_keras_layers(_make_keras_lambda, 200_000), INCOMPLETE_OR_FAIL),
    "pickle-long-globals": HostileFile(
        "a.pkl", write_numbered(b"\x80\4", lambda n: b"c%01000d\nn\n0" % n, 49_000, b"N."), INCOMPLETE_OR_FAIL
    ),
    "zip-pickle-members": HostileFile("a.zip", _write_pickle_members, INCOMPLETE_OR_FAIL),
    "zip-pickles-of-globals": HostileFile(
        "a.zip", _write_deflated_members("{}.pkl", _make_globals), INCOMPLETE_OR_FAIL
    ),
    "zip-shard-indexes": HostileFile("a.zip", _write_deflated_members("{}.bin.index.json", _make_index), INCOMPLETE),
}
