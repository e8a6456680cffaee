"""Exceptions whose messages are written for the user."""


class UserError(ValueError):
    """Raised when something that the user asked for can't be done.

    The message is one sentence: what was expected, what was received, what to do. `exit_code` is that of the command
    line: 2 for a command that can't be read, 1 for everything else.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


DAMAGED_STATE = "The state from which --resume continues is damaged: leave out --resume to start anew."


class Terminated(KeyboardInterrupt):
    """Raised when a signal ends the program, as Ctrl-C does. `exit_code` is the one that shells use for the signal."""

    CTRL_C = 130

    def __init__(self, number: int):
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number
