"""The language half: a small transformer, and four systems that make one cheaper.

Corpus (roles, corpus, commutative, slots), pre-training (mixed_sparsity), depth
(block_elimination) and storage (slicing, bits_back, archive) each have a room of their own; the
transformer, its data and its training stand beside them.
"""
