"""From a bitstream alone back to a netlist that can be simulated and compared with the model.

``unpack_netlist`` rebuilds it, ``name_ports`` gives it the ports of the design.
"""

from lutloom.flow.unpack.pins import PinTable, name_ports
from lutloom.flow.unpack.rebuild import unpack_netlist

__all__ = ["unpack_netlist", "name_ports", "PinTable"]
