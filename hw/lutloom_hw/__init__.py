"""Hardware of Lutloom: Amaranth stages, one register stage a layer, no torch and no file I/O."""
