"""Benchmarks: figures that are measured, never tested.  Each leaves a JSON file."""
