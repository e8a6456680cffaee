"""The exceptions that are meant for a user, not a programmer."""


class UserError(ValueError):
    """Something the user asked for can't be done.

    The message is one sentence: what was expected, what was received, what to do. `exit_code` is what
    the command line ends with: 2 for a command that can't be read, 1 for everything else.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


DAMAGED_STATE = "The state that --resume goes on from is damaged: leave out --resume to start anew."


class Ended(KeyboardInterrupt):
    """A signal asked the program to end: it does as after Ctrl-C. `exit_code` is what shells have for the signal."""

    CTRL_C = 130

    def __init__(self, number: int):
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number
