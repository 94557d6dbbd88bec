"""The models and data sets that a model derives from, back to the roots.

In come the claims of one repository and a function that looks up another one on the Hub. Out come ``Origin`` values,
each with the state of its own licence, and ``BindingLicense`` values: the licences that reach the model from them.
"""
