#!/usr/bin/env bash
# Draws the figures of the README (docs/images/) by running the examples in full. Run ci/build.sh first.
#
#   bash ci/gallery.sh [NAME]...     default: all of them, which takes 15 minutes on two cores
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

images=docs/images
model=build/gallery/digits # data_parallel writes it, batch_inference reads it
mkdir -p "$images" build/gallery
export PATH=$PWD/.venv/bin:$PATH

# The notebook is committed without outputs. Its last plot after a run is the figure.
draw_notebook() {
  python - "$1" "$2" <<'PYTHON'
import base64, pathlib, sys
import nbformat
from nbclient import NotebookClient

notebook, target = map(pathlib.Path, sys.argv[1:])
cells = NotebookClient(nbformat.read(notebook, as_version=4), timeout=1800).execute().cells
plots = [output.data["image/png"] for cell in cells for output in cell.get("outputs", [])
         if "image/png" in output.get("data", {})]
target.write_bytes(base64.b64decode(plots[-1]))
PYTHON
}

# A palette is enough for a plot, and takes a quarter of the bytes.
shrink() {
  python -c 'import sys; from PIL import Image
Image.open(sys.argv[1]).convert("RGB").quantize(256).save(sys.argv[1], optimize=True)' "$1"
}

if [[ $# -eq 0 ]]; then
  set -- flights pipeline taxi_fare plasticc tuning data_parallel batch_inference text_embeddings titanic
fi
for name in "$@"; do
  step "$images/$name.png"
  case $name in
    titanic) draw_notebook examples/titanic.ipynb "$images/$name.png" ;;
    data_parallel | batch_inference) python "examples/$name.py" --model "$model" --plot "$images/$name.png" ;;
    *) python "examples/$name.py" --plot "$images/$name.png" ;;
  esac
  shrink "$images/$name.png"
done
