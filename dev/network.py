"""The address under which other machines reach this one. It is found without sending packets."""

import fcntl
import socket
import struct

DOCUMENTATION_ADDRESS = "192.0.2.1"  # RFC 5737: assigned to no machine
READ_INTERFACE_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


def address_for_phones() -> str | None:
    """The IPv4 address of this machine in its local network, or None if it has none."""
    return _address_of_default_route() or _address_of_any_interface()


def _address_of_default_route() -> str | None:
    """The source address of packets that leave this network. Connecting a UDP socket only asks the routing table."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((DOCUMENTATION_ADDRESS, 9))
        except OSError:
            return None
        return _unless_loopback(probe.getsockname()[0])


def _address_of_any_interface() -> str | None:
    """The address of the first network interface that has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), READ_INTERFACE_ADDRESS, request)
            except OSError:
                continue
            if address := _unless_loopback(socket.inet_ntoa(answer[20:24])):
                return address
    return None


def _unless_loopback(address: str) -> str | None:
    return None if address.startswith("127.") or address == "0.0.0.0" else address
