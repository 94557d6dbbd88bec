"""Models of Core ML: layers and programs, classes that an app has to bring along, models and weights in other files."""
