"""Write repositories with libraries of words: spaCy, gensim, NLTK, fastText, SentencePiece, tokenizers and others."""

from __future__ import annotations

import pickle
from pathlib import Path

from cards import repository

_TEXTS = ["the film was good and fast", "a bad film was slow", "people like very good models"] * 12


@repository("mit", "gensim", "feature-extraction")
def _write_gensim_word2vec(folder: Path) -> None:
    from gensim.models import Word2Vec

    model = Word2Vec([text.split() for text in _TEXTS], vector_size=8, min_count=1, workers=1, seed=1)
    model.save(str(folder / "word2vec.model"))
    model.wv.save_word2vec_format(str(folder / "vectors.bin"), binary=True)


@repository("mit", "gensim", "feature-extraction")
def _write_gensim_fasttext(folder: Path) -> None:
    from gensim.models import FastText

    FastText([text.split() for text in _TEXTS], vector_size=8, min_count=1, workers=1, seed=1, bucket=100).save(
        str(folder / "fasttext.model")
    )


@repository("mit", "gensim", "text-classification")
def _write_gensim_topics(folder: Path) -> None:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel, TfidfModel

    words = Dictionary(text.split() for text in _TEXTS)
    corpus = [words.doc2bow(text.split()) for text in _TEXTS]
    words.save(str(folder / "dictionary.gensim"))
    TfidfModel(corpus).save(str(folder / "tfidf.model"))
    LdaModel(corpus, 2, words, random_state=1).save(str(folder / "lda.model"))


@repository("mit", "fasttext", "text-classification")
def _write_fasttext(folder: Path) -> None:
    import fasttext

    path = folder / "train.txt"
    path.write_text("".join(f"__label__{'good' if 'good' in text else 'bad'} {text}\n" for text in _TEXTS))
    fasttext.train_supervised(str(path), dim=8, epoch=2, thread=1, verbose=0, bucket=100).save_model(
        str(folder / "model.bin")
    )


@repository("apache-2.0", "sentencepiece", "text-generation")
def _write_sentencepiece_bpe(folder: Path) -> None:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_TEXTS), model_prefix=str(folder / "spm"), vocab_size=40, model_type="bpe"
    )


@repository("apache-2.0", "tokenizers", "text-generation")
def _write_tokenizers_wordpiece(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(_TEXTS, trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]"]))
    tokenizer.save(str(folder / "tokenizer.json"))


@repository("apache-2.0", "tokenizers", "text-generation")
def _write_tokenizers_unigram(folder: Path) -> None:
    from tokenizers import SentencePieceUnigramTokenizer

    tokenizer = SentencePieceUnigramTokenizer()
    tokenizer.train_from_iterator(_TEXTS, vocab_size=60, show_progress=False)
    tokenizer.save(str(folder / "tokenizer.json"))


@repository("apache-2.0", "nltk", "text-classification")
def _write_nltk_classifier(folder: Path) -> None:
    from nltk.classify import NaiveBayesClassifier

    rows = [({word: True for word in text.split()}, "good" in text) for text in _TEXTS]
    (folder / "classifier.pickle").write_bytes(pickle.dumps(NaiveBayesClassifier.train(rows)))


@repository("apache-2.0", "nltk", "token-classification")
def _write_nltk_taggers(folder: Path) -> None:
    from nltk.tag import BigramTagger, DefaultTagger, UnigramTagger

    rows = [[(word, "NN" if len(word) > 4 else "XX") for word in text.split()] for text in _TEXTS]
    tagger = BigramTagger(rows, backoff=UnigramTagger(rows, backoff=DefaultTagger("NN")))
    (folder / "tagger.pickle").write_bytes(pickle.dumps(tagger))


@repository("mit", "spacy", "token-classification")
def _write_spacy_pipeline(folder: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Example Lab"}, {"label": "X", "pattern": [{"LOWER": "film"}]}])
    pipeline.to_disk(folder)


@repository("mit", "spacy", "text-classification")
def _write_spacy_trained(folder: Path) -> None:
    import spacy
    from spacy.training import Example

    pipeline = spacy.blank("en")
    pipeline.add_pipe("tagger").add_label("NN")
    labels = {"GOOD": 1.0, "BAD": 0.0}
    examples = [Example.from_dict(pipeline.make_doc(text), {"cats": labels}) for text in _TEXTS[:3]]
    pipeline.add_pipe("textcat").add_label("GOOD")
    pipeline.get_pipe("textcat").add_label("BAD")
    pipeline.remove_pipe("tagger")
    pipeline.initialize(lambda: examples)
    pipeline.to_disk(folder)


@repository("mit", "sklearn-crfsuite", "token-classification")
def _write_sklearn_crfsuite(folder: Path) -> None:
    import joblib
    import sklearn_crfsuite

    rows = [[{"word": word, "last": word[-2:]} for word in text.split()] for text in _TEXTS]
    labels = [["N" if len(word) > 4 else "X" for word in text.split()] for text in _TEXTS]
    model = sklearn_crfsuite.CRF(max_iterations=5)
    model.fit(rows, labels)
    joblib.dump(model, folder / "crf.joblib")


@repository("apache-2.0", "rank_bm25", "feature-extraction")
def _write_rank_bm25(folder: Path) -> None:
    from rank_bm25 import BM25Okapi

    (folder / "bm25.pkl").write_bytes(pickle.dumps(BM25Okapi([text.split() for text in _TEXTS])))
