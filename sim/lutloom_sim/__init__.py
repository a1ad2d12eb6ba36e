"""Simulation of Lutloom: stream drivers, golden models, cocotb benches and runners."""
