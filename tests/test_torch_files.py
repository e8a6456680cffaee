import os
import pickle
import zipfile

import numpy as np
import pytest
from conftest import DATA

from neural_style.errors import UserError
from neural_style.vgg import torch_files


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "torch_parameters.pth"])
def test_files_that_torch_wrote(name):
    tensors = torch_files.load(DATA / name)
    assert list(tensors) == ["features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"]
    expected = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / np.float32(7)
    np.testing.assert_array_equal(tensors["features.0.weight"], expected)
    permuted = np.arange(36.0).reshape(2, 2, 3, 3).transpose(1, 0, 3, 2)
    np.testing.assert_array_equal(tensors["features.2.weight"], permuted)
    np.testing.assert_array_equal(tensors["features.0.bias"], [0.5, -0.25])
    np.testing.assert_array_equal(tensors["features.2.bias"], [1, 2])


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("run",)


@pytest.mark.parametrize("zipped", [False, True])
def test_pickled_code_is_refused_not_run(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    code = pickle.dumps({"features.0.weight": Malicious()})
    if zipped:
        with zipfile.ZipFile("bad.pth", "w") as archive:
            archive.writestr("archive/data.pkl", code)
    else:
        (tmp_path / "bad.pth").write_bytes(code)
    with pytest.raises(UserError, match=r"it holds \w+.mkdir, which is no tensor"):
        torch_files.load("bad.pth")
    assert not (tmp_path / "run").exists()


def test_text_is_no_torch_file(tmp_path):
    (tmp_path / "text.pth").write_text("no tensors")
    with pytest.raises(UserError, match="Expected a torch file of tensors"):
        torch_files.load(tmp_path / "text.pth")
