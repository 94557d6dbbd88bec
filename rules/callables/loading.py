"""Find the methods that a class runs while a pickle makes an object of it, gives it state and fills it.

Loading calls more than ``__new__`` and ``__setstate__``: it looks attributes up, sets them, hashes keys, appends items,
and finalises an object that is discarded half made. If all such methods of a class are listed here, loading runs only
reviewed code. Works on Python 3.7 and newer.
"""

from __future__ import annotations

HOOKS = (
    "__new__", "__setstate__", "__del__", "__getattr__", "__getattribute__", "__setattr__", "__setitem__",
    "__hash__", "__eq__", "append", "extend", "add",
)  # fmt: skip

# Modules of the language, of containers and of enumerations, reviewed as a whole.
_REVIEWED_MODULES = frozenset(
    {"abc", "builtins", "collections", "collections.abc", "enum", "functools", "types", "typing", "typing_extensions"}
)

# Methods reviewed one by one for a state that an attacker controls: each copies values, adds defaults that older
# releases lacked, or computes on arrays.
REVIEWED_METHODS = frozenset(
    {
        "gensim.models.keyedvectors.KeyedVectors.__setitem__",
        "gensim.models.rpmodel.RpModel.__setstate__",
        "nltk.lm.vocabulary.Vocabulary.__eq__",
        "nltk.probability.FreqDist.__setitem__",
        "nltk.tokenize.punkt.PunktLanguageVars.__setstate__",
        "nltk.tree.tree.Tree.__eq__",
        "nltk.tree.tree.Tree.__setitem__",
        "sklearn.base.BaseEstimator.__setstate__",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor.__setstate__",
        "sklearn.frozen._frozen.FrozenEstimator.__getattr__",
        "sklearn.gaussian_process.kernels.CompoundKernel.__eq__",
        "sklearn.gaussian_process.kernels.Exponentiation.__eq__",
        "sklearn.gaussian_process.kernels.Hyperparameter.__eq__",
        "sklearn.gaussian_process.kernels.Kernel.__eq__",
        "sklearn.gaussian_process.kernels.KernelOperator.__eq__",
        "sklearn.gaussian_process.kernels.PairwiseKernel.__eq__",
        "sklearn.isotonic.IsotonicRegression.__setstate__",
        "sklearn.linear_model._passive_aggressive.PassiveAggressiveClassifier.__new__",
        "sklearn.linear_model._passive_aggressive.PassiveAggressiveRegressor.__new__",
        "timm.layers.ml_decoder.TransformerDecoderLayerOptimal.__setstate__",
        "torch.ao.nn.quantized.modules.conv._ConvNd.__setstate__",
        "torch.nn.modules.activation.LogSoftmax.__setstate__",
        "torch.nn.modules.activation.MultiheadAttention.__setstate__",
        "torch.nn.modules.activation.Softmax.__setstate__",
        "torch.nn.modules.activation.Softmin.__setstate__",
        "torch.nn.modules.container.ModuleDict.__setitem__",
        "torch.nn.modules.container.ModuleList.__setitem__",
        "torch.nn.modules.container.ModuleList.append",
        "torch.nn.modules.container.ModuleList.extend",
        "torch.nn.modules.container.ParameterDict.__setitem__",
        "torch.nn.modules.container.ParameterList.__setitem__",
        "torch.nn.modules.container.ParameterList.append",
        "torch.nn.modules.container.ParameterList.extend",
        "torch.nn.modules.container.Sequential.__setitem__",
        "torch.nn.modules.container.Sequential.append",
        "torch.nn.modules.container.Sequential.extend",
        "torch.nn.modules.conv._ConvNd.__setstate__",
        "torch.nn.modules.module.Module.__getattr__",
        "torch.nn.modules.module.Module.__setattr__",
        "torch.nn.modules.module.Module.__setstate__",
        "torch.nn.modules.pooling.AvgPool3d.__setstate__",
        "torch.nn.modules.rnn.RNNBase.__setattr__",
        "torch.nn.modules.rnn.RNNBase.__setstate__",
        "torch.nn.modules.transformer.TransformerDecoderLayer.__setstate__",
        "torch.nn.modules.transformer.TransformerEncoderLayer.__setstate__",
        "torch.nn.modules.upsampling.Upsample.__setstate__",
        "transformers.configuration_utils.PreTrainedConfig.__getattribute__",
        "transformers.configuration_utils.PreTrainedConfig.__setattr__",
        "transformers.configuration_utils.PretrainedConfig.__getattribute__",
        "transformers.configuration_utils.PretrainedConfig.__setattr__",
        "transformers.integrations.heterogeneity.configuration_utils.HeterogeneousConfigMixin.__getattribute__",
        "ultralytics.nn.modules.block.AAttn.__setstate__",
    }
)


def list_unreviewed_methods(kind):
    """Return the full names of methods that loading may run on an object of ``kind`` and that are not reviewed."""
    unreviewed = set()
    for hook in HOOKS:
        # Only the first class of the resolution order that defines the method counts: the others are overridden.
        owner = next((base for base in kind.__mro__ if hook in vars(base)), None)
        if owner is None or owner.__module__ in _REVIEWED_MODULES or _is_generated(owner, hook):
            continue
        name = f"{owner.__module__}.{owner.__qualname__}.{hook}"
        if name not in REVIEWED_METHODS:
            unreviewed.add(name)
    return unreviewed


def is_inert(kind):
    """Whether creating an object of ``kind`` and setting any state runs only reviewed methods."""
    return not list_unreviewed_methods(kind)


def _is_generated(owner, hook):
    """Whether Python generated the method ``hook`` of the class ``owner``: for a named tuple or a dataclass.

    ``None`` in the place of a method counts too: a call of it only raises.
    """
    method = vars(owner)[hook]
    if method is None:
        return True
    if hook == "__new__":
        return issubclass(owner, tuple) and hasattr(owner, "_fields")
    return hook in ("__eq__", "__hash__", "__setattr__") and hasattr(owner, "__dataclass_fields__")
