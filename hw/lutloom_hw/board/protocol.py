"""What host and board say to each other, in one place for both.

A frame is ``FLAG, contents, CRC, FLAG``, asynchronous framing as in HDLC (RFC 1662): inside,
``FLAG`` and ``ESCAPE`` are sent as ``ESCAPE`` and the byte with bit 5 turned, so that a flag
always begins anew, whatever came before.  The CRC is CRC-16/XMODEM over the contents, high byte
first.  The first byte of the contents is the kind; numbers are sent high byte first.

===================  =======================================================================
contents to a board  answer
===================  =======================================================================
``IDENTIFY``         ``IDENTITY``, version, design, model (4 bytes), height, width, classes,
                     lanes, clock in Hz (4 bytes)
``CLASSIFY``,        ``CLASS``, sequence, class, clocks from the last pixel to the class
sequence, pixels     (3 bytes)
``TEST``, passes     ``TESTED``, right answers, images, clocks (4 bytes each)
(2 bytes)
anything else        ``REFUSAL``, reason
===================  =======================================================================
"""

from __future__ import annotations

from enum import IntEnum

VERSION = 1
BAUD = 1_000_000
"""Eight data bits, no parity, one stop bit."""

FLAG, ESCAPE, TURN = 0x7E, 0x7D, 0x20
CRC_BYTES = 2


class Kind(IntEnum):
    """Say what a frame is: its contents' first byte."""

    IDENTIFY = 0x01
    CLASSIFY = 0x02
    TEST = 0x03
    IDENTITY = 0x81
    CLASS = 0x82
    TESTED = 0x83
    REFUSAL = 0xFF


class Design(IntEnum):
    """Say what a board's design does."""

    CLASSIFIER = 1
    SELF_TEST = 2


class Refusal(IntEnum):
    """Say why a board does not do what a frame asks."""

    DAMAGED = 1
    UNKNOWN = 2
    LENGTH = 3
    BUSY = 4
