"""The rooms that need no ROS 2, for `pip install .`; with ROS 2 the package is built by CMake or colcon."""

from pathlib import Path

from setuptools import find_packages, setup


def requirements(name: str) -> list[str]:
    lines = Path(__file__).with_name(name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def shared(folder: str) -> list[tuple[str, list[str]]]:
    files: dict[str, list[str]] = {}
    for path in Path(folder).rglob("*"):
        if path.is_file():
            files.setdefault(f"share/lipsync_robot/{path.parent}", []).append(str(path))
    return list(files.items())


setup(
    name="lipsync_robot",
    version="0.1.0",
    description="Real-time control of animatronic faces: sound or camera in, motor commands out",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["lipsync_robot*"]),
    package_data={"lipsync_robot.face": ["canonical.npz"], "lipsync_robot.cli": ["study_page.html"]},
    data_files=[
        ("share/lipsync_robot", ["package.xml", "requirements.txt", "requirements-monitor.txt"]),
        *(entry for folder in ("config", "launch", "models", "msg", "samples") for entry in shared(folder)),
    ],
    install_requires=requirements("requirements.txt"),
    extras_require={name: requirements(f"requirements-{name}.txt") for name in ("monitor", "train", "test")},
    entry_points={"console_scripts": ["lipsync-robot = lipsync_robot.cli:main"]},
)
