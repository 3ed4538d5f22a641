"""The control table of Dynamixel X servos (XL330, XL430, XM430 and their kin): what lies where, in which units. Data only.

ROBOTIS' e-manual: emanual.robotis.com/docs/en/dxl/x/xl430-w250 and its neighbours.
"""

from typing import NamedTuple


class Register(NamedTuple):
    address: int
    size: int  # bytes, little endian
    signed: bool = False

    def read(self, data: bytes, start: int = 0) -> int:
        """Its value, in data that begin at the address start."""
        at = self.address - start
        return int.from_bytes(data[at : at + self.size], "little", signed=self.signed)

    def packed(self, value: int) -> bytes:
        return value.to_bytes(self.size, "little", signed=self.signed)


class Block(NamedTuple):
    """Registers in a row, read in one go."""

    address: int
    length: int


def block(first: Register, last: Register) -> Block:
    return Block(first.address, last.address + last.size - first.address)


# Kept without power
DRIVE_MODE = Register(10, 1)
OPERATING_MODE = Register(11, 1)
VELOCITY_LIMIT = Register(44, 4)  # the highest profile velocity that is taken
MAX_POSITION_LIMIT = Register(48, 4)
MIN_POSITION_LIMIT = Register(52, 4)
# Forgotten without power
TORQUE_ENABLE = Register(64, 1)
HARDWARE_ERROR_STATUS = Register(70, 1)
BUS_WATCHDOG = Register(98, 1)
PROFILE_ACCELERATION = Register(108, 4)  # 0: unlimited
PROFILE_VELOCITY = Register(112, 4)  # 0: unlimited
GOAL_POSITION = Register(116, 4, signed=True)
PRESENT_LOAD = Register(126, 2, signed=True)  # an XL330 has mA there, an XM430 2.69 mA: roughly the same share of its most
PRESENT_VELOCITY = Register(128, 4, signed=True)
PRESENT_POSITION = Register(132, 4, signed=True)
INPUT_VOLTAGE = Register(144, 2)
TEMPERATURE = Register(146, 1)

TURN = 4096  # ticks
VELOCITY_UNIT = 0.229 * TURN / 60  # ticks/s: 0.229 rev/min
ACCELERATION_UNIT = 214.577 * TURN / 60**2  # ticks/s²: 214.577 rev/min²
HIGHEST_ACCELERATION = 32_767
LOAD_UNIT = 0.001  # of the most
VOLTAGE_UNIT = 0.1  # V
WATCHDOG_UNIT_S = 0.02
LONGEST_WATCHDOG = 127
WATCHDOG_TRIGGERED = 0xFF  # it stopped the servo: goals are refused until 0 is written

TIME_BASED = 1 << 2  # of the drive mode: profiles are durations instead of velocities
SINGLE_TURN = 3  # the operating mode whose goals keep within the position limits
POSITION_MODES = (SINGLE_TURN, 4, 5)  # the others, extended and current-based, take goals too

BAUDS = (9600, 57_600, 115_200, 1_000_000, 2_000_000, 3_000_000, 4_000_000)  # that both the servos and their SDK know
RETURN_DELAY_S = 500e-6  # as they leave the factory, a servo waits so long before it answers

HARDWARE_ERRORS = {
    0: "input voltage out of range. Check the power supply and its cables.",
    2: "overheating. Let it cool, and see what it works against.",
    3: "encoder fault. Reboot it; if that does not help, replace it.",
    4: "electrical shock, or too little power. Check the wiring and the power supply, then reboot it.",
    5: "overload. Free what blocks it, then reboot it.",
}
