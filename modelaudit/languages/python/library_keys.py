"""The keys that the library ``transformers`` gives a configuration itself, drops or converts.

The file may hold another value under such a key than the configuration. A test compares the lists with the library that
is installed.
"""

from __future__ import annotations

from typing import Final

# Attributes of a configuration, and keys that its constructor takes out or changes.
_ATTRIBUTES: Final = frozenset(
    {"allow_global_per_layer_attribute_access", "architectures", "attn_implementation", "attribute_map", "auto_map",
     "base_config_key", "base_model_ep_plan", "base_model_fsdp_plan", "base_model_pp_plan", "base_model_tp_plan",
     "chunk_size_feed_forward", "default_rope_type", "default_theta", "distributed_config", "dtype",
     "experts_implementation", "extra_config_files", "extra_files", "id2label", "ignore_keys_at_rope_validation",
     "is_encoder_decoder", "is_heterogeneous", "kwargs", "label2id", "layer_types", "model_type", "mtp_layer_types",
     "name_or_path", "num_labels", "output_attentions", "output_hidden_states", "partial_rotary_factor",
     "per_layer_attributes", "per_layer_config", "problem_type", "quantization_config", "return_dict",
     "rope_parameters", "rope_scaling", "rope_theta", "rope_type", "self", "serialize_explicit_per_layer_config",
     "sub_configs", "sub_configs_defaults", "torch_dtype", "transformers_version", "use_return_dict"}
)  # fmt: skip
# Parameters of the generation of texts, which the constructor drops.
_GENERATION: Final = frozenset(
    {"assistant_confidence_threshold", "assistant_lookbehind", "bad_words_ids", "begin_suppress_tokens",
     "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
     "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff", "exponential_decay_length_penalty",
     "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length", "min_length",
     "no_repeat_ngram_size", "num_assistant_tokens", "num_assistant_tokens_schedule", "num_beam_groups", "num_beams",
     "num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty",
     "return_dict_in_generate", "suppress_tokens", "target_lookbehind", "temperature", "top_k", "top_p", "typical_p",
     "use_cache"}
)  # fmt: skip
LIBRARY_METHODS: Final = frozenset(
    {"convert_rope_params_to_dict", "default_config_fields", "dict_dtype_to_str", "from_dict", "from_json_file",
     "from_pretrained", "get_config_dict", "get_mtp_config", "get_text_config", "is_custom_code", "is_remote_code",
     "nested_rope_parameter_keys", "push_to_hub", "register_for_auto_class", "save_pretrained",
     "standardize_rope_params", "to_dict", "to_diff_dict", "to_json_file", "to_json_string", "update",
     "update_from_string", "validate", "validate_architecture", "validate_layer_type", "validate_output_attentions",
     "validate_rope", "validate_token_ids"}
)  # fmt: skip
"""Methods of a configuration."""
LIBRARY_KEYS: Final = _ATTRIBUTES | _GENERATION | LIBRARY_METHODS
"""All keys whose value in the file does not count."""
