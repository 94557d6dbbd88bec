"""Derive the list of trusted TensorFlow operators from the operators that an installed TensorFlow registers.

Run it where tensorflow is installed, and review the difference::

    python rules/vocabularies/tensorflow-operators/derive.py

TensorFlow records for every operator whether it has state. Operators compute on their inputs, or on the state of the
running program. Those that access files, other machines, Python, native code or other processes are left out here.
They are listed in ``dangerous.yaml``, or in ``by-argument.yaml`` where an argument decides. The others stay unlisted,
so that a graph with one of them does not pass.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
import yaml
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

HERE = Path(__file__).resolve().parent

LEFT_OUT = re.compile(
    # Communication between the devices and machines of a cluster, and operators that exist only on a TPU.
    r"TPU|Rpc|DTensor|DataService|^Collective|^_?Nccl|^Infeed|^Outfeed|^(_|_Host|_Xla)?(Send|Recv)|^Xla(Send|Recv|Host)"
    r"|^_Xla|^RemoteCall$|^RemoteFused|^WorkerHeartbeat$|^SyncDevice$|Relayout|CopyToMesh|Prelinearize|^XlaSparse"
    # Native code by its name, programs of another kind, and operators of a debugger.
    r"|^XlaCustomCall|^XlaLaunch|^TfLite|^TRT|^Debug|^Copy(Host)?$|^Sleep|DeserializeIterator|^Abort$"
    # Operators that read or write files.
    r"|File|^Save|^Restore|Snapshot(Dataset|Nested|Chunk)|SnapshotChunks|^(Experimental)?(LMDB|Sql|CSV|TFRecord|TextLine)"
    r"|RecordReader|RecordDataset|ToTFRecord|LMDBReader|LineReader|^(Load|Save|Register)Dataset|DistributedSave"
    r"|^Summary.*Writer|SummaryWriter|^CreateSummary|^Write.*Summary|^ImportEvent$|^RecordInput$|^Skipgram$|^NegTrain$"
    r"|^LoadAndRemap|^GenerateVocab|Checkpoint|^DumpTensor$|CalibrationStatistics|^CacheDataset|^PrintV2$"
    r"|^ImmutableConst$|^FixedUnigramCandidateSampler$|^DecodeProto|^EncodeProto$|^XlaCallModule$|^DatasetFromGraph$"
    # Python.
    r"|PyFunc"
)
FUSED = re.compile(
    r"Xla|AudioMicrofrontend$"
    r"|_(Fused|Mkl|_Mkl|Quantized|Tensor|ListToArray|ArrayToList|UnaryOps|Arg$|Retval$|If$|While$)"
)
"""Operators of the graph optimiser and of XLA in graphs that were optimised or compiled before."""

COMPUTES = "computes on its input tensors, or calls functions of its own graph"
KEEPS = "keeps state of the running program: variables, tables, queues, iterators, random numbers, messages"


def read_registered_operators() -> Iterable[op_def_pb2.OpDef]:
    """Return every operator that TensorFlow registers, including those of its own tests."""
    operators = op_def_pb2.OpList()
    operators.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return operators.op


def main() -> None:
    """Write ``derived.yaml`` and print the omitted names."""
    listed: set[str] = set()
    for file in ("dangerous.yaml", "by-argument.yaml"):
        for names in _iter_name_lists(yaml.safe_load((HERE / file).read_text(encoding="utf-8"))):
            listed.update(names)
    stateless: list[str] = []
    stateful: list[str] = []
    for operator in read_registered_operators():
        # TensorFlow exports what graphs can hold in ``raw_ops``; optimisers write the operators of ``FUSED`` besides.
        is_public = hasattr(tf.raw_ops, operator.name) or FUSED.match(operator.name) is not None
        if is_public and not LEFT_OUT.search(operator.name) and operator.name not in listed:
            (stateful if operator.is_stateful else stateless).append(operator.name)
        else:
            sys.stdout.write(f"left out: {operator.name}{' (listed)' if operator.name in listed else ''}\n")
    lines = [
        f"# Derived by derive.py from TensorFlow {tf.__version__}; change that, not this.",
        "library: tensorflow",
        "trusted:",
        "  alike:",
    ]
    for why, names in ((COMPUTES, stateless), (KEEPS, stateful)):
        lines += [f'    - why: "{why}"', "      names:", *(f'        - "{name}"' for name in sorted(names))]
    (HERE / "derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _iter_name_lists(file: dict) -> Iterable[Iterable[str]]:
    """Yield every list of names of a parsed vocabulary file, dangerous and trusted."""
    for part in (*file.get("dangerous", ()), file.get("trusted", {})):
        yield part.get("names", ())
        for alike in part.get("alike", ()):
            yield alike["names"]


if __name__ == "__main__":
    main()
