"""--export: a trained network for other runtimes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from neural_style.cli.loading import loading_tensorflow
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError
from neural_style.pretrained import style_networks
from neural_style.results import files, targets

TFLITE = ".tflite"


def run(words: Sequence[str], output: str) -> None:
    """Writes a network as a TFLite file, or as a SavedModel where the name has no ending.

    Args:
      words: the network.
      output: where it is to lie.

    Raises:
      UserError: it can't be written.
    """
    found = style_networks.find(words[0]) if len(words) == 1 else None
    if found is None:
        received = " ".join(words) or "none"
        raise UserError(f"--export takes one trained network, such as painters, received {received}.", exit_code=2)
    path = Path(output)
    if path.suffix.lower() not in ("", TFLITE):
        raise UserError(
            f"--export writes {TFLITE} or, without an ending, a SavedModel; received {output!r}.", exit_code=2
        )
    targets.check_new(path)
    styles = style_networks.facts(found)["styles"]
    with loading_tensorflow():
        from neural_style.feedforward import network
        from neural_style.training import export

    loaded = network.load(found)
    if path.suffix:
        files.write_whole(path, lambda partial: partial.write_bytes(export.tflite(loaded)))
    else:
        partial = files.partial_path(path)
        try:
            shutil.rmtree(partial, ignore_errors=True)
            export.save_model(loaded, partial)
            partial.rename(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    named = ", ".join(styles)
    say(f'Wrote {output}: of "image", RGB [1, rows, cols, 3] in 0..255, and "style", the weights of {named}.')
