"""Role frames: who does what to whom, read from a sentence so that paraphrases give the same."""

from lutloom.language.roles.extractor import FrameExtractor, Language, frame_keys, load_extractor
from lutloom.language.roles.frame import Filler, Role, RoleFrame, role_key, text_key
from lutloom.language.roles.parts import FrameParts, frame_parts

__all__ = [
    "Role",
    "Filler",
    "RoleFrame",
    "role_key",
    "text_key",
    "FrameParts",
    "frame_parts",
    "Language",
    "FrameExtractor",
    "load_extractor",
    "frame_keys",
]
