"""Pictures on the command line: output names checked, a run resumed or started, its results written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from neural_style.cli.loading import load_for
from neural_style.cli.paint_options import PaintOptions
from neural_style.cli.progress import Progress
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError
from neural_style.core.run import Engine, follow
from neural_style.images import writing
from neural_style.images.scene_building import fit_settings, scale_sizes
from neural_style.method_table import METHODS, REGIONS
from neural_style.planning.plan import make_plan, read_inputs
from neural_style.results import checkpoint, earlier_results, files, record, targets
from neural_style.results.checkpoint import Checkpoint
from neural_style.results.record import RunInfo
from neural_style.results.report import Report
from neural_style.settings.settings import Settings

COMPANIONS = frozenset([REGIONS, *(name for method in METHODS.values() for name in method.companions)])
"""The names of further images that some run writes."""


def paint(paths: Sequence[str], settings: Settings, make_engine: Callable[[], Engine], options: PaintOptions) -> bool:
    """Paints a photograph; see `main.paint`."""
    content, *styles, output = paths
    if settings.output.preview == "side":
        raise UserError("--preview=side is for films: for pictures, PREFIX_comparison.png shows the same.")
    prefix, ending = files.split(output, content)
    inputs, network_styles = read_inputs(content, styles, settings)
    info = RunInfo.of_run(content, styles, (prefix, ending), settings)
    settings = fit_settings(inputs, settings)
    rows, cols = scale_sizes(inputs, settings)[-1]
    writing.check_size(ending, rows, cols)
    digests = record.digests(content, styles, settings)
    if options.keeps_complete and checkpoint.is_complete(info, digests):
        say(f"{prefix}{ending} is complete already.")
        return False
    state = _load_state(info, digests, settings) if options.resume else None
    if state:
        say(_describe_resumed(state, len(settings.picture.scale_rows)))
    iterations = settings.schedule[0][-1]
    read = [*digests, *options.also_read]
    targets.check(prefix, ending, read, settings.output, iterations, state is None, settings.companions)
    load_for(settings)
    plan = make_plan(inputs, settings, network_styles)
    with targets.locked(prefix):
        if state is None and not settings.output.overwrite:
            earlier_results.keep(info, digests, read, COMPANIONS)
        progress = Progress(plan, state.scales if state else (), Path(prefix).name)
        run = make_engine().run(inputs, plan, state.resumed if state else None, progress.watch)
        images = [inputs.content, *inputs.styles]
        follow(run, Report(info, digests, settings.output, images, progress, state, inputs.painted_share))
    say(f"Wrote {prefix}{ending} ({cols} wide, {rows} high) and {prefix}.json.")
    return True


def _describe_resumed(state: Checkpoint, scale_count: int) -> str:
    """Say where an interrupted run goes on."""
    iteration = len(state.scales[-1]["iterations"])
    scale = f" of scale {len(state.scales)} of {scale_count}" if scale_count > 1 else ""
    return f"Resuming {state.info.prefix} after iteration {iteration}{scale}."


def _load_state(info: RunInfo, digests: Mapping[str, str], settings: Settings) -> Checkpoint | None:
    """The state of an interrupted run, which must be this one; None where there is none."""
    state = checkpoint.load(info.prefix)
    if state:
        checkpoint.check_same(state, info, digests, len(settings.picture.scale_rows))
    return state
