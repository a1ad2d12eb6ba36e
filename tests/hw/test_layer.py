import numpy as np
import pytest
from amaranth.hdl import Module, Mux

from lutloom import ir
from lutloom_hw.layer import LutLayer, neuron_names


def all_rows(n_bits):
    return (np.arange(1 << n_bits)[:, None] >> np.arange(n_bits)) & 1


def test_all_sixteen_two_input_tables_exhaustively(check_stage, settle):
    layer = ir.LutLayer(fan_in=[[0, 1]] * 16, table=np.arange(16), origin=np.arange(16))
    stage = LutLayer(layer, n_inputs=2, number=1)
    check_stage(stage, all_rows(2))
    answers = settle(stage, all_rows(2))
    for table in range(16):  # the definition itself, not the model
        assert answers[:, table].tolist() == [table >> a & 1 for a in range(4)]


def test_address_bit_zero_is_the_first_fan_in(settle):
    layer = ir.LutLayer(fan_in=[[2, 0]], table=[0b0010], origin=[0])
    answers = settle(LutLayer(layer, n_inputs=3, number=1), all_rows(3))
    assert answers[:, 0].tolist() == [int(r[2] == 1 and r[0] == 0) for r in all_rows(3)]


def test_every_fan_in_from_none_to_six(check_stage, make_random_layer):
    rng = np.random.default_rng(3)
    layer = make_random_layer(rng, 21, 6, 6)
    assert set(layer.fan_in_count.tolist()) == set(range(7))
    check_stage(LutLayer(layer, n_inputs=6, number=1), all_rows(6))


def test_model_agrees_with_the_interpreter(make_random_layer):
    rng = np.random.default_rng(4)
    layer = make_random_layer(rng, 40, 30, 6)
    bits = rng.integers(0, 2, (200, 30)).astype(np.uint8)
    encoder = ir.ThermometerEncoder(1, 30, [128])
    head = ir.VoteHead(np.arange(40), np.arange(40) // 20, [0, 0])
    network = ir.Network(encoder, (layer,), head)
    wanted = ir.unpack_images(ir.evaluate_layers(network, ir.pack_images(bits))[0], 200)
    assert (LutLayer(layer, n_inputs=30, number=1).model(bits) == wanted).all()


def test_names_lead_back_to_the_model_and_are_distinct():
    layer = ir.LutLayer(fan_in=[[0]] * 4, table=[2, 1, 2, 2], origin=[42, 7, 42, 42])
    assert neuron_names(layer, 3) == [
        "layer3_n0042", "layer3_n0007", "layer3_n0042_2", "layer3_n0042_3",
    ]  # fmt: skip


@pytest.mark.parametrize("bit", range(4))
def test_a_flipped_table_bit_is_caught(check_stage, bit):
    def stage(table):
        layer = ir.LutLayer(fan_in=[[0, 1], [1, 0]], table=[table, 9], origin=[0, 1])
        return LutLayer(layer, n_inputs=2, number=1)

    with pytest.raises(AssertionError, match="wrong answers"):
        check_stage(stage(6 ^ 1 << bit), all_rows(2), golden=stage(6))


class LateLayer(LutLayer):
    """A layer whose data take one clock more than it says."""

    def _build(self, m: Module) -> None:
        inner = LutLayer(self.layer, n_inputs=self.i_fields, number=1)
        m.submodules.inner = inner
        m.d.comb += inner.i.payload.eq(self.i.payload)
        m.d.sync += self.o.payload.eq(inner.o.payload)


class SwappedLayer(LutLayer):
    """A layer that swaps two answers once data repeat: wrong order within a row."""

    def _build(self, m: Module) -> None:
        inner = LutLayer(self.layer, n_inputs=self.i_fields, number=1)
        m.submodules.inner = inner
        out = inner.o.payload
        m.d.comb += inner.i.payload.eq(self.i.payload)
        m.d.comb += self.o.payload.eq(Mux(out[0], out.rotate_left(1), out))


@pytest.mark.parametrize("faulty", [LateLayer, SwappedLayer])
def test_late_or_swapped_data_are_caught(check_stage, faulty):
    layer = ir.LutLayer(fan_in=[[0, 1], [1, 0], [0, 1]], table=[6, 8, 1], origin=[0, 1, 2])
    with pytest.raises(AssertionError):
        check_stage(faulty(layer, n_inputs=2, number=1), all_rows(2))
    check_stage(LutLayer(layer, n_inputs=2, number=1), all_rows(2))
