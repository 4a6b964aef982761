#!/usr/bin/env bash
# Recreate the pictures in README.md and the documentation with the bundled model.
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
elmokit plot tiny-en "$speeches" --word right -o "$out/right.gif"
elmokit plot tiny-en "$speeches" -o "$out/plot-3000.png"
gzip -dc examples/data/*/*.txt.gz > "$scratch/all.txt"
elmokit plot tiny-en "$scratch/all.txt" --word rest --layer 1 --max-points 50 -o "$out/plot-rest.png"
grep -w rest "$scratch/all.txt" > "$scratch/sentences with rest.txt"
elmokit plot tiny-en "$scratch/sentences with rest.txt" --word rest --layer 1 --max-points 50 -o "$out/rest.html"
# curves.png shows the two training runs of docs/see-it.md; this script does not train them.
python examples/tiny-en/screenshots.py "$out"
