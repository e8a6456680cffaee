"""How a command paints, besides its settings."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PaintOptions:
    """How a command paints, besides its settings.

    Attributes:
      resume: whether an interrupted run resumes.
      skip_complete: whether a complete run is left alone, as with `resume`.
      also_read: further files that must not be overwritten: those that the command was read from, and the inputs of
        other rows.
      folder_is_film: whether a folder holds the frames of a film.
    """

    resume: bool = False
    skip_complete: bool = False
    also_read: tuple[str, ...] = ()
    folder_is_film: bool = False

    @property
    def keeps_complete(self) -> bool:
        """Whether a complete run is left alone."""
        return self.resume or self.skip_complete
