"""Settings of the page."""

import dataclasses

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Kind, Many, Optional, Whole, setting


@dataclasses.dataclass(frozen=True)
class WebSettings(Checked):
    """The page."""

    port: int = setting(7860, Whole(1, 65535), "The port that serves the page.")
    host: str = setting(
        "127.0.0.1",
        Kind(),
        "The address to listen at. The default is reachable from this machine only; 0.0.0.0 listens everywhere.",
    )
    host_names: tuple[str, ...] = setting(
        (),
        Many(Kind()),
        "Names by which browsers may open the page, besides addresses and this machine's own name. A page behind a "
        "proxy needs the proxy's name here.",
    )
    share: str = setting(
        "no",
        Choice(["no", "yes"]),
        "Whether Gradio's servers give the page a public address too. This downloads a program, and requires "
        "--password.",
    )
    password: str | None = setting(
        None,
        Optional(Kind()),
        "The word that visitors must know; any user name works. In a --flagfile it is hidden from the list of "
        "processes.",
    )
    engines: int = setting(1, Whole(1, 64), "How many pictures are painted at the same time.")
    max_waiting: int = setting(
        20, Whole(0, 1000), "How many jobs may wait; further visitors must come back later.", old_name="most_waiting"
    )
    max_pixels: int = setting(600_000, Whole(256, 10**9), "The largest result, in pixels.", old_name="most_pixels")
    max_seconds: int = setting(
        600,
        Whole(1, 10**6),
        "Seconds after which a run is ended. The best picture so far is kept.",
        old_name="most_seconds",
    )
    style_steps: int = setting(
        300,
        Whole(0, 10_000),
        "Steps in which a visitor's own style is learned, fewer where --max_seconds is short; 0 offers none.",
    )
    max_upload: int = setting(20, Whole(1, 1000), "The largest uploaded file, in megabytes.", old_name="most_upload")
    max_decoded: int = setting(
        50,
        Whole(1, 150),
        "The largest uploaded picture, in millions of pixels. Larger ones are not decoded.",
        old_name="most_decoded",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.share == "yes" and not self.password:
            raise UserError("--share=yes opens the page to everybody: add --password=WORD.", exit_code=2)
