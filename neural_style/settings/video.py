"""Settings of films."""

import dataclasses
import importlib.util
import os

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import File, Many, Number, Optional, Whole, WordOr, setting

FLOWS = ("dis", "farneback")
MAX_FRAMES = 10**9


@dataclasses.dataclass(frozen=True)
class VideoSettings(Checked):
    """Settings that only films use."""

    first_frame: int = setting(1, Whole(1, MAX_FRAMES), "The first frame to paint; 1 is the film's first.")
    last_frame: int | None = setting(
        None, Optional(Whole(1, MAX_FRAMES)), "The last frame to paint; by default the film's last."
    )
    every: int = setting(1, Whole(1, MAX_FRAMES), "Paint only every Nth frame.")
    fps: float | None = setting(
        None,
        Optional(Number(0.1, 240)),
        "Frames per second of the result. By default the film keeps its speed; at another speed it is silent.",
    )
    flow: str = setting(
        "dis",
        WordOr(FLOWS, File()),
        "How motion is estimated: by OpenCV's DIS or Farneback, or read from a folder of .flo files (Middlebury's "
        "format): backward_J_I.flo points from frame J to the frame I before it, forward_I_J.flo the other way.",
    )
    long_term: tuple[int, ...] = setting(
        (1,),
        Many(Whole(1, 1000), min_count=1, max_count=16),
        "The earlier painted frames that a frame should match, such as 1,2,4 for the last, the last but one and the "
        "last but three. What was hidden for a while then looks the same again.",
    )
    passes: int = setting(
        1,
        Whole(1, 1000),
        "Passes over the film, forward and backward by turns; several help with strong camera motion.",
    )
    frame_blend: float = setting(
        0.0,
        Number(0, 0.95),
        "For methods that do not optimise: the share of the previous painted frame, warped by the flow, in each frame "
        "where the flow can be trusted. 0 paints each frame by itself; 0.7 flickers about a tenth as much.",
    )
    first_iterations: int | None = setting(
        None,
        Optional(Whole(0, 10**9)),
        "Iterations for the first frame of each shot, at each scale; by default as many as for a picture. The frames "
        "after it use only the finest scale's.",
    )
    stop_share: float = setting(
        0.002,
        Number(0, 1),
        "A frame after the first is finished when each evaluation lowers the loss by less than this share of it.",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.last_frame is not None and self.last_frame < self.first_frame:
            raise UserError(
                f"Expected --last_frame not to come before --first_frame={self.first_frame}, received "
                f"{self.last_frame}."
            )

    @property
    def flow_folder(self) -> str | None:
        """The folder of .flo files; None where the flow is estimated."""
        return None if self.flow in FLOWS else self.flow

    def check_surroundings(self) -> None:
        """Raise a UserError where a package that films need or the folder of --flow is missing."""
        missing = [name for name in ("av", "cv2") if importlib.util.find_spec(name) is None]
        if missing:
            raise UserError(
                "Films need the packages av and opencv-python-headless: pip install av opencv-python-headless."
            )
        if self.flow_folder is not None and not os.path.isdir(self.flow_folder):
            raise UserError(
                f"--flow takes {', '.join(FLOWS)} or a folder of .flo files, and {self.flow!r} is not a folder."
            )
