"""The server's life: bound first, started, stopped and restarted from any thread, and quiet while nobody asks."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from core.server.holder import who_holds
from core.server.thread import PortUnavailable, bind, raise_open_files_limit
from tests.raw_http import wait_for
from tests.running_proxy import RunningProxy, running_proxy

linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningProxy]:
    # A server looks for cycles when it ends. Among what a process full of tests has loaded that takes half a second,
    # among what the program itself has a few milliseconds.
    gc.collect()
    gc.freeze()
    with running_proxy(tmp_path) as proxy:
        yield proxy
    gc.unfreeze()


def health(proxy: RunningProxy) -> int:
    # Without TLS there is no trust store to read each time.
    return httpx.get(f"{proxy.root}/health", verify=False).status_code


def test_it_stops_and_starts_again_on_the_same_port(demo: RunningProxy) -> None:
    port = demo.port
    demo.server.stop()
    assert not demo.server.alive
    with pytest.raises(httpx.ConnectError):
        health(demo)
    demo.server.start()
    assert demo.server.port == port
    assert health(demo) == 200
    demo.server.start()
    demo.server.stop()
    demo.server.stop()


def test_both_loopback_families_answer(demo: RunningProxy) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert httpx.get(f"http://{host}:{demo.port}/health").status_code == 200


@linux
def test_200_restarts_from_other_threads_leak_nothing(demo: RunningProxy) -> None:
    def restart(_: int) -> int:
        demo.server.restart()
        return health(demo)

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def memory() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with ThreadPoolExecutor(1) as pool:
        assert list(pool.map(restart, range(20))) == [200] * 20
        files, threads, after_20 = open_files(), threading.active_count(), memory()
        assert list(pool.map(restart, range(180))) == [200] * 180
        assert memory() - after_20 <= 2 * 1024 * 1024
        # The server may not have seen yet that the last client hung up.
        wait_for(lambda: open_files() <= files)
        assert threading.active_count() <= threads


def test_restarts_from_several_threads_at_once_take_turns(demo: RunningProxy) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: demo.server.restart(), range(12)))
    assert health(demo) == 200


@linux
def test_nothing_wakes_up_while_nobody_asks(demo: RunningProxy) -> None:
    health(demo)
    thread = next(thread for thread in threading.enumerate() if thread.name == "server")
    status = Path(f"/proc/self/task/{thread.native_id}/status")
    time.sleep(1)

    def wake_ups() -> int:
        return sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt_switches" in line)

    before = wake_ups()
    time.sleep(float(os.environ.get("IDLE_SECONDS", "3")))
    assert wake_ups() == before


def test_a_port_in_use_is_an_ordinary_error_that_names_the_holder(demo: RunningProxy, tmp_path: Path) -> None:
    with pytest.raises(PortUnavailable) as caught:
        bind("127.0.0.1", demo.port)
    assert "another CLIProxyAPI" in str(caught.value)
    assert "--port" in str(caught.value)


@linux
def test_a_program_that_speaks_no_http_is_named_by_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        holder = who_holds("127.0.0.1", port) or ""
        assert f"process {os.getpid()}" in holder
        with pytest.raises(PortUnavailable, match=f"process {os.getpid()}"):
            bind("127.0.0.1", port)


def test_an_address_that_is_not_ours_says_so() -> None:
    with pytest.raises(PortUnavailable, match="--host"):
        bind("192.0.2.1", 0)


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_the_limit_on_open_files_is_raised() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        raise_open_files_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == (8192 if hard == resource.RLIM_INFINITY else min(8192, hard))
        assert hard == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
