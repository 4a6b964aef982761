#!/usr/bin/env bash
# Sentiment of sentences about films and products, and from films to products; first run prepare.py. An interrupted
# script goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")"

text=prepared/en
if [ ! -e $text/vocab.txt ]; then
    elmokit vocabulary --input $text/train-books.txt --input $text/train-labelled.txt --output $text/vocab.txt \
        --max-size 20000
    # tiny-en has read the books twice: one more pass, and three over the unlabelled sentences of the tasks.
    for pass in 1 2 3; do cp $text/train-labelled.txt $text/pass-$pass.txt; done
    elmokit train --restart-ckpt-file tiny-en --train-prefix $text/train-books.txt --train-prefix "$text/pass-*.txt" \
        --heldout-prefix $text/heldout-labelled.txt --vocab-file $text/vocab.txt --save-dir $text/model \
        num_epochs=1 dropout=0.1 learning_rate=0.005 num_negatives=1024 precision=bf16 seed=1
fi
for task in movie amazon; do
    elmokit compare --task $task.toml --seeds 3 \
        --embeddings elmo:$text/model,fasttext,fasttext-official,word2vec,elmo:$text/model+word2vec,tfidf
done
