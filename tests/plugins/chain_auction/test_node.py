"""The embedded chain as a process: its port, its state file, its end."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.chain_auction.node import AnvilNode, NodeSettings, find_binary
from plugins.chain_auction.problems import Misconfigured
from tests.plugins.chain_auction.rpc import block_number, rpc, send_coin


@pytest.fixture
def own_node(node_settings: NodeSettings):
    node = AnvilNode(node_settings)
    yield node
    node.stop()


def test_blocks_survive_an_orderly_stop(own_node: AnvilNode):
    own_node.start()
    for _ in range(3):
        send_coin(own_node.url)
    own_node.stop()
    assert not own_node.running
    own_node.start()
    assert block_number(own_node.url) == 3


def test_a_port_in_use_is_named_with_its_key(node_settings: NodeSettings):
    taken = socket.create_server((node_settings.host, node_settings.port))
    with taken, pytest.raises(Misconfigured) as refused:
        AnvilNode(node_settings).start()
    assert f"127.0.0.1:{node_settings.port}" in str(refused.value)
    assert "set plugins.market.port" in str(refused.value)


def test_a_missing_binary_says_what_to_do(tmp_path: Path):
    with pytest.raises(Misconfigured, match="run: make"):
        find_binary(tmp_path)


def kill_a_hub(settings: NodeSettings, *, tied: bool, how: str) -> None:
    """Another process starts the node and vanishes without a word, as a killed hub does."""
    killed_hub = (
        "import os, pickle, signal, sys; from plugins.chain_auction import node, tied_process\n"
        + ("" if tied else "node.spawn_tied = tied_process._spawn\n")
        + "node.AnvilNode(pickle.loads(bytes.fromhex(sys.argv[1]))).start()\n"
        + how
    )
    root = Path(__file__).parents[3]
    told = pickle.dumps(settings).hex()
    subprocess.run([sys.executable, "-c", killed_hub, told], cwd=root, check=False)


def test_a_node_left_behind_by_a_killed_hub_is_ended_with_its_state(node_settings: NodeSettings):
    kill_a_hub(node_settings, tied=False, how="os._exit(1)")
    node = AnvilNode(node_settings)
    send_coin(node.url)
    node.start()
    try:
        assert block_number(node.url) == 1
    finally:
        node.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's doing")
@pytest.mark.parametrize("how", ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_node_ends_with_its_hub_however_that_ends(node_settings: NodeSettings, how: str):
    kill_a_hub(node_settings, tied=True, how=how)
    deadline = time.monotonic() + 30
    while not is_free(node_settings.port):
        assert time.monotonic() < deadline, "the node outlived its hub"
        time.sleep(0.02)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_the_pid_of_another_program_is_left_alone(node_settings: NodeSettings):
    node_settings.state_dir.mkdir()
    (node_settings.state_dir / "anvil.pid").write_text(str(os.getpid()))
    node = AnvilNode(node_settings)
    node.start()
    node.stop()


def test_a_state_file_cut_short_falls_back_to_its_last_whole_copy(own_node: AnvilNode):
    own_node.start()
    send_coin(own_node.url)
    own_node.stop()  # leaves a whole copy
    state = own_node.settings.state_dir / "anvil-state.json"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    notes = own_node.start()
    assert len(notes) == 1
    assert "cut short" in notes[0]
    assert "last whole copy" in notes[0]
    assert block_number(own_node.url) == 1
    assert list(own_node.settings.state_dir.glob("anvil-state.corrupt-*.json"))


def test_without_a_whole_copy_a_new_chain_begins_and_says_so(own_node: AnvilNode):
    own_node.settings.state_dir.mkdir()
    (own_node.settings.state_dir / "anvil-state.json").write_text('{"block": ')
    notes = own_node.start()
    assert "a new chain begins" in notes[0]
    assert block_number(own_node.url) == 0


def test_the_good_copy_is_kept_while_it_runs(own_node: AnvilNode):
    own_node.start()
    send_coin(own_node.url)
    state = own_node.settings.state_dir / "anvil-state.json"
    assert state.exists()
    own_node.keep_good_state()
    assert (own_node.settings.state_dir / "anvil-state.good.json").exists()


def test_a_node_killed_at_once_is_the_same_chain_when_it_starts_again(own_node: AnvilNode):
    own_node.start()
    first = rpc(own_node.url, "eth_getBlockByNumber", "0x0", False)["hash"]
    os.kill(own_node.pid or 0, signal.SIGKILL)
    own_node.wait_for_end()
    time.sleep(1.1)  # a new chain would carry another second in its first block
    own_node.start()
    assert rpc(own_node.url, "eth_getBlockByNumber", "0x0", False)["hash"] == first


def test_a_killed_node_is_seen_as_dead_and_starts_again(own_node: AnvilNode):
    own_node.start()
    pid = own_node.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    own_node.wait_for_end()
    assert not own_node.running
    own_node.start()
    assert own_node.running


def test_history_is_not_kept_on_disk_by_default(node_settings: NodeSettings):
    assert node_settings.prune
    assert "--prune-history" in AnvilNode(node_settings)._command()
    assert "--prune-history" not in AnvilNode(replace(node_settings, prune=False))._command()


def test_it_answers_on_loopback_with_the_wanted_chain_id(own_node: AnvilNode):
    own_node.start()
    assert int(rpc(own_node.url, "eth_chainId"), 16) == 31337
    assert own_node.url.startswith("http://127.0.0.1:")


def test_pages_of_strangers_get_no_answer(own_node: AnvilNode):
    """A browser asks first whether a page may send JSON, and hides answers without CORS headers."""
    own_node.start()
    stranger = {"origin": "http://evil.example", "content-type": "application/json"}
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_accounts","params":[]}'
    with urllib.request.urlopen(urllib.request.Request(own_node.url, body, stranger)) as answer:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    plain = {"origin": "http://evil.example", "content-type": "text/plain"}
    mine = b'{"jsonrpc":"2.0","id":1,"method":"anvil_mine","params":[]}'
    with urllib.request.urlopen(urllib.request.Request(own_node.url, mine, plain)) as answer:
        assert "error" in json.load(answer), "what needs no asking beforehand is not carried out"
    assert block_number(own_node.url) == 0
