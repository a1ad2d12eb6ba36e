from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lutloom.errors import ToolError
from lutloom.flow import synthesise
from lutloom.flow.netlist import read_netlist
from lutloom.flow.synth import _count_flat, part_of
from lutloom_hw.input_register import plan_input_copies

from .conftest import Design
