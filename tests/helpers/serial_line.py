"""A serial line around a design in Amaranth's simulator, for tests."""

from __future__ import annotations

from amaranth.sim import Simulator

BYTE_BITS = 10


def talk(dut, line: bytes, *, clocks_per_bit: int, after: int = 2000, bit_clocks=None, watch=None):
    """Send bytes to ``dut.rx``, give what ``dut.tx`` said; bits may last other than they should."""
    bit_clocks = bit_clocks or (lambda _: clocks_per_bit)
    said = bytearray()
    framing_errors = []

    async def send(ctx):
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(20)
        sent = 0
        for byte in line:
            for bit in (0, *(byte >> k & 1 for k in range(8)), 1):
                ctx.set(dut.rx, bit)
                await ctx.tick().repeat(bit_clocks(sent))
                sent += 1
        await ctx.tick().repeat(after)

    async def hear(ctx):
        while True:
            while ctx.get(dut.tx):
                await ctx.tick()
            await ctx.tick().repeat(clocks_per_bit // 2)
            byte = 0
            for k in range(8):
                await ctx.tick().repeat(clocks_per_bit)
                byte |= ctx.get(dut.tx) << k
            await ctx.tick().repeat(clocks_per_bit)
            if not ctx.get(dut.tx):
                framing_errors.append(len(said))
            said.append(byte)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(hear, background=True)
    if watch is not None:
        simulator.add_testbench(watch, background=True)
    simulator.run()
    assert not framing_errors
    return bytes(said)
