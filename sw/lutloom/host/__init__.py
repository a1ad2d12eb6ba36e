"""The computer's end of a board's cable: frames, requests, pictures, programming."""

from lutloom.host.board import Answer, Board, Identity, SelfTest
from lutloom.host.port import open_port

__all__ = ["Answer", "Board", "Identity", "SelfTest", "open_port"]
