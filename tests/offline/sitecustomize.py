"""No network in tests: a connection to anything but this machine is refused at once.

Python imports a module of this name by itself when it starts, so that child processes are held to it too.
"""
import ipaddress
import socket


def is_local(host: object) -> bool:
    "Whether an address is on this machine"
    name = host.decode() if isinstance(host, bytes) else str(host or 'localhost')
    if name.lower() == 'localhost': return True
    try: return ipaddress.ip_address(name.split('%')[0]).is_loopback or name in ('0.0.0.0', '::')
    except ValueError: return name == socket.gethostname()


def refuse(host: object) -> None:
    "Say that tests stay on this machine"
    raise PermissionError(f'tests have no network: a connection to {host!r} was refused')


def guard(name: str) -> None:
    "Let a method of sockets reach this machine only"
    real = getattr(socket.socket, name)

    def guarded(self, address, *args):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]): refuse(address[0])
        return real(self, address, *args)

    setattr(socket.socket, name, guarded)


def guard_names() -> None:
    "Names of other machines are not looked up"
    real = socket.getaddrinfo

    def guarded(host, *args, **kwargs):
        if not is_local(host): refuse(host)
        return real(host, *args, **kwargs)

    socket.getaddrinfo = guarded


for method in ('connect', 'connect_ex'): guard(method)
guard_names()
