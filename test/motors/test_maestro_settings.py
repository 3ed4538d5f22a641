"""The settings file for Pololu's tool, field by field as its source reads them."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.maestro_settings import settings_xml


@pytest.fixture(scope="module")
def robot(robot: Robot) -> Robot:
    """The twin's, on a line without checksums: frames as they stand in the user's guide."""
    return replace(robot, crc=False)


def read(robot: Robot) -> tuple[dict[str, str | None], ElementTree.Element]:
    """-> the values of the whole board, and its channels."""
    root = ElementTree.fromstring(settings_xml(robot))
    assert (root.tag, root.attrib) == ("UscSettings", {"version": "1"})
    channels = root.find("Channels")
    assert channels is not None
    return {element.tag: element.text for element in root if element is not channels}, channels


def test_the_board_is_set_as_the_description_says(robot: Robot) -> None:
    values, _ = read(replace(robot, crc=True, device_number=77, timeout_s=1.25, baud=9600))
    assert values["SerialMode"] == "USB_DUAL_PORT"
    assert values["SerialTimeout"] == "125"  # of 10 ms
    assert (values["EnableCrc"], values["SerialDeviceNumber"], values["FixedBaudRate"]) == ("true", "77", "9600")


def test_what_the_description_leaves_open_is_as_delivered(robot: Robot) -> None:
    values, _ = read(robot)
    assert (values["EnableCrc"], values["SerialDeviceNumber"]) == ("false", "12")
    assert (values["NeverSuspend"], values["SerialMiniSscOffset"]) == ("false", "0")


def test_a_motors_channel_homes_to_neutral_within_its_range(robot: Robot) -> None:
    jaw = replace(robot.motors[4], channel=3, min_us=2100.3, max_us=900.7, neutral=0.25, max_speed=5.0, max_acceleration=40.0)
    _, channels = read(replace(robot, motors=[jaw]))
    assert channels[3].attrib == {
        "name": "jaw",
        "mode": "Servo",
        "min": "3584",  # quarter µs: 896 µs, the board's next step of 16 µs outwards
        "max": "8448",
        "homemode": "Goto",
        "home": str(round(4 * (2100.3 - 0.25 * 1199.6))),
        "speed": "288",  # 1.2 * 5.0 * 1199.6 µs/s, in steps of 25
        "acceleration": "154",  # 40 * 1199.6 µs/s², in steps of 312.5
        "neutral": "6000",
        "range": "1905",
    }


@pytest.mark.parametrize(("highest", "count"), [(4, 12), (11, 12), (12, 18), (23, 24)])
def test_every_channel_of_the_smallest_board_is_listed_and_unused_ones_are_off(robot: Robot, highest: int, count: int) -> None:
    _, channels = read(replace(robot, motors=[replace(robot.motors[0], channel=highest)]))
    assert [channel.get("homemode") for channel in channels] == ["Goto" if i == highest else "Off" for i in range(count)]
    assert channels.attrib == {"MiniMaestroServoPeriod": "80000", "ServoMultiplier": "1"}  # 20 ms


def test_a_micro_has_six_channels_and_a_period_of_its_own(robot: Robot) -> None:
    _, channels = read(replace(robot, board="micro", motors=robot.motors[:2]))
    assert len(channels) == 6
    assert channels.attrib == {"ServosAvailable": "6", "ServoPeriod": "156"}


def test_a_space_follows_every_element_or_the_tool_leaves_out_the_next(robot: Robot) -> None:
    for element in ElementTree.fromstring(settings_xml(robot)):
        assert element.tail
        assert element.tail.isspace()
