"""The binary attention engine: codes compared in one clock, lists of candidates, tables, adders."""
