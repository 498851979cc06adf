"""Signals: to a command, to its imports, to training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from lipsync.runtime.interrupt import Stopped, graceful_interrupt, stop_on_signals

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
each_signal = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


@pytest.fixture(autouse=True)
def _heed_signals():  # type: ignore[no-untyped-def]
    """Tests that were started in the background ignore interrupts."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@each_signal
def test_a_command_stops_where_it_is(number: signal.Signals) -> None:
    with stop_on_signals() as request:
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), number)
        assert stopped.value.number == number
        assert request.exit_code == SIGNALS[number]
    assert signal.getsignal(number) is signal.SIG_DFL


@each_signal
def test_training_goes_on_to_the_end_of_a_step(number: signal.Signals) -> None:
    with graceful_interrupt() as request:
        os.kill(os.getpid(), number)
        assert request.is_set()
        error = request.error("--resume goes on")
        assert (str(error), error.number) == ("--resume goes on", number)
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)


def test_what_the_caller_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with stop_on_signals() as request, graceful_interrupt() as inner:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not request.is_set()
        assert not inner.is_set()


def test_training_inside_a_command_is_asked_first() -> None:
    with stop_on_signals() as command:
        with graceful_interrupt() as training:
            os.kill(os.getpid(), signal.SIGTERM)
            assert training.is_set()
        assert not command.is_set()
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)


@each_signal
def test_imports_end_with_one_line(number: signal.Signals) -> None:
    script = (
        "import os, signal, sys, types\n"
        f"signal.signal({number}, signal.SIG_DFL)\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'lipsync.cli.app': os.kill(os.getpid(), {number})\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from lipsync.cli import main\n"
        "main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == SIGNALS[number]
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.endswith("; nothing was written")
