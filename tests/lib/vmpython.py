# SPDX-License-Identifier: BSD-3-Clause
"""Python programs inside of virtual machines: the system's interpreter and no more of its library
than the program imports, compiled, since an emulated CPU takes long to do that.
"""

import importlib.util
import json
import marshal
import os
import sys

import netns
import taptest

PYTHON = "/usr/bin/python3"
# Where a program and its modules are in the machine.
HOME = "/python"
# Encodings are looked up when they are named.
_LIST = """
import encodings.ascii, encodings.latin_1, json, sys
sys.path[:0] = {folders!r}
import {name}
print(json.dumps([getattr(m, "__file__", None) for m in list(sys.modules.values())]))
"""


def _imported(name, folders):
    """The files of module @name and of all that it imports; skips without a system Python."""
    if not os.path.exists(PYTHON):
        raise taptest.Skip(f"no {PYTHON}")
    out = netns.run(PYTHON, "-I", "-S", "-c", _LIST.format(name=name, folders=folders))
    return sorted({os.path.realpath(f) for f in json.loads(out) if f and os.path.exists(f)})


def _compiled(source, path):
    """A .pyc that is taken without a look at the time of its source."""
    with open(source, "rb") as f:
        code = compile(f.read(), path, "exec", dont_inherit=True)
    # Flags 1: a hash that is not checked (PEP 552).
    return importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8) + marshal.dumps(code)


def add(archive, program, folders=(), data=()):
    """Puts @program, which imports from @folders, and files @data, by their place there, into a
    machine's Archive. Returns the command that runs it."""
    folders = [os.path.realpath(f) for f in (os.path.dirname(program), *folders)]
    name = os.path.basename(program).removesuffix(".py")
    archive.program(os.path.realpath(PYTHON), "/usr/bin/python3")
    for source in _imported(name, folders):
        if os.path.dirname(source) in folders:
            path = os.path.join(HOME, "lib", os.path.basename(source))
        else:
            path = source
        if source.endswith(".so"):
            archive.program(source)
            continue
        archive.copy(source, path)
        folder, base = os.path.split(path)
        base = f"{base.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
        archive.file(os.path.join(folder, "__pycache__", base), _compiled(source, path), 0o644)
    for source, path in data:
        archive.copy(source, os.path.join(HOME, path))
    return f"/usr/bin/python3 -S {HOME}/lib/{name}.py"
