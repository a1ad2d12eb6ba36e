"""The attention engine: multiplier lanes, counters instead of masks, one exact divider."""
