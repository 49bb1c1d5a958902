import socket

from devstack.ports import choose_ports, free_port, is_free


def test_a_taken_port_is_not_preferred():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert free_port(prefer=port) != port


def test_a_free_port_is_taken_again():
    port = free_port()
    assert free_port(prefer=port) == port


def test_no_port_is_given_twice():
    wish = free_port()
    ports = choose_ports(["a", "b", "c"], {"a": wish, "b": wish})
    assert ports["a"] == wish
    assert len(set(ports.values())) == 3


def test_a_port_is_not_given_again_before_its_owner_listens():
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) == 300
