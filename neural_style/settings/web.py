"""Settings of the page."""

import dataclasses

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Kind, Optional, Whole, setting


@dataclasses.dataclass(frozen=True)
class WebSettings(Checked):
    """The page."""

    port: int = setting(7860, Whole(1, 65535), "The port that the page is served at.")
    host: str = setting(
        "127.0.0.1", Kind(), "The address to listen at; by default this machine alone can reach it, 0.0.0.0 is all."
    )
    share: str = setting(
        "no",
        Choice(["no", "yes"]),
        "Whether Gradio's servers give the page a public address too (it downloads a program for that); with a "
        "--password alone.",
    )
    password: str | None = setting(
        None,
        Optional(Kind()),
        "What visitors must know; they may log in by any name. In a --flagfile it does not show in the list of "
        "processes.",
    )
    engines: int = setting(1, Whole(1, 64), "How many pictures are painted at the same time.")
    most_waiting: int = setting(20, Whole(0, 1000), "How many may wait for their turn; others are asked to come back.")
    most_pixels: int = setting(600_000, Whole(256, 10**9), "Pixels that a result may have.")
    most_seconds: int = setting(
        600, Whole(1, 10**6), "Seconds after which a run is ended; the best picture so far is kept."
    )
    most_upload: int = setting(20, Whole(1, 1000), "Megabytes that a file of a visitor may have.")
    most_decoded: int = setting(
        50, Whole(1, 150), "Millions of pixels that a picture of a visitor may have; a larger one is not decoded."
    )

    def __post_init__(self):
        super().__post_init__()
        if self.share == "yes" and not self.password:
            raise UserError("--share=yes opens the page to everybody: say --password=WORD too.", exit_code=2)
