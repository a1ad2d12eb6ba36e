import numpy as np

from lutloom import ir
from lutloom_hw.usage import reader_regions, used_input_bits


def two_layers():
    """Class 0 is neuron 0 and 1 of layer 2; class 1 neuron 2; neuron 3 of layer 1 feeds nothing."""
    encoder = ir.ThermometerEncoder(1, 4, [100, 200])
    first = ir.LutLayer([[5, 0], [1, 5], [2, -1], [7, 3]], [6, 6, 2, 8], np.arange(4))
    second = ir.LutLayer([[0, -1], [1, 0], [2, 1]], [2, 8, 6], np.arange(3))
    head = ir.VoteHead([0, 1, 2], [0, 0, 1], [0, 0])
    return ir.verify(ir.Network(encoder, (first, second), head))


def test_used_bits_are_what_layer_one_reads():
    assert used_input_bits(two_layers()).tolist() == [0, 1, 2, 3, 5, 7]


def test_regions_are_the_lowest_class_a_neuron_feeds():
    assert reader_regions(two_layers()).tolist() == [0, 0, 1, 0]


def test_without_layers_the_votes_read_the_input():
    encoder = ir.ThermometerEncoder(1, 4, [100])
    network = ir.Network(encoder, (), ir.VoteHead([3, 1, 3], [0, 0, 1], [0, 0]))
    assert used_input_bits(network).tolist() == [1, 3]
    assert reader_regions(network).tolist() == [0, 0, 1]


def test_regions_by_brute_force(random_network):
    rng = np.random.default_rng(11)
    network = random_network(rng, layers=((20, 3), (15, 3), (12, 4)), n_classes=4)
    feeds = [{int(c)} for c in network.head.class_index]
    for layer in reversed(network.layers[1:]):
        below = [set() for _ in range(20)]
        for j, taps in enumerate(layer.fan_in.tolist()):
            for tap in taps:
                if tap != ir.UNUSED:
                    below[tap] |= feeds[j]
        feeds = below
    wanted = [min(classes, default=0) for classes in feeds[:20]]
    assert reader_regions(network).tolist() == wanted
