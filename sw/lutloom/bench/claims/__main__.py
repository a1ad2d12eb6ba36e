"""Write ``docs/claims.md``, or check that it is what the figures give."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lutloom.bench.claims.page import write_page
from lutloom.errors import LutloomError
from lutloom.files.atomic import write_bytes


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with ``--check`` compare it.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        Exit status; 1 if the page is not what the figures give.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/claims", description="Judge the claims by docs/results and write the page."
    )
    parser.add_argument("--results", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("docs/claims.md"), metavar="FILE")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    options = parser.parse_args(arguments)
    try:
        page = write_page(options.results).encode()
    except LutloomError as error:
        sys.stderr.write(f"scripts/claims: error: {error}\n")
        return 1
    if not options.check:
        write_bytes(options.out, page)
        sys.stderr.write(f"wrote {options.out}\n")
        return 0
    if not options.out.exists() or options.out.read_bytes() != page:
        sys.stderr.write(
            f"scripts/claims: error: {options.out}: must be what {options.results} gives, but "
            "differs; run: scripts/claims\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
