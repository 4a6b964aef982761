#!/usr/bin/env bash
# Parts of speech of Portuguese; first run prepare.py. An interrupted script goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")"

text=prepared/pt
if [ ! -e $text/vocab.txt ]; then
    elmokit vocabulary --input $text/train.txt --output $text/vocab.txt --min-count 2
    elmokit train --train-prefix $text/train.txt --heldout-prefix $text/heldout.txt --vocab-file $text/vocab.txt \
        --save-dir $text/model --config geometry.toml num_epochs=12 dropout=0.3 precision=bf16 seed=1
fi
elmokit compare --task pt_ud.toml --train-sizes 100,1000,all --seeds 3 \
    --embeddings elmo:$text/model,fasttext,word2vec,fasttext-official,majority
