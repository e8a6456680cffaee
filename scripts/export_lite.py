"""Writes the exports for LiteRT beside the networks that come with neural_style, weights in float16.

python scripts/export_lite.py
"""

from neural_style.feedforward import network, published
from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.pretrained import exports, style_networks
from neural_style.training import export


def main() -> None:
    """Exports all of them."""
    painter = ArbitraryPainter(published.read(), 1, "float32")
    files = {
        style_networks.LITE_PREDICTOR: export.arbitrary_predictor(painter),
        style_networks.LITE_TRANSFORMER: export.arbitrary_transformer(painter),
    }
    for path in style_networks.by_name().values():
        files[path.with_suffix(exports.ENDING)] = export.tflite(network.load(path), half=True)
    for path, data in files.items():
        path.write_bytes(data)
        print(f"Wrote {path}: {len(data):,} bytes.")


if __name__ == "__main__":
    main()
