"""Files of libraries for language: spaCy's bytes and pickles, gensim's vectors, taggers and tokenizers of nltk."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path


def write_samples(samples):
    """Write files of each library that the environment has."""
    for part in (write_spacy_files, write_gensim_models, write_nltk_models):
        with samples.omit_on_refusal(part.__name__):
            part(samples)


def write_spacy_files(samples):
    """Write a spaCy pipeline to disk and as a pickle, documents, vocabularies, and a model of thinc."""
    import spacy
    from spacy.tokens import DocBin

    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    ruler = language.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Acme"}])
    recogniser = language.add_pipe("ner")
    recogniser.add_label("PERSON")
    language.initialize()
    with tempfile.TemporaryDirectory() as folder:
        language.to_disk(folder)
        for file in sorted(Path(folder).rglob("*")):
            if file.is_file() and file.stat().st_size and file.suffix not in (".json", ".jsonl", ".cfg"):
                content = file.read_bytes()
                name = "disk/" + file.relative_to(folder).as_posix().replace("/", "-")
                samples.add_file(
                    "spacy", name, "nlp.to_disk(path)", lambda path, content=content: path.write_bytes(content)
                )
    document = language("Acme hires people.")
    samples.add_file("spacy", "nlp.bin", "nlp.to_bytes()", lambda path: path.write_bytes(language.to_bytes()))
    samples.add_file(
        "spacy", "documents.spacy", "DocBin.to_disk(path)", lambda path: DocBin(docs=[document]).to_disk(path)
    )
    samples.write_pickle("spacy", "strings", language.vocab.strings, protocols=(2, 4))
    alarm = "spaCy unpickles further bytes, or lays arrays over bytes in a type that these choose"
    for name, value in (("vocab", language.vocab), ("doc", document), ("nlp", language)):
        with samples.omit_on_refusal("spacy/" + name):
            samples.write_pickle("spacy", name, value, protocols=(4,), alarm=alarm)
    with samples.omit_on_refusal("thinc"):
        from thinc.api import Linear, Relu, chain

        model = chain(Relu(4), Linear(2))
        model.initialize(X=model.ops.alloc2f(2, 3))
        samples.add_file("thinc", "model.bin", "model.to_bytes()", lambda path: path.write_bytes(model.to_bytes()))
        alarm = "a model of thinc is made of functions, which the file could exchange for others"
        samples.write_pickle("thinc", "model", model, protocols=(4,), alarm=alarm)


def write_gensim_models(samples):
    """Write models of gensim for words, documents and topics, by their own ``save`` and by pickle."""
    import gensim

    texts = [["red", "apple", "tree"], ["green", "pear", "tree"], ["blue", "sky"]] * 5
    words = gensim.models.Word2Vec(texts, vector_size=4, min_count=1, epochs=1, workers=1)
    dictionary = gensim.corpora.Dictionary(texts)
    corpus = [dictionary.doc2bow(text) for text in texts]
    tagged = [gensim.models.doc2vec.TaggedDocument(text, [number]) for number, text in enumerate(texts)]
    models = {
        "word2vec": words, "keyed": words.wv, "dictionary": dictionary,
        "fasttext": gensim.models.FastText(texts, vector_size=4, min_count=1, epochs=1, bucket=10, workers=1),
        "doc2vec": gensim.models.Doc2Vec(tagged, vector_size=4, min_count=1, epochs=1, workers=1),
        "tfidf": gensim.models.TfidfModel(corpus), "lda": gensim.models.LdaModel(corpus, num_topics=2,
        id2word=dictionary),
        "lsi": gensim.models.LsiModel(corpus, num_topics=2, id2word=dictionary),
        "phrases": gensim.models.Phrases(texts),
        "phraser": gensim.models.phrases.Phraser(gensim.models.Phrases(texts, min_count=1)),
    }  # fmt: skip
    for name, model in models.items():
        samples.add_file("gensim", name + ".model", "model.save(path)", lambda path, model=model: model.save(str(path)))
        samples.write_pickle("gensim", name, model, protocols=(2, 4))


def write_nltk_models(samples):
    """Write classifiers, taggers, tokenizers and language models of nltk, trained on a few words."""
    import nltk

    features = [({"a": 1}, "x"), ({"a": 2}, "y")] * 3
    tagged = [[("the", "DT"), ("dog", "NN")], [("a", "DT"), ("cat", "NN")]]
    trainer = nltk.tokenize.punkt.PunktTrainer()
    trainer.train("Mr. Smith went. He came back. Dr. No did not.", finalize=True)
    model = nltk.lm.MLE(2)
    grams, vocabulary = nltk.lm.preprocessing.padded_everygram_pipeline(2, [["a", "b"], ["b", "a"]])
    model.fit(grams, vocabulary)
    values = {
        "bayes": nltk.NaiveBayesClassifier.train(features),
        "punkt": nltk.tokenize.punkt.PunktSentenceTokenizer(trainer.get_params()),
        "parameters": trainer.get_params(), "unigram": nltk.UnigramTagger(tagged),
        "bigram": nltk.BigramTagger(tagged, backoff=nltk.DefaultTagger("NN")),
        "regexp": nltk.RegexpTagger([(r".*s$", "NNS"), (r".*", "NN")]), "frequencies": nltk.FreqDist("abca"),
        "conditional": nltk.ConditionalFreqDist([("a", "b"), ("a", "c")]), "tree": nltk.Tree("S", [nltk.Tree("NP",
        ["dog"])]),
        "stemmer": nltk.PorterStemmer(), "snowball": nltk.SnowballStemmer("english"), "model": model,
        "tokenizer": nltk.RegexpTokenizer(r"\w+"),
    }  # fmt: skip
    for name, value in values.items():
        samples.write_pickle("nltk", name, value, protocols=(2, 4))
    with samples.omit_on_refusal("nltk/perceptron"):
        tagger = nltk.tag.PerceptronTagger(load=False)
        tagger.train([[("the", "DT"), ("dog", "NN")]] * 3, nr_iter=1)
        weights = (tagger.model.weights, tagger.tagdict, tagger.classes)
        samples.add_file(
            "nltk",
            "perceptron.pickle",
            "pickle.dump(weights, file, -1)",
            lambda path: path.write_bytes(pickle.dumps(weights, -1)),
        )
