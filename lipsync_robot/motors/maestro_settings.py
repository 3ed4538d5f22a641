"""A robot as the settings file that Pololu's own tool loads into a Maestro: `UscCmd --configure FILE`, or its Control Center.

Checked against the tool's source (github.com/pololu/pololu-usb-sdk: Maestro/Usc/ConfigurationFile.cs reads the file, Usc.cs
stores it, UscSettings.cs has the units). It replaces all that the board holds, its script too.
"""

import math
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .description import Robot
from .maestro_protocol import DEVICE_NUMBER, acceleration_limit, channels, speed_limit

TIMEOUT_UNIT_S = 0.01
END_STEP = 64  # quarter µs: the board keeps a channel's ends in steps of 16 µs
PERIOD_20_MS = {  # the default: units of speed and acceleration are those of maestro_protocol.py
    "mini": {"MiniMaestroServoPeriod": "80000", "ServoMultiplier": "1"},
    "micro": {"ServosAvailable": "6", "ServoPeriod": "156"},
}
UNUSED = {  # a servo channel without pulses, as a board is delivered
    "name": "",
    "mode": "Servo",
    "min": "3968",
    "max": "8000",
    "homemode": "Off",
    "home": "6000",
    "speed": "0",
    "acceleration": "0",
    "neutral": "6000",  # this and the range are of commands that are not used here
    "range": "1905",
}


def settings_xml(robot: Robot) -> str:
    """The board as the robot's description has it: homes each servo to neutral at power-up, on an error and in silence.

    A channel's ends are rounded outwards to what the board can keep: it must not clip what the host, which keeps to the
    exact ones, may ask for.
    """
    root = Element("UscSettings", version="1")
    for name, value in {
        "NeverSuspend": "false",
        "SerialMode": "USB_DUAL_PORT",
        "FixedBaudRate": str(robot.baud),
        "SerialTimeout": str(round(robot.timeout_s / TIMEOUT_UNIT_S)),
        "EnableCrc": "true" if robot.crc else "false",
        "SerialDeviceNumber": str(DEVICE_NUMBER if robot.device_number is None else robot.device_number),
        "SerialMiniSscOffset": "0",
    }.items():
        SubElement(root, name).text = value
    used = _used(robot)
    listed = SubElement(root, "Channels", PERIOD_20_MS[robot.board])
    for channel in range(channels(robot)):
        SubElement(listed, "Channel", UNUSED | used.get(channel, {}))
    SubElement(root, "Sequences")
    SubElement(root, "Script", ScriptDone="true")
    indent(root)  # not for looks: the tool's reader leaves out every other element that follows another without a space
    return tostring(root, encoding="unicode") + "\n"


def _used(robot: Robot) -> dict[int, dict[str, str]]:
    """The attributes of each channel that has a motor."""
    return {
        motor.channel: {
            "name": motor.name,
            "min": str(END_STEP * math.floor(4 * min(motor.ends) / END_STEP)),
            "max": str(END_STEP * math.ceil(4 * max(motor.ends) / END_STEP)),
            "homemode": "Goto",
            "home": str(round(4 * home)),
            "speed": str(speed_limit(motor)),
            "acceleration": str(acceleration_limit(motor)),
        }
        for motor, home in zip(robot.motors, robot.targets(robot.neutral), strict=True)
    }
