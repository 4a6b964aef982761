#!/usr/bin/env bash
# Errors in Ukrainian; first run prepare.py. An interrupted script goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")"

text=prepared/uk
if [ ! -e $text/vocab.txt ]; then
    elmokit vocabulary --input $text/train.txt --output $text/vocab.txt --min-count 2
    elmokit train --train-prefix $text/train.txt --heldout-prefix $text/heldout.txt --vocab-file $text/vocab.txt \
        --save-dir $text/model --config tiny num_epochs=3 dropout=0.1 learning_rate=0.01 num_negatives=1024 \
        evaluations_per_epoch=1 precision=bf16 seed=1
fi
elmokit compare --task uk_uagec.toml --seeds 3 --train-sizes 300,1000,3000,all \
    --embeddings elmo:$text/model,fasttext,word2vec,majority
