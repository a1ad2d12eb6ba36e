"""Frames on a line: whatever is said comes back, whatever is damaged does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.host.frames import FrameDecoder, encode_frame

contents = st.binary(min_size=1, max_size=40)


def test_a_frame_byte_by_byte():
    # CRC-16/XMODEM of "123456789" is 0x31C3, its published check value.
    assert encode_frame(b"123456789") == b"\x7e123456789\x31\xc3\x7e"


def test_flags_and_escapes_are_escaped():
    assert encode_frame(b"\x7e\x7d")[:5] == b"\x7e\x7d\x5e\x7d\x5d"


@given(st.lists(contents, max_size=5), st.integers(1, 7))
def test_frames_come_back_however_the_line_is_cut(frames, step):
    line = b"".join(map(encode_frame, frames))
    decoder = FrameDecoder()
    found = [f for at in range(0, len(line), step) for f in decoder.feed(line[at : at + step])]
    assert found == frames
    assert decoder.damaged == 0


@given(st.binary(max_size=30), contents)
def test_noise_before_a_frame_costs_nothing_but_itself(noise, frame):
    assert FrameDecoder().feed(noise + encode_frame(frame))[-1] == frame


@given(contents, st.data())
def test_a_turned_bit_is_never_taken_for_what_was_sent(frame, data):
    line = bytearray(encode_frame(frame))
    at = data.draw(st.integers(1, len(line) - 2))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    assert frame not in FrameDecoder().feed(bytes(line))


@pytest.mark.parametrize("line", [b"\x7e\x7e\x7e", b"\x7e", b"", b"abc"])
def test_nothing_is_no_frame(line):
    decoder = FrameDecoder()
    assert decoder.feed(line) == []
    assert decoder.damaged == 0


@pytest.mark.parametrize("inside", [b"\x01", b"\x01\x02", b"abc\x7d", b"\x7d"])
def test_what_is_short_or_torn_counts_as_damaged(inside):
    decoder = FrameDecoder()
    assert decoder.feed(b"\x7e" + inside + b"\x7e") == []
    assert decoder.damaged == 1


def test_an_endless_frame_takes_no_endless_memory():
    decoder = FrameDecoder()
    decoder.feed(bytes(200_000))
    assert len(decoder._frame) <= 1 << 16
    assert decoder.feed(encode_frame(b"\x05"))[-1:] == [b"\x05"]
