"""JSON, YAML and any other text. These read what no other reader recognises, in that order."""
