"""Settings of films."""

import dataclasses
import importlib.util
import os

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import File, Many, Number, Optional, Whole, WordOr, setting

FLOWS = ("dis", "farneback")
MOST = 10**9
"""Frames."""


@dataclasses.dataclass(frozen=True)
class VideoSettings(Checked):
    """Films."""

    first_frame: int = setting(1, Whole(1, MOST), "The frame of the film to begin with; 1 is the first.")
    last_frame: int | None = setting(
        None, Optional(Whole(1, MOST)), "The frame to end with; by default the film's last."
    )
    every: int = setting(1, Whole(1, MOST), "Paint every Nth frame alone.")
    fps: float | None = setting(
        None,
        Optional(Number(0.1, 240)),
        "Frames a second of the result; by default as many as keep the film's speed, without which it is silent.",
    )
    flow: str = setting(
        "dis",
        WordOr(FLOWS, File()),
        "How motion is found: by OpenCV's DIS or Farneback, or a folder of .flo files (Middlebury's format): "
        "backward_J_I.flo points from frame J to the frame I before it, forward_I_J.flo the other way.",
    )
    long_term: tuple[int, ...] = setting(
        (1,),
        Many(Whole(1, 1000), min_count=1, max_count=16),
        "Which painted frames before it a frame is held to, such as 1,2,4; what was hidden for a while stays the same.",
    )
    passes: int = setting(
        1, Whole(1, 1000), "Passes over the film, forward and backward in turns; more suit strong camera motion."
    )
    frame_blend: float = setting(
        0.0,
        Number(0, 0.95),
        "Of methods that do not optimise: the share that the painted frame before, moved by the flow, has in the next "
        "one where the flow can be trusted. 0 paints each frame by itself; 0.7 flickers about a tenth as much.",
    )
    first_iterations: int | None = setting(
        None,
        Optional(Whole(0, 10**9)),
        "Iterations of the first frame of each shot, at each scale; by default as many as a picture gets. The frames "
        "after it take the finest scale's alone.",
    )
    stop_share: float = setting(
        0.002,
        Number(0, 1),
        "A frame after the first is done once the loss falls by less than this share of itself with each evaluation.",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.last_frame is not None and self.last_frame < self.first_frame:
            raise UserError(
                f"--last_frame is to come after --first_frame={self.first_frame}, received {self.last_frame}."
            )

    @property
    def flow_folder(self) -> str | None:
        """Where .flo files lie; None where the flow is found."""
        return None if self.flow in FLOWS else self.flow

    def check_surroundings(self) -> None:
        """Raises a UserError where a package that films need, or the folder of --flow, is missing."""
        missing = [name for name in ("av", "cv2") if importlib.util.find_spec(name) is None]
        if missing:
            raise UserError("Films need the packages av and opencv-python-headless: pip install 'neural-style[video]'.")
        if self.flow_folder is not None and not os.path.isdir(self.flow_folder):
            raise UserError(
                f"--flow takes {', '.join(FLOWS)} or a folder of .flo files, and {self.flow!r} is not a folder."
            )
