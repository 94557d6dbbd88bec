"""What tensorstore keeps of a checkpoint of Orbax: a manifest, nodes of a tree, and the chunks of arrays."""
