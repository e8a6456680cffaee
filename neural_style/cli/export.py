"""--export: a trained network for other runtimes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from neural_style.cli.loading import loading_tensorflow
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError
from neural_style.pretrained import exports, style_networks
from neural_style.results import targets


def run(paths: Sequence[str], output: str) -> None:
    """Write a network as a TFLite file, or as a SavedModel where the name has no ending.

    Args:
      paths: of the command line; a trained network alone is expected.
      output: the path of the export.

    Raises:
      UserError: they are not one network, the ending is wrong, or the file can't be written.
    """
    network = style_networks.find(paths[0]) if len(paths) == 1 else None
    if network is None:
        received = " ".join(paths) or "none"
        raise UserError(f"--export takes one trained network, such as painters, received {received}.", exit_code=2)
    path = Path(output)
    if path.suffix.lower() not in ("", exports.ENDING):
        raise UserError(
            f"--export writes {exports.ENDING} or, without an ending, a SavedModel; received {output!r}.", exit_code=2
        )
    targets.check_new(path)
    styles = style_networks.metadata_of(network)["styles"]
    with loading_tensorflow():
        from neural_style.training.export import export_network
    # In a folder beside the target, since a SavedModel is a folder itself.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".neural-style-") as folder:
        whole = Path(folder) / path.name
        export_network(network, whole)
        whole.rename(path)
    inputs = f'"image" (RGB [1, rows, cols, 3] in 0..255) and "style" (a weight for each of {", ".join(styles)})'
    say(f"Wrote {output}: it takes {inputs}.")
