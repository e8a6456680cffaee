"""The one exception that a user, not a programmer, is meant to read."""


class UserError(ValueError):
    """Something the user asked for can't be done.

    The message is one sentence: what was expected, what was received, what to do. `exit_code` is what
    the command line ends with: 2 for a command that can't be read, 1 for everything else.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code
