"""Ways to count ones: forms that trade logic cells, carry chains and clock rate differently.

A form is written once against :class:`~lutloom_hw.popcount.builder.Builder`; run on Amaranth it
makes hardware, run on integers it tells latency and cost without making any.
"""

from lutloom_hw.popcount.builder import Builder, CostBuilder, ModuleBuilder
from lutloom_hw.popcount.forms import count_ones

__all__ = ["Builder", "CostBuilder", "ModuleBuilder", "count_ones"]
