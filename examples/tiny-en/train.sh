#!/usr/bin/env bash
# Train the bundled model, tiny-en, on three texts in the public domain. Takes an hour and a half on one core. If the run
# is interrupted, start the script again to resume it.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:-tiny-en-output}
mkdir -p "$out"

if [ ! -e "$out/vocab.txt" ]; then
    elmokit vocabulary --input 'examples/data/*/train-*.txt.gz' --output "$out/vocab.txt" --max-size 16000
fi
if [ -e "$out/run/checkpoints" ]; then
    elmokit train --save-dir "$out/run" --resume
else
    elmokit train --train-prefix 'examples/data/*/train-*.txt.gz' \
        --heldout-prefix 'examples/data/*/heldout-*.txt.gz' --vocab-file "$out/vocab.txt" \
        --save-dir "$out/run" --config examples/tiny-en/tiny-en.toml
fi

# The bundled model is this directory, with a more detailed model card.
elmokit convert "$out/run" "$out/tiny-en" --format elmokit --half-precision
for text in sotu bible austen; do
    elmokit evaluate --save-dir "$out/tiny-en" --test-prefix "examples/data/$text/heldout-*.txt.gz"
done
python examples/tiny-en/word_in_context.py "$out/tiny-en"
