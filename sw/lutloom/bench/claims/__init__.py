"""The claims page: what was published, what was run, and whether it held.

``docs/claims.md`` is made from the JSON files of ``docs/results`` and from nothing else.
"""

from lutloom.bench.claims.claim import Claim, Judgement, System, Verdict
from lutloom.bench.claims.page import SYSTEMS, write_page

__all__ = ["Claim", "Judgement", "System", "Verdict", "SYSTEMS", "write_page"]
