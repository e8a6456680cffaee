"""The error for a request that the page does not answer."""


class Refusal(Exception):
    """A request is refused.

    Attributes:
      status: HTTP status, 4xx or 5xx.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
