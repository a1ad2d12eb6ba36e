import numpy as np

from lutloom import ir
from lutloom_hw.usage import used_input_bits


def two_layers():
    """Class 0 is neuron 0 and 1 of layer 2; class 1 neuron 2; neuron 3 of layer 1 feeds nothing."""
    encoder = ir.ThermometerEncoder(1, 4, [100, 200])
    first = ir.LutLayer([[5, 0], [1, 5], [2, -1], [7, 3]], [6, 6, 2, 8], np.arange(4))
    second = ir.LutLayer([[0, -1], [1, 0], [2, 1]], [2, 8, 6], np.arange(3))
    head = ir.VoteHead([0, 1, 2], [0, 0, 1], [0, 0])
    return ir.verify(ir.Network(encoder, (first, second), head))


def test_used_bits_are_what_layer_one_reads():
    assert used_input_bits(two_layers()).tolist() == [0, 1, 2, 3, 5, 7]


def test_without_layers_the_votes_read_the_input():
    encoder = ir.ThermometerEncoder(1, 4, [100])
    network = ir.Network(encoder, (), ir.VoteHead([3, 1, 3], [0, 0, 1], [0, 0]))
    assert used_input_bits(network).tolist() == [1, 3]
