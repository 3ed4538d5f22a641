"""Sound in, motion out, through eight processes; what a wrong parameter says; how a node ends."""

import signal
import subprocess

import numpy as np
import pytest
from lipsync_robot.msg import Audio, FaceLandmarks, MotorCommand, RobotLandmarks
from sensor_msgs.msg import Image, JointState

from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.guard import LONGEST_STEP_S
from lipsync_robot.nodes import common

CHAIN = ("twin", "motor_driver", "inverse_model", "retarget", "audio2landmark", "speaker")


def test_a_recording_moves_the_servos_and_they_come_home(ear, start, make_sound, opening, robot: Robot, recording) -> None:
    faces, landmarks = ear.hear(FaceLandmarks, "human/landmarks"), ear.hear(RobotLandmarks, "robot/landmarks")
    commands, sent = ear.hear(MotorCommand, "motor/command"), ear.hear(JointState, "motor/sent")
    joints = ear.hear(JointState, "twin/joints")
    processes = [start(name) for name in CHAIN]
    assert ear.until(ear.listens)
    sound = ear.hear(Audio, "audio")
    short = make_sound("short.wav", source=f"amovie={recording},atrim=0:3")
    source = start("audio_file", "-p", f"audio_file:file:={short}")
    assert ear.until(lambda: source.poll() is not None)
    assert source.returncode == 0
    assert ear.until(lambda: len(faces) >= 170 and len(commands) >= 170)

    stamps = [common.seconds(message.header.stamp) for message in sound]
    assert np.diff(stamps) == pytest.approx(0.02, abs=1e-6)
    carried = {message.header.stamp.nanosec for message in faces}
    assert {message.header.stamp.nanosec for message in landmarks} <= carried  # nobody restamps
    assert {message.header.stamp.nanosec for message in commands} <= carried
    assert ear.until(lambda: joints[-1].position == pytest.approx(robot.neutral, abs=0.02))
    assert max(opening(message.position) for message in joints[::5]) > 0.3  # cm: it spoke
    positions = np.array([message.position for message in sent])
    assert ((positions >= 0) & (positions <= 1)).all()
    assert (np.abs(np.diff(positions, axis=0)) <= robot.max_speed * LONGEST_STEP_S + 1e-9).all()

    for process in processes:
        process.send_signal(signal.SIGINT)
    assert [process.wait(20) for process in processes] == [0] * len(processes)


def test_the_twins_camera_renders_while_somebody_listens(ear, start) -> None:
    images = ear.hear(Image, "twin/image", common.IMAGE)
    start("twin")
    assert ear.until(lambda: len(images) > 2)
    picture = np.frombuffer(images[-1].data, np.uint8).reshape(images[-1].height, images[-1].width, 3)
    assert (images[-1].width, images[-1].height, images[-1].encoding) == (320, 240, "rgb8")
    assert picture.std() > 20


def output(process: subprocess.Popen) -> str:
    text, _ = process.communicate(timeout=60)
    return text


@pytest.mark.parametrize(
    ("node", "arguments", "says"),
    [
        ("retarget", ["-p", "retarget:gain_mouht:=1.0"], "unknown parameter 'gain_mouht'. Did you mean 'gain_mouth'?"),
        ("retarget", ["-p", "retarget:gain_mouth:=9"], "'gain_mouth' is 9.0; it goes from 0.0 to 3.0"),
        ("retarget", ["-p", "retarget:gain_mouth:=wide"], "'gain_mouth' is 'wide'; give a float"),
        ("retarget", ["-p", "retarget:robot_face:=models/none.npz"], "models/none.npz: no such file in this installation"),
        ("retarget", ["-p", "retarget:mapping:=models/twin_face.npz"], "models/twin_face.npz: holds no directions"),
        ("inverse_model", ["-p", "inverse_model:providers:=[quantum]"], "unknown provider 'quantum'"),
        ("audio_file", ["-p", "audio_file:file:=/nowhere.wav"], "/nowhere.wav: no such file"),
        ("say", ["-p", "say:tts:=no-such-program --speak"], "no such program. Install it"),
        ("microphone", ["-p", "microphone:device:=no such ear"], "'no such ear': cannot record"),
    ],
)
def test_a_wrong_parameter_is_one_clear_sentence(start, node: str, arguments: list[str], says: str) -> None:
    process = start(node, *arguments)
    text = output(process)
    assert says in text
    assert "Traceback" not in text
    assert process.returncode == 2


def test_a_damaged_face_moves_nothing(ear, start, robot: Robot) -> None:
    for name in ("twin", "motor_driver", "inverse_model", "retarget"):
        start(name)
    faces = ear.node.create_publisher(FaceLandmarks, "human/landmarks", 10)
    sent, commands = ear.hear(JointState, "motor/sent"), ear.hear(MotorCommand, "motor/command")
    assert ear.until(lambda: sent and ear.listens() and faces.get_subscription_count())
    for value in (np.nan, np.inf, 1e30):
        seen = len(commands)

        def said_and_commanded(value=value, seen=seen) -> bool:
            """Says it until it has gone through: a connection that is seconds old may still lose a message."""
            damaged = FaceLandmarks(points=np.full(1404, value, np.float32))
            damaged.header.stamp = ear.node.get_clock().now().to_msg()
            faces.publish(damaged)
            return len(commands) > seen

        assert ear.until(said_and_commanded)
    count = len(sent)
    assert ear.until(lambda: len(sent) > count + 50)
    positions = np.array([message.position for message in sent])
    assert np.isfinite(positions).all()
    assert ((positions >= 0) & (positions <= 1)).all()
