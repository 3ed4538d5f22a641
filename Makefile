# make speak: the twin speaks a recording. make test: the suite. Both set up what is missing first; both may be repeated.
.DEFAULT_GOAL := help
.PHONY: help speak test bench wire soak lint setup clean

VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(firstword $(foreach name,python3 python3.12 python3.11 python3.10,$(shell $(name) -c '$(SUPPORTED)' 2>/dev/null && echo $(name))))

APT_RUN := cmake g++ python3-dev python3-venv libgl1 libglib2.0-bin libosmesa6 libportaudio2
APT_TEST := espeak-ng ffmpeg libasound2-plugins pulseaudio pulseaudio-utils

FOLDERS := $(shell find action config launch lipsync_robot models msg samples -type d -not -name __pycache__)

export MUJOCO_GL ?= osmesa
# Of a ROS 2 that the shell has sourced: the one in $(VENV) is complete, and would be mixed with it.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION
HOURS ?= 2

help:
	@echo "make speak   the twin speaks: out/speak.mp4, out/speak.json"
	@echo "make test    style, types and tests"
	@echo "make bench   how fast, punctual and cheap it is here, beside its alternatives: twenty minutes"
	@echo "make wire    faults, kills and commands on the wire, speech and stops, measured: most of an hour"
	@echo "make soak    a robot that talks while its serial line fails, HOURS=2: memory, open files, threads, drift"

speak: export ROS_DOMAIN_ID ?= 83
speak: $(VENV)/.package
	$(BIN)/lipsync-robot speak --video out/speak.mp4 --json out/speak.json

# Two files at a time: half of what a test does is to wait for processes that it has started.
test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

bench: $(VENV)/.test
	$(BIN)/lipsync-robot bench --json out/bench.json --report out/bench.md

wire: $(VENV)/.package
	$(BIN)/python bench/wire.py --json out/wire.json

soak: $(VENV)/.test
	$(BIN)/python bench/soak.py --hours $(HOURS) --json out/soak.json

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

setup: $(VENV)/.test

clean:
	rm -rf $(VENV) build out

# $(call apt,packages): installs those that are missing, and asks for rights only then.
apt = dpkg -s $(1) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); }

# By itself: make looks for Python before it runs the first line of what needs it.
$(VENV)/.apt:
	$(call apt,$(APT_RUN))
	mkdir -p $(VENV)
	touch $@

$(VENV)/.run: requirements.txt requirements-ros.txt | $(VENV)/.apt
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; none was found. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==25.3 # the one of Python 3.10 searches for minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-ros.txt
	touch $@

# Symbolic links, so that an edit counts at once; new folders and files are linked when their folder has changed.
$(VENV)/.package: $(VENV)/.run CMakeLists.txt package.xml $(wildcard action/*.action msg/*.msg) $(FOLDERS)
	cmake -S . -B build -DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(VENV) -DCMAKE_PREFIX_PATH=$(CURDIR)/$(VENV) \
		-DPython3_EXECUTABLE=$(CURDIR)/$(BIN)/python -DBUILD_TESTING=OFF -DAMENT_CMAKE_SYMLINK_INSTALL=ON >build.log
	cmake --build build --parallel --target install >>build.log
	touch $@

$(VENV)/.test: $(VENV)/.package requirements-monitor.txt requirements-train.txt requirements-test.txt
	$(call apt,$(APT_TEST))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-monitor.txt -r requirements-train.txt -r requirements-test.txt
	touch $@
