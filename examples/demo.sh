#!/usr/bin/env bash
# From raw text to contextual word vectors, on two centuries of State of the Union addresses.
set -euo pipefail
cd "$(dirname "$0")/.."

text=examples/data/sotu
out=demo-output
rm -rf "$out"
mkdir -p "$out"

echo "This takes three to five minutes on two cores."

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

step "1. Build a vocabulary from the words that occur 5 times or more"
run elmokit vocabulary --input "$text/train-*.txt.gz" --output "$out/vocab.txt" --min-count 5

step "2. Train a biLM (a few minutes on two cores)"
run elmokit train --train-prefix "$text/train-*.txt.gz" --heldout-prefix "$text/heldout-*.txt.gz" \
    --vocab-file "$out/vocab.txt" --save-dir "$out/model" --config tiny max_steps=800 evaluations_per_epoch=24

step "3. Evaluate it on speeches that it has not seen"
run elmokit evaluate --save-dir "$out/model" --test-prefix "$text/heldout-*.txt.gz"

step "4. Export the weights in the format that every ELMo tool reads"
run elmokit dump-weights --save-dir "$out/model" --outfile "$out/elmo/weights.hdf5"

step "5. Embed five sentences"
cat > "$out/sentences.txt" <<'TEXT'
Argentina played football very well
Brazil is a strong team
Artists all over the world are attending the play
Child is playing the guitar
There was absolute silence during the play
TEXT
run elmokit embed "$out/model" "$out/sentences.txt" "$out/vectors.hdf5"

step "6. Find the nearest occurrences of a word in context"
run elmokit neighbors "$out/model" "$text/heldout-00000.txt.gz" "$text/train-00000.txt.gz" -k 5 \
    --query "every American has the right to vote" --word right \
    --query "we are on the right track" --word right

step "7. Plot the occurrences of this word by the similarity of their vectors, colored by sense"
run elmokit plot "$out/model" "$text/train-00000.txt.gz" --word right --max-points 60 -o "$out/right.png"

step "8. Use the language model: find substitutes for a word and score sentences"
run elmokit substitutes "$out/model" "the people of the United States want peace" --word people -k 5
run elmokit score "$out/model" "$out/sentences.txt"

step "9. Continue training on another domain, Jane Austen's novels, with a new vocabulary"
novels=examples/data/austen
run elmokit vocabulary --input "$novels/train-*.txt.gz" --output "$out/austen-vocab.txt" --min-count 5
run elmokit train --restart-ckpt-file "$out/model" --train-prefix "$novels/train-*.txt.gz" \
    --heldout-prefix "$novels/heldout-*.txt.gz" --vocab-file "$out/austen-vocab.txt" \
    --save-dir "$out/austen-model" max_steps=150 evaluations_per_epoch=24
run elmokit evaluate --save-dir "$out/model" --save-dir "$out/austen-model" \
    --test-prefix "$novels/heldout-*.txt.gz" --old-test-prefix "$text/heldout-*.txt.gz"
run elmokit curves "$out/model" "$out/austen-model" -o "$out/curves.png"

cat <<TEXT

All results are in $out/: the models and their logs in model/ and austen-model/, the weights in elmo/, the vectors in
vectors.hdf5, and the pictures right.png and curves.png. Next, try:

  elmokit explore $out/model
  elmokit info $out/model
  tensorboard --logdir $out/model/tensorboard
  elmokit train --save-dir $out/model --resume max_steps=null   # until the end of the epoch
  elmokit train --help
TEXT
