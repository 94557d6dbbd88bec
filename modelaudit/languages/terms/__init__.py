"""What files say of licence and origins, whatever their format: words for people, and keys of metadata and settings."""
