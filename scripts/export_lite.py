"""Writes the exports for LiteRT beside the networks that come with neural_style, weights in float16.

python scripts/export_lite.py
"""

from neural_style.feedforward import export, network, published
from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.settings import trained


def main() -> None:
    """Exports all of them."""
    painter = ArbitraryPainter(published.read(), 1, "float32")
    files = {
        trained.LITE_PREDICTOR: export.arbitrary_predictor(painter),
        trained.LITE_TRANSFORMER: export.arbitrary_transformer(painter),
    }
    for path in trained.by_name().values():
        files[path.with_suffix(trained.LITE)] = export.tflite(network.load(path), half=True)
    for path, data in files.items():
        path.write_bytes(data)
        print(f"Wrote {path}: {len(data):,} bytes.")


if __name__ == "__main__":
    main()
