"""Takes the place of what a checkout's code cannot import, so that the rest of it is seen as well.

A stand-in can be imported and subclassed; called, it raises. Must not know which package is which.
"""

import builtins
import importlib.machinery
import os
import re
import sys
import traceback
import types

MOST = 80  # stand-ins of one run

NAME_GONE = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
ATTRIBUTE_GONE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
IMPORT = re.compile(r"\s*(?:from\s+([A-Za-z_][\w.]*)\s+import|import\s+([A-Za-z_][\w.]*))")


class Needed(Exception):
    """A stand-in was used: what it stands for is needed."""


class Nothing(type):
    """A class of which there can be no instance, and whose attributes are such classes."""

    def __call__(cls, *args, **options):
        raise Needed("%s is needed, and is not there" % cls.__name__)

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return nothing("%s.%s" % (cls.__name__, name))


def nothing(name):
    return type.__call__(Nothing, name, (), {})


class Module(types.ModuleType):
    __version__ = "999.0.0"  # no stand-in is too old

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return nothing("%s.%s" % (self.__name__, name))


class StandIns(object):
    """A finder of modules that are not there. `made` names each thing that has a stand-in."""

    def __init__(self, repo, own):
        self.made = []
        self._repo = os.path.realpath(repo) + os.sep
        self._own = own  # top-level names of the checkout: these are never replaced
        self._modules = set()
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            if ".".join(parts[:length]) in self._modules:
                return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        pass

    def make(self, error):
        """A stand-in for what this error says is missing; its name, or None."""
        name = self._module(error) or self._name(error) or self._broken(error)
        if name is None or name in self.made or len(self.made) >= MOST:
            return None
        self.made.append(name)
        return name

    def place(self, error):
        """Where in the checkout the error arose, (path from its root, line), and the file of
        another package which raised it; ("", 0) and "" where there is none.
        """
        frames = traceback.extract_tb(error.__traceback__)
        gone = ATTRIBUTE_GONE.search(str(error)) if isinstance(error, AttributeError) else None
        accused = getattr(sys.modules.get(gone.group(1)), "__file__", None) if gone else None
        while accused and len(frames) > 1 and frames[-1][0] == accused:
            frames.pop()  # its own __getattr__, which only says so
        for depth, frame in enumerate(reversed(frames)):
            path = os.path.realpath(frame[0])
            if path.startswith(self._repo):
                return (path[len(self._repo) :], frame[1]), self._short(
                    frames[-1][0]
                ) if depth else ""
        return ("", 0), ""

    @staticmethod
    def _short(path):
        """A file from the folder on sys.path that it was found in."""
        for folder in sorted(sys.path, key=len, reverse=True):
            if folder and path.startswith(folder + os.sep):
                return path[len(folder) + 1 :]
        return path

    def forget(self):
        """Drops the checkout's modules: what failed half-way has to be imported anew."""
        for name in [name for name in sys.modules if name.split(".")[0] in self._own]:
            del sys.modules[name]

    def _module(self, error):
        if not isinstance(error, ModuleNotFoundError) or not error.name:
            return None
        if error.name.split(".")[0] in self._own or error.name == "torch":
            return None
        self._modules.add(error.name)
        return error.name

    def _name(self, error):
        if isinstance(error, ImportError):
            found = NAME_GONE.search(str(error))
            module, name = (found.group(2), found.group(1)) if found else ("", "")
        elif isinstance(error, AttributeError):
            found = ATTRIBUTE_GONE.search(str(error))
            module, name = (found.group(1), found.group(2)) if found else ("", "")
        else:
            return None
        if module not in sys.modules or module.split(".")[0] in self._own:
            return None
        # numpy.bool and its kin were names of Python's own types
        own = getattr(builtins, name, None) if module == "numpy" else None
        setattr(sys.modules[module], name, own or nothing("%s.%s" % (module, name)))
        return "%s.%s" % (module, name)

    def _broken(self, error):
        """A package that is there and fails at its import."""
        (path, number), _ = self.place(error)
        if not path:
            return None
        with open(os.path.join(self._repo, path), encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        found = IMPORT.match(lines[number - 1]) if number <= len(lines) else None
        root = (found.group(1) or found.group(2)).split(".")[0] if found else "torch"
        if root == "torch" or root in self._own:
            return None
        for name in [name for name in sys.modules if name.split(".")[0] == root]:
            del sys.modules[name]
        self._modules.add(root)
        return root
