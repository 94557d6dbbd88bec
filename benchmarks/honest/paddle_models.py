"""Write repositories with PaddlePaddle: the parameters of a network with its optimiser, and an inference model."""

from __future__ import annotations

from pathlib import Path

from cards import repository


def _make_layers() -> object:
    import paddle

    return paddle.nn.Sequential(paddle.nn.Linear(4, 8), paddle.nn.ReLU(), paddle.nn.Linear(8, 2))


@repository("apache-2.0", "paddlepaddle", "tabular-classification")
def _write_paddle_parameters(folder: Path) -> None:
    import paddle

    model = _make_layers()
    optimizer = paddle.optimizer.AdamW(1e-3, parameters=model.parameters())
    model(paddle.ones([2, 4])).sum().backward()
    optimizer.step()
    paddle.save(model.state_dict(), str(folder / "model_state.pdparams"))
    paddle.save(optimizer.state_dict(), str(folder / "model_state.pdopt"))


@repository("apache-2.0", "paddlepaddle", "tabular-classification")
def _write_paddle_inference(folder: Path) -> None:
    import paddle

    shape = [paddle.static.InputSpec([None, 4], "float32")]
    paddle.jit.save(_make_layers(), str(folder / "inference"), input_spec=shape)
