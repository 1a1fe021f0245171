"""What can go wrong when the sandbox starts."""


class SandboxError(Exception):
    """A part did not come up, or was asked for something it cannot do; the message names the part and its log."""
