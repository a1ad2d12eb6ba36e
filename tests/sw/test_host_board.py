"""The host's end of the link: right answers over a bad line, a clear word when there is none."""

import itertools
import os
import tty

import pytest
from board_port import BoardPort, pictures

from lutloom.errors import BoardError, InvalidDataError
from lutloom.host import Board, Identity, SelfTest, open_port
from lutloom.host.board import TRIES
from lutloom_hw.board.protocol import Design, Refusal


def board(port):
    return Board(port, timeout_s=0.02)


def classes(port, images):
    return [answer.class_index for answer in board(port).classify(images)]


def test_identity():
    assert board(BoardPort()).identify() == Identity(
        Design.CLASSIFIER, "abcdef01", 2, 3, 10, 1, 12_000_000
    )


def test_images_in_order_and_more_than_a_sequence_number_holds():
    images, expected = pictures(600)
    assert classes(BoardPort(), images) == expected


def test_no_images_are_no_answers():
    images, _ = pictures(0)
    assert classes(BoardPort(), images) == []


FAULTS = ("lost", "damaged", "half", "twice", "late", Refusal.BUSY, Refusal.UNKNOWN)


@pytest.mark.parametrize("faults", list(itertools.product(("ok", *FAULTS), FAULTS)))
def test_one_fault_after_another_changes_no_answer(faults):
    images, expected = pictures(6)
    port = BoardPort(["ok", "ok", *faults])  # the first request is for the identity
    assert classes(port, images) == expected


def test_noise_on_the_line_changes_nothing():
    port = BoardPort()
    port.say(b"\x00\x7e boot message \x7d\x7e\xff")
    images, expected = pictures(3)
    assert classes(port, images) == expected


def test_a_silent_board():
    port = BoardPort(["lost"] * 100)
    with pytest.raises(
        BoardError, match=f"must answer with identity .* gave silence {TRIES} times"
    ):
        board(port).identify()
    assert len(port.requests) == TRIES


def test_a_board_that_falls_silent():
    images, expected = pictures(5)
    port = BoardPort(["ok"] * 3 + ["lost"] * 100)
    answers = board(port).classify(images)
    assert [next(answers).class_index for _ in range(2)] == expected[:2]
    with pytest.raises(BoardError, match="must answer with a class, but gave silence"):
        next(answers)


def test_a_line_of_garbage():
    port = BoardPort(["damaged"] * 100)
    with pytest.raises(BoardError, match="gave 4 damaged frames"):
        board(port).identify()


def test_another_version():
    with pytest.raises(BoardError, match="must speak version 1 of the protocol, not 9"):
        board(BoardPort(version=9)).identify()


def test_another_design():
    images, _ = pictures(1)
    with pytest.raises(BoardError, match="must run a design that classifies"):
        classes(BoardPort(design=Design.SELF_TEST), images)


@pytest.mark.parametrize("reason", list(Refusal))
def test_a_refusal_that_trying_again_does_not_cure(reason):
    port = BoardPort([reason] * TRIES)
    with pytest.raises(BoardError, match=rf"gave a refusal \({reason.name.lower()}\) 4 times"):
        board(port).identify()
    assert len(port.requests) == TRIES


def test_images_of_another_size():
    images, _ = pictures(1, shape=(3, 3))
    with pytest.raises(InvalidDataError, match=r"must be of 2 x 3 pixels.*not 3 x 3"):
        classes(BoardPort(), images)


def test_self_test():
    assert board(BoardPort()).test(5) == SelfTest(right=97, images=100, clocks=120)


def test_a_port_that_is_not_there():
    with pytest.raises(BoardError, match=r"port /dev/none: must be .* \(No such file"):
        open_port("/dev/none")


def test_a_port_that_is_no_port(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(BoardError, match="must be a serial port that can be opened"):
        open_port(str(file))


def test_a_port_that_is_in_use():
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        first = open_port(os.ttyname(theirs))
        with pytest.raises(BoardError, match="must be a serial port that can be opened"):
            open_port(os.ttyname(theirs))
        first.close()
    finally:
        os.close(ours)
        os.close(theirs)


def test_bytes_go_both_ways_over_a_real_port():
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port = open_port(os.ttyname(theirs))
    try:
        everything = bytes(range(256))
        port.write(everything)
        assert os.read(ours, 1000) == everything
        os.write(ours, everything)
        port.timeout = 2.0
        assert port.read(256) == everything
    finally:
        port.close()
        os.close(ours)
        os.close(theirs)
