"""Write repositories with transformers, PEFT and Sentence Transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from cards import repository

_WORDS = ("the", "a", "model", "reads", "good", "bad", "film", "was", "and", "very", "fast", "slow", "people", "like")


def make_bert_tokenizer(folder: Path) -> object:
    """Write a vocabulary into the folder, and return its tokenizer."""
    from transformers import BertTokenizerFast

    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]) + "\n")
    return BertTokenizerFast(str(vocabulary))


def _make_bpe_tokenizer(template: str = "") -> object:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    tokenizer.train_from_iterator([" ".join(_WORDS)] * 3, trainers.BpeTrainer(vocab_size=120, special_tokens=["</s>"]))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>")
    if template:
        fast.chat_template = template
    return fast


_SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
_BERT = {**_SMALL, "vocab_size": 19, "max_position_embeddings": 32}
_LLAMA = {**_SMALL, "vocab_size": 120, "num_key_value_heads": 2, "max_position_embeddings": 64}
_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def _save(folder: Path, model: object, *others: object) -> None:
    for each in (model, *others):
        each.save_pretrained(folder)


@repository("apache-2.0", "transformers", "text-classification", base="google-bert/bert-base-uncased")
def _write_bert_classifier(folder: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    _save(folder, BertForSequenceClassification(BertConfig(**_BERT)), make_bert_tokenizer(folder))


@repository("apache-2.0", "transformers", "token-classification", text=True)
def _write_bert_tokens_with_training_arguments(folder: Path) -> None:
    from transformers import BertConfig, BertForTokenClassification, TrainingArguments

    _save(folder, BertForTokenClassification(BertConfig(**_BERT)), make_bert_tokenizer(folder))
    torch.save(TrainingArguments("out", report_to=[], use_cpu=True), folder / "training_args.bin")


@repository("mit", "transformers", "fill-mask")
def _write_roberta_bin(folder: Path) -> None:
    from transformers import RobertaConfig, RobertaForMaskedLM

    model = RobertaForMaskedLM(RobertaConfig(**{**_BERT, "vocab_size": 120}))
    _save(folder, model.config, _make_bpe_tokenizer())
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


@repository("mit", "transformers", "text-generation", base="openai-community/gpt2")
def _write_gpt2(folder: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=120, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    _save(folder, GPT2LMHeadModel(config), _make_bpe_tokenizer())


@repository("apache-2.0", "transformers", "text-generation", text=True)
def _write_qwen2_sharded(folder: Path) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    Qwen2ForCausalLM(Qwen2Config(**_LLAMA)).save_pretrained(folder, max_shard_size="8KB")
    _save(folder, _make_bpe_tokenizer(_TEMPLATE))


@repository("apache-2.0", "transformers", "text-generation", base="mistralai/Mistral-7B-Instruct-v0.3")
def _write_mistral(folder: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    _save(folder, MistralForCausalLM(MistralConfig(**_LLAMA)), _make_bpe_tokenizer(_TEMPLATE))


@repository(
    "llama3.1", "transformers", "text-generation", base="meta-llama/Llama-3.1-8B-Instruct", name="Llama-3.1-small"
)
def _write_llama(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    _save(folder, LlamaForCausalLM(LlamaConfig(**_LLAMA)), _make_bpe_tokenizer(_TEMPLATE))


@repository("gemma", "transformers", "text-generation", base="google/gemma-2-2b-it")
def _write_gemma2(folder: Path) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    _save(folder, Gemma2ForCausalLM(Gemma2Config(**_LLAMA, head_dim=8)), _make_bpe_tokenizer(_TEMPLATE))


@repository("apache-2.0", "transformers", "translation")
def _write_t5(folder: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=120, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    _save(folder, T5ForConditionalGeneration(config), _make_bpe_tokenizer())


@repository("apache-2.0", "transformers", "image-classification", text=True)
def _write_vit(folder: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    _save(folder, ViTForImageClassification(ViTConfig(**_SMALL, image_size=32, patch_size=16)))
    processor = {"do_resize": True, "image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2))


@repository("mit", "transformers", "automatic-speech-recognition")
def _write_whisper(folder: Path) -> None:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    tokens = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 0}
    config = WhisperConfig(vocab_size=120, **sizes, **heads, **tokens)
    _save(folder, WhisperForConditionalGeneration(config), WhisperFeatureExtractor())


@repository("cc-by-4.0", "transformers", "automatic-speech-recognition")
def _write_wav2vec2(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    layers = {"conv_dim": (16,), "conv_stride": (5,), "conv_kernel": (10,), "num_conv_pos_embedding_groups": 2}
    _save(folder, Wav2Vec2ForCTC(Wav2Vec2Config(**_SMALL, **layers, num_feat_extract_layers=1, vocab_size=32)))


@repository("apache-2.0", "peft", "text-generation", base="Qwen/Qwen2.5-0.5B")
def _write_lora(folder: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2Config, Qwen2ForCausalLM

    model = Qwen2ForCausalLM(Qwen2Config(**_LLAMA))
    model.config._name_or_path = model.name_or_path = "Qwen/Qwen2.5-0.5B"
    _save(folder, get_peft_model(model, LoraConfig(r=4, task_type="CAUSAL_LM")))


def fill_sentence_model(folder: Path, is_deep: bool) -> None:
    """Write a model of sentences into the folder; a deep one has a dense layer and one that normalises."""
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel

    inner = folder.with_name(folder.name + ".inner")
    inner.mkdir()
    _save(inner, BertModel(BertConfig(**_BERT)), make_bert_tokenizer(inner))
    parts = [models.Transformer(str(inner)), models.Pooling(16)]
    if is_deep:
        parts += [models.Dense(16, 8), models.Normalize()]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder), create_model_card=False)
    shutil.rmtree(inner)


@repository("apache-2.0", "sentence-transformers", "sentence-similarity")
def _write_sentence_transformers(folder: Path) -> None:
    fill_sentence_model(folder, False)


@repository("mit", "sentence-transformers", "sentence-similarity", text=True)
def _write_sentence_transformers_dense(folder: Path) -> None:
    fill_sentence_model(folder, True)
