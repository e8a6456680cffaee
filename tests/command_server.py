"""Runs command lines, each in a child of this process, so that the package is imported once.

Each line of standard input is a JSON list of arguments. Each line of standard output is a JSON list: the exit code,
what the command printed to standard output and error, and which slow modules it imported.
"""

import json
import os
import sys
import tempfile

from neural_style.cli.main import main

SLOW = {"tensorflow", "keras", "matplotlib", "scipy.ndimage", "scipy.optimize"}


def serve():
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            child = os.fork()
            if child == 0:
                run(json.loads(line), output, errors)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            *printed, slow = read(output).splitlines(keepends=True)
            print(json.dumps([code, "".join(printed), read(errors), json.loads(slow)]), flush=True)


def run(arguments, output, errors):
    """Ends this process with the exit code of a command; the last line of its output names the slow modules."""
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    code = main(arguments)
    print(json.dumps(sorted(SLOW & set(sys.modules))), flush=True)
    sys.stderr.flush()
    os._exit(code)


def read(file):
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    serve()
