import numpy as np
import pytest
import tensorflow as tf

from neural_style.core.errors import UserError
from neural_style.results.tensorboard import Board
from neural_style.settings.settings import Settings


def test_losses_and_images_are_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(str(tmp_path / "board"))
    for number in (0, 1):
        board.add(number, {"loss": 10.0 - number, "style/block1_conv1": 1.0}, np.zeros((4, 6, 3), np.uint8))
    events = EventAccumulator(str(tmp_path / "board"), {"tensors": 0})
    events.Reload()
    assert {"loss", "style/block1_conv1", "image"} <= set(events.Tags()["tensors"])
    values = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("loss")]
    assert values == [10.0, 9.0]
    assert [event.step for event in events.Tensors("image")] == [0, 1]


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install tensorboard"):
        Settings.read(tensorboard="board").output.check_packages()
