"""Read the size of frames from the sequence headers of AV1 and the parameter sets of HEVC.

Source: AV1 5.5 (sequence header), ITU-T H.265 7.3.2.2 (sequence parameter set).
"""

Size = tuple[int, int]

HEADER_BYTES = 256
"""Bytes that a sequence header or parameter set needs up to the size."""


class _Bits:
    """Reads numbers of some bits, most significant first."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._number = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._number >> self._left & (1 << count) - 1

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def av1_size(header: memoryview) -> Size:
    """The largest frame size in a sequence header of AV1. Raises IndexError if it ends early."""
    bits = _Bits(header)
    bits.read(4)
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        delay_bits = 0
        if bits.read(1):  # timing_info_present_flag
            bits.read(64)
            if bits.read(1):
                bits.exp_golomb()
            if bits.read(1):  # decoder_model_info_present_flag
                delay_bits = bits.read(5) + 1
                bits.read(42)
        display_delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if display_delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def hevc_size(unit: memoryview) -> Size:
    """The frame size in a sequence parameter set of HEVC. Raises IndexError if it ends early."""
    bits = _Bits(bytes(unit[2:HEADER_BYTES]).replace(b"\0\0\3", b"\0\0"))
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + 96)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:  # chroma_format_idc
        bits.read(1)
    return bits.exp_golomb(), bits.exp_golomb()
