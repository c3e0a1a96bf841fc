# The entry of a dirty worker for an app in Python, started by the arbiter. Any Python can read this file, so that one
# that is too old says so.
import json
import os
import sys


def refuse(reason):
    """Tells the arbiter why this process cannot start."""
    message = {"type": "bootFailed", "reason": reason}
    os.write(int(os.environ["NODE_CHANNEL_FD"]), json.dumps(message).encode() + b"\n")
    sys.exit(3)


def start():
    """Imports the worker, and puts the folder that the server works in first on the module path."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [here] + [path for path in sys.path if path != here]
    from tsunicorn import main

    sys.path[:] = [os.getcwd()] + sys.path[1:] + [here]
    main.main()


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        version = ".".join(str(part) for part in sys.version_info[:2])
        refuse("%s is Python %s, but apps in Python need 3.9 or later; choose another with --python." % (sys.executable, version))
    start()
