#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
source=$root/source
# The system's Python: one below /root could not be read by the user who runs students' code.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Checks, worked answers and the secret: for root only. What runs in the other user's process is
# reached by name through folders that nobody else can list.
chmod -R go= "$source"
package=$source/book/minitorch_attn
marking=$package/course/grading/marking
checking=$package/course/checking
chmod go+x "$source" "$source/book" "$package" "$package/course" "$package/course/grading" "$marking" "$checking"
chmod go+r "$marking"/{worker,wire,syscalls}.py "$checking/readonly.py"
if grep -q '"library": true' "$source/settings.json"; then
  find "$package" -path "$package/course" -prune -o -exec chmod go+rX {} +
fi

# The first Python that is new enough and can make an environment.
find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

missing=""
find_python >/dev/null || missing="python3 python3-venv"
command -v bwrap >/dev/null || missing="$missing bubblewrap"
command -v setpriv >/dev/null || missing="$missing util-linux"
if [ -n "$missing" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  # shellcheck disable=SC2086
  apt-get install -y --no-install-recommends $missing
  # Ubuntu 22.04 calls 3.10 python3, and has 3.11 beside it.
  find_python >/dev/null || apt-get install -y --no-install-recommends python3.11 python3.11-venv
fi
python=$(find_python) || { echo "No Python 3.11 or newer: choose a newer base image." >&2; exit 1; }

"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
  --require-hashes --only-binary :all: -r "$source/requirements.txt"
# Students' code runs as another user, who needs the interpreter and NumPy.
chmod -R go+rX "$root/venv"

# Try it now rather than with the first student.
"$root/venv/bin/python" -I "$source/grade.py" "$root" --try
