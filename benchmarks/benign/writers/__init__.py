"""What each library is asked to write; every module has one function ``write(shelf)``."""
