"""Errors a user can cause: where, what must hold, what came, what to do.

>>> raise InvalidNetworkError("layer 2, neuron 17: fan-in must be 1..6, not 9; lower 'fan_in'")
"""


class LutloomError(Exception):
    """Report a fault of input, file, tool or environment in one line a user can act on."""


class InvalidDataError(LutloomError):
    """Report images or labels that cannot be a data set."""


class InvalidFileError(LutloomError):
    """Report a file that is missing, truncated, malformed or of another kind."""


class InvalidNetworkError(LutloomError):
    """Report a network that breaks the rules of the intermediate representation."""


class InvalidRecipeError(LutloomError):
    """Report a recipe (TOML) with unknown keys or values out of range."""


class ToolError(LutloomError):
    """Report an external tool that is missing, failed or left no product."""


class MissingExtraError(LutloomError):
    """Report an optional part of the installation that a command needs."""


class MismatchError(LutloomError):
    """Report two executors of the same network that gave different answers."""


class BoardError(LutloomError):
    """Report a board that is not there, does not answer, or is not what it should be."""
