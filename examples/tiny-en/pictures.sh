#!/usr/bin/env bash
# Make the pictures of README.md and the documentation again, with the model that comes with elmokit.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=docs/images
speeches=examples/data/sotu/heldout-00000.txt.gz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat > "$scratch/five.txt" <<'TEXT'
Argentina played football very well
Brazil is a strong team
Artists all over the world are attending the play
Child is playing the guitar
There was absolute silence during the play
TEXT
elmokit plot tiny-en "$scratch/five.txt" -o "$out/plot-play.png"
elmokit plot tiny-en "$speeches" --word right -o "$out/plot-right.png"
elmokit plot tiny-en "$speeches" -o "$out/plot-3000.png"
# curves.png shows the two runs of docs/see-it.md, over a whole epoch.
python examples/tiny-en/screenshots.py "$scratch/five.txt" "$out"
