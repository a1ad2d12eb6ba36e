"""Bitstreams for boards: built, shipped with a manifest, verified by building again."""

from lutloom.boards.build import build_bitstream
from lutloom.boards.manifest import BoardManifest, read_manifest
from lutloom.boards.verification import verify_bitstream

__all__ = ["BoardManifest", "build_bitstream", "read_manifest", "verify_bitstream"]
