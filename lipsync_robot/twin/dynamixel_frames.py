"""Frames of Dynamixel protocol 2.0, as a servo sends and takes them: header, byte stuffing, CRC-16."""

from typing import NamedTuple

PING, READ, WRITE, REBOOT, STATUS, SYNC_READ, SYNC_WRITE = 0x01, 0x02, 0x03, 0x08, 0x55, 0x82, 0x83
BROADCAST = 0xFE

HEADER = b"\xff\xff\xfd\x00"
BARE, STUFFED = b"\xff\xff\xfd", b"\xff\xff\xfd\xfd"  # so that no header ever begins inside of a frame
HEAD = len(HEADER) + 3  # with ID and length
CRC = 2
LONGEST = 1024  # from the instruction on: what no servo would take is garbage that looks like a header
POLYNOMIAL = 0x8005


def _crc_of(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ POLYNOMIAL * (crc >> 15)) & 0xFFFF
    return crc


CRC_OF = [_crc_of(byte) for byte in range(256)]


def crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = crc << 8 & 0xFF00 ^ CRC_OF[crc >> 8 ^ byte]
    return crc


def frame(id: int, instruction: int, parameters: bytes = b"") -> bytes:
    """The bytes on the wire."""
    body = bytes([instruction, *parameters]).replace(BARE, STUFFED)
    data = HEADER + bytes([id]) + (len(body) + CRC).to_bytes(2, "little") + body
    return data + crc16(data).to_bytes(CRC, "little")


class Frame(NamedTuple):
    id: int
    instruction: int
    parameters: bytes
    sound: bool  # its CRC is right


class Frames:
    """Cuts a stream into frames. In garbage, and in a frame that was cut short, it goes on at the next header."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[Frame]:
        """Bytes, in any chunking -> the frames that they complete."""
        self._buffer += received
        frames = []
        while (end := self._synchronise()) is not None:
            frames.append(_parsed(bytes(self._buffer[:end])))
            del self._buffer[: end if frames[-1].sound else len(HEADER)]  # a damaged length may reach into the next frame
        return frames

    def _synchronise(self) -> int | None:
        """Drops what is no frame -> the length of the one that is now first, None if its end is yet to come."""
        buffer = self._buffer
        while (start := buffer.find(HEADER)) >= 0:
            del buffer[:start]
            if len(buffer) < HEAD:
                return None
            length = int.from_bytes(buffer[HEAD - 2 : HEAD], "little")
            if not 1 + CRC <= length <= LONGEST:
                del buffer[0]
                continue
            end = HEAD + length
            another = buffer.find(HEADER, HEAD, end - CRC)
            if another < 0:
                return end if len(buffer) >= end else None
            del buffer[:another]
        del buffer[: max(0, len(buffer) - len(HEADER) + 1)]
        return None


def _parsed(data: bytes) -> Frame:
    sound = crc16(data[:-CRC]) == int.from_bytes(data[-CRC:], "little")
    return Frame(data[4], data[HEAD], data[HEAD:-CRC].replace(STUFFED, BARE)[1:], sound)
